"""Gamma, Dirichlet and binomial numbers: what is drawn of odd parameters, what moves with them, what is refused."""

import math

import pytest

import dynagrad as torch

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
INF, NAN = math.inf, math.nan


def double(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_numbers_stay_inside_what_the_dtype_has(dtype):
    tiny, below_one = torch.finfo(dtype).tiny, 1 - torch.finfo(dtype).eps / 2
    gamma = torch._standard_gamma(torch.tensor([0.0, -0.0, 1e-3, 0.5, 1.0, 300.0], dtype=dtype).repeat(50))
    assert gamma.dtype == dtype
    assert gamma.min() >= tiny
    parts = torch._sample_dirichlet(torch.tensor([[0.0, 1.0], [1e-3, 2e-3], [5.0, 0.5]] * 50, dtype=dtype))
    assert parts.dtype == dtype
    assert parts.min() >= tiny
    assert parts.max() <= below_one
    assert torch.binomial(torch.full((9,), 50.0, dtype=dtype), torch.linspace(0, 1, 9).to(dtype)).dtype == dtype


def test_what_is_no_parameter_gives_nan_and_draws_nothing():
    torch.manual_seed(1)
    after = torch.rand(1).item()
    for draw in (
        lambda: torch._standard_gamma(torch.tensor([NAN, -1.0, -INF, -1e-45])),
        lambda: torch.binomial(torch.tensor([NAN, 3.0, NAN]), torch.tensor([0.5, NAN, -1.0])),
    ):
        torch.manual_seed(1)
        assert draw().isnan().all()
        assert torch.rand(1).item() == after


def test_ends_of_the_parameters():
    assert torch._standard_gamma(torch.tensor([INF, 1e38])).tolist()[0] == INF
    assert torch._standard_gamma(double([5e-324, 1e-310])).tolist() == [torch.finfo(torch.float64).tiny] * 2
    assert (torch._standard_gamma(double([1e300])) / 1e300).item() == pytest.approx(1)
    count = double([5.0, 5.0, 5.0, -2.0, 0.0, 1e300, 7.0])
    found = torch.binomial(count, double([0.0, 1.0, 3.0, 0.5, 0.5, 5e-324, 1 - 2**-53]))
    assert found.tolist() == [0, 5, 5, 0, 0, 0, 7]
    assert torch.binomial(double([INF]), double([0.3])).item() == INF
    assert torch._sample_dirichlet(torch.zeros(3, 4)).tolist() == [[0.25] * 4] * 3
    assert torch._sample_dirichlet(torch.tensor(2.0)).shape == ()


def test_nothing_is_drawn_for_no_elements():
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 4)]:
        empty = torch.zeros(shape)
        assert torch._standard_gamma(empty).shape == shape
        assert torch._sample_dirichlet(empty).shape == shape
        assert torch.binomial(empty, empty).shape == shape
        assert torch._standard_gamma_grad(empty, empty).shape == shape
        assert torch._dirichlet_grad(empty, empty, empty).shape == shape


def test_strides_do_not_matter():
    alpha = torch.linspace(0.1, 9, 24).view(4, 6)
    x = torch._standard_gamma(alpha)
    plain = torch._standard_gamma_grad(alpha, x)
    assert torch.equal(torch._standard_gamma_grad(alpha.t(), x.t()), plain.t())
    assert torch.equal(torch._standard_gamma_grad(alpha[:, ::2], x[:, ::2]), plain[:, ::2])
    for seed in range(3):
        drawn = []
        for view in (alpha.t(), alpha.t().contiguous()):
            torch.manual_seed(seed)
            drawn.append(torch._standard_gamma(view))
        assert torch.equal(*drawn)


def test_many_numbers_are_one_stream():
    """The state is the generator's own, whatever the size of a piece."""
    alpha = torch.full((5001,), 0.7)
    torch.manual_seed(3)
    at_once = torch._standard_gamma(alpha)
    torch.manual_seed(3)
    assert torch.equal(torch.cat([torch._standard_gamma(piece) for piece in alpha.split(7)]), at_once)


# ---- derivatives -----------------------------------------------------------------------------------------------------


