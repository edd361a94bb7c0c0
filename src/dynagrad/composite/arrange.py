"""Ops made of views, joins and copies: stacks, splits in equal parts, tile, fliplr, repeat_interleave, take_along_dim.

No derivative lives here; the ops that these are made of have theirs in ``dynagrad._core.ops``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, only_tensors, register
from dynagrad._core.ops.arrange import repeated_positions
from dynagrad._core.ops.reduce import counted_dim
from dynagrad._core.tensor import TensorBase
from dynagrad._core.types import BY_NAME, contiguous_format, type_name

if TYPE_CHECKING:
    from dynagrad import Tensor

cat, gather, broadcast_to = CARDS["cat"].op, CARDS["gather"].op, CARDS["broadcast_to"].op
atleast_1d, atleast_2d, atleast_3d = (CARDS[f"atleast_{n}d"].op for n in (1, 2, 3))


def _all_tensors(tensors: Sequence[Tensor], name: str) -> list[Tensor]:
    if isinstance(tensors, TensorBase) or not isinstance(tensors, tuple | list):
        raise TypeError(f"{name}(): argument 'tensors' must be tuple of Tensors, not {type(tensors).__name__}")
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return only_tensors(name, tensors)


def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joins tensors side by side: along dimension 1, or 0 for vectors and scalars.

    >>> import dynagrad
    >>> dynagrad.hstack((dynagrad.tensor([1, 2]), dynagrad.tensor([3])))
    tensor([1, 2, 3])
    """
    parts = [atleast_1d(each) for each in _all_tensors(tensors, "hstack")]
    return cat(parts, 0 if parts[0].ndim == 1 else 1, out=out)


