"""Linear systems, inverses, determinants, least squares and functions of matrices, by their public names.

Values and derivatives of most are in ``_core/ops/solve.pyx``; factorisations are in `decompositions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dynagrad._core import return_types as named
from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops import factor, lapack, solve
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.whole import LinalgMatrixExpBackward0, whole
from dynagrad._core.types import type_name
from dynagrad.composite.decompositions import Outputs, deliver_all

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


# ---- systems ---------------------------------------------------------------------------------------------------------


def _is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether B holds vectors and not matrices: it has one dimension, or just the batch and the rows of A."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))


def _solve(A: Tensor, B: Tensor, left: bool, check: bool, name: str) -> tuple[Tensor, Tensor]:
    lapack.check(A, name, True)
    vector = _is_vector(A, B)
    if B.dtype != A.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type "
            f"{type_name(A.dtype)} and B of type {type_name(B.dtype)} instead"
        )
    if vector and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    rows, columns = (B.shape[-1], 1) if vector else B.shape[-2:]
    if A.shape[-1] != (rows if left else columns):
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {rows}x{columns})"
        )
    return solve.solve_ex(A, B, left, check, name, vector)


def linalg_solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X with A X = B, or X A = B where ``left`` is False. Raises LinAlgError where A is singular.

    Args:
        B: matrices, or vectors where it is 1-d or has just the batch and the rows of A.

    >>> import dynagrad
    >>> dynagrad.linalg.solve(dynagrad.tensor([[2., 0.], [0., 4.]]), dynagrad.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    return deliver(_solve(A, B, left, True, "torch.linalg.solve")[0], out)


def linalg_solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Outputs = None) -> Any:
    """`linalg.solve` and ``info``: not 0 where A is singular."""
    return deliver_all(named.linalg_solve_ex, _solve(A, B, left, check_errors, "torch.linalg.solve_ex"), out)


def linalg_solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B, or X A = B, for triangular A, of which only the triangle is read."""
    lapack.check(A, "linalg.solve_triangular", True)
    lapack.check(B, "linalg.solve_triangular", False, "B")
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    return deliver(factor.solve_triangular(A, B, upper=upper, left=left, unitriangular=unitriangular), out)


def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Outputs = None,
) -> Any:
    """(X with A X = b, a copy of A); `linalg.solve_triangular` is its present name.

    >>> import dynagrad
    >>> dynagrad.triangular_solve(dynagrad.ones(1, 1), dynagrad.tensor([[2.]])).solution
    tensor([[0.5000]])
    """
    turned = A.mT if transpose else A
    X = factor.solve_triangular(turned, b, upper=upper is not transpose, unitriangular=unitriangular)
    return deliver_all(named.triangular_solve, (X, A.expand((*X.shape[:-2], *A.shape[-2:])).clone()), out)


def linalg_lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B or X A = B, or the same for the transpose, from what `linalg.lu_factor` gives for A."""
    lapack.check(LU, "torch.linalg.lu_solve", True)
    lapack.check(B, "linalg.lu_solve", False, "B")
    return deliver(solve.lu_solve(LU, pivots, B, left, adjoint), out)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """X with A X = b, from the factors of A; `linalg.lu_solve` is its present name.

    >>> import dynagrad
    >>> dynagrad.lu_solve(dynagrad.ones(1, 1), dynagrad.tensor([[2.]]), dynagrad.tensor([1], dtype=dynagrad.int32))
    tensor([[0.5000]])
    """
    return deliver(solve.lu_solve(LU_data, LU_pivots, b), out)


# ---- inverses and determinants ---------------------------------------------------------------------------------------


def linalg_inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverses of square matrices. Raises LinAlgError where one is singular.

    >>> import dynagrad
    >>> dynagrad.linalg.inv(dynagrad.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return deliver(solve.inv_ex(A, True, "linalg.inv")[0], out)


def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverses of square matrices: `linalg.inv`.

    >>> import dynagrad
    >>> dynagrad.inverse(dynagrad.tensor([[2.]]))
    tensor([[0.5000]])
    """
    return linalg_inv(input, out=out)


