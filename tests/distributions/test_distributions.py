"""Distributions without PyTorch beside them: SciPy's densities, moments from samples, and identities."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

import dynagrad as torch
from dynagrad import distributions as D
from tests.distributions.cases import CASES, IDS, Case

stats = pytest.importorskip("scipy.stats")
special = pytest.importorskip("scipy.special")

every = pytest.mark.parametrize("case", CASES, ids=IDS)
pytestmark = pytest.mark.filterwarnings("ignore:Low df values")


def array(value: torch.Tensor) -> Any:
    return np.array(value.detach().tolist(), dtype=np.float64)


def tensor(value: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(value).tolist(), dtype=torch.float64)


# ---- SciPy -----------------------------------------------------------------------------------------------------------

LIKE_SCIPY = [
    (D.Normal(tensor(0.3), tensor(1.7)), stats.norm(0.3, 1.7)),
    (D.Beta(tensor(0.7), tensor(2.5)), stats.beta(0.7, 2.5)),
    (D.Gamma(tensor(2.2), tensor(0.6)), stats.gamma(2.2, scale=1 / 0.6)),
    (D.Exponential(tensor(1.4)), stats.expon(scale=1 / 1.4)),
    (D.Laplace(tensor(-1.0), tensor(0.6)), stats.laplace(-1.0, 0.6)),
    (D.Cauchy(tensor(-1.0), tensor(0.6)), stats.cauchy(-1.0, 0.6)),
    (D.Chi2(tensor(3.5)), stats.chi2(3.5)),
    (D.StudentT(tensor(4.5), tensor(1.0), tensor(2.0)), stats.t(4.5, 1.0, 2.0)),
    (D.FisherSnedecor(tensor(3.0), tensor(7.0)), stats.f(3.0, 7.0)),
    (D.Gumbel(tensor(0.5), tensor(2.0)), stats.gumbel_r(0.5, 2.0)),
    (D.HalfNormal(tensor(1.3)), stats.halfnorm(scale=1.3)),
    (D.HalfCauchy(tensor(1.3)), stats.halfcauchy(scale=1.3)),
    (D.LogNormal(tensor(0.2), tensor(0.5)), stats.lognorm(0.5, scale=np.exp(0.2))),
    (D.InverseGamma(tensor(3.2), tensor(0.6)), stats.invgamma(3.2, scale=0.6)),
    (D.Pareto(tensor(0.7), tensor(3.3)), stats.pareto(3.3, scale=0.7)),
    (D.Weibull(tensor(0.7), tensor(1.8)), stats.weibull_min(1.8, scale=0.7)),
    (D.GeneralizedPareto(tensor(0.7), tensor(1.8), tensor(0.3)), stats.genpareto(0.3, 0.7, 1.8)),
    (D.GeneralizedPareto(tensor(0.7), tensor(1.8), tensor(-0.3)), stats.genpareto(-0.3, 0.7, 1.8)),
    (D.GeneralizedPareto(tensor(0.7), tensor(1.8), tensor(0.0)), stats.expon(0.7, 1.8)),
    (D.Uniform(tensor(-1.0), tensor(2.5)), stats.uniform(-1.0, 3.5)),
    (D.VonMises(tensor(0.5), tensor(2.5)), stats.vonmises(2.5, 0.5)),
    (D.Poisson(tensor(3.5)), stats.poisson(3.5)),
    (D.Binomial(9, tensor(0.3)), stats.binom(9, 0.3)),
    (D.Geometric(tensor(0.3)), stats.geom(0.3, loc=-1)),
    (D.NegativeBinomial(tensor(4.0), tensor(0.3)), stats.nbinom(4.0, 0.7)),
    (D.Bernoulli(tensor(0.3)), stats.bernoulli(0.3)),
]
NAMES = [f"{i}-{type(ours).__name__}" for i, (ours, _) in enumerate(LIKE_SCIPY)]


@pytest.mark.parametrize(("ours", "scipys"), LIKE_SCIPY, ids=NAMES)
def test_densities_and_moments_are_scipys(ours: D.Distribution, scipys: Any) -> None:
    torch.manual_seed(0)
    x = ours.sample((20,))
    density = scipys.logpmf if hasattr(scipys.dist, "logpmf") else scipys.logpdf
    np.testing.assert_allclose(array(ours.log_prob(x)), density(array(x)), rtol=1e-9, atol=1e-9)
    circular = isinstance(ours, D.VonMises)
    for name, expected in (("mean", scipys.mean()), ("variance", scipys.var()), ("entropy", scipys.entropy())):
        if (circular and name != "mean") or (isinstance(ours, D.Cauchy) and name != "entropy"):
            continue
        try:
            value = getattr(ours, name)
            found = array(value() if callable(value) else value)
        except NotImplementedError:
            continue
        np.testing.assert_allclose(found, expected, rtol=1e-7)
    try:
        below = ours.cdf(x)
    except NotImplementedError:
        return
    np.testing.assert_allclose(array(below), scipys.cdf(array(x)), rtol=1e-8)


@pytest.mark.parametrize(("ours", "scipys"), LIKE_SCIPY, ids=NAMES)
def test_samples_are_distributed_as_they_say(ours: D.Distribution, scipys: Any) -> None:
    torch.manual_seed(1)
    x = array(ours.sample((1500,)))
    if hasattr(scipys.dist, "logpmf"):
        values, counts = np.unique(x, return_counts=True)
        share = scipys.pmf(values)
        assert np.abs(counts / x.size - share).max() < 0.05
    else:
        assert stats.kstest(x, scipys.cdf).pvalue > 1e-3


def test_vectors_and_matrices_are_scipys() -> None:
    torch.manual_seed(0)
    covariance = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, -0.2], [0.1, -0.2, 1.5]])
    normal = D.MultivariateNormal(tensor([0.1, 0.2, 0.3]), tensor(covariance))
    x = normal.sample((4,))
    expected = stats.multivariate_normal([0.1, 0.2, 0.3], covariance)
    np.testing.assert_allclose(array(normal.log_prob(x)), expected.logpdf(array(x)))
    np.testing.assert_allclose(array(normal.entropy()), expected.entropy())
    by_precision = D.MultivariateNormal(tensor([0.1, 0.2, 0.3]), precision_matrix=tensor(np.linalg.inv(covariance)))
    np.testing.assert_allclose(array(by_precision.log_prob(x)), expected.logpdf(array(x)))
    np.testing.assert_allclose(array(by_precision.covariance_matrix), covariance, rtol=1e-10, atol=1e-12)

    wishart = D.Wishart(tensor(5.5), tensor(covariance))
    x = wishart.sample((3,))
    expected = stats.wishart(5.5, covariance)
    np.testing.assert_allclose(array(wishart.log_prob(x)), expected.logpdf(np.moveaxis(array(x), 0, -1)))
    np.testing.assert_allclose(array(wishart.entropy()), expected.entropy())

    dirichlet = D.Dirichlet(tensor([0.5, 2.0, 3.0]))
    x = dirichlet.sample((3,))
    expected = stats.dirichlet([0.5, 2.0, 3.0])
    np.testing.assert_allclose(array(dirichlet.log_prob(x)), expected.logpdf(array(x).T))
    np.testing.assert_allclose(array(dirichlet.entropy()), expected.entropy())

    multinomial = D.Multinomial(7, tensor([0.2, 0.3, 0.5]))
    x = multinomial.sample((3,))
    expected = stats.multinomial(7, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(array(multinomial.log_prob(x)), expected.logpmf(array(x)))
    np.testing.assert_allclose(array(multinomial.entropy()), expected.entropy())


def test_a_double_vector_has_a_density_under_single_parameters() -> None:
    p = D.MultivariateNormal(torch.zeros(2), torch.eye(2))
    assert abs(p.log_prob(torch.zeros(2, dtype=torch.float64)).item() + np.log(2 * np.pi)) < 1e-6


def test_low_rank_is_the_dense_one() -> None:
    torch.manual_seed(0)
    W, d, loc = (
        torch.randn(4, 2, dtype=torch.float64),
        torch.rand(4, dtype=torch.float64) + 0.5,
        torch.zeros(4).double(),
    )
    low = D.LowRankMultivariateNormal(loc, W, d)
    dense = D.MultivariateNormal(loc, W @ W.T + torch.diag(d))
    x = low.sample((5,))
    for ours, theirs in (
        (low.log_prob(x), dense.log_prob(x)),
        (low.entropy(), dense.entropy()),
        (low.variance, dense.variance),
        (low.precision_matrix, dense.precision_matrix),
        (low.scale_tril, dense.scale_tril),
        (D.kl_divergence(low, dense), torch.zeros(()).double()),
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


# ---- identities ------------------------------------------------------------------------------------------------------

D.Distribution.set_default_validate_args(False)  # rules reach beyond the support of some
CONTINUOUS = [
    D.Normal(tensor(0.3), tensor(1.1)),
    D.Beta(tensor(2.0), tensor(3.0)),
    D.Gamma(tensor(2.5), tensor(2.0)),
    D.Exponential(tensor(1.5)),
    D.Gumbel(tensor(0.2), tensor(0.7)),
    D.Laplace(tensor(0.1), tensor(0.8)),
    D.Uniform(tensor(0.1), tensor(0.8)),
    D.ContinuousBernoulli(tensor(0.3)),
    D.Cauchy(tensor(0.2), tensor(0.5)),
    D.Pareto(tensor(0.05), tensor(4.5)),
    D.HalfNormal(tensor(0.7)),
]
D.Distribution.set_default_validate_args(True)


def grid(p: D.Distribution) -> tuple[torch.Tensor, torch.Tensor]:
    """Points and weights of a rule over the support of p: Gauss's in panels, mapped by tangents onto what is unbounded."""
    panels = 190
    nodes, weights = np.polynomial.legendre.leggauss(8)
    nodes = ((nodes + 1 + 2 * np.arange(panels)[:, None]) / panels - 1).ravel()
    weights = np.tile(weights / panels, panels)
    low, high = (getattr(p.support, name, None) for name in ("lower_bound", "upper_bound"))
    low, high = (None if end is None else float(end) for end in (low, high))
    if low is not None and high is not None:
        return tensor(low + (high - low) * (nodes + 1) / 2), tensor(weights * (high - low) / 2)
    if low is not None:
        u = (nodes + 1) / 2
        return tensor(low + (u / (1 - u)) ** 2), tensor(weights / 2 * 2 * u / (1 - u) ** 3)
    angle = nodes * np.pi / 2
    return tensor(np.tan(angle)), tensor(weights * np.pi / 2 / np.cos(angle) ** 2)


