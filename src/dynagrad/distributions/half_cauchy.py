"""The distribution of the size of a Cauchy number."""

from __future__ import annotations

import math
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.cauchy import Cauchy
from dynagrad.distributions.half_normal import Folded
from dynagrad.distributions.transforms import AbsTransform
from dynagrad.distributions.utils import broadcast_all

__all__ = ["HalfCauchy"]


class HalfCauchy(Folded):
    """The size of a Cauchy number of median zero and half width ``scale``, a tensor or a number.

    >>> import dynagrad as torch
    >>> torch.distributions.HalfCauchy(1.0).cdf(torch.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        (scale,) = broadcast_all(scale)
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(HalfCauchy, _instance))

    @property
    def mean(self) -> Tensor:
        return dynagrad.full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(dynagrad.as_tensor(value, dtype=self.scale.dtype))
