"""What is made of vectors: cross products, powers, distances, sums of products along a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.whole import LinalgCrossBackward0, whole

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The cross products of the vectors of three numbers along one dimension; the others broadcast.

    >>> import dynagrad
    >>> dynagrad.linalg.cross(dynagrad.tensor([1., 0., 0.]), dynagrad.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )

    def values() -> Tensor:
        following = input.roll(-1, dim) * other.roll(1, dim)
        return following - input.roll(1, dim) * other.roll(-1, dim)

    return deliver(whole(LinalgCrossBackward0, (input, other), values, (input, other), (dim,)), out)


def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """The cross products; along the first dimension of size 3 where none is given.

    >>> import dynagrad
    >>> dynagrad.cross(dynagrad.tensor([1., 0., 0.]), dynagrad.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    if dim is None:
        shape = CARDS["broadcast_shapes"].op(input.shape, other.shape)
        if 3 not in shape:
            raise RuntimeError("no dimension of size 3 in input")
        dim = tuple(shape).index(3)
    return linalg_cross(input, other, dim=dim, out=out)


def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0, 1, …, N - 1 of the elements, along a new last dimension; N is the number of elements unless given.

    >>> import dynagrad
    >>> dynagrad.linalg.vander(dynagrad.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    x = x if x.ndim else x.unsqueeze(0)
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    x = x.long() if x.dtype.is_floating_point is False and x.dtype.itemsize < 8 else x
    repeated = x.unsqueeze(-1).expand((*x.shape, n - 1)).cumprod(-1)
    return CARDS["cat"].op((x.new_ones((*x.shape, 1)), repeated), -1)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of the elements of a vector as columns, falling unless ``increasing``.

    >>> import dynagrad
    >>> dynagrad.vander(dynagrad.tensor([2, 3]), N=3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    powers = x.unsqueeze(-1).pow(CARDS["arange"].op(n))
    return powers if increasing else powers.flip(-1)


def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as a view."""
    return A.diagonal(offset, dim1, dim2)


register(Card("cross", cross, samples="database"))
register(Card("vander", vander, samples="database", method=False))
for _op in (linalg_cross, linalg_vander, linalg_diagonal):
    register(Card(_op.__name__, _op, samples="database", method=False, function=False))
