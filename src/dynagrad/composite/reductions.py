"""Sums to a shape, reductions by index, and distances between all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def sum_to_size(input: Tensor, *size: int | Sequence[int]) -> Tensor:
    """The sum over the dimensions that broadcasting would have made of a tensor of this size."""
    given = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    shape = tuple(given)
    extra = input.ndim - len(shape)
    if extra < 0 or any(s not in (1, n) for s, n in zip(shape, input.shape[extra:], strict=True)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(input.shape)}}}.")
    if not shape:
        return input.sum()
    dims = [d for d in range(input.ndim) if d < extra or (shape[d - extra] == 1 and input.shape[d] != 1)]
    return input.sum(dims, keepdim=True).reshape(shape) if dims else input


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """The slices of ``source`` reduced into those of ``input`` that the index names.

    Args:
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the elements that are there count.

    >>> import dynagrad
    >>> dynagrad.index_reduce(dynagrad.ones(2), 0, dynagrad.tensor([0, 0]), dynagrad.tensor([2., 3.]), "prod")
    tensor([6., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if index.ndim > 1:
        raise IndexError("index_reduce_(): Index should be a vector or scalar")
    where = index.long()
    if input.ndim:
        where = where.reshape([-1 if d == dim % input.ndim else 1 for d in range(input.ndim)]).expand(source.shape)
    found = CARDS["scatter_reduce"].op(
        input, dim, where.reshape(source.shape), source, reduce, include_self=include_self
    )
    return deliver(found, out)


def _index_reduce_(
    self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """`index_reduce` in place."""
    return self.copy_(index_reduce(self.clone(), dim, index, source, reduce, include_self=include_self))


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norms of the differences of all pairs of a row of ``x1`` and one of ``x2``; batches broadcast.

    >>> import dynagrad
    >>> dynagrad.cdist(dynagrad.tensor([[0., 0.]]), dynagrad.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    if x1.ndim < 2 or x2.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, X1 got: {x1.ndim}D, X2 got: {x2.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode not in COMPUTE_MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    gaps = x1.unsqueeze(-2) - x2.unsqueeze(-3) if _fits(x1, x2) or p != 2 else None
    if gaps is None:
        squares = x1.square().sum(-1, True) + x2.square().sum(-1).unsqueeze(-2) - 2 * (x1 @ x2.mT)
        return squares.clamp(min=0).sqrt()
    return norms_of_gaps(gaps, p)


def norms_of_gaps(gaps: Tensor, p: float) -> Tensor:
    """The p-norms of the last dimension, where order 0, a count, has a gradient, which is zero."""
    found: Tensor = CARDS["linalg_vector_norm"].op(gaps, p, -1)
    return found + (gaps.nan_to_num(0.0, 0.0, 0.0) * 0).sum(-1) if p == 0 else found


COMPUTE_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


def _fits(x1: Tensor, x2: Tensor) -> bool:
    """Whether the differences of all pairs, which are more exact than a product of matrices, take little memory."""
    return x1.numel() * x2.shape[-2] < 1 << 24


register(Card("sum_to_size", sum_to_size, samples="database", function=False))
register(Card("index_reduce", index_reduce, inplace=_index_reduce_, samples="database"))
register(Card("cdist", cdist, samples="database", method=False))
