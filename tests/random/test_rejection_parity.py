"""Gamma, Dirichlet and binomial numbers are PyTorch's, bit for bit; so are the errors and the names of the nodes."""

import pytest

import dynagrad

theirs = pytest.importorskip("torch")

pytestmark = pytest.mark.parity
LIBRARIES = (theirs, dynagrad)
INF = float("inf")
SHAPES = [
    [0.0, -0.0, 0.5, 3.0],
    [1e-40, 2.0, 3.0],
    [1e-310, 2.0, 0.3],
    [0.1] * 3000,
    [0.999999, 1.0, 1.0000001] * 500,
    [1e30, INF, 50.0, 1e5] * 100,
    [2.5] * 20001,
]
PARTS = [
    [[1e-3, 1e-3], [2e-3, 1e-3], [1e-40, 1.0], [0.0, 1e-3], [0.0, 0.0]] * 4,
    [[0.5, 2.0, 3.0]] * 3000,
    [[1e3, 1e-2], [1e30, 1.0]] * 100,
]
TRIALS = [
    ([40.0], [0.3]),
    ([40.0], [0.7]),
    ([40.0], [0.05]),
    ([1e6], [0.25]),
    ([2.5, 10.3, 100.7, 333.3], [0.5, 0.98, 0.3, 0.1]),
    ([INF, 5.0, 5.0, -3.0, 9.0], [0.3, 1.5, -0.5, 0.5, 1e-45]),
    ([25.0], [0.42]),
]


def same(draw, dtype):
    """What is drawn, and what is drawn after it, single and normal numbers."""
    found = []
    for torch in LIBRARIES:
        torch.manual_seed(7)
        drawn = draw(torch, getattr(torch, dtype))
        assert str(drawn.dtype) == "torch." + dtype
        after = torch.rand(3), torch.empty(3, dtype=torch.float64).normal_()
        found.append([repr(each.tolist()) for each in (drawn, *after)])
    assert found[0] == found[1]


def test_long_dirichlet_vectors():
    found = []
    for torch in LIBRARIES:  # whose sums of many numbers may round otherwise
        torch.manual_seed(7)
        found.append(
            [torch._sample_dirichlet(torch.full((5, 300), 0.7, dtype=torch.float64)).tolist(), torch.rand(3).tolist()]
        )
    assert found[0][1] == found[1][1]
    for theirs_, ours in zip(*(each[0] for each in found), strict=True):
        assert ours == pytest.approx(theirs_, rel=1e-14, abs=0)


both = pytest.mark.parametrize("dtype", ["float32", "float64"])


@both
@pytest.mark.parametrize("alpha", SHAPES, ids=range(len(SHAPES)))
def test_gamma_numbers(alpha, dtype):
    same(lambda torch, t: torch._standard_gamma(torch.tensor(alpha, dtype=t)), dtype)


@both
@pytest.mark.parametrize("alpha", PARTS, ids=range(len(PARTS)))
def test_dirichlet_numbers(alpha, dtype):
    same(lambda torch, t: torch._sample_dirichlet(torch.tensor(alpha, dtype=t)), dtype)


@both
@pytest.mark.parametrize(("count", "prob"), TRIALS, ids=range(len(TRIALS)))
def test_binomial_numbers(count, prob, dtype):
    same(
        lambda torch, t: torch.binomial(torch.tensor(count * 1000, dtype=t), torch.tensor(prob * 1000, dtype=t)), dtype
    )


def test_strided_parameters():
    same(lambda torch, t: torch._standard_gamma(torch.arange(1, 25, dtype=t).view(4, 6).t()), "float32")
    same(lambda torch, t: torch._sample_dirichlet(torch.arange(1, 25, dtype=t).view(4, 6).t()), "float32")
    same(lambda torch, t: torch.binomial(torch.full((3, 4), 30.0, dtype=t).t(), torch.linspace(0, 1, 12, dtype=t).view(4, 3)), "float64")  # fmt: skip


