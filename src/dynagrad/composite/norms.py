"""Norms made of other ops: of matrices, and ``linalg.norm``, which chooses between those of vectors and of matrices.

The norm of elements, ``linalg.vector_norm``, has a kernel and a derivative of its own in ``_core/ops/moments.pyx``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.moments import check_norm_dtypes
from dynagrad._core.ops.reduce import counted_dim
from dynagrad.composite.linear_systems import cutoff

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

INF = float("inf")


def _two_dims(A: Tensor, dim: tuple[int, int]) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {tuple(dim)}")
    if A.dim() < 2:
        raise RuntimeError(f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions. It has {A.dim()}.")
    rows, columns = (counted_dim(d, A.dim()) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return rows, columns


def linalg_matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: object = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of the matrices in the dimensions ``dim``.

    Args:
        ord: "fro", the root of the sum of squares; 1 and -1, the largest and smallest sum of magnitudes of a column;
            inf and -inf, of a row; 2 and -2, the largest and smallest singular value; "nuc", their sum.

    >>> import dynagrad
    >>> dynagrad.linalg.matrix_norm(dynagrad.tensor([[1., -2.], [3., 4.]]), 1)
    tensor(6.)
    """
    rows, columns = _two_dims(A, dim)
    check_norm_dtypes(A, dtype, "linalg.matrix_norm")
    if ord == "fro":
        return CARDS["linalg_vector_norm"].op(A, 2, (rows, columns), keepdim, dtype=dtype, out=out)
    if ord in (2, -2, "nuc"):
        return deliver(_of_singular_values(A, ord, (rows, columns), keepdim, dtype), out)
    if ord not in (1, -1, INF, -INF):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    summed, picked = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = A.abs().sum(summed, True, dtype=dtype)
    found: Tensor = _largest(sums, picked) if ord > 0 else sums.amin(picked, True)
    return deliver(found if keepdim else found.squeeze(max(rows, columns)).squeeze(min(rows, columns)), out)


def _largest(magnitudes: Tensor, dim: int) -> Tensor:
    """The largest magnitude along the dimension, which stays; 0 of none."""
    return magnitudes.amax(dim, True) if magnitudes.shape[dim] else magnitudes.sum(dim, True)


def _of_singular_values(A: Tensor, ord: float | str, dim: tuple[int, int], keepdim: bool, dtype: object) -> Tensor:
    moved = (A if dtype is None else A.to(dtype)).movedim(dim, (-2, -1))
    values = CARDS["linalg_svdvals"].op(moved)
    found: Tensor = (
        values.sum(-1) if ord == "nuc" else _largest(values, -1).squeeze(-1) if ord == 2 else values.amin(-1)
    )
    return found.unsqueeze(min(dim)).unsqueeze(max(dim)) if keepdim else found


def linalg_cond(A: Tensor, p: float | str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number: the norm of A times that of its inverse; for 2 and -2 a quotient of singular values.

    >>> import dynagrad
    >>> dynagrad.linalg.cond(dynagrad.tensor([[2., 0.], [0., 1.]]))
    tensor(2.)
    """
    if p is None or p in (2, -2):
        values = CARDS["linalg_svdvals"].op(A)
        if not A.numel():
            return deliver(values.sum(-1), out)
        first, last = values.select(-1, 0), values.select(-1, -1)
        return deliver(last / first if p == -2 else first / last, out)
    if not A.numel():
        return deliver(A.new_zeros(A.shape[:-2]), out)
    if p == "nuc":  # by its definition: an inverse that is not finite has no singular values
        values = CARDS["linalg_svdvals"].op(A)
        return deliver(values.sum(-1) * values.reciprocal().sum(-1), out)
    if p not in (1, -1, INF, -INF, "fro"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if A.shape[-1] != A.shape[-2]:
        name = p if p == "fro" else f"{p:g}"
        raise RuntimeError(
            f"linalg.cond(ord={name}): A must be batches of square matrices, but they are {A.shape[-2]} by "
            f"{A.shape[-1]} matrices"
        )
    inverse, info = CARDS["linalg_inv_ex"].op(A)
    found = linalg_matrix_norm(A, p) * linalg_matrix_norm(inverse, p)
    return deliver(found.masked_fill(info != 0, INF), out)


def linalg_matrix_rank(
    A: Tensor,
    tol: object = None,
    hermitian: bool = False,
    *,
    atol: object = None,
    rtol: object = None,
    out: Tensor | None = None,
) -> Tensor:
    """How many singular values exceed max(atol, rtol · the largest); rtol is max(m, n) · eps unless one is given.

    >>> import dynagrad
    >>> dynagrad.linalg.matrix_rank(dynagrad.ones(2, 3))
    tensor(1)
    """
    if tol is not None:
        atol, rtol = tol, 0.0
    A = A.detach()
    values = CARDS["linalg_eigvalsh"].op(A).abs() if hermitian else CARDS["linalg_svdvals"].op(A)
    if not A.numel():
        return deliver(values.sum(-1).long(), out)
    cut = cutoff(A, values.amax(-1), atol, rtol)
    return deliver((values > cut.unsqueeze(-1)).sum(-1), out)


def linalg_norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: object = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of a vector or of a matrix: of a matrix where ``dim`` has two, or ``ord`` is given for a 2-d tensor.

    >>> import dynagrad
    >>> dynagrad.linalg.norm(dynagrad.tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is not None and isinstance(dim, (tuple, list)) and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is None:
        return CARDS["linalg_vector_norm"].op(A, 2.0, dim, keepdim, dtype=dtype, out=out)
    if dim is None and A.dim() > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    if isinstance(ord, str) or pair or (dim is None and A.dim() == 2):
        return linalg_matrix_norm(A, ord, dim if pair else (-2, -1), keepdim, dtype=dtype, out=out)  # type: ignore[arg-type]
    return CARDS["linalg_vector_norm"].op(A, ord, dim, keepdim, dtype=dtype, out=out)


register(
    Card("linalg_matrix_norm", linalg_matrix_norm, None, "composite", method=False, function=False, samples="matrix")
)
for _op in (linalg_cond, linalg_matrix_rank):
    register(Card(_op.__name__, _op, samples="database", method=False, function=False))
register(Card("linalg_norm", linalg_norm, None, "composite", method=False, function=False, samples="reduce"))
