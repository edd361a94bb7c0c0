"""Every distribution against PyTorch's: numbers, gradients, samples of a seed, what it says of itself, and its errors."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dynagrad
from tests.distributions.cases import CASES, IDS, LOC, POSITIVE, PROBS, Case

theirs = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:Singular sample detected"),  # PyTorch says so of every sample
    pytest.mark.filterwarnings("ignore:Low df values"),
]
every = pytest.mark.parametrize("case", CASES, ids=IDS)
LIBRARIES = (theirs, dynagrad)


def numbers(value: Any) -> Any:
    return np.array(value.detach().tolist(), dtype=np.float64)


def assert_close(expected: Any, found: Any, tolerance: float = 1e-9) -> None:
    assert tuple(expected.shape) == tuple(found.shape)
    assert str(expected.dtype) == str(found.dtype)
    tolerance = max(tolerance, 3e-6) if "float32" in str(found.dtype) else tolerance
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=tolerance, atol=tolerance)


def attempt(function: Callable[[], Any]) -> Any:
    """What it returns, or the type and the sentence of what it raises."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - whatever it is, both must raise it
        return type(error).__name__, re.sub(r"\s+", " ", str(error).replace("dynagrad", "torch"))


def assert_same(expected: Any, found: Any, tolerance: float = 1e-9) -> None:
    if isinstance(expected, theirs.Tensor):
        assert isinstance(found, dynagrad.Tensor), found
        assert_close(expected, found, tolerance)
    elif isinstance(expected, tuple) and "derivative" in expected[1]:
        assert "not implemented" in found[1]
    else:
        assert found == expected


def sampled(case: Case, torch: Any, shape: tuple[int, ...], dtype: str) -> Any:
    p, _ = case.make(torch, dtype)
    torch.manual_seed(11)
    return p.sample(shape)


def outcome(case: Case, shape: tuple[int, ...] = ()) -> list[Any]:
    """One outcome of a seed, for both libraries."""
    value = sampled(case, theirs, shape, case.dtypes[0])
    return [torch.tensor(value.tolist(), dtype=getattr(torch, str(value.dtype)[6:])) for torch in LIBRARIES]


@every
def test_it_says_of_itself_what_pytorchs_does(case: Case) -> None:
    p, q = (case.make(torch)[0] for torch in LIBRARIES)
    assert repr(p) == repr(q)
    assert tuple(p.batch_shape) == tuple(q.batch_shape)
    assert tuple(p.event_shape) == tuple(q.event_shape)
    assert isinstance(q.batch_shape, dynagrad.Size)
    assert isinstance(q.event_shape, dynagrad.Size)
    assert repr(p.support) == repr(q.support)
    assert p.support.event_dim == q.support.event_dim
    assert p.support.is_discrete == q.support.is_discrete
    assert {k: repr(v) for k, v in p.arg_constraints.items()} == {k: repr(v) for k, v in q.arg_constraints.items()}
    assert bool(p.has_rsample) == bool(q.has_rsample)
    assert bool(p.has_enumerate_support) == bool(q.has_enumerate_support)


@every
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 9)], ids=str)
def test_a_seed_means_the_same_samples(case: Case, dtype: str, shape: tuple[int, ...]) -> None:
    if dtype not in case.dtypes:
        pytest.skip("PyTorch's takes no such numbers")
    expected, found = (sampled(case, torch, shape, dtype) for torch in LIBRARIES)
    assert_close(expected, found, 1e-9 if dtype == "float64" else 3e-5)
    assert theirs.rand(2).tolist() == dynagrad.rand(2).tolist()  # nothing drawn too much


PROPERTIES = ["mean", "mode", "variance", "stddev"]
UNLIKE = {("Kumaraswamy", "mode")}  # PyTorch's is NaN everywhere


