"""Factorisations by their public names: Cholesky, LU, LDL, QR, of symmetric matrices, singular values.

Values and derivatives are in ``_core/ops/factor.pyx``. Systems, inverses and determinants are in
`linear_systems`, norms, ranks and condition numbers in `norms`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core import return_types as named
from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops import factor, lapack, solve
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.underivable import without_formula

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

Outputs = Sequence["Tensor"] | None


def deliver_all(kind: Any, results: Sequence[Tensor], out: Outputs) -> Any:
    """The results as a named tuple, or ``out`` with the results in it."""
    if out is None:
        return kind(results)
    return kind([deliver(result, target) for result, target in zip(results, out, strict=True)])


# ---- Cholesky --------------------------------------------------------------------------------------------------------


def linalg_cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangular L with A = L L^T for symmetric positive-definite matrices, or its transpose.

    Raises LinAlgError where a matrix is not positive-definite. Only the triangle asked for is read.

    >>> import dynagrad
    >>> dynagrad.linalg.cholesky(dynagrad.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return deliver(factor.cholesky_ex(A, upper, True, "linalg.cholesky")[0], out)


def linalg_cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Outputs = None) -> Any:
    """`linalg.cholesky` and ``info``: 0, or the order of the first minor that is not positive-definite."""
    found = factor.cholesky_ex(A, upper, check_errors, "torch.linalg.cholesky_ex")
    return deliver_all(named.linalg_cholesky_ex, found, out)


def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The Cholesky factor; `linalg.cholesky` is its present name.

    >>> import dynagrad
    >>> dynagrad.cholesky(dynagrad.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return deliver(factor.cholesky_ex(input, upper, True, "cholesky")[0], out)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """X with A X = B, where L is the Cholesky factor of A.

    >>> import dynagrad
    >>> dynagrad.cholesky_solve(dynagrad.tensor([[8.]]), dynagrad.tensor([[2.]]))
    tensor([[2.]])
    """
    if B.ndim < 2 or L.ndim < 2:
        raise RuntimeError(
            "cholesky_solve: b and A should have at least 2 dimensions, but they have "
            f"{B.ndim} and {L.ndim} dimensions instead"
        )
    return deliver(solve.cholesky_solve(B, L, upper), out)


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of A, whose Cholesky factor is L.

    >>> import dynagrad
    >>> dynagrad.cholesky_inverse(dynagrad.tensor([[2.]]))
    tensor([[0.2500]])
    """
    lapack.check(L, "cholesky_inverse", True)
    return deliver(solve.cholesky_inverse(L, upper), out)


# ---- LU --------------------------------------------------------------------------------------------------------------


def linalg_lu_factor(A: Tensor, *, pivot: bool = True, out: Outputs = None) -> Any:
    """(LU, pivots): L below the diagonal and U above it, and the row with which each was exchanged, counted from 1."""
    LU, pivots, info = factor.lu_factor_ex(A, pivot, "torch.linalg.lu_factor")
    lapack.raise_singular(info, "torch.linalg.lu_factor")
    return deliver_all(named.linalg_lu_factor, (LU, pivots), out)


def linalg_lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Outputs = None) -> Any:
    """`linalg.lu_factor` and ``info``: 0, or the first place where U has a zero on its diagonal."""
    found = factor.lu_factor_ex(A, pivot, "torch.linalg.lu_factor_ex")
    if check_errors:
        lapack.raise_singular(found[2], "torch.linalg.lu_factor_ex")
    return deliver_all(named.linalg_lu_factor_ex, found, out)


