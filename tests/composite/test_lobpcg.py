"""lobpcg beside the whole decomposition: extremes, generalised problems, batches, starts, derivatives, refusals."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad as torch
from dynagrad.autograd import gradcheck


def symmetric(m: int, *batch: int, seed: int = 0, dtype: Any = torch.float64) -> Any:
    torch.manual_seed(seed)
    A = torch.randn(*batch, m, m, dtype=dtype)
    return A @ A.mT + 0.1 * torch.eye(m, dtype=dtype)


def check(A: Any, B: Any, values: Any, vectors: Any, expected: Any, tol: float) -> None:
    assert torch.allclose(values, expected, rtol=tol)
    BX = vectors if B is None else B @ vectors
    assert float((A @ vectors - BX * values.unsqueeze(-2)).abs().max()) < tol * float(A.abs().max()) * 10
    assert torch.allclose(
        vectors.mT @ BX, torch.eye(vectors.shape[-1], dtype=A.dtype).expand(*A.shape[:-2], -1, -1), atol=tol
    )


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_extremes_are_those_of_the_whole(k: int, largest: bool, dtype: Any) -> None:
    A = symmetric(30, dtype=dtype)
    values, vectors = torch.lobpcg(A, k=k, largest=largest, n=max(k, 3), tol=1e-9 if dtype is torch.float64 else None)
    whole = torch.linalg.eigvalsh(A)
    expected = whole.flip(0)[:k] if largest else whole[:k]
    check(A, None, values, vectors, expected, 1e-6 if dtype is torch.float64 else 2e-2)


def test_generalised_problems_have_the_product_of_the_second_matrix() -> None:
    A, B = symmetric(24), symmetric(24, seed=1) + torch.eye(24, dtype=torch.float64)
    values, vectors = torch.lobpcg(A, k=3, B=B, tol=1e-9)
    L = torch.linalg.cholesky(B)
    inner = torch.linalg.solve_triangular(L, torch.linalg.solve_triangular(L, A, upper=False).mT, upper=False)
    check(A, B, values, vectors, torch.linalg.eigvalsh((inner + inner.mT) / 2).flip(0)[:3], 1e-6)


def test_batches_starts_and_preconditioners() -> None:
    A = symmetric(15, 2, 2)
    values, vectors = torch.lobpcg(A, k=2, tol=1e-9)
    assert vectors.shape == (2, 2, 15, 2)
    check(A, None, values, vectors, torch.linalg.eigvalsh(A).flip(-1)[..., :2], 1e-6)
    one = A[0, 0]
    E, Q = torch.linalg.eigh(one)
    found, _ = torch.lobpcg(one, X=Q[:, :2], niter=0, largest=False)
    assert torch.allclose(found, E[:2])
    near = torch.linalg.inv(one + 0.01 * torch.eye(15, dtype=one.dtype))
    found, _ = torch.lobpcg(one, k=1, largest=False, iK=near, niter=20, tol=1e-10)
    assert torch.allclose(found, E[:1])


def test_derivatives_are_those_of_the_decomposition() -> None:
    A = symmetric(6).requires_grad_()
    assert gradcheck(lambda A: torch.lobpcg(A, k=2)[0], (A,))
    assert gradcheck(lambda A: torch.lobpcg(A, k=2, largest=False)[1].square(), (A,))
    with torch.no_grad():
        assert not torch.lobpcg(A, k=2)[0].requires_grad


def test_refusals() -> None:
    A = torch.eye(9)
    with pytest.raises(ValueError, match="LOBPCG algorithm is not applicable when the number of A rows"):
        torch.lobpcg(A, k=4)
    with pytest.raises(RuntimeError, match="square matrix"):
        torch.lobpcg(torch.ones(3))
    with pytest.raises(RuntimeError, match="floating dtype"):
        torch.lobpcg(A.long())
    with pytest.raises(ValueError, match="'ortho' or 'basic'"):
        torch.lobpcg(A, method="x")
    with pytest.raises(NotImplementedError, match="trackers"):
        torch.lobpcg(A, tracker=print)
    with pytest.raises(NotImplementedError, match="without B"):
        torch.lobpcg(A.requires_grad_(), B=torch.eye(9))