@pytest.mark.parametrize("p", CONTINUOUS, ids=lambda p: type(p).__name__)
def test_divergences_are_integrals(p: D.Distribution) -> None:
    x, weights = grid(p)
    log_p = p.log_prob(x)
    density = log_p.exp()
    assert abs((density * weights).sum().item() - 1) < 1e-5
    compared = 0
    for q in CONTINUOUS:
        try:
            found = D.kl_divergence(p, q).item()
        except NotImplementedError:
            continue
        compared += 1
        if np.isfinite(found):
            term = torch.where(density == 0, 0.0, density * (log_p - q.log_prob(x)))
            expected = (term * weights).sum().item()
            assert abs(found - expected) < 2e-4 * max(1, abs(found)), (p, q)
    assert compared >= 1


def test_the_divergence_of_a_family_without_a_formula_is_the_mean_of_its_definition() -> None:
    batch = torch.ones(2).double()
    p, q = D.Wishart(6.0 * batch, torch.eye(2).double()), D.Wishart(8.0 * batch, tensor([[1.5, 0.3], [0.3, 1.0]]))
    torch.manual_seed(0)
    x = p.sample((4000,))
    estimate = (p.log_prob(x) - q.log_prob(x)).mean(0)
    found = D.kl_divergence(p, q)
    assert found.shape == (2,)
    torch.testing.assert_close(found, estimate, rtol=0.1, atol=0.05)
    assert D.kl_divergence(D.Wishart(3.0, torch.eye(2)), D.Wishart(3.0, torch.eye(2))).abs() < 1e-5


