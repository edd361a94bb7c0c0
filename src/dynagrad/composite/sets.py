"""Tensors as sets and sequences: distinct elements and slices, membership, combinations, matrices side by side."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.reduce import counted_dim
from dynagrad._core.ops.sort import distinct
from dynagrad._core.ops.underivable import without_formula

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


# ---- distinct elements -----------------------------------------------------------------------------------------------


def unique(
    input: Tensor,
    sorted: bool = True,  # noqa: ARG001  # they always are
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in ascending order, or the distinct slices along ``dim``.

    With them come, if asked for, the place of each element among them and how often each occurs.

    >>> import dynagrad
    >>> dynagrad.unique(dynagrad.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    if dim is None:
        found, inverse, counts = distinct(input)
        without_formula("_unique2", input, found)
    else:
        rows = _slices(input, dim)
        order = _rising(rows)
        found, runs, counts = _runs(rows[order])
        inverse = runs.new_empty(runs.shape).scatter_(0, order, runs)
        found = _as_slices(found, input, dim)
        without_formula("unique_dim", input, found)
    return _asked(found, inverse, counts, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements, or the slices along ``dim``, that differ from the one before.

    With them come, if asked for, the place of each element among them and how often each occurs in a row.

    >>> import dynagrad
    >>> dynagrad.unique_consecutive(dynagrad.tensor([3, 3, 1, 3]))
    tensor([3, 1, 3])
    """
    if dim is None:
        found, inverse, counts = _runs(input.detach().reshape(-1, 1))
        found, inverse = found.flatten(), inverse.reshape(input.shape)
    else:
        rows = _slices(input, dim)
        found, inverse, counts = _runs(rows)
        found = _as_slices(found, input, dim)
    without_formula("unique_consecutive", input, found)
    return _asked(found, inverse, counts, return_inverse, return_counts)


def _asked(found: Tensor, inverse: Tensor, counts: Tensor, with_inverse: bool, with_counts: bool) -> Any:
    parts = [found] + [inverse] * with_inverse + [counts] * with_counts
    return tuple(parts) if len(parts) > 1 else found


def _others(input: Tensor, dim: int) -> tuple[int, ...]:
    shape = list(input.shape)
    del shape[dim]
    return tuple(shape)


def _slices(input: Tensor, dim: int) -> Tensor:
    """The slices along a dimension as the rows of a matrix."""
    dim = counted_dim(dim, input.ndim)
    if input.ndim and input.shape[dim] and 0 in _others(input, dim):
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    return input.detach().movedim(dim, 0).reshape(input.shape[dim], math.prod(_others(input, dim)))


def _as_slices(rows: Tensor, input: Tensor, dim: int) -> Tensor:
    """Rows as slices of a tensor like the input."""
    return rows.reshape((rows.shape[0], *_others(input, dim))).movedim(0, dim)


def _rising(rows: Tensor) -> Tensor:
    """The order that sorts the rows, the first column before the others."""
    order = CARDS["arange"].op(rows.shape[0])
    for column in reversed(range(rows.shape[1])):
        order = order[rows[:, column][order].argsort(stable=True)]
    return order


def _runs(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(the first row of each run of equal ones, the run of each row, the lengths of the runs)"""
    n = rows.shape[0]
    if not n:
        places = CARDS["arange"].op(0)
        return rows, places, places
    differs = (rows[1:] != rows[:-1]).any(1)
    runs = CARDS["cat"].op((differs.new_zeros((1,)), differs)).long().cumsum(0)
    counts = runs.bincount()
    return rows[counts.cumsum(0) - counts], runs, counts


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:  # noqa: ARG001
    """Where the elements are among those of the second tensor; or where not.

    >>> import dynagrad
    >>> dynagrad.isin(dynagrad.tensor([1, 2, 3]), dynagrad.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    elements, tests = CARDS["as_tensor"].op(elements), CARDS["as_tensor"].op(test_elements).flatten()
    found: Tensor = (elements.unsqueeze(-1) == tests).any(-1)
    return ~found if invert else found


# ---- combinations ----------------------------------------------------------------------------------------------------


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All pairs, triples … of an element of each vector, as rows.

    >>> import dynagrad
    >>> dynagrad.cartesian_prod(dynagrad.tensor([1, 2]), dynagrad.tensor([5]))
    tensor([[1, 5],
            [2, 5]])
    """
    if any(t.ndim != 1 for t in tensors):
        raise RuntimeError(
            "Expect a 1D vector, but got shape " + str(next(list(t.shape) for t in tensors if t.ndim != 1))
        )
    if len(tensors) == 1:
        return tensors[0]
    grids = CARDS["meshgrid"].op(*tensors, indexing="ij")
    return CARDS["stack"].op([grid.flatten() for grid in grids], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of ``r`` elements of a vector, in its order, as rows.

    >>> import dynagrad
    >>> dynagrad.combinations(dynagrad.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = list(choose(range(input.shape[0]), r))
    places = CARDS["arange"].op(0).reshape(0, r) if not chosen else CARDS["tensor"].op(chosen)
    return input[places]


def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices along the diagonal of one matrix, with zeros elsewhere; vectors and numbers count as rows.

    >>> import dynagrad
    >>> dynagrad.block_diag(dynagrad.ones(1, 2), dynagrad.tensor([5.]))
    tensor([[1., 1., 0.],
            [0., 0., 5.]])
    """
    for i, t in enumerate(tensors):
        if t.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions"
            )
    if not tensors:
        return CARDS["empty"].op(1, 0)
    blocks = [t.reshape((1,) * (2 - t.ndim) + tuple(t.shape)) for t in tensors]
    width, done, rows = sum(b.shape[1] for b in blocks), 0, []
    dtype = blocks[0].dtype
    for block in blocks[1:]:
        dtype = (block.new_zeros((1,)) + blocks[0].new_zeros((1,), dtype=dtype)).dtype
    for block in (b.to(dtype) for b in blocks):
        m, n = block.shape
        sides = block.new_zeros((m, done)), block.new_zeros((m, width - done - n))
        rows.append(CARDS["cat"].op((sides[0], block, sides[1]), 1))
        done += n
    return CARDS["cat"].op(rows, 0)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates in a tensor of this shape of places counted row by row.

    >>> import dynagrad
    >>> dynagrad.unravel_index(dynagrad.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    if indices.is_floating_point():
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, (int, tuple, list)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for size in sizes:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    found = []
    indices = indices.long()
    for size in reversed(sizes):
        found.append(indices % max(size, 1))
        indices = indices.div(max(size, 1), rounding_mode="floor")
    return tuple(reversed(found))


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None) -> Tensor:
    """The coordinates of the elements that are not zero: as many as ``size`` says, ended by ``fill_value``.

    >>> import dynagrad
    >>> dynagrad.nonzero_static(dynagrad.tensor([0, 1]), size=2)
    tensor([[ 1],
            [-1]])
    """
    found = input.nonzero()[:size]
    missing = found.new_full((size - found.shape[0], found.shape[1]), fill_value)
    return deliver(CARDS["cat"].op((found, missing)), out)


register(Card("unique", unique, kind="reduce", samples="unary"))
register(Card("unique_consecutive", unique_consecutive, samples="database"))
for _op in (isin, cartesian_prod, combinations, block_diag, unravel_index):
    register(Card(_op.__name__, _op, samples="database", method=False))
register(Card("nonzero_static", nonzero_static, samples="database"))
