"""Divergences between normal distributions of vectors, with dense covariances or with those of low rank.

All four are ``(log det Q - log det P + tr(Q⁻¹ P) + (m - n)ᵀ Q⁻¹ (m - n) - dim) / 2``. For the trace P is written as a sum
of ``B Bᵀ``: of its factor, or of its directions and of its diagonal's root, which stays a vector.
"""

from __future__ import annotations

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions.kl.registry import register_kl
from dynagrad.distributions.lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    low_rank_log_det,
    low_rank_mahalanobis,
)
from dynagrad.distributions.multivariate_normal import MultivariateNormal, batch_mahalanobis, half_log_det

__all__: list[str] = []

VectorNormal = MultivariateNormal | LowRankMultivariateNormal


def _log_det(p: VectorNormal) -> Tensor:
    if isinstance(p, MultivariateNormal):
        return 2 * half_log_det(p._unbroadcasted_scale_tril)
    return low_rank_log_det(p._unbroadcasted_cov_diag, p._capacitance_tril)


def _mahalanobis(q: VectorNormal, x: Tensor) -> Tensor:
    if isinstance(q, MultivariateNormal):
        return batch_mahalanobis(q._unbroadcasted_scale_tril, x)
    return low_rank_mahalanobis(q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, x, q._capacitance_tril)


def _solved(factor: Tensor, columns: Tensor) -> Tensor:
    batch = dynagrad.broadcast_shapes(factor.shape[:-2], columns.shape[:-2])
    factor, columns = (each.expand((*batch, *each.shape[-2:])) for each in (factor, columns))
    return dynagrad.linalg.solve_triangular(factor, columns, upper=False)


def _squares(matrix: Tensor) -> Tensor:
    return matrix.pow(2).sum((-2, -1))


def _trace(q: VectorNormal, matrix: Tensor | None, diagonal: Tensor | None) -> Tensor:
    """``tr(Q⁻¹ B Bᵀ)`` of a matrix B and of a diagonal one, summed."""
    pieces = []
    if isinstance(q, MultivariateNormal):
        columns = (matrix, None if diagonal is None else diagonal.diag_embed())
        pieces = [_squares(_solved(q._unbroadcasted_scale_tril, each)) for each in columns if each is not None]
    else:
        # Q⁻¹ = D⁻¹ - Aᵀ A, with A = C⁻¹ Wᵀ D⁻¹ of the capacitance's factor C.
        W, D = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag
        A = _solved(q._capacitance_tril, W.mT / D.unsqueeze(-2))
        if matrix is not None:
            pieces.append(_squares(matrix * D.rsqrt().unsqueeze(-1)) - _squares(A @ matrix))
        if diagonal is not None:
            pieces.append((diagonal.pow(2) / D).sum(-1) - _squares(A * diagonal.unsqueeze(-2)))
    total = pieces[0]
    for piece in pieces[1:]:
        total = total + piece
    return total


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _between(p: VectorNormal, q: VectorNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        low = {isinstance(each, LowRankMultivariateNormal) for each in (p, q)}
        kind = "(Low Rank) " if len(low) == 2 else "Low Rank " if True in low else ""
        raise ValueError(
            f"KL-divergence between two {kind}Multivariate Normals with different event shapes cannot be computed"
        )
    if isinstance(p, MultivariateNormal):
        trace = _trace(q, p._unbroadcasted_scale_tril, None)
    else:
        trace = _trace(q, p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag.sqrt())
    return 0.5 * (_log_det(q) - _log_det(p) + trace + _mahalanobis(q, q.loc - p.loc) - p.event_shape[0])