@every
def test_an_empty_batch_is_a_batch(case: Case) -> None:
    p, _ = case.make(torch)
    empty = p.expand((0, *p.batch_shape))
    x = empty.sample((3,))
    assert x.shape == (3, 0, *p.batch_shape, *p.event_shape)
    assert empty.log_prob(x).shape == (3, 0, *p.batch_shape)


@every
def test_expanding_keeps_the_probabilities(case: Case) -> None:
    p, _ = case.make(torch)
    torch.manual_seed(0)
    x = p.sample((2,))
    wide = p.expand((3, 2, *p.batch_shape))
    assert wide.batch_shape == (3, 2, *p.batch_shape)
    assert wide.event_shape == p.event_shape
    torch.testing.assert_close(wide.log_prob(x.expand((3, *x.shape)) if p.batch_shape else x), (
        p.log_prob(x).expand((3, 2, *p.batch_shape))
    ))  # fmt: skip
    assert wide.sample((5,)).shape == (5, 3, 2, *p.batch_shape, *p.event_shape)


@every
def test_samples_lie_in_the_support_and_have_finite_densities(case: Case) -> None:
    p, _ = case.make(torch)
    torch.manual_seed(0)
    x = p.sample((7,))
    assert not x.requires_grad
    assert x.shape == (7, *p.batch_shape, *p.event_shape)
    assert p.support.check(x).all()
    assert p.log_prob(x).isfinite().all()
    assert p.log_prob(x).shape == (7, *p.batch_shape)