def linalg_lu(A: Tensor, *, pivot: bool = True, out: Outputs = None) -> Any:
    """(P, L, U) with A = P L U."""
    return deliver_all(named.linalg_lu, factor.lu(A, pivot), out)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Outputs = None) -> tuple[Tensor, ...]:
    """(LU, pivots), and the infos if asked for; `linalg.lu_factor` is its present name.

    >>> import dynagrad
    >>> dynagrad.lu(dynagrad.tensor([[2.]]))[1]
    tensor([1], dtype=torch.int32)
    """
    found = factor.lu_factor_ex(A, pivot, "lu")
    given = found if get_infos else found[:2]
    return tuple(given if out is None else [deliver(x, t) for x, t in zip(given, out, strict=True)])


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Outputs = None
) -> Any:
    """(P, L, U) from what `linalg.lu_factor` gives; empty tensors for what is not asked for.

    >>> import dynagrad
    >>> dynagrad.lu_unpack(*dynagrad.linalg.lu_factor(dynagrad.tensor([[2.]]))).U
    tensor([[2.]])
    """
    if LU_data.ndim < 2:
        raise RuntimeError(f"torch.lu_unpack: LU_data must hold matrices, but its shape is {list(LU_data.shape)}")
    m, n = LU_data.shape[-2:]
    nothing = LU_data.new_empty((0,))
    P = factor.permutation_matrix(LU_pivots, m, LU_data.detach()) if unpack_pivots else nothing
    if not unpack_data:
        return deliver_all(named.lu_unpack, (P, nothing, nothing), out)
    k = min(m, n)
    low = LU_data.narrow(-1, 0, k).tril(-1)
    ones = low.new_zeros(low.shape)
    ones.diagonal(0, -2, -1).fill_(1)
    return deliver_all(named.lu_unpack, (P, low + ones, LU_data.narrow(-2, 0, k).triu()), out)


# ---- LDL -------------------------------------------------------------------------------------------------------------


def linalg_ldl_factor(A: Tensor, *, hermitian: bool = False, out: Outputs = None) -> Any:  # noqa: ARG001  # real: the same
    """(LD, pivots) of symmetric matrices, by Bunch and Kaufman's pivoting; it has no derivative."""
    LD, pivots, info = lapack.ldl_factor_values(A.detach())
    lapack.raise_singular(info, "torch.linalg.ldl_factor")
    return deliver_all(named.linalg_ldl_factor, (LD.tril_(), pivots), out)


def linalg_ldl_factor_ex(
    A: Tensor,
    *,
    hermitian: bool = False,  # noqa: ARG001  # for real matrices both are the same
    check_errors: bool = False,
    out: Outputs = None,
) -> Any:
    """`linalg.ldl_factor` and ``info``: 0, or the first place where D is singular."""
    found = lapack.ldl_factor_values(A.detach())
    if check_errors:
        lapack.raise_singular(found[2], "torch.linalg.ldl_factor_ex")
    return deliver_all(named.linalg_ldl_factor_ex, (found[0].tril_(), *found[1:]), out)


def linalg_ldl_solve(
    LD: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    hermitian: bool = False,  # noqa: ARG001
    out: Tensor | None = None,
) -> Tensor:
    """X with A X = B, from what `linalg.ldl_factor` gives for A."""
    batch = CARDS["broadcast_shapes"].op(LD.shape[:-2], B.shape[:-2])
    wide = LD.detach().expand(batch + LD.shape[-2:]), pivots.expand(batch + pivots.shape[-1:])
    return deliver(lapack.ldl_solve_values(*wide, B.detach().expand(batch + B.shape[-2:])), out)


# ---- QR --------------------------------------------------------------------------------------------------------------


def linalg_qr(A: Tensor, mode: str = "reduced", *, out: Outputs = None) -> Any:
    """(Q, R) with A = Q R, orthonormal columns in Q, and triangular R.

    Args:
        mode: "reduced", min(m, n) columns in Q; "complete", m columns; "r", only R, and an empty Q.
    """
    return deliver_all(named.linalg_qr, factor.qr(A, mode, "linalg.qr"), out)


def qr(input: Tensor, some: bool = True, *, out: Outputs = None) -> Any:
    """(Q, R); `linalg.qr` is its present name.

    >>> import dynagrad
    >>> dynagrad.qr(dynagrad.tensor([[-2.]])).Q.abs()
    tensor([[1.]])
    """
    return deliver_all(named.qr, factor.qr(input, "reduced" if some else "complete", "qr"), out)


def geqrf(input: Tensor, *, out: Outputs = None) -> Any:
    """(R with the reflectors below it, their factors): what `linalg.householder_product` takes. No derivative.

    >>> import dynagrad
    >>> dynagrad.geqrf(dynagrad.ones(3, 2)).tau.shape
    torch.Size([2])
    """
    found = factor.order_of_reflectors(input.detach(), "geqrf")
    without_formula("geqrf", input, *found)
    return deliver_all(named.geqrf, found, out)


def _reflectors(A: Tensor) -> Tensor:
    """The vectors of the reflectors as columns: what lies below the diagonal, and ones on it."""
    low = A.tril(-1)
    ones = low.new_zeros(low.shape)
    ones.diagonal(0, -2, -1).fill_(1)
    return low + ones


