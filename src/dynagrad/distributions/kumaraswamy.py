"""The Kumaraswamy distribution."""

from __future__ import annotations

import math
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.transformed_distribution import TransformedDistribution
from dynagrad.distributions.transforms import AffineTransform, PowerTransform, Transform
from dynagrad.distributions.uniform import Uniform
from dynagrad.distributions.utils import broadcast_all, euler_constant

__all__ = ["Kumaraswamy"]


class Kumaraswamy(TransformedDistribution):
    """Numbers between 0 and 1 with ``cdf(x) = 1 - (1 - x^concentration1)^concentration0``, much like the beta's.

    >>> import dynagrad as torch
    >>> torch.distributions.Kumaraswamy(1.0, 1.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        low, high = dynagrad.zeros_like(self.concentration0), dynagrad.ones_like(self.concentration0)
        base = Uniform(low, high, validate_args=validate_args)
        super().__init__(base, self._from_uniform(), validate_args=validate_args)

    def _from_uniform(self) -> list[Transform]:
        return [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Kumaraswamy, _instance)
        new.concentration1 = self.concentration1.expand(batch_shape)
        new.concentration0 = self.concentration0.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def _moment(self, n: int) -> Tensor:
        """The expectation of ``x^n``: ``b B(1 + n / a, b)``."""
        a, b = self.concentration1, self.concentration0
        power = 1 + n / a
        return (b.log() + power.lgamma() + b.lgamma() - (power + b).lgamma()).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1) / (a * b - 1)).pow(a.reciprocal())
        return mode.masked_fill((a < 1) | (b < 1), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean.pow(2)

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()
