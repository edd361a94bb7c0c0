"""Divergences between distributions of different families.

Each is ``-H(p) - E[log q(x)]``, x of p, and the expectation needs only a few moments of p: one formula for each family
of q serves all p whose moments are known. Where p has outcomes that q has not, the divergence is infinite.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions.bernoulli import Bernoulli
from dynagrad.distributions.beta import Beta
from dynagrad.distributions.binomial import Binomial
from dynagrad.distributions.continuous_bernoulli import ContinuousBernoulli
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.exponential import Exponential
from dynagrad.distributions.gamma import Gamma
from dynagrad.distributions.gumbel import Gumbel
from dynagrad.distributions.kl.registry import register_kl
from dynagrad.distributions.laplace import Laplace
from dynagrad.distributions.normal import Normal
from dynagrad.distributions.pareto import Pareto
from dynagrad.distributions.poisson import Poisson
from dynagrad.distributions.uniform import Uniform
from dynagrad.distributions.utils import euler_constant

__all__: list[str] = []

# ---- moments of p ----------------------------------------------------------------------------------------------------


@functools.singledispatch
def _mean_log(p: Any) -> Tensor:
    """``E[log x]``."""
    raise NotImplementedError


@_mean_log.register
def _(p: Beta) -> Tensor:
    return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()


@_mean_log.register
def _(p: Exponential) -> Tensor:
    return -euler_constant - p.rate.log()


@_mean_log.register
def _(p: Pareto) -> Tensor:
    return p.scale.log() + p.alpha.reciprocal()


def _mean_log_between(low: Tensor, high: Tensor) -> Tensor:
    """``E[log x]`` between two limits; 0 log 0 is 0."""
    return (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1


@_mean_log.register
def _(p: Uniform) -> Tensor:
    return _mean_log_between(p.low, p.high)


@functools.singledispatch
def _mean_falling(p: Any, loc: Tensor, scale: Tensor) -> Tensor:
    """``E[exp((loc - x) / scale)]``."""
    raise NotImplementedError


@_mean_falling.register
def _(p: Normal, loc: Tensor, scale: Tensor) -> Tensor:
    return ((loc - p.loc) / scale + 0.5 * (p.scale / scale).pow(2)).exp()


@_mean_falling.register
def _(p: Exponential, loc: Tensor, scale: Tensor) -> Tensor:
    product = p.rate * scale
    return (loc / scale).exp() * product / (product + 1)


@_mean_falling.register
def _(p: Gamma, loc: Tensor, scale: Tensor) -> Tensor:
    return (loc / scale).exp() * (1 + (p.rate * scale).reciprocal()).pow(-p.concentration)


@_mean_falling.register
def _(p: Uniform, loc: Tensor, scale: Tensor) -> Tensor:
    ends = ((loc - p.low) / scale).exp() - ((loc - p.high) / scale).exp()
    return scale / (p.high - p.low) * ends


# ---- one formula for each q ------------------------------------------------------------------------------------------


def _register(*families: type[Distribution], to: type[Distribution]) -> Callable[[Any], Any]:
    def enter(expected: Callable[[Any, Any], Tensor]) -> Any:
        for family in families:
            register_kl(family, to)(lambda p, q: -p.entropy() - expected(p, q))
        return expected

    return enter


@_register(Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform, to=Normal)
def _expected_normal(p: Any, q: Normal) -> Tensor:
    around = p.variance + (p.mean - q.loc).pow(2)
    return -q.scale.log() - 0.5 * math.log(2 * math.pi) - 0.5 * around / q.scale.pow(2)


@_register(Beta, ContinuousBernoulli, Gamma, Pareto, to=Exponential)
def _expected_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate.log() - q.rate * p.mean


@_register(Beta, Exponential, Pareto, to=Gamma)
def _expected_gamma(p: Any, q: Gamma) -> Tensor:
    factor = q.concentration * q.rate.log() - q.concentration.lgamma()
    return factor + (q.concentration - 1) * _mean_log(p) - q.rate * p.mean


@_register(Exponential, Gamma, Normal, Uniform, to=Gumbel)
def _expected_gumbel(p: Any, q: Gumbel) -> Tensor:
    return -q.scale.log() - (p.mean - q.loc) / q.scale - _mean_falling(p, q.loc, q.scale)


@_register(Beta, to=ContinuousBernoulli)
def _expected_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return p.mean * q.logits + (-q.probs).log1p() + q._cont_bern_log_norm()


@_register(Normal, to=Laplace)
def _expected_laplace(p: Normal, q: Laplace) -> Tensor:
    """By the mean of the folded normal distribution of ``|x - loc|``."""
    away = p.loc - q.loc
    scaled = away / p.scale
    size = math.sqrt(2 / math.pi) * p.scale * (-0.5 * scaled.pow(2)).exp() + away * (math.sqrt(0.5) * scaled).erf()
    return -(2 * q.scale).log() - size / q.scale


@_register(Bernoulli, to=Poisson)
def _expected_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return p.probs * q.rate.log() - q.rate


# ---- where outcomes of p may be none of q's --------------------------------------------------------------------------


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return found.masked_fill((q.low > 0) | (q.high < 1), math.inf)


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return found.masked_fill((q.low >= 0) | (q.high <= 1), math.inf)  # as PyTorch, at equal limits, too


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    found = -p.entropy() - _expected_continuous_bernoulli(p, q)
    return found.masked_fill((p.high >= 1) | (p.low <= 0), math.inf)  # as PyTorch, at equal limits, too


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return (-p.entropy() - _expected_exponential(p, q)).masked_fill(p.low < 0, math.inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return (-p.entropy() - _expected_gamma(p, q)).masked_fill(p.low < 0, math.inf)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    density = (a - 1) * _mean_log(p) + (b - 1) * _mean_log_between(1 - p.high, 1 - p.low)
    found = -p.entropy() - density + a.lgamma() + b.lgamma() - (a + b).lgamma()
    return found.masked_fill((p.high > 1) | (p.low < 0), math.inf)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    density = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_log(p)
    return (-p.entropy() - density).masked_fill(p.low < q.scale, math.inf)


def _infinite(p: Distribution, _q: Distribution) -> Tensor:
    """Everywhere, in the shape of p's batch."""
    return dynagrad.full_like(p.mean, math.inf)


for _from, _to in (
    ((Beta,), (Pareto,)),
    ((ContinuousBernoulli,), (Pareto,)),
    ((Exponential, Gamma), (Beta, ContinuousBernoulli, Pareto, Uniform)),
    ((Gumbel, Laplace, Normal), (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    ((Pareto,), (Beta, ContinuousBernoulli, Uniform)),
    ((Poisson,), (Bernoulli, Binomial)),
):
    for _p in _from:
        for _q in _to:
            register_kl(_p, _q)(_infinite)