WRONG = [
    "torch._standard_gamma(torch.ones(2, dtype=torch.bool))",
    "torch._sample_dirichlet(torch.ones(2, dtype=torch.int64))",
    "torch._standard_gamma_grad(torch.ones(2), torch.ones(2, dtype=torch.float64))",
    "torch._standard_gamma_grad(*[torch.ones(2, dtype=torch.int64)] * 2)",
    "torch._standard_gamma_grad(torch.ones(2), torch.ones(3))",
    "torch._dirichlet_grad(torch.ones(2), torch.ones(2, dtype=torch.float64), torch.ones(2))",
    "torch._dirichlet_grad(*[torch.ones(2, dtype=torch.int64)] * 3)",
    "torch._standard_gamma(3.0)",
    "torch.binomial(torch.ones(2), torch.ones(3))",
    "torch.binomial(torch.ones(2, requires_grad=True), torch.ones(2)).sum().backward()",
    "torch._sample_dirichlet(torch.ones(2, requires_grad=True)).sum().backward()",
    "torch._standard_gamma_grad(torch.ones(2, requires_grad=True), torch.ones(2)).sum().backward()",
    "torch._dirichlet_grad(torch.full((2,), 0.5), torch.ones(2, requires_grad=True), torch.ones(2)).sum().backward()",
    "torch.autograd.grad(torch._standard_gamma(a).sum(), a, create_graph=True)[0].sum().backward()",
    "torch.autograd.grad(D.Dirichlet(a).rsample().prod(), a, create_graph=True)[0].sum().backward()",
]


@pytest.mark.parametrize("code", WRONG)
def test_errors(code):
    said = []
    for torch in LIBRARIES:
        names = {"torch": torch, "D": torch.distributions, "a": torch.tensor([1.0, 2.0], requires_grad=True)}
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever PyTorch raises
            eval(code, names)  # noqa: S307
        said.append((type(caught.value).__name__, str(caught.value)))
    assert said[1][0] == said[0][0]
    assert said[0][1].rstrip(".") in said[1][1]


@pytest.mark.parametrize(
    "code",
    [
        "torch._standard_gamma(a)",
        "torch._standard_gamma_grad(a, a.detach())",
        "torch._standard_gamma_grad(a.detach(), a)",
        "torch._sample_dirichlet(a)",
        "torch._dirichlet_grad(a.detach(), a, a)",
        "torch.binomial(a, a / 3)",
        "torch.distributions.Dirichlet(a).rsample()",
        "torch.distributions.Gamma(a, 1.0).rsample()",
    ],
)
def test_nodes(code):
    made = [
        eval(code, {"torch": torch, "a": torch.tensor([1.0, 2.0], requires_grad=True)})  # noqa: S307
        for torch in LIBRARIES
    ]
    assert type(made[1].grad_fn).__name__ == type(made[0].grad_fn).__name__
    assert made[1].requires_grad == made[0].requires_grad


DRAWS = {
    "gamma": lambda torch, a: torch._standard_gamma(a),
    "dirichlet": lambda torch, a: torch._sample_dirichlet(a),
    "binomial": lambda torch, a: torch.binomial(a * 9, a / 9),
    "count of no dimension": lambda torch, a: torch.binomial(torch.tensor(9.0), a / 9),
    "count of more dimensions": lambda torch, a: torch.binomial(torch.tensor([9.0, 8.0]), a[0] / 9),
    "mean of no dimension": lambda torch, a: torch.normal(torch.tensor(9.0), a),
    "gammas": lambda torch, a: torch.distributions.Gamma(a, 1.0, validate_args=False).rsample(),
}


@pytest.mark.filterwarnings(
    "ignore:There is a performance drop", "ignore:An output with one or more elements was resized"
)
@pytest.mark.parametrize("randomness", ["error", "different", "same"])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_under_vmap(draw, randomness):
    found = []
    for torch in LIBRARIES:
        torch.manual_seed(5)
        try:
            batched = torch.func.vmap(lambda a, torch=torch: draw(torch, a), randomness=randomness)
            found.append(str(batched(torch.full((3, 2), 1.5)).tolist()))
        except RuntimeError as error:
            found.append(str(error))
    assert found[0] in found[1]
