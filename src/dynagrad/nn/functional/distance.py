"""Distances and similarities of vectors, and vectors of length one."""

from __future__ import annotations

import dynagrad
from dynagrad import Tensor
from dynagrad._core.ops import distance

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along ``dim``; lengths are taken to be at least ``eps``.

    >>> import dynagrad
    >>> dynagrad.nn.functional.cosine_similarity(dynagrad.tensor([[1., 0.]]), dynagrad.tensor([[1., 1.]]))
    tensor([0.7071])
    """
    x1, x2 = dynagrad.broadcast_tensors(x1, x2)
    dtype = dynagrad.promote_types(x1.dtype, x2.dtype)
    if not dtype.is_floating_point:
        raise RuntimeError("expected common dtype to be floating point, yet common dtype is " + str(dtype))
    x1, x2 = x1.to(dtype), x2.to(dtype)
    first, second = (_at_least(_length(x, dim), eps) for x in (x1, x2))
    return ((x1 / first) * (x2 / second)).sum(dim)


def _length(x: Tensor, dim: int) -> Tensor:
    return dynagrad.linalg.vector_norm(x, 2, dim, True)


def _at_least(length: Tensor, eps: float) -> Tensor:
    """The lengths, the small ones replaced without taking their derivative away."""
    with dynagrad.no_grad():
        raised = length.clamp_min(eps)
    return length + (raised - length.detach())


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last dimension."""
    size = max(x1.dim(), x2.dim())
    if size == 0:
        return dynagrad.norm(x1 - x2 + eps, p)
    return dynagrad.norm(x1 - x2 + eps, p, -1, keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows, as the upper triangle row by row.

    Args:
        input: ``[N, M]``; RuntimeError for another number of dimensions.
        p: not negative.

    Returns:
        ``[N * (N - 1) / 2]``.
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return distance.pdist(input, p)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """Vectors along ``dim`` divided by their p-norm, or by ``eps`` where that is larger."""
    if out is None:
        return input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return dynagrad.div(input, input.norm(p, dim, keepdim=True).clamp_min_(eps).expand_as(input), out=out)