def test_exponential_numbers_move_as_their_closed_form_says():
    """With a = 1 and b = 1 a part is uniform: x^a keeps its probability, dx/da = -x log x."""
    x = torch.linspace(0.001, 0.999, 400).double()
    one = torch.ones_like(x)
    torch.testing.assert_close(torch._dirichlet_grad(x, one, 2 * one), -x * x.log() / (1 - x), rtol=1e-13, atol=0)


@pytest.mark.parametrize("a", [1e10, 1e11, 1e16, 1e30, 1e300])
def test_large_gamma_numbers_move_as_normal_ones(a):
    z = double([-3.0, -1.0, 0.0, 0.5, 4.0])
    x = a + z * math.sqrt(a) + (z * z - 1) / 3
    moved = torch._standard_gamma_grad(torch.full_like(x, a), x)
    torch.testing.assert_close(moved, 1 + (x - a) / (2 * a), rtol=1e-9, atol=0)


def test_where_no_number_can_move_further():
    assert torch._standard_gamma_grad(double([0.5, 1e-310]), double([0.0, 0.0])).tolist() == [0, 0]
    assert torch._dirichlet_grad(double([0.0]), double([0.5]), double([1.0])).tolist() == [0]
    for value in (NAN, INF, -1.0, 0.0, 5e-324, 1e300):  # whatever comes of it, it comes
        assert torch._standard_gamma_grad(double([value, 1.0]), double([1.0, value])).shape == (2,)
        assert torch._dirichlet_grad(double([0.5, value]), double([value, 0.5]), double([value, value])).shape == (2,)


def test_float32_derivatives_have_its_digits():
    torch.manual_seed(0)
    alpha = torch.logspace(-2, 4, 600)
    x = torch._standard_gamma(alpha)
    exact = torch._standard_gamma_grad(alpha.double(), x.double())
    torch.testing.assert_close(torch._standard_gamma_grad(alpha, x).double(), exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("a", [0.05, 0.7, 1.0, 2.5, 40.0])
def test_the_gradient_of_a_gamma_number_is_how_it_moves(a):
    """The distribution function is what is kept: dF/da + p dx/da = 0, with PyTorch's gammainc."""
    alpha = torch.full((9,), a, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    x = torch._standard_gamma(alpha)
    x.sum().backward()
    at, h = x.detach(), 1e-5 * a
    by_a = (torch.special.gammainc(alpha.detach() + h, at) - torch.special.gammainc(alpha.detach() - h, at)) / (2 * h)
    density = ((a - 1) * at.log() - at - math.lgamma(a)).exp()
    keep = (torch.special.gammainc(alpha.detach(), at) - 0.5).abs() < 0.45
    torch.testing.assert_close(alpha.grad[keep], (-by_a / density)[keep], rtol=1e-6, atol=1e-12)


def test_nodes_have_pytorchs_names_and_keep_what_its_do():
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    x = torch._standard_gamma(a)
    assert type(x.grad_fn).__name__ == "StandardGammaBackward0"
    assert torch.equal(x.grad_fn._saved_self, a)
    assert torch.equal(x.grad_fn._saved_result, x)
    assert type(torch._standard_gamma_grad(a, x.detach()).grad_fn).__name__ == "StandardGammaGradBackward0"
    assert type(torch._sample_dirichlet(a).grad_fn).__name__ == "NotImplemented"
    assert type(torch.distributions.Dirichlet(a).rsample().grad_fn).__name__ == "_DirichletBackward"
    with torch.no_grad():
        assert not torch._standard_gamma(a).requires_grad


def test_what_is_saved_may_not_be_written_to():
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    x = torch._standard_gamma(a)
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        x.sum().backward()


@pytest.mark.parametrize(
    ("draw", "kind", "said"),
    [
        (lambda: torch._standard_gamma(3.0), TypeError, "argument 'input' \\(position 1\\) must be Tensor, not float"),
        (lambda: torch._standard_gamma(torch.ones(2), 3), TypeError, "must be torch.Generator, not int"),
        (lambda: torch.binomial(torch.ones(2), 0.5), TypeError, "argument 'prob' \\(position 2\\) must be Tensor"),
        (lambda: torch._dirichlet_grad(*[torch.ones(2)] * 2, 1), TypeError, "'total' \\(position 3\\) must be Tensor"),
        (lambda: torch.binomial(torch.ones(2), torch.ones(3)), RuntimeError, "must match the size"),
    ],
)
def test_refusals(draw, kind, said):
    with pytest.raises(kind, match=said):
        draw()