@every
def test_densities_have_right_derivatives(case: Case) -> None:
    p, tensors = case.make(torch, "float64", requires_grad=True)
    if not tensors or case.name in ("Wishart", "MultivariateNormal", "LKJCholesky", "GeneralizedPareto"):
        return  # matrices that are symmetric or triangular are no free arguments; the last is at the limits of its formula
    torch.manual_seed(0)
    x = p.sample()
    inputs = list(tensors.values())
    names = list(tensors)

    def density(*values: torch.Tensor) -> torch.Tensor:
        q = eval(case.maker, {"torch": torch, "D": D, **dict(zip(names, values, strict=True))})  # noqa: S307
        q._validate_args = False
        return q.log_prob(x)

    if "probs=a)" in case.maker and "Categorical" in case.maker:
        return  # normalised: a step leaves the simplex
    assert torch.autograd.gradcheck(density, inputs, eps=1e-6, atol=1e-4)


@pytest.mark.parametrize("discrete", [c for c in CASES if c.name in ("Bernoulli", "Binomial", "Categorical", "OneHotCategorical")], ids=str)  # fmt: skip
def test_probabilities_of_all_outcomes_sum_to_one(discrete: Case) -> None:
    p, _ = discrete.make(torch)
    try:
        outcomes = p.enumerate_support()
    except NotImplementedError:
        assert "1.0, 3.0, 200.0" in discrete.maker
        return
    assert outcomes.shape[1:] == (*p.batch_shape, *p.event_shape)
    torch.testing.assert_close(
        p.log_prob(outcomes).exp().sum(0), torch.ones(p.batch_shape).to(p.log_prob(outcomes).dtype)
    )
    narrow = p.enumerate_support(expand=False)
    assert narrow.shape == (outcomes.shape[0], *(1 for _ in p.batch_shape), *p.event_shape)


