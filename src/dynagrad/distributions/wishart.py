"""The Wishart distribution."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.chi2 import Chi2
from dynagrad.distributions.constraints import Constraint
from dynagrad.distributions.exp_family import ExponentialFamily
from dynagrad.distributions.multivariate_normal import ScaledByMatrix, half_log_det
from dynagrad.distributions.utils import lazy_property

__all__ = ["Wishart"]


def multivariate_digamma(x: Tensor, p: int) -> Tensor:
    """The derivative of ``mvlgamma``: ``Σ digamma(x - i / 2)`` for i from 0 to p - 1."""
    return (x.unsqueeze(-1) - dynagrad.arange(p, dtype=x.dtype) / 2).digamma().sum(-1)


class Wishart(ScaledByMatrix, ExponentialFamily):
    """The sum of ``df`` outer products of normal vectors with themselves, whose covariance is given by one of three matrices.

    Args:
        df: degrees of freedom, a tensor or a number; ValueError unless it exceeds n - 1. Below n samples are likely
            to be singular, of which a warning tells.
        covariance_matrix: (..., n, n), positive definite.
        precision_matrix: its inverse.
        scale_tril: its Cholesky factor. AssertionError unless exactly one of the three is given; ValueError where it has
            fewer than two dimensions.
        validate_args: see `Distribution`.

    >>> import dynagrad as torch
    >>> torch.distributions.Wishart(3.0, torch.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _parameters = ("df", "covariance_matrix", "precision_matrix", "scale_tril")
    _carried = ("_unbroadcasted_scale_tril",)
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        try:
            name, matrix = self._given(
                covariance_matrix=covariance_matrix, scale_tril=scale_tril, precision_matrix=precision_matrix
            )
        except ValueError as error:
            raise AssertionError(*error.args) from None
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        degrees = df if isinstance(df, Tensor) else dynagrad.tensor(df, dtype=matrix.dtype)
        batch_shape = Size(dynagrad.broadcast_shapes(matrix.shape[:-2], degrees.shape))
        self.df = degrees.expand(batch_shape)
        n = matrix.shape[-1]
        if self.df.le(n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        if self.df.lt(n).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        super().__init__(batch_shape, matrix.shape[-2:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, matrix)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def _times(self, factor: Tensor, matrix: Tensor) -> Tensor:
        return factor.view((*self._batch_shape, 1, 1)) * matrix

    @property
    def mean(self) -> Tensor:
        return self._times(self.df, self.covariance_matrix)

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        return self._times(factor.masked_fill(factor <= 0, math.nan), self.covariance_matrix)

    @property
    def variance(self) -> Tensor:
        V = self.covariance_matrix
        diagonal = V.diagonal(dim1=-2, dim2=-1)
        return self._times(self.df, V.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    @lazy_property
    def _dist_chi2(self) -> Chi2:
        """Of the squared diagonal in Bartlett's decomposition."""
        rows = dynagrad.arange(self._event_shape[-1], dtype=self._unbroadcasted_scale_tril.dtype)
        return Chi2(self.df.unsqueeze(-1) - rows, validate_args=False)

    def _bartlett(self, sample_shape: Sequence[int]) -> Tensor:
        """``(L A) (L A)ᵀ``, with normal numbers below the diagonal of A."""
        n = self._event_shape[-1]
        diagonal = self._dist_chi2.rsample(sample_shape).sqrt()
        diagonal = diagonal.clamp(min=dynagrad.finfo(diagonal.dtype).eps)
        normal = dynagrad.randn((*sample_shape, *self._batch_shape, n * (n - 1) // 2), dtype=diagonal.dtype)
        noise = diagonal.diag_embed()
        rows, columns = dynagrad.tril_indices(n, n, offset=-1)
        noise[..., rows, columns] = normal
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def _singular(self, sample: Tensor) -> Tensor:
        """Whether, for each place of the sample shape, some sample of the batch is singular."""
        singular = ~self.support.check(sample)
        return singular.flatten(singular.dim() - len(self._batch_shape)).any(-1) if self._batch_shape else singular

    def rsample(self, sample_shape: Sequence[int] = Size(), max_try_correction: int | None = None) -> Tensor:
        """Differentiable samples; singular ones are drawn anew up to ``max_try_correction`` times, 10 by default.

        A warning tells that there were some.
        """
        # PyTorch's test for singular samples lets each regular one be drawn a second time; for its numbers, so is it here.
        self._bartlett(sample_shape)
        sample = self._bartlett(sample_shape)
        singular = self._singular(sample)
        if singular.any():
            warnings.warn("Singular sample detected.", stacklevel=2)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            if not singular.any():
                break
            anew = self._bartlett(Size((int(singular.sum()),)))
            sample = sample.clone()
            sample[singular] = anew
            singular = self._singular(sample)
        return sample

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        nu, p, factor = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        trace = dynagrad.cholesky_solve(value, factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (
            -nu * (p * math.log(2) / 2 + half_log_det(factor))
            - (nu / 2).mvlgamma(p)
            + (nu - p - 1) / 2 * dynagrad.linalg.slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self) -> Tensor:
        nu, p = self.df, self._event_shape[-1]
        return (
            (p + 1) * (p * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
            + (nu / 2).mvlgamma(p)
            - (nu - p - 1) / 2 * multivariate_digamma(nu / 2, p)
            + nu * p / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        p = self._event_shape[-1]
        shape = y + (p + 1) / 2
        return shape * (p * math.log(2) - dynagrad.linalg.slogdet(-2 * x).logabsdet) + shape.mvlgamma(p)
