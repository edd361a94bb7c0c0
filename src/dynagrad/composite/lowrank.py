"""Approximations of low rank by random projections.

Halko, Martinsson and Tropp, Finding structure with randomness (2009).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynagrad._core.card import CARDS, Card, register

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def _range(A: Tensor, q: int, niter: int, M: Tensor | None) -> Tensor:
    """Orthonormal columns whose span nearly holds that of A (algorithm 4.4 there)."""
    A = A if M is None else A - M
    R = CARDS["randn"].op(A.shape[-1], q, dtype=A.dtype)
    qr = CARDS["linalg_qr"].op
    Q = qr(A @ R).Q
    for _ in range(niter):
        Q = qr(A.mT @ Q).Q
        Q = qr(A @ Q).Q
    return Q


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) of the q largest singular values, nearly; of A - M where M is given.

    >>> import dynagrad
    >>> dynagrad.svd_lowrank(dynagrad.eye(3), q=2)[1].shape
    torch.Size([2])
    """
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    M = None if M is None else M.expand(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A, M = A.mT, None if M is None else M.mT
    Q = _range(A, q, niter, M)
    B = Q.mT @ (A if M is None else A - M)
    U, S, Vh = CARDS["linalg_svd"].op(B, full_matrices=False)
    U, V = Q @ U, Vh.mT
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) of the principal components of the rows of A, nearly.

    >>> import dynagrad
    >>> dynagrad.pca_lowrank(dynagrad.eye(3), q=2)[2].shape
    torch.Size([3, 2])
    """
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)


for _op in (svd_lowrank, pca_lowrank):
    register(Card(_op.__name__, _op, samples="database", method=False))
