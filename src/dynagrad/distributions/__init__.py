"""``torch.distributions``: probability distributions, their transforms and divergences.

A file holds one distribution, under PyTorch's name of it. Samplers by rejection are in ``_core/ops/rejection.pyx``.
"""

from dynagrad.distributions import constraints as constraints
from dynagrad.distributions import transforms as transforms
from dynagrad.distributions.bernoulli import Bernoulli
from dynagrad.distributions.beta import Beta
from dynagrad.distributions.binomial import Binomial
from dynagrad.distributions.categorical import Categorical
from dynagrad.distributions.cauchy import Cauchy
from dynagrad.distributions.chi2 import Chi2
from dynagrad.distributions.constraint_registry import biject_to, transform_to
from dynagrad.distributions.continuous_bernoulli import ContinuousBernoulli
from dynagrad.distributions.dirichlet import Dirichlet
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.exp_family import ExponentialFamily
from dynagrad.distributions.exponential import Exponential
from dynagrad.distributions.fishersnedecor import FisherSnedecor
from dynagrad.distributions.gamma import Gamma
from dynagrad.distributions.generalized_pareto import GeneralizedPareto
from dynagrad.distributions.geometric import Geometric
from dynagrad.distributions.gumbel import Gumbel
from dynagrad.distributions.half_cauchy import HalfCauchy
from dynagrad.distributions.half_normal import HalfNormal
from dynagrad.distributions.independent import Independent
from dynagrad.distributions.inverse_gamma import InverseGamma
from dynagrad.distributions.kl import kl_divergence, register_kl
from dynagrad.distributions.kumaraswamy import Kumaraswamy
from dynagrad.distributions.laplace import Laplace
from dynagrad.distributions.lkj_cholesky import LKJCholesky
from dynagrad.distributions.log_normal import LogNormal
from dynagrad.distributions.logistic_normal import LogisticNormal
from dynagrad.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from dynagrad.distributions.mixture_same_family import MixtureSameFamily
from dynagrad.distributions.multinomial import Multinomial
from dynagrad.distributions.multivariate_normal import MultivariateNormal
from dynagrad.distributions.negative_binomial import NegativeBinomial
from dynagrad.distributions.normal import Normal
from dynagrad.distributions.one_hot_categorical import OneHotCategorical, OneHotCategoricalStraightThrough
from dynagrad.distributions.pareto import Pareto
from dynagrad.distributions.poisson import Poisson
from dynagrad.distributions.relaxed_bernoulli import RelaxedBernoulli
from dynagrad.distributions.relaxed_categorical import RelaxedOneHotCategorical
from dynagrad.distributions.studentT import StudentT
from dynagrad.distributions.transformed_distribution import TransformedDistribution
from dynagrad.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from dynagrad.distributions.uniform import Uniform
from dynagrad.distributions.von_mises import VonMises
from dynagrad.distributions.weibull import Weibull
from dynagrad.distributions.wishart import Wishart

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "Binomial",
    "CatTransform",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "ContinuousBernoulli",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "Dirichlet",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "ExponentialFamily",
    "FisherSnedecor",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "IndependentTransform",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowRankMultivariateNormal",
    "LowerCholeskyTransform",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
    "biject_to",
    "identity_transform",
    "kl_divergence",
    "register_kl",
    "transform_to",
]
