"""A seed means PyTorch's numbers: recorded streams of every distribution, states, forks.

`python tests/random/test_stream.py`, where PyTorch is installed, records the numbers anew.
"""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import dynagrad

RECORDED = Path(__file__).parents[1] / "recorded" / "random.json"
SIZES = [0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 100003]
FLOATS = ["float32", "float64", "float16", "bfloat16"]
KEPT = 12

# Statements run one after the other from each seed, so that a draw too many shows in all that follow.
FILLS = [
    "torch.rand({n}, dtype=torch.{t})",
    "torch.randn({n}, dtype=torch.{t})",
    "torch.empty({n}, dtype=torch.{t}).uniform_(-3.3, 7.7)",
    "torch.empty({n}, dtype=torch.{t}).normal_(1.5, 0.02)",
    "torch.empty({n}, 2, dtype=torch.{t})[:, 0].normal_()",
    "torch.empty({n}, dtype=torch.{t}).exponential_(2.5)",
    "torch.empty({n}, dtype=torch.{t}).cauchy_(1.0, 2.5)",
    "torch.empty({n}, dtype=torch.{t}).log_normal_(0.3, 0.7)",
    "torch.empty({n}, dtype=torch.{t}).geometric_(0.3)",
    "torch.empty({n}, dtype=torch.{t}).random_()",
    "torch.empty({n}, dtype=torch.{t}).random_(3, 90)",
    "torch.bernoulli(torch.linspace(0, 1, {n}).to(torch.{t}))",
    "torch.poisson(torch.linspace(0, 30, {n}).to(torch.{t}))",
]
PLAIN = [
    "torch.randint(10, ({n},))",
    "torch.randint(-5, 2**28, ({n},))",
    "torch.randint(-(2**63), 2**63 - 1, ({n},))",
    "torch.randint(0, 200, ({n},), dtype=torch.uint8)",
    "torch.randperm({n})",
    "torch.empty({n}, dtype=torch.int64).random_()",
    "torch.empty({n}, dtype=torch.int8).random_()",
    "torch.empty({n}, dtype=torch.bool).random_()",
    "torch.normal(torch.zeros({n}), torch.ones({n}))",
]
REJECTED = [
    "torch._standard_gamma(torch.linspace(0, 3, {n}).to(torch.{t}))",
    "torch.empty(3, dtype=torch.float64).normal_()",
    "torch._sample_dirichlet(torch.linspace(0.1, 9, 3 * {n}).to(torch.{t}).view(-1, 3))",
    "torch.binomial(torch.linspace(0, 90, {n}).to(torch.{t}), torch.linspace(0, 1, {n}).to(torch.{t}))",
]
SINGLE = [
    "torch.multinomial(torch.tensor([0.1, 0.0, 0.5, 0.4]), 50, replacement=True)",
    "torch.multinomial(torch.tensor([[0.1, 0.0, 0.5, 0.4], [1.0, 2.0, 3.0, 4.0]]), 3)",
    "torch.multinomial(torch.ones(300, dtype=torch.float64), 4)",
    "torch.multinomial(torch.tensor([1.0, 2.0]), 1)",
    "torch.empty(3, 4).t().uniform_()",
    "torch.empty(6, 4).t().normal_()",
    "torch.empty(4, 6)[:, ::2].uniform_()",
    "torch.empty(2, 3).bernoulli_(torch.tensor([0.2, 0.5, 0.9]))",
    "torch.rand_like(torch.ones(3, 2).t())",
    "torch.randint_like(torch.ones(4), 2, 9)",
    "torch.nn.init.xavier_normal_(torch.empty(2, 3))",
    "torch.nn.init.xavier_uniform_(torch.empty(7, 5))",
    "torch.nn.init.kaiming_normal_(torch.empty(4, 6, 3), mode='fan_out', nonlinearity='relu')",
    "torch.nn.init.kaiming_uniform_(torch.empty(4, 6), a=0.2)",
    "torch.nn.init.trunc_normal_(torch.empty(40), 0.2, 0.5, -0.3, 0.9)",
    "torch.nn.init.trunc_normal_(torch.empty(40), 0.0, 1.0, 1.5, 2.0)",
    "torch.nn.init.orthogonal_(torch.empty(5, 7))",
    "torch.nn.init.orthogonal_(torch.empty(7, 5, dtype=torch.float64), gain=2.0)",
    "torch.nn.init.sparse_(torch.empty(8, 3), 0.4)",
    "torch.nn.init.dirac_(torch.empty(4, 2, 3, 3), groups=2)",
    "torch.nn.init.eye_(torch.empty(2, 3))",
]
PROGRAMS = [(7 * n + 1, [s.format(n=n, t=t) for s in FILLS]) for n in SIZES for t in FLOATS] + [
    *[(n, [s.format(n=n) for s in PLAIN]) for n in SIZES],
    *[(seed, SINGLE) for seed in (0, 1, 2**40 + 5, -1)],
    *[(n, [s.format(n=n, t=t) for s in REJECTED]) for n in SIZES for t in ("float32", "float64")],
]


