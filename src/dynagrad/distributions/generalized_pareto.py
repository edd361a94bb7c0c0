"""The generalised Pareto distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.constraints import Constraint
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over the threshold ``loc``, with ``1 - cdf(x) = (1 + concentration · (x - loc) / scale)^(-1 / concentration)``.

    A concentration of zero is the limit, an exponential distribution; a negative one ends at ``loc - scale / concentration``.

    >>> import dynagrad as torch
    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _parameters = ("loc", "scale", "concentration")

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        falling = self.concentration < 0
        return constraints.interval(
            self.loc, dynagrad.where(falling, self.loc - self.scale / self.concentration, math.inf)
        )

    def _limit(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is zero, and one that is nowhere zero to divide by."""
        zero = self.concentration.isclose(dynagrad.zeros_like(self.concentration))
        return zero, dynagrad.where(zero, 1.0, self.concentration)

    def _z(self, value: Tensor) -> Tensor:
        return (value - self.loc) / self.scale

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.icdf(dynagrad.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z, (zero, xi) = self._z(value), self._limit()
        power = 1 / xi + dynagrad.ones_like(z)
        # At a concentration of -1 the density is constant up to the end, where the logarithm is infinite.
        exact = dynagrad.where(power == 0, power, power * (xi * z).log1p())
        return -self.scale.log() - dynagrad.where(zero, z, exact)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """``log(1 - cdf(value))``."""
        if self._validate_args:
            self._validate_sample(value)
        z, (zero, xi) = self._z(value), self._limit()
        return dynagrad.where(zero, -z, -(xi * z).log1p() / xi)

    def log_cdf(self, value: Tensor) -> Tensor:
        """``log cdf(value)``."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        zero, xi = self._limit()
        survival = (-value).log1p()
        exact = self.loc + self.scale / xi * (-xi * survival).expm1()
        return dynagrad.where(zero, self.loc - self.scale * survival, exact)

    @property
    def mean(self) -> Tensor:
        found = self.loc + self.scale / (1 - self.concentration)
        return dynagrad.where(self.concentration < 1, found, math.nan)

    @property
    def variance(self) -> Tensor:
        xi = self.concentration
        found = self.scale.pow(2) / ((1 - xi).pow(2) * (1 - 2 * xi))
        return dynagrad.where(xi < 0.5, found, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    def entropy(self) -> Tensor:
        return (self.scale.log() + self.concentration + 1).expand(self._batch_shape)
