"""The Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.exp_family import ExponentialFamily
from dynagrad.distributions.odds import Odds
from dynagrad.distributions.utils import broadcast_all, cross_entropy_of_bits
from dynagrad.nn import functional as F

__all__ = ["Bernoulli"]


class Bernoulli(Odds, ExponentialFamily):
    """One with the probability ``probs``, of the log-odds ``logits``; otherwise zero.

    >>> import dynagrad as torch
    >>> torch.distributions.Bernoulli(torch.tensor([0.25, 1.0])).log_prob(torch.ones(2)).exp()
    tensor([0.2500, 1.0000])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _parameters = ("probs", "logits")
    _mean_carrier_measure = 0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(self._take(probs, logits), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return mode.masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with dynagrad.no_grad():
            return dynagrad.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -cross_entropy_of_bits(logits, value)

    def entropy(self) -> Tensor:
        return cross_entropy_of_bits(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(dynagrad.arange(2, dtype=self._param.dtype), expand)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.probs.logit(),)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        return F.softplus(natural_params[0])