def linalg_householder_product(A: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of H1 H2 … Hk, where Hi = 1 - tau_i v_i v_i^T and v_i is column i of A below the diagonal."""
    lapack.check(A, "torch.linalg.householder_product", False)
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    vectors = _reflectors(A)
    identity = A.new_zeros(A.shape)
    identity.diagonal(0, -2, -1).fill_(1)
    Q = identity if tau.shape[-1] else A.masked_fill(identity.isfinite(), 0) + identity
    for i in reversed(range(tau.shape[-1])):
        v = vectors.select(-1, i).unsqueeze(-1)
        Q = Q - tau.select(-1, i).unsqueeze(-1).unsqueeze(-1) * (v @ (v.mT @ Q))
    return deliver(Q, out)


def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Q other, or other Q, where Q is the square product of the reflectors that `geqrf` gives; or its transpose.

    >>> import dynagrad
    >>> dynagrad.ormqr(dynagrad.ones(2, 1), dynagrad.zeros(1), dynagrad.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    vectors, C = _reflectors(input), other
    order = range(tau.shape[-1]) if left is transpose else reversed(range(tau.shape[-1]))
    for i in order:
        v, t = vectors.select(-1, i).unsqueeze(-1), tau.select(-1, i).unsqueeze(-1).unsqueeze(-1)
        C = C - t * (v @ (v.mT @ C)) if left else C - t * ((C @ v) @ v.mT)
    return deliver(C, out)


# ---- eigenvalues and singular values ---------------------------------------------------------------------------------


def linalg_eigh(A: Tensor, UPLO: str = "L", *, out: Outputs = None) -> Any:
    """(eigenvalues in rising order, eigenvectors in columns) of symmetric matrices, of which one triangle is read."""
    return deliver_all(named.linalg_eigh, factor.eigh(A, UPLO, True, "linalg.eigh"), out)


def linalg_eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of symmetric matrices, in rising order.

    >>> import dynagrad
    >>> dynagrad.linalg.eigvalsh(dynagrad.tensor([[2., 0.], [0., 1.]]))
    tensor([1., 2.])
    """
    return deliver(factor.eigh(A, UPLO, False, "linalg.eigvalsh")[0], out)


def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Outputs = None) -> Any:
    """(U, S, Vh) with A = U diag(S) Vh, orthonormal columns in U and rows in Vh, and falling S."""
    if driver is not None:
        raise RuntimeError("torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs")
    return deliver_all(named.linalg_svd, factor.svd(A, full_matrices, True, "linalg.svd"), out)


def linalg_svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values, in falling order.

    >>> import dynagrad
    >>> dynagrad.linalg.svdvals(dynagrad.tensor([[0., 2.], [3., 0.]]))
    tensor([3., 2.])
    """
    if driver is not None:
        raise RuntimeError("torch.linalg.svdvals: keyword argument `driver=` is only supported on CUDA inputs")
    return deliver(factor.svd(A, False, False, "linalg.svdvals")[1], out)


def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Outputs = None) -> Any:
    """(U, S, V) with V in columns; `linalg.svd` is its present name.

    >>> import dynagrad
    >>> dynagrad.svd(dynagrad.tensor([[0., 2.], [3., 0.]])).S
    tensor([3., 2.])
    """
    if compute_uv:
        U, S, Vh = factor.svd(input, not some, True, "svd")
        return deliver_all(named.svd, (U, S, Vh.mT), out)
    m, n = input.shape[-2:]
    S = factor.svd(input, False, False, "svd")[1]
    empty = [input.new_zeros((*input.shape[:-2], size, size)) for size in (m, n)]
    return deliver_all(named.svd, (empty[0], S, empty[1]), out)


_op: Callable[..., Any]
for _op in (cholesky, cholesky_solve, cholesky_inverse, lu_unpack, qr, geqrf, ormqr, svd, lu):
    register(Card(_op.__name__, _op, samples="database", method=_op is not lu_unpack))
for _op in (
    linalg_cholesky,
    linalg_cholesky_ex,
    linalg_lu_factor,
    linalg_lu_factor_ex,
    linalg_lu,
    linalg_ldl_factor,
    linalg_ldl_factor_ex,
    linalg_ldl_solve,
    linalg_qr,
    linalg_householder_product,
    linalg_eigh,
    linalg_eigvalsh,
    linalg_svd,
    linalg_svdvals,
):
    register(Card(_op.__name__, _op, samples="database", method=False, function=False))
