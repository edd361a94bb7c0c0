"""Reductions of runs of neighbours along a dimension: `segment_reduce`. By an index for every element: `scatter_reduce`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.reduce import counted_dim
from dynagrad._core.types import type_name

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

# The names of a reduction: what it is in scatter_reduce, and what an empty segment gets.
REDUCTIONS = {
    "sum": ("sum", 0.0),
    "mean": ("sum", 0.0),
    "prod": ("prod", 1.0),
    "max": ("amax", float("-inf")),
    "amax": ("amax", float("-inf")),
    "min": ("amin", float("inf")),
    "amin": ("amin", float("inf")),
}


def _check(data: Tensor, bounds: Tensor, axis: int, name: str) -> None:
    if bounds.is_floating_point():
        raise NotImplementedError(
            f"\"_segment_reduce_{name}_cpu_kernel1\" not implemented for '{type_name(bounds.dtype)}'"
        )
    if data.dim() < max(bounds.dim(), 1) or not bounds.shape[-1:] or (name == "offsets" and not bounds.shape[-1]):
        raise RuntimeError(
            f"segment_reduce(): Expected data with the dimensions of {name}, of which there is at least one, but got "
            f"{list(data.shape)} and {list(bounds.shape)}."
        )
    if axis != bounds.dim() - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {name} but got {axis}.")
    if bounds.shape[:-1] != data.shape[:axis]:
        raise RuntimeError(
            f"segment_reduce(): Expected all leading dimensions of {name} to match those of data, but got "
            f"{list(bounds.shape)} and {list(data.shape)}."
        )
    if not data.is_floating_point():
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{type_name(data.dtype)}'")


def _segments_of(data: Tensor, lengths: Tensor, axis: int, unsafe: bool) -> Tensor:
    """The number of the segment that each element along the axis is in; one past the last of what is in none."""
    ends = lengths.cumsum(-1)
    if not unsafe and lengths.numel():
        if bool((lengths < 0).any()):
            raise RuntimeError("lengths contains negative value!")
        if bool((ends[..., -1] != data.shape[axis]).any()):
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) "
                "when !unsafe."
            )
    return _place(data, ends, axis)


def _place(data: Tensor, ends: Tensor, axis: int) -> Tensor:
    """How many of the ends lie at or before each place along the axis."""
    places = CARDS["arange"].op(data.shape[axis], dtype=ends.dtype).expand(*ends.shape[:-1], data.shape[axis])
    return CARDS["searchsorted"].op(ends.contiguous(), places.contiguous(), right=True)


def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Any = None,
) -> Tensor:
    """Reduces segments, which are runs of neighbours along a dimension, to one element each.

    Args:
        data: ``[*lead, N, *rest]``, floating.
        reduce: "sum", "mean", "prod", "max" or "min".
        lengths: ``[*lead, S]``, how many neighbours each of the S segments has, in order; they add up to N.
        indices: not there in PyTorch either.
        offsets: ``[*lead, S + 1]`` in place of lengths: where each segment begins, and where the last one ends.
        axis: the dimension of N, which is the last one of ``lengths``.
        unsafe: leaves out the check of the lengths; elements in no segment count for nothing.
        initial: what each segment starts with; an empty one stays at it. By default 0 for sums, 1 for products, -inf and
            inf for max and min, and NaN for the mean of nothing.

    Returns:
        ``[*lead, S, *rest]``.

    Raises:
        RuntimeError: neither lengths nor offsets, or ones that don't fit the data.

    >>> import dynagrad
    >>> dynagrad.segment_reduce(dynagrad.tensor([1., 2., 3.]), "sum", lengths=dynagrad.tensor([2, 1]))
    tensor([3., 3.])
    """
    if reduce not in REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    axis = counted_dim(axis, data.dim())
    if lengths is not None:
        _check(data, lengths, axis, "lengths")
        count = lengths.shape[-1]
        segment = _segments_of(data, lengths, axis, unsafe)
    elif offsets is not None:
        _check(data, offsets, axis, "offsets")
        count = offsets.shape[-1] - 1
        segment = _place(data, offsets, axis) - 1
        segment, lengths = segment.masked_fill(segment < 0, count), offsets.diff()
    else:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    way, start = REDUCTIONS[reduce]
    sizes = [*data.shape[:axis], count + 1, *data.shape[axis + 1 :]]  # the last one holds what is in no segment
    base = data.new_full(sizes, start if initial is None else initial)
    column = (*segment.shape, *(1,) * (data.dim() - axis - 1))
    found: Tensor = base.scatter_reduce(
        axis,
        segment.view(column).expand_as(data),
        data,
        way,
        include_self=way in {"sum", "prod"} or initial is not None,
    ).narrow(axis, 0, count)
    if reduce == "mean":
        of_each = lengths.view(*lengths.shape, *(1,) * (data.dim() - axis - 1)).to(data.dtype)
        found = found / (of_each if initial is None else of_each.clamp(min=1))
    return found


register(Card("segment_reduce", segment_reduce, aliases=("_segment_reduce",), samples="database", method=False))