def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joins tensors on top of each other: along dimension 0; vectors are rows.

    >>> import dynagrad
    >>> dynagrad.vstack((dynagrad.tensor([1, 2]), dynagrad.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([atleast_2d(each) for each in _all_tensors(tensors, "vstack")], 0, out=out)


def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joins tensors along dimension 2, which those of fewer dimensions get.

    >>> import dynagrad
    >>> dynagrad.dstack((dynagrad.tensor([1, 2]), dynagrad.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat([atleast_3d(each) for each in _all_tensors(tensors, "dstack")], 2, out=out)


def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joins tensors side by side; vectors are columns.

    >>> import dynagrad
    >>> dynagrad.column_stack((dynagrad.tensor([1, 2]), dynagrad.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    given = _all_tensors(tensors, "column_stack")
    return hstack([each.reshape(each.numel(), 1) if each.ndim <= 1 else each for each in given], out=out)


def _split_places(given: Tensor) -> Any:
    """The number of sections or the indices that a tensor holds."""
    if given.dtype is not BY_NAME["int64"]:
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {type_name(given.dtype)}"
        )
    if given.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got "
            f"a tensor with {given.ndim} dims"
        )
    return given.tolist()


def tensor_split(
    input: Tensor,
    indices_or_sections: int | Sequence[int] | Tensor | None = None,
    dim: int = 0,
    *,
    indices: Sequence[int] | None = None,
    sections: int | None = None,
) -> tuple[Tensor, ...]:
    """Parts along a dimension: so many of nearly equal size, or those between the given indices; views.

    >>> import dynagrad
    >>> dynagrad.tensor_split(dynagrad.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    if indices_or_sections is None:
        indices_or_sections = sections if indices is None else indices
    if indices_or_sections is None:
        raise TypeError("tensor_split() expects the number of sections or the indices at which to split")
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    size = input.size(dim)
    given: Any = (
        _split_places(indices_or_sections) if isinstance(indices_or_sections, TensorBase) else indices_or_sections
    )
    if isinstance(given, tuple | list):
        bounds = [slice(first, last).indices(size) for first, last in zip([0, *given], [*given, size], strict=True)]
        return tuple(input.narrow(dim, first, max(last - first, 0)) for first, last, _ in bounds)
    if given <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {given}")
    ends = [part * (size // given) + min(part, size % given) for part in range(given + 1)]
    return tuple(input.narrow(dim, ends[part], ends[part + 1] - ends[part]) for part in range(given))


def _split_evenly(
    input: Tensor, args: tuple[object, ...], indices: object, sections: object, name: str, dim: int
) -> tuple[Tensor, ...]:
    given: list[Any] = [
        each for each in (indices, sections, args[0] if len(args) == 1 else args or None) if each is not None
    ]
    if len(given) != 1:
        raise TypeError(f"{name}() expects the number of sections or the indices at which to split")
    if input.ndim < (needed := {"hsplit": 1, "vsplit": 2, "dsplit": 3}[name]):
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {needed} dimension, but got a tensor with {input.ndim} dimensions!"
        )
    if isinstance(given[0], int) and (given[0] <= 0 or input.size(dim) % given[0]):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {input.size(dim)} is "
            f"not divisible by the split_size {given[0]}!"
        )
    return tensor_split(input, given[0], dim)


def hsplit(input: Tensor, *args: object, indices: object = None, sections: object = None) -> tuple[Tensor, ...]:
    """Parts side by side: along dimension 1, or 0 of a vector; views.

    >>> import dynagrad
    >>> dynagrad.hsplit(dynagrad.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _split_evenly(input, args, indices, sections, "hsplit", 0 if input.ndim == 1 else 1)


def vsplit(input: Tensor, *args: object, indices: object = None, sections: object = None) -> tuple[Tensor, ...]:
    """Parts on top of each other: along dimension 0; views.

    >>> import dynagrad
    >>> dynagrad.vsplit(dynagrad.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_evenly(input, args, indices, sections, "vsplit", 0)


def dsplit(input: Tensor, *args: object, indices: object = None, sections: object = None) -> tuple[Tensor, ...]:
    """Parts along dimension 2; views.

    >>> import dynagrad
    >>> dynagrad.dsplit(dynagrad.tensor([[[1, 2]]]), 2)
    (tensor([[[1]]]), tensor([[[2]]]))
    """
    return _split_evenly(input, args, indices, sections, "dsplit", 2)


def fliplr(input: Tensor) -> Tensor:
    """A copy with the columns (dimension 1) in reverse order.

    >>> import dynagrad
    >>> dynagrad.fliplr(dynagrad.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"Input must be >= 2-d. It has {input.ndim} dimensions")
    return input.flip(1)


def flipud(input: Tensor) -> Tensor:
    """A copy with the rows (dimension 0) in reverse order.

    >>> import dynagrad
    >>> dynagrad.flipud(dynagrad.tensor([1, 2]))
    tensor([2, 1])
    """
    if input.ndim < 1:
        raise RuntimeError(f"Input must be >= 1-d. It has {input.ndim} dimensions")
    return input.flip(0)


def tile(input: Tensor, *args: object, dims: Sequence[int] | None = None) -> Tensor:
    """A copy repeated along the last dimensions; fewer numbers than dimensions stand for the last ones.

    >>> import dynagrad
    >>> dynagrad.tile(dynagrad.tensor([[1, 2]]), (2,))
    tensor([[1, 2, 1, 2]])
    """
    given: Any = dims
    if dims is None:
        given = args[0] if len(args) == 1 and isinstance(args[0], tuple | list) else args
    times = (given,) if isinstance(given, int) else tuple(given)
    return input.repeat((1,) * (input.ndim - len(times)) + times)


def repeat_interleave(
    input: Tensor, repeats: int | Tensor | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """A copy in which each slice of a dimension (without ``dim``: each element) occurs so many times in a row.

    >>> import dynagrad
    >>> dynagrad.repeat_interleave(dynagrad.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return _of_size(repeated_positions(input), 0, output_size)
    if dim is None:
        input, dim = input.flatten(), 0
    if input.ndim == 0:
        input = input.flatten()
    if not isinstance(repeats, TensorBase):
        return _of_size(_repeat_each(input, repeats, dim), dim, output_size)  # type: ignore[arg-type]  # a Tensor is a TensorBase
    size = input.size(dim)
    if repeats.ndim == 0 or (repeats.ndim == 1 and repeats.numel() == 1):
        repeats = repeats.reshape(1).expand(size)
    elif repeats.ndim == 1 and repeats.numel() != size:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.numel()} and "
            f"input.size({dim}) = {size}"
        )
    return _of_size(input.index_select(dim, repeated_positions(repeats)), dim, output_size)


def _of_size(made: Tensor, dim: int, wanted: int | None) -> Tensor:
    """The tensor, if the size that the caller expects is the one that it has."""
    if wanted is not None and wanted != made.size(dim):
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {made.size(dim)} but got {wanted}")
    return made


def _repeat_each(input: Tensor, times: int, dim: int) -> Tensor:
    if times < 0:
        raise RuntimeError(f"Repeats must be non-negative, but got {times}")
    at = counted_dim(dim, input.ndim)
    shape = list(input.unsqueeze(at + 1).shape)
    shape[at + 1] = times
    return input.unsqueeze(at + 1).expand(shape).clone(memory_format=contiguous_format).flatten(at, at + 1)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """`gather` with ``input`` and ``indices`` broadcast against each other; flat without ``dim``.

    >>> import dynagrad
    >>> t = dynagrad.tensor([[30, 10, 20]])
    >>> dynagrad.take_along_dim(t, t.argsort(1), 1)
    tensor([[10, 20, 30]])
    """
    if indices.dtype is not BY_NAME["int64"]:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {type_name(indices.dtype)}"
        )
    if dim is None:
        return gather(input.view(-1), 0, _from_the_front(indices.reshape(-1), input.numel()), out=out)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    at = counted_dim(dim, input.ndim)
    common = [max(a, b) if min(a, b) else 0 for a, b in zip(input.shape, indices.shape, strict=True)]
    mine, theirs = ([*common[:at], each.size(at), *common[at + 1 :]] for each in (input, indices))
    indices = _from_the_front(indices, input.size(at) if input.ndim else 1)
    return gather(broadcast_to(input, mine), at, broadcast_to(indices, theirs), out=out)


def _from_the_front(indices: Tensor, size: int) -> Tensor:
    """Indices with the negative ones, which count from the end, counted from the front."""
    return indices.where(indices >= 0, indices + size)


_op: Callable[..., Any]
for _op in (hstack, vstack, dstack, column_stack):
    register(Card(_op.__name__, _op, method=False, aliases=("row_stack",) if _op is vstack else (), samples="join"))
for _op in (tensor_split, hsplit, vsplit, dsplit, fliplr, flipud, tile, repeat_interleave, take_along_dim):
    register(Card(_op.__name__, _op, samples="arrange"))