def linalg_inv_ex(A: Tensor, *, check_errors: bool = False, out: Outputs = None) -> Any:
    """`linalg.inv` and ``info``: 0, or the first place where the factor U has a zero on its diagonal."""
    return deliver_all(named.linalg_inv_ex, solve.inv_ex(A, check_errors, "torch.linalg.inv_ex"), out)


def det(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinants of square matrices.

    >>> import dynagrad
    >>> dynagrad.det(2 * dynagrad.eye(2))
    tensor(4.)
    """
    return deliver(solve.det(input), out)


def slogdet(input: Tensor, *, out: Outputs = None) -> Any:
    """(signs, logarithms of the magnitudes) of the determinants.

    >>> import dynagrad
    >>> dynagrad.slogdet(dynagrad.tensor([[1., 2.], [3., 4.]])).sign
    tensor(-1.)
    """
    return deliver_all(named.slogdet, solve.slogdet(input), out)


def linalg_slogdet(A: Tensor, *, out: Outputs = None) -> Any:
    """(signs, logarithms of the magnitudes) of the determinants."""
    return deliver_all(named.linalg_slogdet, solve.slogdet(A), out)


def logdet(input: Tensor) -> Tensor:
    """The logarithms of the determinants; NaN for negative ones.

    >>> import dynagrad
    >>> dynagrad.logdet(dynagrad.eye(2))
    tensor(0.)
    """
    sign, logarithm = solve.slogdet(input)
    return logarithm.masked_fill(sign == -1, math.nan)


# ---- pseudoinverse and least squares ---------------------------------------------------------------------------------


def cutoff(A: Tensor, largest: Tensor, atol: Any, rtol: Any) -> Tensor:
    """Below which singular values count as zero: max(atol, rtol largest); rtol is max(m, n) eps unless given."""
    if rtol is None:
        eps = 2.0**-52 if A.dtype.itemsize == 8 else 2.0**-23
        unset = max(A.shape[-2:]) * eps
        if atol is None:
            rtol = unset
        elif hasattr(atol, "ndim"):
            rtol = (atol > 0).logical_not() * unset
        else:
            rtol = 0.0 if atol > 0 else unset
    limits = rtol * largest
    if atol is None:
        return limits
    return limits.maximum(atol.to(limits.dtype) if hasattr(atol, "ndim") else limits.new_full((), atol))


def linalg_pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Moore-Penrose inverse; singular values of at most max(atol, rtol · the largest) count as zero.

    Args:
        hermitian: whether A is symmetric, of which the lower triangle is read.
    """
    lapack.check(A, "linalg.pinv", hermitian)
    rtol = rcond if rtol is None else rtol
    return deliver(factor.with_pinv_history(A, _pinv_values(A.detach(), hermitian, atol, rtol)), out)


def _pinv_values(A: Tensor, hermitian: bool, atol: Any, rtol: Any) -> Tensor:
    if not A.numel():
        return A.new_empty((*A.shape[:-2], A.shape[-1], A.shape[-2]))
    if hermitian:
        values, U = factor.eigh(A, "L", True, "linalg.pinv")
        sizes, Vh = values.abs(), U.mT
    else:
        U, values, Vh = factor.svd(A, False, True, "linalg.pinv")
        sizes = values
    cut = cutoff(A, sizes.amax(-1, True), _column(atol), _column(rtol))
    inverses = values.reciprocal().where(sizes > cut, values.new_zeros(()))
    return Vh.mT @ (inverses.unsqueeze(-1) * U.mT)


def _column(value: Any) -> Any:
    """A tolerance for each matrix as a column beside its singular values."""
    return value.unsqueeze(-1) if hasattr(value, "ndim") and value.ndim and value.shape[-1] != 1 else value


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The Moore-Penrose inverse; `linalg.pinv` is its present name.

    >>> import dynagrad
    >>> dynagrad.pinverse(dynagrad.tensor([[2.], [0.]]))
    tensor([[0.5000, 0.0000]])
    """
    return linalg_pinv(input, rcond)


def linalg_lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """(solution, residuals, rank, singular_values) of the least squares problem min |A X - B|.

    Args:
        driver: "gels" for A of full rank, "gelsy" (the default), "gelsd" or "gelss", which also give singular values.
    """
    name = "torch.linalg.lstsq"
    lapack.check(A, name, False, "input")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    vector = A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1])
    B = B.unsqueeze(-1) if vector else B
    if B.shape[-2] != A.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    batch = CARDS["broadcast_shapes"].op(A.shape[:-2], B.shape[:-2])
    A, B = A.expand((*batch, *A.shape[-2:])), B.expand((*batch, *B.shape[-2:]))
    eps = 2.0**-52 if A.dtype.itemsize == 8 else 2.0**-23
    cut = eps * max(A.shape[-2:]) if rcond is None else rcond
    X, residuals, rank, S = solve.lstsq(A, B, cut, driver or "gelsy")
    if vector:
        X = X.squeeze(-1)
    return named.linalg_lstsq((X, residuals, rank if driver != "gels" else rank.new_empty((0,)), S))


# ---- tensors as matrices ---------------------------------------------------------------------------------------------


def linalg_tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of the map that tensordot with A is, from its last dimensions to its first ``ind``."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, second = A.shape[:ind], A.shape[ind:]
    if math.prod(first) != math.prod(second):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but "
            f"got {math.prod(second)} != {math.prod(first)}"
        )
    found = linalg_inv(A.reshape(math.prod(first), math.prod(second)))
    return deliver(found.reshape((*second, *first)), out)


def linalg_tensorsolve(
    A: Tensor, B: Tensor, dims: tuple[int, ...] | None = None, *, out: Tensor | None = None
) -> Tensor:
    """X with tensordot(A, X) = B, after the dimensions ``dims`` of A have been moved to its end."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    if math.prod(shape) != math.prod(B.shape):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {math.prod(shape)} != {math.prod(A.shape[: B.ndim])}"
        )
    flat = A.reshape(math.prod(B.shape), math.prod(shape))
    return deliver(linalg_solve(flat, B.flatten()).reshape(shape), out)