@every
@pytest.mark.parametrize("name", [*PROPERTIES, "entropy", "perplexity", "enumerate_support"])
def test_moments_and_their_gradients(case: Case, name: str) -> None:
    if (case.name, name) in UNLIKE:
        pytest.skip("PyTorch's is NaN everywhere")
    found = []
    for torch in LIBRARIES:
        p, tensors = case.make(torch, requires_grad=True)
        value = attempt(lambda p=p: getattr(p, name) if name in PROPERTIES else getattr(p, name)())
        gradients: list[Any] = []
        if isinstance(value, torch.Tensor) and value.requires_grad:
            value.sum().backward()
            gradients = [t.grad for t in tensors.values()]
        found.append((value, gradients))
    assert_same(found[0][0], found[1][0], 1e-6)
    for expected, ours in zip(found[0][1], found[1][1], strict=True):
        assert_same(expected, ours, 1e-6)


@every
@pytest.mark.parametrize("name", ["log_prob", "cdf", "icdf"])
def test_functions_of_a_value_and_their_gradients(case: Case, name: str) -> None:
    values = outcome(case, (2,))
    if name == "icdf":
        values = [torch.tensor(0.3, dtype=getattr(torch, case.dtypes[0])) for torch in LIBRARIES]
    found = []
    for torch, value in zip(LIBRARIES, values, strict=True):
        p, tensors = case.make(torch, requires_grad=True)
        result = attempt(lambda p=p, value=value: getattr(p, name)(value))
        gradients: list[Any] = []
        if isinstance(result, torch.Tensor) and result.requires_grad:
            gradients = [attempt(lambda result=result: result.sum().backward())]
            gradients += [t.grad for t in tensors.values()]
        found.append((result, gradients))
    assert_same(found[0][0], found[1][0], 1e-6)
    for expected, ours in zip(found[0][1], found[1][1], strict=True):
        assert_same(expected, ours, 1e-6)


@every
def test_gradients_through_samples(case: Case) -> None:
    found = []
    for torch in LIBRARIES:
        p, tensors = case.make(torch, requires_grad=True)
        torch.manual_seed(5)
        result = attempt(lambda p=p: p.rsample((4,)))
        gradients: list[Any] = []
        if isinstance(result, torch.Tensor) and result.requires_grad and case.name != "Wishart":
            (result * torch.arange(1.0, 1 + result.numel()).view(result.shape)).sum().backward()
            gradients = [t.grad for t in tensors.values()]
        found.append((result, gradients))
    assert_same(found[0][0], found[1][0])
    if case.name == "Wishart":
        return  # PyTorch's raises in backward
    for expected, ours in zip(found[0][1], found[1][1], strict=True):
        # PyTorch's derivatives of gamma and Dirichlet numbers are approximations of about four digits.
        assert_same(expected, ours, 2e-3 if case.name in APPROXIMATE else 1e-7)


APPROXIMATE = {"Gamma", "Beta", "Dirichlet", "Chi2", "StudentT", "FisherSnedecor", "InverseGamma"}


@every
def test_expanded(case: Case) -> None:
    values = outcome(case)
    found = []
    for torch, value in zip(LIBRARIES, values, strict=True):
        p, _ = case.make(torch)
        wide = p.expand((4, *p.batch_shape))
        torch.manual_seed(2)
        found.append((tuple(wide.batch_shape), wide.sample(), wide.log_prob(value), attempt(lambda w=wide: w.mean)))
    assert found[0][0] == found[1][0]
    for expected, ours in zip(found[0][1:], found[1][1:], strict=True):
        assert_same(expected, ours, 1e-7)


# ---- errors ----------------------------------------------------------------------------------------------------------

