"""The geometric distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.odds import Odds
from dynagrad.distributions.utils import broadcast_all, cross_entropy_of_bits

__all__ = ["Geometric"]


class Geometric(Odds):
    """The number of failures before the first success, of the probability ``probs`` or log-odds ``logits``.

    >>> import dynagrad as torch
    >>> torch.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer
    _parameters = ("probs", "logits")

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(self._take(probs, logits), validate_args=validate_args)
        if self._validate_args and probs is not None:
            value = self.probs
            if not (value > 0).all():
                raise ValueError(
                    f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) "
                    f"of distribution {self!r} to be positive but found invalid values:\n{value[value <= 0]}"
                )

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return dynagrad.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with dynagrad.no_grad():
            u = dynagrad.empty(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            u.uniform_(dynagrad.finfo(u.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        # Zero failures are certain where success is: 0 * log 0 is 0.
        failures = dynagrad.where((probs == 1) & (value == 0), dynagrad.zeros_like(probs), probs)
        return value * (-failures).log1p() + probs.log()

    def entropy(self) -> Tensor:
        return cross_entropy_of_bits(self.logits, self.probs) / self.probs
