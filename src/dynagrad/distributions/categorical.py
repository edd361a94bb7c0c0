"""The distribution over a number of choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.constraints import Constraint
from dynagrad.distributions.odds import Odds

__all__ = ["Categorical"]


class Categorical(Odds):
    """The choice i, from 0 on, with the probability ``probs[..., i]``, or of the log-probability ``logits[..., i]``.

    Either may be given up to its normalisation, which is done here. ValueError for a tensor without dimensions.

    >>> import dynagrad as torch
    >>> policy = torch.distributions.Categorical(logits=torch.zeros(4))
    >>> policy.probs, policy.log_prob(torch.tensor(2))
    (tensor([0.2500, 0.2500, 0.2500, 0.2500]), tensor(-1.3863))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _parameters = ("probs", "logits")
    _carried = ("_num_events",)
    _binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        batch_shape = self._take(probs, logits)
        self._num_events = self._param.size(-1)
        super().__init__(batch_shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self._num_events - 1)

    def _nan(self) -> Tensor:
        return dynagrad.full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    @property
    def mean(self) -> Tensor:
        return self._nan()

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(dim=-1)

    @property
    def variance(self) -> Tensor:
        return self._nan()

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        rows = self.probs.detach().reshape(-1, self._num_events)
        drawn = dynagrad.multinomial(rows, Size(sample_shape).numel(), True).T
        return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, logits = dynagrad.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        # A probability of zero has the logarithm -inf, and contributes nothing.
        logits = self.logits.clamp(min=dynagrad.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(dynagrad.arange(self._num_events, dtype=dynagrad.long), expand)
