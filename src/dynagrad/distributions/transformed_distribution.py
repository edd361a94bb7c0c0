"""A distribution sent through transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.constraints import Constraint
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.independent import Independent
from dynagrad.distributions.transforms import ComposeTransform, Transform
from dynagrad.distributions.utils import sum_rightmost

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """What becomes of the outcomes of ``base_distribution`` by one transform, or by several in order.

    The density is that of the origin, divided by the volume change: ``log_prob(y) = base.log_prob(x) - log |det dy/dx|``.
    ValueError for what is no transform, and for a base whose shapes have fewer dimensions than the transforms need.

    >>> import dynagrad as torch
    >>> from dynagrad.distributions import ExpTransform, Normal, TransformedDistribution
    >>> TransformedDistribution(Normal(0.0, 1.0), ExpTransform()).log_prob(torch.tensor(1.0))
    tensor(-0.9189)
    """

    arg_constraints: dict[str, Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        if isinstance(transforms, Transform):
            self.transforms = [transforms]
        elif isinstance(transforms, list):
            if not all(isinstance(t, Transform) for t in transforms):
                raise ValueError("transforms must be a Transform or a list of Transforms")
            self.transforms = transforms
        else:
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        base_shape = base_distribution.batch_shape + base_distribution.event_shape
        whole = ComposeTransform(self.transforms)
        needed = whole.domain.event_dim
        if len(base_shape) < needed:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {needed}, but got {base_shape}."
            )
        shape = Size(whole.forward_shape(base_shape))
        expanded = Size(whole.inverse_shape(shape))
        if expanded != base_shape:
            base_distribution = base_distribution.expand(_batch_of(expanded, base_distribution))
        missing = needed - len(base_distribution.event_shape)
        if missing > 0:
            base_distribution = Independent(base_distribution, missing)
        self.base_dist = base_distribution
        event_dim = whole.codomain.event_dim + max(-missing, 0)
        cut = len(shape) - event_dim
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        new = self._get_checked_instance(TransformedDistribution, _instance)
        batch_shape = Size(batch_shape)
        origin = Size(ComposeTransform(self.transforms).inverse_shape(batch_shape + self.event_shape))
        new.base_dist = self.base_dist.expand(_batch_of(origin, self.base_dist))
        new.transforms = self.transforms
        super(TransformedDistribution, new).__init__(batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Constraint | None:
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        missing = len(self.event_shape) - last.event_dim
        return constraints.independent(last, missing) if missing > 0 else last

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    def _through(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def _origin(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return value

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with dynagrad.no_grad():
            return self._through(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self._through(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        found: Any
        event_dim, found, y = len(self.event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            change = transform.log_abs_det_jacobian(x, y)
            found = found - sum_rightmost(change, event_dim - transform.domain.event_dim)
            y = x
        own = event_dim - len(self.base_dist.event_shape)
        return found + sum_rightmost(self.base_dist.log_prob(y), max(own, 0))

    def _falling(self) -> Any:
        """The product of the signs of the transforms: a falling one turns the probability below into that above."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return sign

    def _turned(self, value: Tensor) -> Tensor:
        sign = self._falling()
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        """By the base's, where the transforms are monotonic maps of numbers."""
        origin = self._origin(value)
        if self._validate_args:
            self.base_dist._validate_sample(origin)
        return self._turned(self.base_dist.cdf(origin))

    def icdf(self, value: Tensor) -> Tensor:
        """By the base's, where the transforms are monotonic maps of numbers."""
        return self._through(self.base_dist.icdf(self._turned(value)))


def _batch_of(shape: Size, distribution: Distribution) -> Size:
    """The batch shape of a distribution whose samples have this shape."""
    return shape[: len(shape) - len(distribution.event_shape)]
