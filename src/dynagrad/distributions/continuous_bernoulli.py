"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.exp_family import ExponentialFamily
from dynagrad.distributions.odds import Odds
from dynagrad.distributions.utils import (
    broadcast_all,
    clamp_probs,
    cross_entropy_of_bits,
    lazy_property,
    logits_to_probs,
)

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Odds, ExponentialFamily):
    """Numbers x between 0 and 1 of density ``p^x (1 - p)^(1 - x)`` up to a factor, for autoencoders of grey images.

    By Loaiza-Ganem and Cunningham, 2019. At p = 1/2, where the closed forms are 0 / 0, Taylor polynomials stand in.

    Args:
        probs: p, a tensor or a number.
        logits: its log-odds; ValueError unless exactly one of the two is given.
        lims: the p between which the polynomials are used.
        validate_args: see `Distribution`.

    >>> import dynagrad as torch
    >>> torch.distributions.ContinuousBernoulli(0.5).mean
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _parameters = ("probs", "logits")
    _carried = ("_lims",)
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        shape = self._take(probs, logits)
        if logits is None:
            # Clamped ones would always pass, so that they are looked at before.
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(shape, validate_args=validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """p, kept off 0 and 1 by one rounding step."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _where_stable(self, exact: Tensor, taylor: Tensor) -> Tensor:
        return dynagrad.where(self._stable(self.probs, 0.0), exact, taylor)

    def _stable(self, value: Tensor, centre: float) -> Tensor:
        low, high = self._lims
        return (value <= low - centre) | (value > high - centre)

    def _cut_probs(self) -> Tensor:
        return dynagrad.where(self._stable(self.probs, 0.0), self.probs, self._lims[0])

    @staticmethod
    def _log_odds(p: Tensor) -> Tensor:
        return p.log() - (-p).log1p()

    def _cont_bern_log_norm(self) -> Tensor:
        """``log(2 artanh(1 - 2p) / (1 - 2p))``, the logarithm of the factor."""
        p = self._cut_probs()
        x = (self.probs - 0.5).pow(2)
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return self._where_stable((self._log_odds(p) / (2.0 * p - 1.0)).log(), taylor)

    @property
    def mean(self) -> Tensor:
        p, x = self._cut_probs(), self.probs - 0.5
        taylor = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x
        return self._where_stable(p / (2.0 * p - 1.0) - 1.0 / self._log_odds(p), taylor)

    @property
    def variance(self) -> Tensor:
        p, x = self._cut_probs(), (self.probs - 0.5).pow(2)
        taylor = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return self._where_stable(p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + self._log_odds(p).pow(-2), taylor)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.icdf(dynagrad.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return self._cont_bern_log_norm() - cross_entropy_of_bits(logits, value)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        p = self._cut_probs()
        exact = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = self._where_stable(exact, value)
        return dynagrad.where(value <= 0.0, 0.0, dynagrad.where(value >= 1.0, 1.0, inside))

    def icdf(self, value: Tensor) -> Tensor:
        p = self._cut_probs()
        exact = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / self._log_odds(p)
        return self._where_stable(exact, value)

    def entropy(self) -> Tensor:
        failure = (-self.probs).log1p()
        return self.mean * (failure - self.probs.log()) - self._cont_bern_log_norm() - failure

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        stable = self._stable(x, 0.5)
        cut = dynagrad.where(stable, x, self._lims[0] - 0.5)
        taylor = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return dynagrad.where(stable, (cut.expm1() / cut).log(), taylor)
