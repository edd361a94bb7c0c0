"""Distributions written once, for dynagrad and for PyTorch: names of parameters with values, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A distribution ``maker``, a Python expression in ``D``, ``torch`` and the names of ``parameters``."""

    maker: str
    parameters: Values
    dtypes: tuple[str, ...] = ("float64", "float32")

    @property
    def name(self) -> str:
        return self.maker.partition("(")[0].removeprefix("D.").rpartition(".")[2]

    def make(self, torch: Any, dtype: str = "", requires_grad: bool = False) -> tuple[Any, dict[str, Any]]:
        """The distribution and its parameters, as tensors of one of the libraries."""
        dtype = dtype or self.dtypes[0]
        tensors = {
            name: torch.tensor(value, dtype=getattr(torch, dtype), requires_grad=requires_grad)
            for name, value in self.parameters.items()
        }
        return eval(self.maker, {"torch": torch, "D": torch.distributions, **tensors}), tensors  # noqa: S307

    def __str__(self) -> str:
        return self.maker


LOC = [[-1.5, 0.0, 0.7], [2.0, -0.3, 4.0]]
POSITIVE = [[0.3, 1.0, 2.5], [0.8, 5.0, 1.7]]
MORE = [[1.2, 0.4, 3.0], [2.2, 0.6, 9.0]]
PROBS = [[0.1, 0.5, 0.9], [0.35, 0.7, 0.499]]
LOGITS = [[-2.0, 0.0, 1.5], [0.3, -0.7, 3.0]]
SIMPLEX = [[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]]
TRIL = [[1.0, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.5, 0.2, 1.4]]
COVARIANCE = [[2.0, 0.5, 0.1], [0.5, 1.0, -0.2], [0.1, -0.2, 1.5]]
FACTOR = [[0.5, 0.1], [-0.3, 0.8], [0.2, 0.2]]