WRONG = {
    "scale": "D.Normal(torch.zeros(2), torch.tensor([1.0, -1.0]))",
    "nan": "D.Normal(torch.tensor(float('nan')), 1.0)",
    "probs": "D.Bernoulli(torch.tensor([0.5, 1.5]))",
    "both": "D.Bernoulli(probs=torch.tensor(0.5), logits=torch.tensor(0.5))",
    "neither": "D.Categorical()",
    "no dimension": "D.Categorical(torch.tensor(0.5))",
    "no dimension of logits": "D.Categorical(logits=torch.tensor(0.5))",
    "negative weights": "D.Categorical(torch.tensor([-1.0, 2.0]))",
    "simplex": "D.Dirichlet(torch.tensor([1.0, 0.0]))",
    "concentration": "D.Dirichlet(torch.tensor(1.0))",
    "event of another size": "D.Dirichlet(torch.ones(3)).log_prob(torch.ones(2) / 2)",
    "off the simplex": "D.Dirichlet(torch.ones(3)).log_prob(torch.ones(3))",
    "not a tensor": "D.Normal(0.0, 1.0).log_prob(0.5)",
    "not broadcastable": "D.Normal(torch.zeros(3), 1.0).log_prob(torch.zeros(2))",
    "not in the support": "D.Exponential(1.0).log_prob(torch.tensor([-1.0]))",
    "no bool": "D.Bernoulli(0.5).log_prob(torch.tensor(0.5))",
    "no choice": "D.Categorical(torch.ones(3)).log_prob(torch.tensor(3))",
    "uniform": "D.Uniform(1.0, 0.0)",
    "uniform's support": "D.Uniform(0.0, 1.0).log_prob(torch.tensor(2.0))",
    "cdf": "D.Gamma(1.0, 1.0).cdf(torch.tensor(-2.0))",
    "geometric": "D.Geometric(torch.tensor([0.0, 0.5]))",
    "covariance": "D.MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]]))",
    "not symmetric": "D.MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]]))",
    "two matrices": "D.MultivariateNormal(torch.zeros(2), torch.eye(2), torch.eye(2))",
    "no matrix": "D.MultivariateNormal(torch.zeros(2))",
    "a vector for a matrix": "D.MultivariateNormal(torch.zeros(2), torch.ones(2))",
    "a scale that is no matrix": "D.MultivariateNormal(torch.zeros(2), scale_tril=torch.ones(2))",
    "a mean without dimension": "D.MultivariateNormal(torch.tensor(0.0), torch.eye(2))",
    "low rank": "D.LowRankMultivariateNormal(torch.zeros(2), torch.zeros(3, 1), torch.ones(2))",
    "low rank's diagonal": "D.LowRankMultivariateNormal(torch.zeros(2), torch.zeros(2, 1), torch.ones(3))",
    "low rank's batch": "D.LowRankMultivariateNormal(torch.zeros(3, 2), torch.zeros(2, 2, 1), torch.ones(2))",
    "independent": "D.Independent(D.Normal(torch.zeros(2), 1.0), 2)",
    "product": "D.Independent(D.Bernoulli(torch.ones(2)), 1).enumerate_support()",
    "mixture": "D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(torch.zeros(2), 1.0))",
    "component": "D.MixtureSameFamily(D.Categorical(torch.ones(2)), 1)",
    "components": "D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Normal(torch.zeros(3), 1.0))",
    "mixture's batch": "D.MixtureSameFamily(D.Categorical(torch.ones(2, 2)), D.Normal(torch.zeros(3, 2), 1.0))",
    "lkj": "D.LKJCholesky(1)",
    "wishart": "D.Wishart(1.0, torch.eye(3))",
    "wishart's matrices": "D.Wishart(4.0)",
    "multinomial": "D.Multinomial(torch.tensor(3), torch.ones(2))",
    "multinomial's support": "D.Multinomial(3, torch.ones(2)).log_prob(torch.tensor([3.0, 1.0]))",
    "binomials": "D.Binomial(torch.tensor([1.0, 2.0]), torch.tensor(0.5)).entropy()",
    "binomial's support": "D.Binomial(torch.tensor([1.0, 2.0]), torch.tensor(0.5)).enumerate_support()",
    "kinds": "D.Normal('a', 1.0)",
    "no rsample": "D.Poisson(1.0).rsample()",
    "no cdf": "D.Poisson(1.0).cdf(torch.tensor(1.0))",
    "no mode": "D.LogisticNormal(torch.zeros(2), 1.0).mode",
    "no kl": "D.kl_divergence(D.Normal(0.0, 1.0), D.Categorical(torch.ones(2)))",
    "no kl across families": "D.kl_divergence(D.Poisson(1.0), D.Normal(0.0, 1.0))",
    "kl of counts": "D.kl_divergence(D.Binomial(2, torch.tensor(0.5)), D.Binomial(3, torch.tensor(0.5)))",
    "kl of vectors": "D.kl_divergence(D.MultivariateNormal(torch.zeros(2), torch.eye(2)), D.MultivariateNormal(torch.zeros(3), torch.eye(3)))",
    "kl of blocks": "D.kl_divergence(D.Independent(D.Normal(torch.zeros(2), 1.0), 1), D.Independent(D.Normal(torch.zeros(2), 1.0), 0))",
    "transforms": "D.TransformedDistribution(D.Normal(0.0, 1.0), 3)",
    "list of transforms": "D.TransformedDistribution(D.Normal(0.0, 1.0), [3])",
    "base of a transform": "D.TransformedDistribution(D.Normal(0.0, 1.0), D.StickBreakingTransform())",
    "cache": "D.ExpTransform(cache_size=2)",
    "reshape": "D.ReshapeTransform((2,), (3,))",
    "reshaped": "D.ReshapeTransform((2,), (1, 2)).forward_shape((3,))",
    "flat": "D.StickBreakingTransform().forward_shape(())",
    "corr": "D.CorrCholeskyTransform().forward_shape((2,))",
    "corr's inverse": "D.CorrCholeskyTransform().inverse_shape((2, 3))",
    "registry": "D.biject_to.register(int, int)",
    "unknown": "D.biject_to(D.constraints.lower_cholesky)",
    "dependent": "D.constraints.dependent.check(torch.zeros(1))",
    "dependent's event": "D.Independent.support.event_dim",
    "too few dimensions": "D.constraints.independent(D.constraints.real, 2).check(torch.zeros(1))",
    "triangle": "D.utils.vec_to_tril_matrix(torch.zeros(5))",
    "diagonal": "D.utils.tril_matrix_to_vec(torch.zeros(2, 2), diag=2)",
    "default": "D.Distribution.set_default_validate_args(3)",
    "abstract": "D.Distribution().expand((2,))",
    "binomial's count": "torch.binomial(torch.tensor([1]), torch.tensor([0.5]))",
    "binomial's dtypes": "torch.binomial(torch.tensor([1.0]), torch.tensor([0.5], dtype=torch.float64))",
    "gamma of integers": "torch._standard_gamma(torch.tensor([1]))",
    "dirichlet of integers": "torch._sample_dirichlet(torch.tensor([1]))",
}