# ---- the exponential -------------------------------------------------------------------------------------------------


def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of square matrices: a Taylor polynomial of A / 2^s, squared s times.

    >>> import dynagrad
    >>> dynagrad.matrix_exp(dynagrad.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    lapack.check(input, "linalg.matrix_exp", True)
    return whole(LinalgMatrixExpBackward0, (input,), lambda: _exponential(input), (input,))


def _exponential(input: Tensor) -> Tensor:
    if not input.numel():
        return input.clone()
    # The remainder of degree 18 is below 2^-53 for a norm of at most 1 (Higham, Functions of Matrices, 10.3).
    largest = input.detach().abs().sum(-2).amax().item()
    squarings = max(0, math.ceil(math.log2(largest))) if 0 < largest < math.inf else 0
    scaled = input / 2.0**squarings
    identity = input.new_zeros(input.shape)
    identity.diagonal(0, -2, -1).fill_(1)
    result = identity
    for degree in range(18, 0, -1):  # Horner's scheme
        result = identity + scaled @ result / degree
    for _ in range(squarings):
        result = result @ result
    return result


_op: Callable[..., Any]
for _op in (triangular_solve, lu_solve, inverse, det, slogdet, logdet, pinverse, matrix_exp):
    register(Card(_op.__name__, _op, samples="database"))
for _op in (
    linalg_solve,
    linalg_solve_ex,
    linalg_solve_triangular,
    linalg_lu_solve,
    linalg_inv,
    linalg_inv_ex,
    linalg_slogdet,
    linalg_pinv,
    linalg_lstsq,
    linalg_tensorinv,
    linalg_tensorsolve,
):
    register(Card(_op.__name__, _op, samples="database", method=False, function=False))
