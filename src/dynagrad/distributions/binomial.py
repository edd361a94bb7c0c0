"""The binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.constraints import Constraint
from dynagrad.distributions.odds import Odds
from dynagrad.distributions.utils import broadcast_all

__all__ = ["Binomial"]


class Binomial(Odds):
    """The number of successes among ``total_count`` trials, of the probability ``probs`` or log-odds ``logits``.

    >>> import dynagrad as torch
    >>> torch.distributions.Binomial(2, torch.tensor(0.5)).log_prob(torch.tensor(1.0)).exp()
    tensor(0.5000)
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _parameters = ("total_count", "probs", "logits")

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._take(probs, logits)
        name = "probs" if logits is None else "logits"
        self.total_count, given = broadcast_all(total_count, self._param)
        self.total_count = self.total_count.type_as(given)
        setattr(self, name, given)
        super().__init__(given.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with dynagrad.no_grad():
            return dynagrad.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        count, logits = self.total_count, self.logits
        choices = (count + 1).lgamma() - (value + 1).lgamma() - (count - value + 1).lgamma()
        # n log(1 - p) = -n softplus(logits), of whichever sign of the logits does not overflow.
        size = logits.abs()
        none = count * (0.5 * (logits + size) + (-size).exp().log1p())
        return value * logits + choices - none

    def _same_count(self, what: str) -> int:
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{what}`.")
        return count

    def entropy(self) -> Tensor:
        """By the sum over all outcomes; NotImplementedError where the counts differ."""
        self._same_count("entropy")
        found = self.log_prob(self.enumerate_support(False))
        return -(found.exp() * found).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """From 0 to the count; NotImplementedError where the counts differ."""
        count = self._same_count("enumerate_support")
        return self._enumerated(dynagrad.arange(1 + count, dtype=self._param.dtype), expand)
