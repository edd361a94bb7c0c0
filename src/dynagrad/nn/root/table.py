"""What is left at the root: rows of tables, bilinear forms, samples of grids."""

from __future__ import annotations

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS, says_what_is_no_tensor
from dynagrad.nn.functional.convolution import conv_tbc
from dynagrad.nn.functional.sparse import _renorm
from dynagrad.nn.functional.sparse import embedding_bag as _bags

__all__ = [
    "bilinear",
    "conv_tbc",
    "embedding",
    "embedding_bag",
    "embedding_renorm_",
    "grid_sampler_2d",
    "grid_sampler_3d",
]

_rows = CARDS["embedding"].op
_bilinear = CARDS["bilinear"].op
_MODES = ("sum", "mean", "max")


@says_what_is_no_tensor
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """The rows of ``weight`` at ``indices``; the table comes first here.

    Args:
        weight: ``[rows, size]``.
        indices: int64 or int32 of any shape; IndexError for one that is no row.
        padding_idx: a row that gets no gradient; -1 for none.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was chosen.
        sparse: accepted; gradients are dense, for there are no sparse tensors here.

    >>> import dynagrad as torch
    >>> torch.embedding(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    return _rows(weight, indices, padding_idx, scale_grad_by_freq, sparse)


@says_what_is_no_tensor
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Shortens the rows at ``indices`` that are longer than ``max_norm``, in place.

    >>> import dynagrad as torch
    >>> torch.embedding_renorm_(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), torch.tensor([1]), 5.0, 2.0)
    tensor([[3., 4.],
            [3., 4.]])
    """
    _renorm(input, indices, max_norm, norm_type)
    return input


def _largest(weight: Tensor, input: Tensor, bag_of: Tensor, bags: int) -> Tensor:
    """The row of ``weight`` that each element of each bag's maximum was taken from, 0 for empty bags."""
    values = weight.detach().index_select(0, input)
    places = dynagrad.zeros((bags, weight.shape[1]), dtype=dynagrad.int64)
    best = values.new_zeros((bags, weight.shape[1]))
    seen = [False] * bags
    for value, row, bag in zip(values, input.tolist(), bag_of.tolist(), strict=True):
        wins = value > best[bag] if seen[bag] else dynagrad.ones_like(value, dtype=dynagrad.bool)
        best[bag], seen[bag] = dynagrad.where(wins, value, best[bag]), True
        places[bag] = places[bag].masked_fill(wins, row)
    return places


@says_what_is_no_tensor
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sums (mode 0), means (1) or maxima (2) of the rows of ``weight`` at bags of indices.

    Args:
        weight: ``[rows, size]``.
        indices: ``[total]``, and ``offsets``, where each bag starts.
        per_sample_weights: factors of the rows, with sums only.
        include_last_offset: whether ``offsets`` ends with the total length.
        padding_idx: a row that counts for nothing.

    Returns:
        ``(bags, the bag of each index, the size of each bag, the rows of the maxima)``. The last three say what PyTorch's
        say, which for sums without padding is nothing.

    >>> import dynagrad as torch
    >>> torch.embedding_bag(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 1, 2]), torch.tensor([0, 2]), mode=1)
    (tensor([[1.5000],
            [4.0000]]), tensor([0, 0, 1]), tensor([2, 1]), tensor([2, 1]))
    """
    if mode not in range(len(_MODES)):
        raise RuntimeError(f"embedding_bag: expected mode to be 0 (sum), 1 (mean) or 2 (max), but got {mode}")
    made = _bags(
        indices, weight, offsets, None, 2.0, scale_grad_by_freq, _MODES[mode], sparse, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip
    starts = offsets[:-1] if include_last_offset else offsets
    ends = dynagrad.cat([starts[1:], starts.new_tensor([indices.shape[0]])])
    bag_of = dynagrad.repeat_interleave(dynagrad.arange(len(starts)), ends - starts)
    if mode == 0:
        zeros = dynagrad.zeros_like(offsets)
        # PyTorch's fast path for sums, over rows of up to 32 bits that lie together, does not work the bags out.
        unknown = padding_idx is None and weight.dtype is not dynagrad.float64 and weight.stride(1) == 1
        return made, (indices.new_empty(0) if unknown else bag_of.to(indices.dtype)), zeros, zeros.clone()
    counted = indices if padding_idx is None else indices[indices != padding_idx % weight.shape[0]]
    counted_bags = bag_of if padding_idx is None else bag_of[indices != padding_idx % weight.shape[0]]
    sizes = dynagrad.bincount(counted_bags, minlength=len(starts)).to(indices.dtype)
    largest = sizes.clone() if mode == 1 else _largest(weight, counted, counted_bags, len(starts)).to(indices.dtype)
    return made, bag_of.to(indices.dtype), sizes, largest


@says_what_is_no_tensor
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x1^T W_k x2 + b_k`` for every output k.

    >>> import dynagrad as torch
    >>> torch.bilinear(torch.ones(1, 2), torch.ones(1, 3), torch.ones(1, 2, 3))
    tensor([[6.]])
    """
    return _bilinear(input1, input2, weight, bias)


@says_what_is_no_tensor
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """Samples of images ``[N, C, H, W]`` at the places of ``grid``, by numbers of modes as in `grid_sampler`.

    >>> import dynagrad as torch
    >>> torch.grid_sampler_2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, False)
    tensor([[[[1.]]]])
    """
    return _sampled("2D", 4, input, grid, interpolation_mode, padding_mode, align_corners)


@says_what_is_no_tensor
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """Samples of volumes ``[N, C, D, H, W]`` at the places of ``grid``, by numbers of modes as in `grid_sampler`.

    >>> import dynagrad as torch
    >>> torch.grid_sampler_3d(torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 1, 1, 1, 3), 0, 0, False).flatten()
    tensor([1.])
    """
    return _sampled("3D", 5, input, grid, interpolation_mode, padding_mode, align_corners)


def _sampled(what: str, dims: int, input: Tensor, grid: Tensor, mode: int, padding: int, align: bool) -> Tensor:
    if input.dim() != dims or grid.dim() != dims:
        raise RuntimeError(
            f"grid_sampler_{what.lower()}(): expected {dims}D input and grid with same number of dimensions, but got input "
            f"with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    return dynagrad.grid_sampler(input, grid, mode, padding, align)