@pytest.mark.parametrize("p", [D.Normal(0.5, 2.0), D.Gamma(2.0, 3.0), D.Bernoulli(0.3), D.Exponential(2.0), D.ContinuousBernoulli(0.2)], ids=lambda p: type(p).__name__)  # fmt: skip
def test_exponential_families_know_their_entropy_from_the_normaliser(p: D.ExponentialFamily) -> None:
    torch.testing.assert_close(D.ExponentialFamily.entropy(p), p.entropy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("p", [D.Beta(2.0, 3.0), D.Dirichlet(torch.tensor([1.5, 2.0, 3.0]))], ids=lambda p: type(p).__name__)  # fmt: skip
def test_families_whose_carrier_has_a_mean_have_entropies_of_their_own(p: D.ExponentialFamily) -> None:
    with pytest.raises(NotImplementedError):
        D.ExponentialFamily.entropy(p)


# ---- gradients through samples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.02, 0.3, 0.95, 1.5, 9.0, 60.0, 1000.0])
def test_gamma_numbers_keep_their_probability(a: float) -> None:
    share = np.linspace(0.01, 0.99, 31)
    x, h = special.gammaincinv(a, share), 1e-4 * a
    x, share = x[x > 1e-290], share[x > 1e-290]
    steps = [special.gammaincinv(a + k * h, share) for k in (-2, -1, 1, 2)]
    expected = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)
    found = torch._standard_gamma_grad(tensor(np.full(x.size, a)), tensor(x))
    np.testing.assert_allclose(array(found), expected, rtol=2e-6)


@pytest.mark.parametrize(("a", "b"), [(0.1, 0.2), (0.5, 3.0), (1.0, 1.0), (30.0, 0.5), (100.0, 200.0), (0.2, 50.0)])
def test_beta_numbers_keep_their_probability(a: float, b: float) -> None:
    share = np.linspace(0.05, 0.95, 19)
    x, h = special.betaincinv(a, b, share), 1e-4 * a
    inside = (x > 1e-200) & (x < 1 - 1e-6)
    x, share = x[inside], share[inside]
    steps = [special.betaincinv(a + k * h, b, share) for k in (-2, -1, 1, 2)]
    expected = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h) / (1 - x)
    full = [tensor(np.full(x.size, value)) for value in (a, a + b)]
    np.testing.assert_allclose(array(torch._dirichlet_grad(tensor(x), *full)), expected, rtol=2e-6)


@pytest.mark.parametrize(
    "make",
    [
        D.Gamma,
        D.Beta,
        D.InverseGamma,
        lambda a, b: D.StudentT(a + 4, b),
        D.Normal,
        D.Weibull,
        D.Gumbel,
        D.Kumaraswamy,
    ],
)
def test_gradients_through_samples_are_those_of_the_mean(make: Any) -> None:
    """Over many samples their mean moves as the expectation does."""
    a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (2.3, 1.6))
    expected = torch.autograd.grad(make(a, b).mean, (a, b), allow_unused=True)
    torch.manual_seed(0)
    found = torch.autograd.grad(make(a, b).rsample((20000,)).mean(), (a, b), allow_unused=True)
    for e, f in zip(expected, found, strict=True):
        if e is not None:
            assert abs(e.item() - f.item()) < 0.06 * max(1.0, abs(e.item()))