CASES = [
    Case("D.Normal(a, b)", {"a": LOC, "b": POSITIVE}),
    Case("D.Normal(0.5, 2.0)", {}),
    Case("D.Categorical(probs=a)", {"a": SIMPLEX}),
    Case("D.Categorical(logits=a)", {"a": LOGITS}),
    Case("D.Bernoulli(probs=a)", {"a": PROBS}),
    Case("D.Bernoulli(logits=a)", {"a": LOGITS}),
    Case("D.Bernoulli(0.3)", {}),
    Case("D.Independent(D.Normal(a, b), 1)", {"a": LOC, "b": POSITIVE}),
    Case("D.Independent(D.Bernoulli(a), 0)", {"a": PROBS}),
    Case("D.MultivariateNormal(a, scale_tril=b)", {"a": LOC, "b": TRIL}),
    Case("D.MultivariateNormal(a, b)", {"a": LOC[0], "b": COVARIANCE}),
    Case("D.MultivariateNormal(a, precision_matrix=b)", {"a": LOC, "b": [COVARIANCE, COVARIANCE]}),
    Case("D.Beta(a, b)", {"a": POSITIVE, "b": MORE}),
    Case("D.Beta(2.0, 3.0)", {}),
    Case("D.Gamma(a, b)", {"a": POSITIVE, "b": MORE}),
    Case("D.Dirichlet(a)", {"a": POSITIVE}),
    Case("D.Uniform(a, b)", {"a": LOC, "b": [[0.0, 0.1, 1.0], [5.0, 0.0, 4.5]]}),
    Case("D.Exponential(a)", {"a": POSITIVE}),
    Case("D.Laplace(a, b)", {"a": LOC, "b": POSITIVE}),
    Case("D.Cauchy(a, b)", {"a": LOC, "b": POSITIVE}),
    Case("D.Chi2(a)", {"a": POSITIVE}),
    Case("D.StudentT(a, b, c)", {"a": MORE, "b": LOC, "c": POSITIVE}),
    Case("D.FisherSnedecor(a, b)", {"a": POSITIVE, "b": MORE}),
    Case("D.Poisson(a)", {"a": POSITIVE}),
    Case("D.Geometric(probs=a)", {"a": PROBS}),
    Case("D.Geometric(logits=a)", {"a": LOGITS}),
    Case("D.Binomial(12, probs=a)", {"a": PROBS}),
    Case("D.Binomial(100, logits=a)", {"a": LOGITS}),
    Case("D.Binomial(torch.tensor([1.0, 3.0, 200.0]).to(a.dtype), probs=a)", {"a": PROBS}),
    Case("D.NegativeBinomial(a, probs=b)", {"a": POSITIVE, "b": PROBS}),
    Case("D.NegativeBinomial(5, logits=b)", {"b": LOGITS}),
    Case("D.ContinuousBernoulli(probs=a)", {"a": PROBS}),
    Case("D.ContinuousBernoulli(logits=a)", {"a": LOGITS}),
    Case("D.Gumbel(a, b)", {"a": LOC, "b": POSITIVE}),
    Case("D.HalfNormal(a)", {"a": POSITIVE}),
    Case("D.HalfCauchy(a)", {"a": POSITIVE}),
    Case("D.LogNormal(a, b)", {"a": LOC, "b": [[0.3, 0.5, 0.9], [0.2, 1.0, 0.4]]}),
    Case("D.LogisticNormal(a, b)", {"a": LOC, "b": POSITIVE}),
    Case("D.InverseGamma(a, b)", {"a": MORE, "b": POSITIVE}),
    Case("D.Kumaraswamy(a, b)", {"a": POSITIVE, "b": MORE}),
    Case("D.Pareto(a, b)", {"a": POSITIVE, "b": MORE}),
    Case("D.Weibull(a, b)", {"a": POSITIVE, "b": [[1.2, 1.4, 3.0], [2.2, 1.6, 9.0]]}),
    Case(  # PyTorch's takes no doubles
        "D.GeneralizedPareto(a, b, c)",
        {"a": LOC, "b": POSITIVE, "c": [[0.2, 0.0, -0.4], [0.7, 1.5, -1.0]]},
        ("float32",),
    ),
    Case("D.Multinomial(10, probs=a)", {"a": SIMPLEX}),
    Case("D.Multinomial(3, logits=a)", {"a": LOGITS}),
    Case("D.OneHotCategorical(probs=a)", {"a": SIMPLEX}),
    Case("D.OneHotCategoricalStraightThrough(logits=a)", {"a": LOGITS}),
    Case("D.RelaxedBernoulli(t, probs=a)", {"t": 0.7, "a": PROBS}),
    Case("D.RelaxedBernoulli(t, logits=a)", {"t": 0.7, "a": LOGITS}),
    Case("D.relaxed_bernoulli.LogitRelaxedBernoulli(t, logits=a)", {"t": 1.3, "a": LOGITS}),
    Case("D.RelaxedOneHotCategorical(t, probs=a)", {"t": 0.7, "a": SIMPLEX}),
    Case("D.RelaxedOneHotCategorical(t, logits=a)", {"t": 1.4, "a": LOGITS}),
    Case("D.LKJCholesky(3, a)", {"a": [0.5, 1.0, 4.0]}),
    Case("D.LKJCholesky(4)", {}),
    Case("D.LowRankMultivariateNormal(a, b, c)", {"a": LOC, "b": FACTOR, "c": POSITIVE[0]}),
    Case("D.LowRankMultivariateNormal(a, b, c)", {"a": LOC[0], "b": FACTOR, "c": POSITIVE}),
    Case("D.MixtureSameFamily(D.Categorical(p), D.Normal(a, b))", {"p": SIMPLEX[0], "a": LOC[0], "b": POSITIVE[0]}),
    Case("D.MixtureSameFamily(D.Categorical(p), D.Gamma(a, b))", {"p": SIMPLEX, "a": POSITIVE, "b": MORE}),
    Case(
        "D.MixtureSameFamily(D.Categorical(p), D.Independent(D.Normal(a, b), 1))",
        {"p": [0.25, 0.75], "a": LOC, "b": POSITIVE},
    ),
    Case("D.VonMises(a, b)", {"a": LOC, "b": POSITIVE}),
    Case("D.Wishart(a, scale_tril=b)", {"a": [3.5, 5.0], "b": TRIL}),
    Case("D.Wishart(4.0, b)", {"b": COVARIANCE}),
    Case("D.Wishart(a, precision_matrix=b)", {"a": 6.0, "b": COVARIANCE}),
    Case("D.TransformedDistribution(D.Normal(a, b), [D.TanhTransform(cache_size=1)])", {"a": LOC, "b": POSITIVE}),
    Case(
        "D.TransformedDistribution(D.Normal(a, b), [D.SigmoidTransform(), D.AffineTransform(1.0, -2.0)])",
        {"a": LOC, "b": POSITIVE},
    ),
    Case("D.TransformedDistribution(D.Normal(a, b), [D.StickBreakingTransform()])", {"a": LOC, "b": POSITIVE}),
    Case(
        "D.TransformedDistribution(D.Uniform(a, b), [D.CumulativeDistributionTransform(D.Normal(0.0, 1.0)).inv])",
        {"a": [0.1, 0.2], "b": [0.8, 0.9]},
    ),
]
IDS = [f"{i}-{case.name}" for i, case in enumerate(CASES)]
