"""gradcheck and gradgradcheck: right derivatives pass, every kind of wrong one is named."""

import pytest

import dynagrad as torch
from dynagrad.autograd import Function, gradcheck, gradgradcheck
from dynagrad.autograd.gradcheck import GradcheckError

MODES = pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])


@pytest.fixture
def x():
    return torch.tensor([[0.3, -1.2, 0.8], [1.5, 0.1, -0.4]], dtype=torch.float64, requires_grad=True)


@pytest.fixture
def w():
    return torch.tensor([[0.7, 0.2], [-0.5, 1.1], [0.9, -1.3]], dtype=torch.float64, requires_grad=True)


def function(forward, backward):
    return type("MyFn", (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}).apply


wrong = function(lambda _, x: x * 2, lambda _, g: g * 3)


@MODES
def test_right_derivatives_pass(x, w, fast):
    cases = [
        (torch.mm, (x, w)),
        (torch.sigmoid, x),
        (lambda a: a, x),
        (lambda a: a.t(), x),
        (lambda a, b: (a @ b, a.sum()), (x, w)),
        (lambda a, n, b: a * n + b.sum(), (x, 3, torch.ones(2))),
        (lambda a: (a.sin(), a.argmax()), x),
        (lambda a: [a.sin(), a.cos()], [x]),
        (torch.sin, x * 2),
        (torch.exp, torch.zeros((), dtype=torch.float64, requires_grad=True)),
        (torch.exp, torch.zeros(0, 3, dtype=torch.float64, requires_grad=True)),
        (lambda _: torch.ones(2), x),
    ]
    for func, inputs in cases:
        assert gradcheck(func, inputs, fast_mode=fast)
    for func, inputs in cases[:-1]:
        assert gradgradcheck(func, inputs, fast_mode=fast)


@MODES
def test_a_wrong_derivative_is_found(x, fast):
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(wrong, x, fast_mode=fast)
    assert not gradcheck(wrong, x, fast_mode=fast, raise_exception=False)


@MODES
def test_a_wrong_second_derivative_is_found(x, fast):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    square = function(forward, lambda ctx, g: g * 2 * ctx.saved_tensors[0].detach())
    assert gradcheck(square, x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradgradcheck(square, x, fast_mode=fast)


@MODES
def test_an_output_that_changes_without_requiring_grad_is_found(x, fast):
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda a: a.detach() * 2, x, fast_mode=fast)


def test_a_backward_that_ignores_its_gradient_is_found():
    single = torch.zeros((), dtype=torch.float64, requires_grad=True)
    with pytest.raises(GradcheckError, match="not multiplied by grad_output"):
        gradcheck(function(lambda _, x: x * 1, lambda _, g: torch.ones_like(g)), single)


def test_a_backward_that_differs_from_run_to_run_is_found(x):
    noisy = function(lambda _, x: x * 1, lambda _, g: g * (1 + 1e-7 * torch.rand((), dtype=torch.float64)))
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(noisy, x)
    assert gradcheck(noisy, x, nondet_tol=1e-6)


def test_a_backward_that_fails_without_a_gradient_is_found(x):
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1, x * 2

    def backward(_, g, h):
        if g is None and h is None:
            raise RuntimeError("I want one")
        return (0 if g is None else g) + 2 * (0 if h is None else h)

    with pytest.raises(GradcheckError, match="I want one"):
        gradcheck(function(forward, backward), x)
    assert gradcheck(function(forward, backward), x, check_undefined_grad=False)


def test_inputs_are_left_as_they_were(x):
    before, version = x.tolist(), x._version
    gradcheck(torch.sin, x)
    assert x.tolist() == before
    assert x._version == version
    assert x.grad is None


def test_bad_inputs(x):
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(torch.sin, x.detach())
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(torch.sin, torch.ones(1, dtype=torch.float64, requires_grad=True).expand(3))
    with pytest.warns(UserWarning, match="double precision"):
        gradcheck(torch.sin, torch.ones(2, requires_grad=True), raise_exception=False)


def test_a_check_that_is_not_there_is_refused(x):
    with pytest.raises(NotImplementedError, match="check_batched_forward_grad"):
        gradcheck(torch.sin, x, check_batched_forward_grad=True)


class Wrong(torch.autograd.Function):
    """Its backward is right and its jvp is not."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g

    @staticmethod
    def jvp(ctx, tangent):
        return 3 * ctx.saved_tensors[0] * tangent


def test_forward_mode_is_checked(x):
    assert gradcheck(torch.sin, x, check_forward_ad=True, check_batched_grad=True)
    assert gradcheck(lambda t: (t * t.sum(), t.exp()), x, check_forward_ad=True)
    assert gradgradcheck(torch.sin, x, check_fwd_over_rev=True, check_batched_grad=True)
    assert gradcheck(Wrong.apply, x)
    with pytest.raises(RuntimeError, match="Jacobian computed with forward mode mismatch for output 0"):
        gradcheck(Wrong.apply, x, check_forward_ad=True)


@pytest.mark.parametrize("fast", [True, False])
def test_outputs_that_change_their_shape_or_dtype_are_noticed(fast: bool) -> None:
    x = torch.ones(1, dtype=torch.float64, requires_grad=True)
    with pytest.raises(AssertionError, match=r"same shape when inputs are perturbed by 1e-06, but got: shapes"):
        gradcheck(lambda x: torch.cat([x, x]) if (x >= 1).all() else x, x, fast_mode=fast)
    with pytest.raises(AssertionError, match=r"same dtype when inputs are perturbed by 1e-06, but got: dtypes"):
        gradcheck(lambda x: x.float() if (x >= 1).all() else x, x, fast_mode=fast)


def test_something_has_to_be_checked() -> None:
    x = torch.ones(1, dtype=torch.float64, requires_grad=True)
    with pytest.raises(AssertionError, match="Expected at least one of check_forward_ad or check_backward_ad"):
        gradcheck(lambda x: x, x, check_backward_ad=False)
