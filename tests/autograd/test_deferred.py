"""Large gradients through element formulas: what waits gives what would have come at once, and nobody sees it wait.

The reference is the same program on pieces too small to wait.
"""

import warnings

import pytest

import dynagrad as torch

N, PIECE = 80_000, 10_000
F = torch.nn.functional


def pieces(program, *inputs):
    """Gradients of the sum of ``program``, computed on pieces."""
    parts = []
    for start in range(0, N, PIECE):
        leaves = [x[start : start + PIECE].clone().requires_grad_() for x in inputs]
        program(*leaves).sum().backward()
        parts.append([leaf.grad for leaf in leaves])
    return [torch.cat(column) for column in zip(*parts, strict=True)]


def whole(program, *inputs):
    leaves = [x.clone().requires_grad_() for x in inputs]
    program(*leaves).sum().backward()
    return [leaf.grad for leaf in leaves]


def long(x):
    """More steps than one program holds."""
    for i in range(60):
        x = (x * 1.01 + 0.1).tanh() if i % 3 else x.sin() * x
    return x


PROGRAMS = {
    "shared": lambda a, b: torch.tanh(a) * torch.sigmoid(a) + a**2 - b,
    "arithmetic": lambda a, b: (a * b - a / b).sin().exp() * 0.5 - (2 - a) + (3 / b) + -b,
    "choices": lambda a, b: (
        torch.maximum(a, b).relu() - torch.where(a > b, a, b * 2) * a.clamp(-1, 1) + a.masked_fill(a > 1, 0)
    ),
    "powers": lambda a, b: b.pow(a) + b.sqrt() + b.rsqrt() + b.log() + torch.xlogy(a, b) + b**3 + 2**a,
    "angles": lambda a, b: a.atan2(b) + torch.hypot(a, b) + a.cos() + b.asinh() + a.sinh() + a.atan(),
    "activations": lambda a, b: (
        F.gelu(a) + F.silu(b) + F.softplus(a) + F.logsigmoid(b) + a.erf() + F.gelu(b, approximate="tanh")
    ),
    "alone": lambda a, b: a * 1 + b,
    "long": lambda a, b: long(a) * b,
    "abs": lambda a, b: a.abs() + torch.addcmul(a, b, b) + torch.lerp(a, b, 0.3) + 1 / a,
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_those_of_the_pieces(name, dtype):
    a, b = torch.randn(N, dtype=dtype), torch.rand(N, dtype=dtype) + 0.5
    for got, expected in zip(whole(PROGRAMS[name], a, b), pieces(PROGRAMS[name], a, b), strict=True):
        # The last elements of a piece go through scalar code, which may round once more.
        assert torch.allclose(got, expected, rtol=1e-6, atol=2e-7)


def test_half_types_integers_and_mixed_types_run_at_once():
    a = torch.randn(N)
    half = a.bfloat16().requires_grad_()
    (half.tanh() * half).sum().backward()
    assert half.grad.dtype is torch.bfloat16
    wide = a.clone().requires_grad_()
    (wide.tanh() * torch.arange(N, dtype=torch.float64)).sum().backward()
    assert torch.allclose(wide.grad, (1 - a.tanh() ** 2) * torch.arange(N), atol=1e-2)


def test_broadcast_operands_and_transposed_ones():
    w = torch.randn(400, requires_grad=True)
    x = torch.randn(300, 400)
    big = x.clone().requires_grad_()
    ((big * w).tanh() * big.t().contiguous().t() + w).sum().backward()
    rows, grads = [], torch.zeros(400)
    for row in x:
        leaf, v = row.clone().requires_grad_(), w.detach().clone().requires_grad_()
        ((leaf * v).tanh() * leaf + v).sum().backward()
        rows.append(leaf.grad)
        grads += v.grad
    assert torch.allclose(big.grad, torch.stack(rows), atol=1e-6)
    assert torch.allclose(w.grad, grads, rtol=1e-4, atol=1e-3)


def test_hooks_retained_and_captured_gradients_have_values():
    x = torch.randn(N, requires_grad=True)
    seen = []
    h = x * 2
    h.register_hook(lambda g: seen.append(g.clone()) or g * 3)
    k = h.tanh()
    k.retain_grad()
    (k * k).sum().backward()
    expected = 2 * k.detach()
    assert torch.equal(k.grad, expected)
    assert torch.allclose(seen[0], expected * (1 - k.detach() ** 2), atol=1e-6)
    assert torch.allclose(x.grad, seen[0] * 6, atol=1e-6)
    y = x.sin()
    z = y.exp() * y
    for_y, for_x = torch.autograd.grad(z.sum(), (y, x))
    assert torch.allclose(for_y, y.exp() * (1 + y), atol=1e-6)
    assert torch.allclose(for_x, for_y * x.cos(), atol=1e-6)


def test_gradients_accumulate_and_backward_runs_inside_backward():
    x = torch.randn(N, requires_grad=True)

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            with torch.enable_grad():
                inner = a.detach().requires_grad_()
                (inner.sin() * inner).sum().backward()
            assert torch.allclose(inner.grad, a.cos() * a + a.sin(), atol=1e-6)
            return g * 2

    for _ in range(2):
        (Twice.apply(x.tanh() * 1.5).sin() * x).sum().backward()
    once = x.grad / 2
    x.grad = None
    (((x.tanh() * 1.5) * 2).sin() * x).sum().backward()
    assert torch.allclose(once, x.grad, atol=1e-6)


def test_an_error_on_the_way_loses_nothing():
    x = torch.randn(N, requires_grad=True)

    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.clone()

        @staticmethod
        def backward(ctx, g):
            raise ValueError("no gradient today")

    y = (Fails.apply(x) * x).tanh() + x.sin()
    with pytest.raises(ValueError, match="no gradient today"):
        y.sum().backward()
    (x * 2).sum().backward()
    assert x.grad.isfinite().all()
    saved = x.sigmoid()
    z = (saved * 2).sin()
    with torch.no_grad():
        saved.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_higher_derivatives_and_anomaly_mode_run_at_once():
    x = torch.randn(N, requires_grad=True)
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    g.sum().backward()
    assert torch.allclose(x.grad, 6 * x)
    bad = torch.zeros(N, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="DivBackward0"):
            (bad / bad).sum().backward()


def test_what_lies_between_takes_no_memory():
    x = torch.randn(1_000_000, requires_grad=True)
    y = x
    for _ in range(20):
        y = -y
    torch.memory.reset_peak_stats()
    before = torch.memory.stats()["live_bytes"]
    y.sum().backward()
    assert torch.memory.stats()["peak_bytes"] - before < 2 * 4_500_000
