"""Divergences between two distributions of one family."""

from __future__ import annotations

import math
from typing import Any

from dynagrad import Tensor
from dynagrad.distributions.bernoulli import Bernoulli
from dynagrad.distributions.beta import Beta
from dynagrad.distributions.binomial import Binomial
from dynagrad.distributions.categorical import Categorical
from dynagrad.distributions.cauchy import Cauchy
from dynagrad.distributions.continuous_bernoulli import ContinuousBernoulli
from dynagrad.distributions.dirichlet import Dirichlet
from dynagrad.distributions.exp_family import ExponentialFamily
from dynagrad.distributions.exponential import Exponential
from dynagrad.distributions.gamma import Gamma
from dynagrad.distributions.geometric import Geometric
from dynagrad.distributions.gumbel import Gumbel
from dynagrad.distributions.half_normal import HalfNormal
from dynagrad.distributions.independent import Independent
from dynagrad.distributions.kl.registry import kl_divergence, register_kl
from dynagrad.distributions.laplace import Laplace
from dynagrad.distributions.normal import Normal
from dynagrad.distributions.one_hot_categorical import OneHotCategorical
from dynagrad.distributions.pareto import Pareto
from dynagrad.distributions.poisson import Poisson
from dynagrad.distributions.transformed_distribution import TransformedDistribution
from dynagrad.distributions.uniform import Uniform
from dynagrad.distributions.utils import euler_constant, sum_rightmost
from dynagrad.nn import functional as F

__all__: list[str] = []


# ---- discrete --------------------------------------------------------------------------------------------------------


def _weighted(probability: Tensor, ratio: Tensor, impossible: Tensor) -> Tensor:
    """``p log(p / q)`` from p and the logarithm; infinite where q is impossible, and zero where p is."""
    return (probability * ratio).masked_fill(impossible, math.inf).masked_fill(probability == 0, 0)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    one = F.softplus(-q.logits) - F.softplus(-p.logits)
    zero = F.softplus(q.logits) - F.softplus(p.logits)
    return _weighted(p.probs, one, q.probs == 0) + _weighted(1 - p.probs, zero, q.probs == 1)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    return _weighted(p.probs, p.logits - q.logits, q.probs == 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return (p.total_count * each).masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


# ---- numbers ---------------------------------------------------------------------------------------------------------


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    """Chyzak and Nielsen, 2019."""
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return away - ratio.log() + ratio * euler_constant + ((1 + ratio).lgamma() - away).exp() - (1 + euler_constant)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    ratio = ((q.high - q.low) / (p.high - p.low)).log()
    return ratio.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    factors = p._cont_bern_log_norm() - q._cont_bern_log_norm() + (-p.probs).log1p() - (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + factors


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return found.masked_fill(p.scale < q.scale, math.inf)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    shape = (p.concentration - q.concentration) * p.concentration.digamma()
    factor = q.concentration.lgamma() - p.concentration.lgamma() + q.concentration * (p.rate / q.rate).log()
    return factor + shape + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    factor = a.sum(-1).lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return factor + ((a - b) * (a.digamma() - a.sum(-1, keepdim=True).digamma())).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


# ---- by what they are made of ----------------------------------------------------------------------------------------


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the log-normaliser."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman divergences"
        )
    parameters, value, gradient = p._normalizer_and_gradient()
    others = q._natural_params
    found = q._log_normalizer(*others) - value
    for mine, other, g in zip(parameters, others, gradient, strict=True):
        found = found - sum_rightmost((other - mine) * g, mine.dim() - len(p.batch_shape))
    return found


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    """Equal transforms change nothing."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Independent[Any], q: Independent[Any]) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