def run(torch, seed, statements):
    """The first elements that each statement gives, and the next number of the stream."""
    torch.manual_seed(seed)
    found = [eval(each, {"torch": torch}).reshape(-1)[:KEPT].tolist() for each in statements]  # noqa: S307 - ours
    return [*found, torch.rand(1, dtype=torch.float64).tolist()]


def compare(seed, statements, ours, theirs):
    for statement, mine, expected in zip([*statements, "the next number"], ours, theirs, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=2e-5, atol=2e-6, err_msg=f"seed {seed}: {statement}")


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORDED.read_text())


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_streams(recorded, number):
    seed, statements = PROGRAMS[number]
    compare(seed, statements, run(dynagrad, seed, statements), recorded[number])


@pytest.mark.parity
@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_streams_against_pytorch(number):
    import torch

    seed, statements = PROGRAMS[number]
    compare(seed, statements, run(dynagrad, seed, statements), run(torch, seed, statements))
    assert dynagrad.get_rng_state().tolist() == torch.get_rng_state().tolist()


@pytest.mark.parity
def test_states_go_both_ways():
    import torch

    torch.manual_seed(3)
    torch.randn(5)
    dynagrad.set_rng_state(dynagrad.tensor(torch.get_rng_state().numpy()))
    assert dynagrad.randn(4).tolist() == torch.randn(4).tolist()
    torch.set_rng_state(torch.tensor(dynagrad.get_rng_state().numpy()))
    assert dynagrad.rand(40).tolist() == torch.rand(40).tolist()


def test_the_documents_xavier():
    dynagrad.manual_seed(1)
    found = dynagrad.nn.init.xavier_normal_(dynagrad.empty(2, 3)).tolist()
    assert np.round(found, 4).tolist() == [[0.4183, 0.1688, 0.039], [0.393, -0.2858, -0.1051]]


def test_state_returns_to_a_place():
    g = dynagrad.Generator().manual_seed(4)
    dynagrad.empty(3).normal_(generator=g)
    state = g.get_state()
    assert (state.dtype, tuple(state.shape)) == (dynagrad.uint8, (5056,))
    ahead = dynagrad.randn(5, generator=g).tolist()
    assert dynagrad.randn(5, generator=g.set_state(state)).tolist() == ahead
    again = pickle.loads(pickle.dumps(dynagrad.Generator().set_state(state)))  # noqa: S301 - ours
    assert dynagrad.randn(5, generator=again).tolist() == ahead


def test_default_generator():
    assert dynagrad.manual_seed(2**64 - 1) is dynagrad.default_generator
    assert dynagrad.initial_seed() == 2**64 - 1
    assert dynagrad.manual_seed(-1).initial_seed() == 2**64 - 1
    assert dynagrad.Generator().initial_seed() == 67280421310721
    assert 0 <= dynagrad.seed() < 2**53
    assert dynagrad.Generator().device == dynagrad.device("cpu")


