"""What PyTorch's own code calls and scripts seldom do: chunks of many tensors, indices under a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


# ---- chunks ----------------------------------------------------------------------------------------------------------


def _chunk_cat(tensors: Sequence[Tensor], dim: int, num_chunks: int, *, out: Tensor | None = None) -> Tensor:
    """Cuts each tensor into chunks along a dimension, zeros added where they don't divide it, and joins those side by side.

    The result is ``[*lead, num_chunks, n]``, where chunk i holds the i-th ones of all tensors, one behind the other.

    >>> import dynagrad
    >>> dynagrad._chunk_cat([dynagrad.tensor([1, 2]), dynagrad.tensor([3, 4, 5])], 0, 2)
    tensor([[1, 3, 4],
            [2, 5, 0]])
    """
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    if not len(tensors):
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if not all(-t.dim() <= dim < t.dim() for t in tensors):
        raise RuntimeError(f"_chunk_cat expects tensors that all have the dimension {dim}")
    dim = dim + tensors[0].dim() if dim < 0 else dim
    rows = []
    for t in tensors:
        padded = CARDS["constant_pad_nd"].op(t, (0, 0) * (t.dim() - dim - 1) + (0, -t.shape[dim] % num_chunks))
        rows.append(padded.reshape(*t.shape[:dim], num_chunks, -1))
    return deliver(CARDS["cat"].op(rows, dim + 1), out)


# ---- indices under a mask --------------------------------------------------------------------------------------------


def _inside(input: Tensor, indices: Sequence[Tensor | None]) -> tuple[Any, ...]:
    """The indices, those that lie outside of the input moved to its edge; all of a dimension for None."""
    sizes = input.shape
    return tuple(slice(None) if i is None else i.clamp(-sizes[d], sizes[d] - 1) for d, i in enumerate(indices))


def _unsafe_masked_index(input: Tensor, mask: Tensor, indices: Sequence[Tensor | None], fill: Any) -> Tensor:
    """``input[indices]`` where the mask is true, and ``fill`` elsewhere, where indices may lie outside.

    >>> import dynagrad
    >>> mask = dynagrad.tensor([True, False])
    >>> dynagrad._unsafe_masked_index(dynagrad.tensor([5, 6]), mask, [dynagrad.tensor([1, 9])], 0)
    tensor([6, 0])
    """
    if not input.numel():
        return input.new_full(mask.shape, fill)
    return input[_inside(input, indices)].masked_fill(mask.logical_not(), fill)


def _unsafe_masked_index_put_accumulate(
    input: Tensor, mask: Tensor, indices: Sequence[Tensor | None], values: Tensor
) -> Tensor:
    """A copy of the input with ``values`` added at the indices where the mask is true.

    >>> import dynagrad
    >>> mask, places = dynagrad.tensor([True, False]), dynagrad.tensor([1, 9])
    >>> dynagrad._unsafe_masked_index_put_accumulate(dynagrad.tensor([5, 6]), mask, [places], dynagrad.ones(2).long())
    tensor([5, 7])
    """
    if not input.numel():
        return input.clone()
    return input.index_put(_inside(input, indices), values.masked_fill(mask.logical_not(), 0), accumulate=True)


for _op in (_chunk_cat, _unsafe_masked_index, _unsafe_masked_index_put_accumulate):
    register(Card(_op.__name__, _op, samples="database", method=False))