@pytest.mark.parametrize("code", WRONG.values(), ids=WRONG.keys())
def test_errors_are_pytorchs(code: str) -> None:
    expected, found = (
        attempt(lambda torch=torch: eval(code, {"torch": torch, "D": torch.distributions}))  # noqa: S307
        for torch in LIBRARIES
    )
    assert isinstance(expected, tuple), "PyTorch accepts it"
    assert isinstance(found, tuple), found
    assert found[0] == expected[0]
    assert expected[1] in found[1]


def test_a_subclass_with_its_own_init_must_expand_itself() -> None:
    said = []
    for torch in LIBRARIES:

        class Mine(torch.distributions.Normal):
            def __init__(self) -> None:
                super().__init__(0.0, 1.0)

        said.append(attempt(lambda Mine=Mine: Mine().expand((2,))))
    assert said[0] == said[1]


@pytest.mark.parametrize("name", ["arg_constraints", "support"])
def test_what_is_not_stated_is_warned_of(name: str) -> None:
    said = []
    for torch in LIBRARIES:
        stated = {"arg_constraints": {}, "support": torch.distributions.constraints.real}
        del stated[name]
        Mine = type("Mine", (torch.distributions.Distribution,), stated)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Mine(validate_args=True)._validate_sample(torch.zeros(()))
        said.append([re.sub(r"<class '.*?'>", "", str(each.message)) for each in caught])
    assert said[0] == said[1]
    assert said[0]