def test_fork_leaves_the_stream():
    dynagrad.manual_seed(0)
    with dynagrad.random.fork_rng():
        dynagrad.manual_seed(9)
        dynagrad.rand(3)
    assert dynagrad.rand(1).item() == pytest.approx(0.49625658988952637)


@pytest.mark.parametrize(
    ("statement", "error", "words"),
    [
        ("torch.manual_seed(2**64)", ValueError, "Overflow"),
        ("torch.manual_seed('a')", ValueError, "invalid literal"),
        ("torch.Generator('cuda')", RuntimeError, "cuda"),
        ("torch.Generator().set_state([1])", TypeError, "ByteTensor"),
        ("torch.Generator().set_state(torch.zeros(5056))", TypeError, "ByteTensor"),
        ("torch.Generator().set_state(torch.zeros(5, dtype=torch.uint8))", RuntimeError, "5056"),
        ("torch.Generator().set_state(torch.zeros(5056, dtype=torch.uint8))", RuntimeError, "mt19937"),
        ("torch.rand(2, generator=3)", TypeError, "generator"),
        ("torch.rand()", TypeError, "size"),
        ("torch.rand(-1)", RuntimeError, "negative"),
        ("torch.rand(2, dtype=torch.int64)", NotImplementedError, "Long"),
        ("torch.empty(2).uniform_(2, 1)", RuntimeError, "from"),
        ("torch.empty(2).uniform_(float('nan'), 1)", RuntimeError, "out of bounds"),
        ("torch.empty(2).normal_(0, -1)", RuntimeError, "std >= 0"),
        ("torch.empty(2).normal_(0, float('nan'))", RuntimeError, "std >= 0"),
        ("torch.empty(2).exponential_(0)", RuntimeError, "lambda > 0"),
        ("torch.empty(2).geometric_(1)", RuntimeError, r"\(0, 1\)"),
        ("torch.empty(2).bernoulli_(1.5)", RuntimeError, r"\[0, 1\]"),
        ("torch.bernoulli(torch.tensor([0.5, float('nan')]))", RuntimeError, r"\[0, 1\]"),
        ("torch.randint(5, 3, (2,))", RuntimeError, "less than"),
        ("torch.randint(0, 300, (2,), dtype=torch.uint8)", RuntimeError, "out of bounds"),
        ("torch.randint(2**63, (2,))", ValueError, "64 bits"),
        ("torch.randperm(-1)", RuntimeError, "negative"),
        ("torch.multinomial(torch.tensor([1.0, 2.0]), 3)", RuntimeError, "without replacement"),
        ("torch.multinomial(torch.tensor([0.0, 0.0]), 1)", RuntimeError, "sum of probabilities"),
        ("torch.multinomial(torch.tensor([float('nan'), 1.0]), 1)", RuntimeError, "nan"),
        ("torch.poisson(torch.tensor([-1.0]))", RuntimeError, "non-negative"),
        ("torch.ones(3, requires_grad=True).uniform_()", RuntimeError, "leaf"),
    ],
)
def test_errors(statement, error, words):
    with pytest.raises(error, match=words):
        eval(statement, {"torch": dynagrad})  # noqa: S307 - ours


def test_a_drawn_tensor_forgets_its_history():
    x = dynagrad.ones(3, requires_grad=True)
    y = (x * 2).uniform_()
    assert type(y.grad_fn).__name__ == "UniformBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_generators_are_copied_by_their_place():
    g = dynagrad.Generator().manual_seed(1)
    other = copy.copy(g)
    assert dynagrad.rand(3, generator=g).tolist() == dynagrad.rand(3, generator=other).tolist()


if __name__ == "__main__":
    import torch

    RECORDED.write_text(json.dumps([run(torch, *each) for each in PROGRAMS]).replace("]], [[", "]],\n[[") + "\n")
