"""Products composed of others: outer, inner, tensordot, kron, chains of matrices, powers.

The primitive products are in _core/ops/linalg.pyx, einsum in `einsum`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, only_tensors, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.linalg import unsafe_view
from dynagrad._core.ops.reduce import counted_dim
from dynagrad._core.types import type_name

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


# ---- vectors ---------------------------------------------------------------------------------------------------------


def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix of all products of an element of ``input`` (n) and one of ``vec2`` (m): shape (n, m).

    >>> import dynagrad
    >>> dynagrad.outer(dynagrad.tensor([1., 2.]), dynagrad.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    for name, vector in (("self", input), ("vec2", vec2)):
        if vector.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {vector.ndim}-D")
    return input.reshape(input.shape[0], 1).mul(vec2, **({} if out is None else {"out": out}))


def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sums of products over the last dimension of both; a plain product where one of them is 0-d.

    >>> import dynagrad
    >>> dynagrad.inner(dynagrad.tensor([[1., 2.], [3., 4.]]), dynagrad.tensor([1., 1.]))
    tensor([3., 7.])
    """
    if input.ndim == 0 or other.ndim == 0:
        return deliver(input * other, out)
    if input.dtype != other.dtype:
        raise RuntimeError(f"both inputs should have same dtype, but got {input.dtype} and {other.dtype}")
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return deliver(tensordot(input, other, ([-1], [-1])), out)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The dot products along one dimension; the others broadcast.

    >>> import dynagrad
    >>> dynagrad.linalg.vecdot(dynagrad.ones(2, 3), dynagrad.ones(3))
    tensor([3., 3.])
    """
    if not x.is_floating_point():
        raise RuntimeError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {type_name(x.dtype)}"
        )
    return deliver((x * y).sum(dim), out)


register(Card("outer", outer, aliases=("ger",)))
register(Card("inner", inner))
register(Card("linalg_vecdot", vecdot, method=False, function=False))


# ---- tensordot -------------------------------------------------------------------------------------------------------


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums the products over some dimensions of ``a`` and as many of ``b``.

    Args:
        dims: how many, the last ones of ``a`` and the first ones of ``b``; or a pair of lists of dimensions.

    >>> import dynagrad
    >>> dynagrad.tensordot(dynagrad.ones(2, 3), dynagrad.ones(3, 2), dims=1)
    tensor([[3., 3.],
            [3., 3.]])
    """
    dims_a, dims_b = _contracted_dims(a, b, dims)
    for da, db in zip(dims_a, dims_b, strict=True):
        if b.shape[db] == 1:
            a = a.sum(da, keepdim=True, dtype=a.dtype)
        elif a.shape[da] == 1:
            b = b.sum(db, keepdim=True, dtype=b.dtype)
        elif a.shape[da] != b.shape[db]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[da]} in dim {da} and second has "
                f"size {b.shape[db]} in dim {db}"
            )
    result = _contracted(a, b, dims_a, dims_b)
    return deliver(result, out)


def _distinct(dims: list[int], ndim: int) -> list[int]:
    found = [counted_dim(d, ndim) for d in dims]
    for i, d in enumerate(found):
        if d in found[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return found


def _contracted_dims(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, (tuple, list)):
        if len(dims) != 2:
            raise ValueError(f"tensordot(): expected a pair of lists of dimensions, but got {len(dims)} of them")
        dims_a, dims_b = ([each] if isinstance(each, int) else list(each) for each in dims)
        if len(dims_a) != len(dims_b):
            raise RuntimeError(f"both dimension lists should have same length, but they are {dims_a} and {dims_b}")
        return _distinct(dims_a, a.ndim), _distinct(dims_b, b.ndim)
    n = int(dims)
    if n < 0:
        raise RuntimeError(f"tensordot expects dims >= 0, but got dims={n}")
    if n > min(a.ndim, b.ndim):
        raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={n}")
    return list(range(a.ndim - n, a.ndim)), list(range(n))


def _contracted(a: Tensor, b: Tensor, dims_a: list[int], dims_b: list[int]) -> Tensor:
    free_a = [d for d in range(a.ndim) if d not in dims_a]
    free_b = [d for d in range(b.ndim) if d not in dims_b]
    sizes = [a.shape[d] for d in free_a] + [b.shape[d] for d in free_b]
    rows, columns, common = 1, 1, 1
    for d in free_a:
        rows *= a.shape[d]
    for d in free_b:
        columns *= b.shape[d]
    for d in dims_a:
        common *= a.shape[d]
    a, b = a.permute(free_a + dims_a), b.permute(dims_b + free_b)
    if rows == 1 and columns == 1:
        if a.is_contiguous() and b.is_contiguous():
            return a.flatten().dot(b.flatten()).reshape(sizes)
        return (a.squeeze() * b.squeeze()).sum(dtype=a.dtype).reshape(sizes)
    return a.reshape(rows, common).mm(b.reshape(common, columns)).reshape(sizes)


register(Card("tensordot", tensordot, method=False))


# ---- kron ------------------------------------------------------------------------------------------------------------


def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Kronecker product: each element of ``input`` replaced by that element times ``other``.

    >>> import dynagrad
    >>> dynagrad.kron(dynagrad.eye(2), dynagrad.ones(1, 2))
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 1.]])
    """
    n = max(input.ndim, other.ndim)
    first = (1,) * (n - input.ndim) + tuple(input.shape)
    second = (1,) * (n - other.ndim) + tuple(other.shape)
    left = unsafe_view(input, tuple(size for each in first for size in (each, 1)))
    right = unsafe_view(other, tuple(size for each in second for size in (1, each)))
    sizes = tuple(x * y for x, y in zip(first, second, strict=True))
    return deliver(unsafe_view((left * right).contiguous(), sizes), out)


register(Card("kron", kron))


# ---- chains ----------------------------------------------------------------------------------------------------------


def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, in the order of multiplication that takes the fewest operations.

    The first and the last may be vectors: a row and a column, whose dimension is dropped from the result.

    >>> import dynagrad
    >>> dynagrad.linalg.multi_dot([dynagrad.ones(2), dynagrad.ones(2, 3), dynagrad.ones(3)])
    tensor(6.)
    """
    matrices = only_tensors("multi_dot", tensors)
    if len(matrices) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(matrices)}")
    sizes = _end_sizes(matrices[0], 0, -1) + _end_sizes(matrices[-1], len(matrices) - 1, 0)
    if matrices[0].ndim == 1:
        matrices[0] = matrices[0].unsqueeze(0)
    if matrices[-1].ndim == 1:
        matrices[-1] = matrices[-1].unsqueeze(-1)
    _check_chain(matrices)
    result = _multiply_chain(matrices, _best_splits(matrices), 0, len(matrices) - 1).view(sizes)
    return deliver(result, out)