# ---- divergences -----------------------------------------------------------------------------------------------------

FAMILIES = {case.name: case for case in reversed(CASES) if case.parameters and "(torch." not in case.maker}
FAMILIES |= {
    "Binomial": Case("D.Binomial(12, probs=a)", {"a": PROBS}),
    "Cauchy": Case("D.Cauchy(a, b)", {"a": LOC, "b": POSITIVE}),
    "Independent": Case("D.Independent(D.Normal(a, b), 1)", {"a": LOC, "b": POSITIVE}),
    "TransformedDistribution": Case(
        "D.TransformedDistribution(D.Normal(a, b), [D.ExpTransform()])", {"a": LOC, "b": POSITIVE}
    ),
    "ExponentialFamily": Case("D.Gamma(a, b)", {"a": POSITIVE, "b": POSITIVE}),
}
PAIRS = sorted({(p.__name__, q.__name__) for p, q in theirs.distributions.kl._KL_REGISTRY})


def shifted(case: Case) -> Case:
    """Other parameters of the same family."""

    def moved(name: str, value: Any) -> Any:
        found = (
            np.roll(np.array(value), 1, axis=-1) if np.ndim(value) == 1 or "Matrix" in name else np.array(value)[::-1]
        )
        return found.tolist()

    keep = ("Multivariate", "Wishart", "LKJ")
    if any(word in case.maker for word in keep):
        return Case(case.maker, {name: (np.array(value) * 1.1).tolist() for name, value in case.parameters.items()})
    return Case(case.maker, {name: moved(case.maker, value) for name, value in case.parameters.items()})


def test_the_same_pairs_are_known() -> None:
    ours = {(p.__name__, q.__name__) for p, q in dynagrad.distributions.kl._KL_REGISTRY}
    assert ours == set(PAIRS)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_divergences_and_their_gradients(pair: tuple[str, str]) -> None:
    first, second = FAMILIES[pair[0]], shifted(FAMILIES[pair[1]])
    found = []
    for torch in LIBRARIES:
        p, mine = first.make(torch, requires_grad=True)
        q, yours = second.make(torch, requires_grad=True)
        value = torch.distributions.kl_divergence(p, q)
        if value.requires_grad:
            value.masked_fill(value.isinf(), 0).sum().backward()
        found.append((value, [t.grad for t in (*mine.values(), *yours.values())]))
    assert_same(found[0][0], found[1][0], 1e-8)
    if numbers(found[0][0]).max() < np.inf:
        for expected, ours in zip(found[0][1], found[1][1], strict=True):
            if expected is not None or ours is not None:
                assert_same(expected, ours, 1e-7)


INSIDE = [
    "D.Uniform(0.2, 0.7)", "D.Uniform(0.0, 1.0)", "D.Uniform(-0.5, 2.0)", "D.Uniform(1.5, 2.0)", "D.Beta(2.0, 3.0)",
    "D.Pareto(0.1, 2.5)", "D.Pareto(1.5, 0.5)", "D.ContinuousBernoulli(0.3)", "D.Gamma(2.0, 3.0)", "D.Normal(0.3, 0.7)",
]  # fmt: skip


@pytest.mark.parametrize("p", INSIDE)
def test_divergences_where_one_reaches_beyond_the_other(p: str) -> None:
    for q in INSIDE:
        if (p.partition("(")[0][2:], q.partition("(")[0][2:]) in PAIRS:
            expected, found = (
                eval(f"D.kl_divergence({p}, {q})", {"D": torch.distributions})  # noqa: S307
                for torch in LIBRARIES
            )
            assert_same(expected, found, 1e-5)


