"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.transformed_distribution import TransformedDistribution
from dynagrad.distributions.transforms import AffineTransform, ExpTransform
from dynagrad.distributions.uniform import Uniform
from dynagrad.distributions.utils import broadcast_all, euler_constant

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """The limit of the largest of many numbers, around ``loc`` and as wide as ``scale``.

    >>> import dynagrad as torch
    >>> torch.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = dynagrad.finfo(self.loc.dtype)
        low, high = (dynagrad.full_like(self.loc, end) for end in (limits.tiny, 1 - limits.eps))
        base = Uniform(low, high, validate_args=validate_args)
        # loc - scale log(-log u)
        flip = AffineTransform(loc=0, scale=-dynagrad.ones_like(self.scale))
        stretch = AffineTransform(loc=self.loc, scale=-self.scale)
        transforms = [ExpTransform().inv, flip, ExpTransform().inv, stretch]
        super().__init__(base, transforms, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Gumbel, _instance)
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.pow(2)

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)