def _end_sizes(t: Tensor, i: int, inner_dim: int) -> tuple[int, ...]:
    """What the first or the last of a chain leaves in the shape of the result."""
    if t.ndim not in (1, 2):
        raise RuntimeError(f"multi_dot(): the first and last tensors must be 1D or 2D but tensor {i} is {t.ndim}D")
    return (t.shape[-1 - inner_dim if inner_dim else 1],) if t.ndim == 2 else ()


def _check_chain(matrices: list[Tensor]) -> None:
    for i, matrix in enumerate(matrices):
        if matrix.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {matrix.ndim}D")
        if matrix.dtype != matrices[0].dtype:
            raise RuntimeError(f"multi_dot(): all tensors must have be the same dtype but tensor {i} is {matrix.dtype}")
    for i in range(len(matrices) - 1):
        if matrices[i].shape[1] != matrices[i + 1].shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(matrices[i].shape)} and "
                f"{list(matrices[i + 1].shape)} cannot be multiplied"
            )


def _best_splits(matrices: list[Tensor]) -> dict[tuple[int, int], int]:
    """Where to cut each part of the chain: Cormen et al., Introduction to Algorithms, chapter 15.2."""
    n = len(matrices)
    sizes = [matrix.shape[0] for matrix in matrices] + [matrices[-1].shape[1]]
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i, j] = min(options)
            split[i, j] = i + options.index(cost[i, j])
    return split


def _multiply_chain(matrices: list[Tensor], split: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return matrices[i]
    k = split[i, j]
    return _multiply_chain(matrices, split, i, k).mm(_multiply_chain(matrices, split, k + 1, j))


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of matrices, in the order that takes the fewest operations; see `multi_dot`.

    >>> import dynagrad
    >>> dynagrad.chain_matmul(dynagrad.ones(1, 2), dynagrad.ones(2, 3), dynagrad.ones(3, 1))
    tensor([[6.]])
    """
    for matrix in only_tensors("chain_matmul", matrices):
        if matrix.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {matrix.ndim}, expected 2 instead.")
    if len(matrices) == 1:
        return deliver(matrices[0].clone(), out)
    return multi_dot(matrices, out=out)


def matrix_power(input: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """The n-th power of square matrices, by repeated squaring; of their inverses where n is negative.

    >>> import dynagrad
    >>> dynagrad.matrix_power(dynagrad.tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if not isinstance(n, int):
        raise TypeError(f"matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are "
            f"{' by '.join(map(str, input.shape[-2:]))} matrices"
        )
    if n < 0:
        return matrix_power(CARDS["linalg_inv"].op(input), -n, out=out)
    if n < 2:
        unit = input.clone() if n else input.clone().copy_(input.new_ones(input.shape[-1]).diag())
        return deliver(unit, out)
    if n == 3:
        return deliver((input @ input) @ input, out)
    result: Tensor | None = None
    square = input
    while True:
        if n & 1:
            result = square if result is None else result @ square
        n >>= 1
        if not n:
            return deliver(result, out)
        square = square @ square


register(Card("chain_matmul", chain_matmul, method=False))
register(Card("linalg_multi_dot", multi_dot, method=False, function=False))
register(Card("matrix_power", matrix_power))
