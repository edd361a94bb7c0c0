"""Linear algebra without PyTorch: what each factorisation means, its derivative beside differences, its errors."""

import math

import pytest

import dynagrad as torch
from dynagrad.autograd import gradcheck, gradgradcheck

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 3), (2, 5, 2), (0, 3), (2, 0, 0), (0, 3, 3)]
SQUARE = [(3, 3), (1, 1), (2, 3, 3), (0, 0), (2, 0, 0), (0, 3, 3)]


def matrix(*shape, seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    return torch.randn(*shape, dtype=dtype)


def symmetric(*shape):
    A = matrix(*shape)
    return A + A.mT


def definite(*shape):
    A = matrix(*shape)
    return A @ A.mT + torch.eye(shape[-1], dtype=torch.float64)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_factors_multiply_to_the_matrix(shape):
    A = matrix(*shape)
    for mode in ("reduced", "complete"):
        Q, R = torch.linalg.qr(A, mode)
        close(Q @ R, A)
        close(Q.mT @ Q, torch.eye(Q.shape[-1], dtype=A.dtype).expand(Q.shape[:-2] + (Q.shape[-1],) * 2))
        close(R, R.triu())
    P, L, U = torch.linalg.lu(A)
    close(P @ L @ U, A)
    close(P, torch.lu_unpack(*torch.linalg.lu_factor_ex(A)[:2])[0])
    for full in (False, True):
        U, S, Vh = torch.linalg.svd(A, full)
        k = S.shape[-1]
        close(U[..., :k] * S.unsqueeze(-2) @ Vh[..., :k, :], A)
        assert bool((S[..., 1:] <= S[..., :-1]).all())
    close(torch.linalg.pinv(A) @ A @ torch.linalg.pinv(A), torch.linalg.pinv(A))


@pytest.mark.parametrize("shape", SQUARE)
def test_systems_are_solved(shape):
    A, B = definite(*shape), matrix(*shape, seed=1)
    close(A @ torch.linalg.solve(A, B), B)
    close(torch.linalg.solve(A, B, left=False) @ A, B)
    close(A @ torch.linalg.inv(A), torch.eye(shape[-1], dtype=A.dtype).expand(shape))
    L = torch.linalg.cholesky(A)
    close(L @ L.mT, A)
    close(A @ torch.cholesky_solve(B, L), B)
    close(torch.cholesky_inverse(torch.linalg.cholesky(A, upper=True), upper=True), torch.linalg.inv(A))
    close(A @ torch.linalg.lu_solve(*torch.linalg.lu_factor(A), B), B)
    values, V = torch.linalg.eigh(A)
    close(V * values.unsqueeze(-2) @ V.mT, A)
    sign, logarithm = torch.linalg.slogdet(A)
    close(sign * logarithm.exp(), torch.linalg.det(A))
    close(A @ torch.linalg.ldl_solve(*torch.linalg.ldl_factor(A), B), B)


def test_least_squares_leave_the_smallest_remainder():
    A, B = matrix(6, 3), matrix(6, 2, seed=1)
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        found = torch.linalg.lstsq(A, B, driver=driver)
        close(A.mT @ (A @ found.solution - B), torch.zeros(3, 2, dtype=A.dtype))
        if driver != "gelsy":
            close(found.residuals, (A @ found.solution - B).square().sum(0))


def test_functions_of_a_matrix():
    A = matrix(3, 3)
    close(torch.matrix_exp(A) @ torch.matrix_exp(-A), torch.eye(3, dtype=A.dtype))
    close(torch.matrix_exp(100 * torch.eye(1, dtype=A.dtype)), torch.full((1, 1), math.exp(100), dtype=A.dtype))
    close(torch.linalg.matrix_power(A, -2) @ A @ A, torch.eye(3, dtype=A.dtype))
    S = torch.linalg.svdvals(A)
    close(torch.linalg.matrix_norm(A, 2), S[0])
    close(torch.linalg.matrix_norm(A, "nuc"), S.sum())
    close(torch.linalg.cond(A), S[0] / S[-1])
    assert torch.linalg.matrix_rank(torch.outer(A[0], A[0])).item() == 1


DIFFERENTIABLE = {
    "cholesky": (lambda A: torch.linalg.cholesky(A @ A.mT + torch.eye(3)), (3, 3)),
    "cholesky upper": (lambda A: torch.linalg.cholesky(A @ A.mT + torch.eye(3), upper=True), (2, 3, 3)),
    "cholesky_solve": (lambda A: torch.cholesky_solve(A, A.tril() + 2 * torch.eye(3)), (3, 3)),
    "cholesky_inverse": (lambda A: torch.cholesky_inverse(A.tril() + 2 * torch.eye(3)), (3, 3)),
    "lu square": (lambda A: torch.linalg.lu(A)[1:], (2, 3, 3)),
    "lu wide": (lambda A: torch.linalg.lu(A)[1:], (2, 4)),
    "lu tall": (lambda A: torch.linalg.lu(A)[1:], (4, 2)),
    "lu_factor": (lambda A: torch.linalg.lu_factor(A)[0], (3, 3)),
    "lu_solve": (lambda A: torch.linalg.lu_solve(*torch.linalg.lu_factor(A), A @ A), (3, 3)),
    "lu_solve right": (lambda A: torch.linalg.lu_solve(*torch.linalg.lu_factor(A), A @ A, left=False), (3, 3)),
    "lu_solve adjoint": (lambda A: torch.linalg.lu_solve(*torch.linalg.lu_factor(A), A @ A, adjoint=True), (3, 3)),
    "qr tall": (torch.linalg.qr, (4, 2)),
    "qr square": (torch.linalg.qr, (2, 3, 3)),
    "qr wide": (torch.linalg.qr, (2, 4)),
    "eigh": (lambda A: tuple(t.abs() for t in torch.linalg.eigh(A + A.mT)), (3, 3)),
    "eigvalsh": (lambda A: torch.linalg.eigvalsh(A + A.mT), (2, 3, 3)),
    "svd": (lambda A: tuple(t.abs() for t in torch.linalg.svd(A, False)), (4, 3)),
    "svd wide": (lambda A: tuple(t.abs() for t in torch.linalg.svd(A, False)), (2, 3, 4)),
    "svdvals": (torch.linalg.svdvals, (3, 3)),
    "solve": (lambda A: torch.linalg.solve(A, A @ A + 1), (3, 3)),
    "solve right": (lambda A: torch.linalg.solve(A, A @ A + 1, left=False), (3, 3)),
    "solve vectors": (lambda A: torch.linalg.solve(A, A[..., 0]), (2, 3, 3)),
    "triangular": (lambda A: torch.linalg.solve_triangular(A, A + 1, upper=True), (3, 3)),
    "triangular right": (lambda A: torch.linalg.solve_triangular(A, A + 1, upper=False, left=False), (3, 3)),
    "inv": (torch.linalg.inv, (2, 3, 3)),
    "det": (torch.linalg.det, (2, 3, 3)),
    "slogdet": (lambda A: torch.linalg.slogdet(A)[1], (3, 3)),
    "pinv": (torch.linalg.pinv, (4, 2)),
    "pinv hermitian": (lambda A: torch.linalg.pinv(A + A.mT, hermitian=True), (3, 3)),
    "lstsq": (lambda A: torch.linalg.lstsq(A, A.sin(), driver="gels")[:2], (4, 2)),
    "householder": (lambda A: torch.linalg.householder_product(A, A[0].sin()), (4, 2)),
    "ormqr": (lambda A: torch.ormqr(A, A[0].sin(), A, transpose=True), (4, 2)),
    "matrix_exp": (torch.matrix_exp, (3, 3)),
    "norm 2": (lambda A: torch.linalg.matrix_norm(A, 2), (3, 4)),
    "norm nuc": (lambda A: torch.linalg.matrix_norm(A, "nuc"), (3, 4)),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_are_differences(name):
    function, shape = DIFFERENTIABLE[name]
    A = matrix(*shape, seed=3).requires_grad_()
    assert gradcheck(function, (A,))
    assert gradgradcheck(function, (A,), atol=1e-4)


def test_errors_say_what_is_wrong():
    singular = torch.ones(2, 2)
    for call in (lambda: torch.linalg.inv(singular), lambda: torch.linalg.solve(singular, singular)):
        with pytest.raises(torch.linalg.LinAlgError, match="singular"):
            call()
    with pytest.raises(torch.linalg.LinAlgError, match="not positive-definite"):
        torch.linalg.cholesky(-torch.eye(2))
    with pytest.raises(torch.linalg.LinAlgError, match="Batch element 1"):
        torch.linalg.inv(torch.stack([torch.eye(2), singular]))
    for call in (torch.linalg.inv, torch.linalg.det, torch.linalg.eigh, torch.linalg.cholesky):
        with pytest.raises(RuntimeError, match="square"):
            call(torch.ones(2, 3))
        with pytest.raises(RuntimeError, match="at least 2 dimensions"):
            call(torch.ones(3))
        with pytest.raises(RuntimeError, match="floating point"):
            call(torch.ones(2, 2, dtype=torch.int64))
        with pytest.raises(RuntimeError, match="Low precision"):
            call(torch.ones(2, 2, dtype=torch.float16))
    assert torch.linalg.inv_ex(singular).info.item() != 0


def test_node_names_are_pytorchs():
    A = definite(2, 2).requires_grad_()
    for function, name in (
        (torch.linalg.cholesky, "LinalgCholeskyExBackward0"),
        (torch.linalg.inv, "LinalgInvExBackward0"),
        (torch.linalg.det, "LinalgDetBackward0"),
        (torch.linalg.eigvalsh, "LinalgEighBackward0"),
        (torch.linalg.svdvals, "LinalgSvdBackward0"),
        (torch.linalg.pinv, "LinalgPinvBackward0"),
    ):
        assert function(A).grad_fn.name() == name


@pytest.mark.parametrize("sizes", [(0, 0), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize("order", [1, float("inf"), 2, "nuc", "fro"])
def test_the_norm_of_a_matrix_without_elements_is_zero(sizes, order):
    found = torch.linalg.matrix_norm(torch.empty(sizes), order)
    assert found.tolist() == torch.zeros(sizes[:-2]).tolist()
    assert torch.linalg.matrix_norm(torch.empty(sizes), order, keepdim=True).shape == (*sizes[:-2], 1, 1)
