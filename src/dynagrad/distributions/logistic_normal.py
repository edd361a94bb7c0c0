"""The logistic-normal distribution."""

from __future__ import annotations

from typing import Any

from dynagrad import Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.independent import Independent
from dynagrad.distributions.normal import Normal
from dynagrad.distributions.transformed_distribution import TransformedDistribution
from dynagrad.distributions.transforms import StickBreakingTransform

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """Vectors that sum to one, made by breaking a stick at normal numbers of mean ``loc`` and deviation ``scale`` (..., n).

    >>> import dynagrad as torch
    >>> torch.distributions.LogisticNormal(torch.zeros(2), torch.ones(2)).sample().shape
    torch.Size([3])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(LogisticNormal, _instance))

    def _normal(self) -> Normal:
        assert isinstance(self.base_dist, Independent)
        return self.base_dist.base_dist

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        return self._normal().loc

    @property
    def scale(self) -> Tensor:
        """Their standard deviations."""
        return self._normal().scale
