"""Functions, differences and sets without PyTorch: known values, identities, derivatives beside differences."""

import math

import pytest

import dynagrad as torch
from dynagrad.autograd import gradcheck

X = torch.linspace(0.3, 12.0, 40, dtype=torch.float64)


def close(a, b, rtol=1e-10):
    torch.testing.assert_close(a, b, rtol=rtol, atol=1e-12)


def test_bessel_functions_keep_wronskis_identity():
    # J1 Y0 - J0 Y1 = 2 / (pi x), I0 K1 + I1 K0 = 1 / x: DLMF 10.5.2 and 10.28.2
    s = torch.special
    close(s.bessel_j1(X) * s.bessel_y0(X) - s.bessel_j0(X) * s.bessel_y1(X), 2 / (math.pi * X))
    far = X * 10
    close(s.bessel_j1(far) * s.bessel_y0(far) - s.bessel_j0(far) * s.bessel_y1(far), 2 / (math.pi * far))
    close(s.i0(X) * s.modified_bessel_k1(X) + s.i1(X) * s.modified_bessel_k0(X), 1 / X)
    close(s.i0e(far) * s.scaled_modified_bessel_k1(far) + s.i1e(far) * s.scaled_modified_bessel_k0(far), 1 / far)


def test_known_values():
    s, one = torch.special, torch.ones(1, dtype=torch.float64)
    close(s.bessel_j0(one), 0.7651976865579666 * one)
    close(s.airy_ai(one), 0.13529241631288141 * one)
    close(s.airy_ai(-5 * one), 0.35076100902411431 * one)
    close(s.zeta(2 * one, one), math.pi**2 / 6 * one)
    close(s.ndtri(0.975 * one), 1.959963984540054 * one)
    close(s.log_ndtr(-10 * one), -53.23128515051247 * one)
    close(s.erfcx(one), 0.427583576155807 * one)
    close(s.erfcx(30 * one), 0.01879588886141675 * one)
    close(s.legendre_polynomial_p(0.5 * one, 3 * one), -0.4375 * one)
    close(s.hermite_polynomial_h(0.5 * one, 3 * one), -5 * one)
    close(s.laguerre_polynomial_l(one, 2 * one), -0.5 * one)
    close(torch.igamma(one, one), (1 - math.exp(-1)) * one)


def test_inverses_undo():
    p = torch.linspace(0.001, 0.999, 50, dtype=torch.float64)
    close(torch.special.ndtr(torch.special.ndtri(p)), p)
    close(torch.igamma(X, X + 1) + torch.igammac(X, X + 1), torch.ones_like(X))
    mantissa, exponent = torch.frexp(X)
    close(torch.ldexp(mantissa, exponent), X)
    theta = torch.linspace(0.1, 3, 20, dtype=torch.float64)
    close(torch.special.chebyshev_polynomial_t(theta.cos(), torch.tensor(7.0)), (7 * theta).cos())
    close(torch.special.chebyshev_polynomial_u(theta.cos(), torch.tensor(4.0)), (5 * theta).sin() / theta.sin())


def test_whole_numbers():
    a = torch.arange(-20, 20)
    assert torch.gcd(a, torch.tensor(12)).tolist() == [math.gcd(n, 12) for n in range(-20, 20)]
    assert torch.lcm(a, torch.tensor(12)).tolist() == [math.lcm(n, 12) for n in range(-20, 20)]


@pytest.mark.parametrize("name", ["i0", "i0e", "i1", "i1e", "entr", "erfcx", "log_ndtr"])
def test_derivatives_of_functions(name):
    x = torch.linspace(0.2, 2.5, 7, dtype=torch.float64, requires_grad=True)
    assert gradcheck(getattr(torch.special, name), (x,))


def test_derivatives_of_two_numbers():
    a = torch.linspace(0.5, 3, 5, dtype=torch.float64)
    x = torch.linspace(0.2, 2.5, 5, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: torch.igamma(a, x), (x,))
    assert gradcheck(lambda x: torch.igammac(a, x), (x,))
    assert gradcheck(lambda x: torch.special.zeta(a + 2, x), (x,))
    assert gradcheck(torch.logaddexp2, (x, a.clone().requires_grad_()))


@pytest.mark.parametrize("name", ["igamma", "igammac", "zeta"])
def test_some_have_no_derivative_by_the_first_number(name):
    a = torch.tensor([1.5, 2.0], requires_grad=True)
    y = getattr(torch.special, {"igamma": "gammainc", "igammac": "gammaincc"}.get(name, name))(a, torch.ones(2))
    named = name if name == "zeta" else f"{name}: input"
    with pytest.raises(NotImplementedError, match=f"the derivative for '{named}' is not implemented"):
        y.sum().backward()


def test_the_next_number_follows_the_input():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    torch.nextafter(x, torch.tensor([2.0, 2.0])).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0]


def test_slopes_and_areas():
    t = torch.tensor([0.0, 1.0, 3.0, 4.0], dtype=torch.float64)
    close(torch.gradient(t * t, spacing=(t,), edge_order=2)[0], 2 * t)
    close(torch.trapezoid(t, t), torch.tensor(8.0, dtype=torch.float64))
    close(torch.cumulative_trapezoid(t, t)[-1], torch.trapezoid(t, t))
    close(torch.diff(t, prepend=t[:1]).cumsum(0), t)


def test_covariance_is_that_of_the_definition():
    torch.manual_seed(0)
    X = torch.randn(3, 50, dtype=torch.float64)
    off = X - X.mean(1, keepdim=True)
    close(torch.cov(X), off @ off.mT / 49)
    close(torch.corrcoef(X).diagonal(), torch.ones(3, dtype=torch.float64))


def test_distinct_slices_are_put_together_again():
    torch.manual_seed(0)
    x = torch.randint(0, 2, (20, 3))
    rows, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=0)
    assert (rows[inverse] == x).all()
    assert rows.tolist() == sorted(rows.tolist())
    assert counts.sum().item() == 20
    runs, inverse, counts = torch.unique_consecutive(x, return_inverse=True, return_counts=True, dim=0)
    assert (runs[inverse] == x).all()
    assert (runs[1:] != runs[:-1]).any(1).all()


def test_counts_over_bins_hold_every_point():
    x = torch.linspace(0, 1, 101, dtype=torch.float64)
    assert torch.histc(x, bins=10, min=0, max=1).sum().item() == 101
    counts, edges = torch.histogram(x, 10)
    assert (counts.sum().item(), edges.tolist()[0], edges.tolist()[-1]) == (101, 0, 1)
    density, edges = torch.histogram(x, 10, density=True)
    close((density * edges.diff()).sum(), torch.tensor(1.0, dtype=torch.float64))


def test_copies_share_nothing():
    x = torch.zeros(2, 2)
    for copy in (torch.t_copy(x), torch.view_copy(x, (4,)), torch.diagonal_copy(x), *torch.unsafe_chunk(x, 2)):
        copy.fill_(1)
    assert not x.any()
