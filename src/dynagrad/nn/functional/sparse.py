"""What turns integers into vectors: embedding, embedding_bag, one_hot."""

from __future__ import annotations

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS
from dynagrad._core.ops.whole import EmbeddingBagBackward0, whole

__all__ = ["embedding", "embedding_bag", "one_hot"]

_rows = CARDS["embedding"].op


def _padding(padding_idx: int | None, rows: int) -> int:
    if padding_idx is None:
        return -1
    if padding_idx > 0 and padding_idx >= rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    if padding_idx < 0 and padding_idx < -rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


def _renorm(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Shortens the rows at `indices` that are longer than max_norm, in place."""
    with dynagrad.no_grad():
        used = indices.reshape(-1).unique()
        rows = weight.index_select(0, used)
        norms = dynagrad.linalg.vector_norm(rows, norm_type, 1, True)
        scale = dynagrad.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
        weight.index_copy_(0, used, rows * scale.to(rows.dtype))


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` at ``input``.

    Args:
        input: int64 or int32 of any shape; IndexError for one that is no row.
        weight: ``[rows, size]``.
        padding_idx: a row that gets no gradient.
        max_norm: rows longer than this are shortened first, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was chosen.
        sparse: accepted; gradients are dense, for there are no sparse tensors here. `optim.SparseAdam` takes them.

    >>> import dynagrad
    >>> dynagrad.nn.functional.embedding(dynagrad.tensor([1, 1]), dynagrad.tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [3., 4.]])
    """
    if weight.dim() == 0:
        raise RuntimeError("'weight' must be 2-D")
    padding = _padding(padding_idx, weight.shape[0])
    if max_norm is not None:
        _renorm(weight, input, max_norm, norm_type)
    return _rows(weight, input, padding, scale_grad_by_freq, sparse)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of the rows of ``weight`` at bags of indices.

    Args:
        input: ``[B, n]``, bags of equal size; or ``[total]`` with ``offsets``.
        weight: ``[rows, size]``.
        offsets: where each bag starts in a 1-D input.
        mode: "sum", "mean" or "max".
        per_sample_weights: factors of the rows, of the shape of ``input``; with "sum" only.
        include_last_offset: whether ``offsets`` ends with the total length.
        padding_idx: a row that counts for nothing.

    Returns:
        ``[B, size]``; an empty bag gives zeros.
    """
    input, offsets, per_sample_weights = _as_bags(input, offsets, per_sample_weights)
    _check_bag(mode, per_sample_weights, scale_grad_by_freq, weight)
    _check_rows(input, weight.shape[0])
    if max_norm is not None:
        _renorm(weight, input, max_norm, norm_type)
    starts = offsets[:-1] if include_last_offset else offsets
    bags = starts.shape[0]
    ends = dynagrad.cat([starts[1:], starts.new_tensor([input.shape[0]])]) if bags else starts
    if bags and (int(starts[0]) != 0 or bool((ends < starts).any())):
        raise RuntimeError(
            f"offsets[0] has to be 0, for the first bag starts there, and they must not fall; got {starts.tolist()}"
        )
    bag_of = dynagrad.repeat_interleave(dynagrad.arange(bags), ends - starts)
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-weight.shape[0]} through {weight.shape[0] - 1}, but "
            f"got {padding_idx}"
        )
    padding = _padding(padding_idx, weight.shape[0])
    used, bag_of_used, factors = input, bag_of, per_sample_weights
    if padding >= 0:
        kept = input != padding
        used, bag_of_used = input[kept], bag_of[kept]
        factors = None if per_sample_weights is None else per_sample_weights[kept]
    sizes = starts.new_zeros(bags) if mode == "sum" else dynagrad.bincount(bag_of_used, minlength=bags)

    def values() -> Tensor:
        return _bagged(_rows(weight, used, -1), bag_of_used, bags, mode, factors)

    winners = _rows_of_maxima(weight.detach(), used, bag_of_used, bags) if mode == "max" else sizes
    return whole(
        EmbeddingBagBackward0,
        (weight, per_sample_weights),
        values,
        (input, offsets, per_sample_weights, None if per_sample_weights is None else weight, bag_of, sizes, winners),
        (MODES.index(mode), padding, bool(scale_grad_by_freq), bool(sparse), weight.shape[0]),
    )


MODES = ("sum", "mean", "max")  # by the numbers under which nodes show them


def _rows_of_maxima(weight: Tensor, indices: Tensor, bag_of: Tensor, bags: int) -> Tensor:
    """For each bag and column the row of the weight, the first of equals, that is the largest; 0 in an empty bag."""
    rows = weight.index_select(0, indices)
    index = bag_of.unsqueeze(1).expand_as(rows)
    largest = weight.new_zeros((bags, weight.shape[1])).scatter_reduce(0, index, rows, "amax", include_self=False)
    order = dynagrad.arange(rows.shape[0]).unsqueeze(1).expand_as(rows)
    places = order.masked_fill(rows != largest.gather(0, index), rows.shape[0])
    first = order.new_full(largest.shape, rows.shape[0]).scatter_reduce(0, index, places, "amin")
    return dynagrad.cat((indices, indices.new_zeros(1))).take(first)


def _largest(rows: Tensor, bag_of: Tensor, zeros: Tensor) -> Tensor:
    """Where in its bag the first of the largest elements is, for each column; behind the last row for an empty bag."""
    count = rows.shape[0]
    index = bag_of.unsqueeze(1).expand_as(rows)
    with dynagrad.no_grad():
        largest = zeros.scatter_reduce(0, index, rows, "amax", include_self=False).index_select(0, bag_of)
        place = dynagrad.arange(count).unsqueeze(1).expand_as(rows)
        first = dynagrad.where((rows == largest) | rows.isnan(), place, count)
        return zeros.new_full(zeros.shape, count, dtype=first.dtype).scatter_reduce(0, index, first, "amin")


def _check_rows(input: Tensor, rows: int) -> None:
    """Raises RuntimeError for an index that is no row. Under vmap none can be looked at."""
    if getattr(input, "stands_for_many", False) or not input.numel():
        return
    for wrong in (int(input.min()), int(input.max())):
        if not 0 <= wrong < rows:
            raise RuntimeError(
                f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {wrong}: there are {rows}"
            )


def _bagged(rows: Tensor, bag_of: Tensor, bags: int, mode: str, factors: Tensor | None) -> Tensor:
    if mode != "max" and rows.dtype in (dynagrad.float16, dynagrad.bfloat16):  # summed in float32, rounded once
        factors = None if factors is None else factors.float()
        return _bagged(rows.float(), bag_of, bags, mode, factors).to(rows.dtype)
    zeros = rows.new_zeros((bags, rows.shape[1]))
    if mode == "max":
        return dynagrad.cat([rows, rows.new_zeros((1, rows.shape[1]))]).gather(0, _largest(rows, bag_of, zeros))
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    total = zeros.index_add(0, bag_of, rows)
    if mode == "sum":
        return total
    counts = dynagrad.bincount(bag_of, minlength=bags).clamp(min=1)
    return total / counts.to(total.dtype).unsqueeze(1)


def _as_bags(input: Tensor, offsets: Tensor | None, factors: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """The indices in a row, where each bag starts, and the factors in a row."""
    if factors is not None and factors.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({factors.shape}) is not None, then it must have the same shape as "
            f"the input ({input.shape})"
        )
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None: its rows are the bags; found offsets of type "
                + str(type(offsets))
            )
        offsets = dynagrad.arange(0, input.numel(), input.shape[1])
        return input.reshape(-1).long(), offsets, None if factors is None else factors.reshape(-1)
    if input.dim() != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    return input.long(), offsets.long(), factors


def _check_bag(mode: str, factors: Tensor | None, scale_grad_by_freq: bool, weight: Tensor) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if factors is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}')."
        )
    if factors is not None and factors.dtype is not weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; "
            f"but type {weight.type()} does not equal {factors.type()} (while checking arguments for embedding_bag)"
        )


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Vectors with a 1 at the place that each integer names.

    Args:
        tensor: int64 of any shape, not negative.
        num_classes: the size of the vectors; the largest integer and one more if not given.

    >>> import dynagrad
    >>> dynagrad.nn.functional.one_hot(dynagrad.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    if tensor.dtype is not dynagrad.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if getattr(tensor, "stands_for_many", False) and num_classes > 0:  # under vmap no class can be looked at
        return (tensor.unsqueeze(-1) == dynagrad.arange(num_classes)).long()
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_empty((*tensor.shape, num_classes))
    if int(tensor.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(tensor.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return tensor.new_zeros((*tensor.shape, num_classes)).scatter_(-1, tensor.unsqueeze(-1), 1)
