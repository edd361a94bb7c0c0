"""Custom Functions in transforms: their own vmap, one made of their backward, their own jvp."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad as torch
from dynagrad.autograd import Function, forward_ad
from dynagrad.func import grad, jacfwd, jacrev, jvp, vjp, vmap

X = torch.linspace(-1.0, 1.5, 12, dtype=torch.float64).reshape(3, 4)


class Cube(Function):
    """x³ scaled, with the rule made of forward and backward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any, scale: Any) -> Any:
        return x**3 * scale

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.one = inputs[0] * 0 + 1

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, scale = ctx.saved_tensors
        assert any(ctx.needs_input_grad)
        return g * 3 * x**2 * scale * ctx.one, (g * x**3).sum()


class Plain(Function):
    @staticmethod
    def forward(x: Any) -> Any:
        return x * 2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2


class OldStyle(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2


class Ambiguous(Plain):
    generate_vmap_rule = True

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        return x, 0


class Turned(Plain):
    """A vmap of its own, which says that the batch of its output is behind."""

    seen: list[Any] = []  # noqa: RUF012  # what the rule was told

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        Turned.seen.append((info.batch_size, info.randomness, in_dims))
        return Turned.apply(x).movedim(0, -1), -1


def reference(x: Any, scale: Any) -> Any:
    return x**3 * scale


def test_a_rule_made_of_forward_and_backward() -> None:
    scale = torch.tensor(2.0, dtype=torch.float64)
    assert torch.allclose(vmap(Cube.apply, (0, None))(X, scale), reference(X, scale))
    each = vmap(grad(lambda x: Cube.apply(x, scale).sum()))(X)
    assert torch.allclose(each, 6 * X**2)
    shared = vmap(grad(lambda s, x: Cube.apply(x, s).sum()), (None, 0))(scale, X)
    assert torch.allclose(shared, (X**3).sum(1))
    outside = grad(lambda s: vmap(Cube.apply, (0, None))(X, s).sum())(scale)
    assert torch.allclose(outside, (X**3).sum())
    second = vmap(jacrev(grad(lambda x: Cube.apply(x, scale).sum())))(X)
    assert torch.allclose(second, torch.diag_embed(12 * X))
    nested = vmap(vmap(Cube.apply, (0, None)), (0, None))(X, scale)
    assert torch.allclose(nested, reference(X, scale))


def test_backward_outside_reaches_a_mapped_function() -> None:
    x = X.clone().requires_grad_()
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    vmap(Cube.apply, (0, None))(x, scale).sum().backward()
    assert torch.allclose(x.grad, 6 * X**2)
    assert torch.allclose(scale.grad, (X**3).sum())


def test_a_rule_of_its_own() -> None:
    Turned.seen.clear()
    assert torch.allclose(vmap(Turned.apply, randomness="same")(X), 2 * X)
    assert Turned.seen == [(3, "same", (0,))]
    assert torch.allclose(vmap(grad(lambda v: Turned.apply(v).sum()))(X), torch.full_like(X, 2.0))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (OldStyle, "it must override the setup_context staticmethod"),
        (Plain, "You tried to vmap over Plain, but it does not have vmap support."),
        (Ambiguous, "it has both generate_vmap_rule=True and an overridden vmap staticmethod"),
    ],
)
def test_functions_that_cannot_be_mapped(function: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        vmap(function.apply)(X)


class Named(Function):
    """Its jvp is not the transpose of its backward, to tell which of them was asked."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: Any) -> Any:
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        ctx.factor = factor
        return x**2 * factor

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * g * ctx.factor, None

    @staticmethod
    def jvp(ctx: Any, tangent: Any, _factor: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 20 * x * tangent * ctx.factor


class OnlyForward(Function):
    @staticmethod
    def forward(x: Any) -> Any:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_forward(output)

    @staticmethod
    def jvp(ctx: Any, tangent: Any) -> Any:
        (y,) = ctx.saved_tensors
        return tangent * y


def test_forward_mode_goes_by_jvp_and_reverse_mode_by_backward() -> None:
    x, v = X[0], X[1]
    assert torch.allclose(jvp(lambda t: Named.apply(t, 3.0), (x,), (v,))[1], 60 * x * v)
    assert torch.allclose(vjp(lambda t: Named.apply(t, 3.0), x)[1](v)[0], 6 * x * v)
    assert torch.allclose(jacfwd(lambda t: Named.apply(t, 1.0))(x), torch.diag(20 * x))
    assert torch.allclose(jacrev(lambda t: Named.apply(t, 1.0))(x), torch.diag(2 * x))
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, v)
        assert torch.allclose(forward_ad.unpack_dual(Named.apply(dual, 1.0).sin()).tangent, 20 * x * v * (x**2).cos())
    assert torch.allclose(jvp(OnlyForward.apply, (x,), (v,))[1], v * x.exp())


# ---- forward_ad --------------------------------------------------------------------------------------------------------


def test_dual_tensors_carry_tangents() -> None:
    x, v = X[0], X[1]
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, v)
        assert torch.equal(forward_ad.unpack_dual(dual).tangent, v)
        both = forward_ad.make_dual(X[2], torch.ones(4, dtype=torch.float64))
        primal, tangent = forward_ad.unpack_dual(dual * both)
        assert torch.allclose(tangent, v * X[2] + x)
        assert torch.allclose(primal, x * X[2])
        assert not primal.requires_grad
        assert forward_ad.unpack_dual(x).tangent is None
        assert forward_ad.unpack_dual(dual > 0).tangent is None
        with pytest.raises(RuntimeError, match="already has a forward gradient"):
            forward_ad.make_dual(dual, v)
        with pytest.raises(RuntimeError, match="a forward gradient that has a different size"):
            forward_ad.make_dual(x, v[:2])
        with pytest.raises(ValueError, match="Expected tangent to be floating point"):
            forward_ad.make_dual(x, torch.arange(4))
        with pytest.raises(RuntimeError, match="Nested forward mode AD is not supported"):
            forward_ad.enter_dual_level()
    assert forward_ad.unpack_dual(dual).tangent is None


def test_the_tangent_of_a_gradient_is_differentiable_outside() -> None:
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    with forward_ad.dual_level():
        y = forward_ad.make_dual(p, torch.ones(2)) ** 3
        tangent = forward_ad.unpack_dual(y).tangent
    assert torch.autograd.grad(tangent.sum(), p)[0].tolist() == [6.0, 12.0]


def test_a_dual_level_records_whatever_the_mode_outside() -> None:
    with torch.no_grad():
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(X[0], X[1])
            assert torch.allclose(forward_ad.unpack_dual(dual * 2).tangent, 2 * X[1])
        assert not torch.is_grad_enabled()
