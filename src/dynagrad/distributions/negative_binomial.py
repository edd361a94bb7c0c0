"""The negative binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.gamma import Gamma
from dynagrad.distributions.odds import Odds
from dynagrad.distributions.utils import broadcast_all, lazy_property
from dynagrad.nn import functional as F

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Odds):
    """The number of successes, of the probability ``probs`` or log-odds ``logits``, before ``total_count`` failures.

    >>> import dynagrad as torch
    >>> torch.distributions.NegativeBinomial(3, torch.tensor(0.5)).mean
    tensor(3.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _parameters = ("total_count", "probs", "logits")

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._take(probs, logits)
        name = "probs" if logits is None else "logits"
        self.total_count, given = broadcast_all(total_count, self._param)
        self.total_count = self.total_count.type_as(given)
        setattr(self, name, given)
        super().__init__(given.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self) -> Gamma:
        # Rates of which the Poisson distributions are mixed.
        return Gamma(concentration=self.total_count, rate=(-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with dynagrad.no_grad():
            return dynagrad.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        count = self.total_count
        weights = count * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        choices = (1.0 + value).lgamma() + count.lgamma() - (count + value).lgamma()
        # Nothing comes before no failures: the difference of two infinities is 0.
        return weights - choices.masked_fill(count + value == 0.0, 0.0)