def test_wishart_samples_pass_gradients() -> None:
    L = torch.eye(2, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    D.Wishart(tensor(5.0), scale_tril=L).rsample((3000,)).mean(0).trace().backward()
    np.testing.assert_allclose(array(L.grad), [[10, 0], [0, 10]], atol=0.6)


def test_gamma_and_dirichlet_are_differentiable_once() -> None:
    alpha = torch.tensor([0.5, 2.0], requires_grad=True)
    for draw, said in (
        (torch._standard_gamma, "the derivative for '_standard_gamma_grad' is not implemented"),
        (lambda alpha: D.Dirichlet(alpha).rsample(), "once_differentiable"),
    ):
        (g,) = torch.autograd.grad(draw(alpha).prod(), alpha, create_graph=True)
        with pytest.raises(RuntimeError, match=said):
            g.sum().backward()


def test_samplers_of_nothing_and_of_what_is_no_parameter() -> None:
    assert torch._standard_gamma(torch.zeros(0, 3)).shape == (0, 3)
    assert torch._standard_gamma_grad(torch.zeros(0), torch.zeros(0)).shape == (0,)
    assert torch._sample_dirichlet(torch.ones(0, 2)).shape == (0, 2)
    assert torch.binomial(torch.zeros(0), torch.zeros(0)).shape == (0,)
    assert torch._standard_gamma(torch.tensor([float("nan"), -2.0])).isnan().all()
    assert torch.binomial(torch.tensor([3.0, float("nan")]), torch.tensor([float("nan"), 0.5])).isnan().all()
    assert torch._standard_gamma(torch.tensor([2.0], dtype=torch.float16)).dtype == torch.float16
    p = torch.tensor(0.5, requires_grad=True)
    with pytest.raises(RuntimeError, match="derivative for aten::binomial is not implemented"):
        torch.binomial(torch.tensor(3.0), p).backward()


def test_a_generator_of_ones_own_is_drawn_from() -> None:
    state = torch.get_rng_state()
    first, second = (torch._standard_gamma(torch.ones(3), torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert torch.get_rng_state().tolist() == state.tolist()


# ---- transforms ------------------------------------------------------------------------------------------------------

VECTOR = tensor([[-2.0, -0.1, 0.4], [0.3, 0.2, -1.5]])
TRANSFORMS = [
    D.ExpTransform(),
    D.SigmoidTransform(),
    D.SoftplusTransform(),
    D.TanhTransform(),
    D.AffineTransform(1.0, -2.0),
    D.AffineTransform(1.0, tensor([1.0, -2.0, 3.0]), event_dim=1),
    D.StickBreakingTransform(),
    D.CorrCholeskyTransform(),
    D.ReshapeTransform((3,), (3, 1)),
    D.IndependentTransform(D.ExpTransform(), 1),
    D.ComposeTransform([D.TanhTransform(), D.AffineTransform(0.0, 3.0)]),
    D.ComposeTransform([D.ExpTransform(), D.PowerTransform(tensor(1.5))]),
    D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=-1, lengths=[1, 2]),
    D.StackTransform([D.ExpTransform(), D.TanhTransform()]),
    D.CumulativeDistributionTransform(D.Laplace(tensor(0.0), tensor(1.0))),
]


@pytest.mark.parametrize("t", TRANSFORMS, ids=lambda t: type(t).__name__)
def test_a_transform_undoes_itself_and_knows_its_jacobian(t: D.Transform) -> None:
    y = t(VECTOR)
    torch.testing.assert_close(t.inv(y), VECTOR, rtol=1e-7, atol=1e-7)
    assert t.inv.inv is t
    assert t.domain.check(VECTOR).all()
    assert t.codomain.check(y).all()
    change = t.log_abs_det_jacobian(VECTOR, y)
    torch.testing.assert_close(t.inv.log_abs_det_jacobian(y, VECTOR), -change)
    if isinstance(t, (D.StickBreakingTransform, D.CorrCholeskyTransform, D.ReshapeTransform)):
        if isinstance(t, D.CorrCholeskyTransform):
            return

        def square(x: torch.Tensor) -> torch.Tensor:
            return t(x).flatten()[:3]  # the last part of a stick is what is left
    else:
        square = t if not isinstance(t, D.StackTransform) else t.transforms[0]
    J = torch.autograd.functional.jacobian(square, VECTOR[0])
    expected = torch.linalg.slogdet(J).logabsdet
    torch.testing.assert_close(change[0].sum(), expected, rtol=1e-8, atol=1e-8)


def test_a_cache_returns_the_very_input() -> None:
    for t in (
        D.TanhTransform(cache_size=1),
        D.ComposeTransform([D.ExpTransform()], cache_size=1),
        D.ExpTransform().with_cache(),
    ):
        x = torch.tensor(30.0)
        assert t.inv(t(x)) is x
    assert D.TanhTransform().inv(D.TanhTransform()(torch.tensor(30.0))) == float("inf")


@pytest.mark.parametrize("name", ["positive", "real", "unit_interval", "simplex", "lower_cholesky", "positive_definite", "corr_cholesky", "real_vector", "nonnegative"])  # fmt: skip
def test_registered_transforms_reach_their_constraint(name: str) -> None:
    constraint = getattr(D.constraints, name)
    x = torch.randn(2, 3, 3, dtype=torch.float64)
    assert constraint.check(D.transform_to(constraint)(x)).all()
    try:
        t = D.biject_to(constraint)
    except NotImplementedError:
        return
    assert t.bijective
    torch.testing.assert_close(t.inv(t(x)), x, rtol=1e-6, atol=1e-6)


def test_constraints_of_ones_own_register_transforms() -> None:
    class Small(D.constraints.Constraint):
        pass

    with pytest.raises(NotImplementedError, match="Cannot transform Small constraints"):
        D.biject_to(Small())
    D.biject_to.register(Small(), lambda _: D.TanhTransform())
    assert isinstance(D.biject_to(Small()), D.TanhTransform)


# ---- the table of divergences ----------------------------------------------------------------------------------------


@pytest.fixture
def table() -> Iterator[None]:
    """Takes out again what a test enters."""
    known = dict(D.kl._KL_REGISTRY)
    yield
    D.kl._KL_REGISTRY.clear()
    D.kl._KL_REGISTRY.update(known)
    D.kl._KL_MEMOIZE.clear()


@pytest.mark.usefixtures("table")
def test_the_most_specific_formula_is_used_and_ambiguity_is_told() -> None:
    class P(D.Distribution):
        arg_constraints: ClassVar[dict[str, Any]] = {}

    class PP(P):
        pass

    D.register_kl(P, P)(lambda _p, _q: "P P")
    D.register_kl(PP, P)(lambda _p, _q: "PP P")
    assert D.kl_divergence(PP(), P()) == "PP P"
    D.register_kl(P, PP)(lambda _p, _q: "P PP")
    with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(PP, PP\). Please register_kl\(PP, PP\)"):
        assert D.kl_divergence(PP(), PP()) == "PP P"
    assert D.kl_divergence(PP(), PP()) == "PP P"  # told once
    with pytest.raises(TypeError, match="Expected type_p to be a Distribution subclass but got"):
        D.register_kl(int, P)


# ---- the rest --------------------------------------------------------------------------------------------------------


def test_validation_is_on_and_can_be_turned_off() -> None:
    with pytest.raises(ValueError, match="Expected parameter scale"):
        D.Normal(0.0, -1.0)
    D.Normal(0.0, -1.0, validate_args=False)
    try:
        D.Distribution.set_default_validate_args(False)
        D.Normal(0.0, -1.0)
        D.Exponential(1.0).log_prob(torch.tensor(-1.0))
    finally:
        D.Distribution.set_default_validate_args(True)


def test_python_that_is_optimised_does_not_validate() -> None:
    code = "from dynagrad.distributions import Normal; print(Normal(0.0, -1.0).scale.item())"
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "-1.0"


def test_importing_dynagrad_does_not_load_distributions() -> None:
    code = (
        "import sys, dynagrad\n"
        "print(any(name.startswith('dynagrad.distributions') for name in sys.modules))\n"
        "dynagrad.distributions.Normal, dynagrad.binomial"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


@every
def test_distributions_are_copied_and_pickled(case: Case) -> None:
    p, _ = case.make(torch)
    for other in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):  # noqa: S301
        torch.manual_seed(0)
        expected = p.sample()
        torch.manual_seed(0)
        assert other.sample().tolist() == expected.tolist()


def test_straight_through_samples_are_one_hot_and_pass_gradients() -> None:
    logits = torch.zeros(5, 3, requires_grad=True)
    x = D.OneHotCategoricalStraightThrough(logits=logits).rsample()
    assert D.constraints.one_hot.check(x.detach().round()).all()
    (x * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum() > 0


def test_sample_n_is_deprecated() -> None:
    with pytest.warns(FutureWarning, match="sample_n"):
        assert D.Normal(0.0, 1.0).sample_n(3).shape == (3,)