def test_certain_outcomes_diverge_as_in_pytorch() -> None:
    code = [
        "D.kl_divergence(D.Categorical(a), D.Categorical(b))",
        "D.kl_divergence(D.OneHotCategorical(b), D.OneHotCategorical(a))",
        "D.kl_divergence(D.Bernoulli(a), D.Bernoulli(b))",
        "D.kl_divergence(D.Categorical(a).expand((2, 1)), D.Categorical(b))",
        "D.Categorical(a).entropy()",
        "D.Multinomial(3, a).log_prob(torch.tensor([0.0, 1.0, 2.0]))",
        "D.Bernoulli(a).mode",
        "D.Dirichlet(torch.tensor([[0.2, 0.3], [1.0, 1.0], [0.5, 2.0], [3.0, 2.0]])).mode",
    ]
    for line in code:
        expected, found = (
            eval(  # noqa: S307
                line,
                {
                    "torch": torch, "D": torch.distributions,
                    "a": torch.tensor([0.0, 0.5, 0.5]), "b": torch.tensor([0.0, 1.0, 0.0]),
                },
            )
            for torch in LIBRARIES
        )  # fmt: skip
        assert_same(expected, found, 1e-6)


# ---- the derivatives of gamma and Dirichlet numbers ------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 0.3, 0.9, 1.5, 8.0, 50.0, 1e4])
def test_how_gamma_numbers_move(alpha: float) -> None:
    theirs.manual_seed(0)
    a = theirs.full((300,), alpha, dtype=theirs.float64)
    x = theirs._standard_gamma(a)
    ours = [dynagrad.tensor(t.tolist(), dtype=dynagrad.float64) for t in (a, x)]
    assert_close(theirs._standard_gamma_grad(a, x), dynagrad._standard_gamma_grad(*ours), 1e-3)


@pytest.mark.parametrize("alpha", [[0.1, 0.1], [1.0, 2.0, 3.0], [100.0, 0.5], [300.0, 200.0, 40.0]], ids=str)
def test_how_dirichlet_vectors_move(alpha: list[float]) -> None:
    theirs.manual_seed(0)
    a = theirs.tensor([alpha] * 100, dtype=theirs.float64)
    x = theirs._sample_dirichlet(a)
    total = a.sum(-1, True).expand_as(a)
    ours = [dynagrad.tensor(t.tolist(), dtype=dynagrad.float64) for t in (x, a, total)]
    assert_close(theirs._dirichlet_grad(x, a, total), dynagrad._dirichlet_grad(*ours), 1e-3)


def test_the_stream_goes_on_as_in_pytorch_between_all_kinds_of_draws() -> None:
    code = [
        "torch._standard_gamma(torch.tensor([0.0, 0.5, 3.0] * 3))",
        "torch.empty(3, dtype=torch.float64).normal_()",
        "torch._standard_gamma(torch.full((9001,), 0.7, dtype=torch.float64))",
        "torch._sample_dirichlet(torch.tensor([[0.1, 2.0], [30.0, 1.0]]))",
        "torch.rand(1)",
        "torch.binomial(torch.full((50,), 40.0), torch.linspace(0, 1, 50))",
        "torch.binomial(torch.full((300,), 1e6), torch.full((300,), 0.25))",
        "torch.randn(17)",
    ]
    for torch in LIBRARIES:
        torch.manual_seed(4)
    for line in code:
        expected, found = (eval(line, {"torch": torch}) for torch in LIBRARIES)  # noqa: S307
        assert_same(expected, found, 1e-6 if str(expected.dtype) == "torch.float32" else 1e-14)
    generators = [torch.Generator().manual_seed(3) for torch in LIBRARIES]
    for _ in range(2):
        expected, found = (
            torch._standard_gamma(torch.ones(3), generator=g) for torch, g in zip(LIBRARIES, generators, strict=True)
        )
        assert_same(expected, found, 1e-6)


def test_names_are_pytorchs() -> None:
    assert set(dynagrad.distributions.__all__) == set(theirs.distributions.__all__)
    for module in ("constraints", "transforms", "kl"):
        ours = set(getattr(dynagrad.distributions, module).__all__)
        assert set(getattr(theirs.distributions, module).__all__) <= ours
