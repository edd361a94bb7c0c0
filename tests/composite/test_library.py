"""Custom operators: called by name, with the derivative that they are given and no other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import dynagrad as torch
from dynagrad.library.namespaces import OPERATORS


@pytest.fixture(autouse=True)
def _own_operators():
    before = {name: dict(found) for name, found in OPERATORS.items()}
    yield
    OPERATORS.clear()
    OPERATORS.update(before)


def scaled():
    @torch.library.custom_op("mine::scaled", mutates_args=())
    def scaled(x: torch.Tensor, by: int = 2) -> torch.Tensor:
        return x * by

    return scaled


def test_it_is_found_by_name_and_says_its_schema():
    op = scaled()
    assert torch.ops.mine.scaled(torch.ones(2)).tolist() == [2, 2]
    assert torch.ops.mine.scaled.default(torch.ones(2), by=3).tolist() == [3, 3]
    assert str(torch.ops.mine.scaled.default) == "mine.scaled.default"
    assert repr(op) == "<CustomOpDef(mine::scaled)>"
    assert op.full_schema == "mine::scaled(Tensor x, SymInt by=2) -> Tensor"
    with pytest.raises(AttributeError, match="'_OpNamespace' 'mine' object has no attribute 'other'"):
        _ = torch.ops.mine.other


def test_its_derivative_is_the_one_registered():
    op = scaled()
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Trying to backward through mine\.scaled\.default but no autograd formula"):
        op(x).sum().backward()

    def keep(ctx, inputs, output):
        ctx.by = inputs[1]
        assert output.tolist() == [3, 3]

    op.register_autograd(lambda ctx, grad: (grad * ctx.by, None), setup_context=keep)
    y = op(x, by=3)
    assert y.grad_fn.name() == "GeneratedBackwardFor_mine_scaled_defaultBackward"
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert not op(x.detach()).requires_grad


def test_lists_of_tensors_have_lists_of_gradients():
    @torch.library.custom_op("mine::total", mutates_args=())
    def total(xs: Sequence[torch.Tensor], y: torch.Tensor) -> torch.Tensor:
        return sum(xs) * y

    def keep(ctx, inputs, output):
        ctx.save_for_backward(*inputs[0], inputs[1])

    def backward(ctx, grad):
        *xs, y = ctx.saved_tensors
        return [grad * y for _ in xs], grad * sum(xs)

    torch.library.register_autograd("mine::total", backward, setup_context=keep)
    a, b, y = (torch.tensor(n, requires_grad=True) for n in (1.0, 2.0, 5.0))
    total([a, b], y).backward()
    assert (a.grad.item(), b.grad.item(), y.grad.item()) == (5, 5, 3)


def test_several_results_and_a_given_schema():
    def both(x, y):
        return x + y, x * y

    torch.library.custom_op("mine::both", both, mutates_args=(), schema="(Tensor x, Tensor y) -> (Tensor, Tensor)")
    torch.library.register_fake("mine::both", lambda x, y: (torch.empty_like(x), torch.empty_like(y)))
    torch.library.register_autograd(
        "mine::both",
        lambda ctx, g, h: (g + h * ctx.saved_tensors[1], g + h * ctx.saved_tensors[0]),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    )
    x, y = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    plus, times = torch.ops.mine.both(x, y)
    (plus + times).backward()
    assert (x.grad.item(), y.grad.item()) == (4, 3)


def test_what_it_writes_to_is_written():
    @torch.library.custom_op("mine::bump", mutates_args={"x"})
    def bump(x: torch.Tensor) -> None:
        x.add_(1)

    x = torch.zeros(2)
    assert bump(x) is None
    assert x.tolist() == [1, 1]
    assert bump.full_schema == "mine::bump(Tensor(a0!) x) -> ()"


def test_an_argument_is_no_result():
    @torch.library.custom_op("mine::same", mutates_args=())
    def same(x: torch.Tensor) -> torch.Tensor:
        return x

    with pytest.raises(RuntimeError, match="The output of this custom operator"):
        same(torch.ones(1))


def test_the_older_way():
    library = torch.library.Library("mine", "DEF")
    assert library.define("twice(Tensor x) -> Tensor") == "twice"
    with pytest.raises(NotImplementedError, match="mine::twice"):
        torch.ops.mine.twice(torch.ones(1))
    library.impl("twice", lambda x: 2 * x, "CPU")
    library.impl("twice", lambda x: 0 * x, "CUDA")
    assert torch.ops.mine.twice(torch.ones(1)).item() == 2
    with pytest.raises(ValueError, match="Unsupported kind"):
        torch.library.Library("mine", "OTHER")
    with pytest.raises(RuntimeError, match="native"):
        torch.library.Library("aten", "IMPL")


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda x: x, "Parameter x must have a type annotation"),
        (lambda *x: x, "varargs"),
    ],
)
def test_what_has_no_schema(function, wanted):
    with pytest.raises(ValueError, match=wanted):
        torch.library.infer_schema(function, mutates_args=())


@pytest.mark.parity
def test_schemas_are_pytorchs():
    real = pytest.importorskip("torch")

    def made(module):
        def op(
            x: module.Tensor,
            xs: list[module.Tensor],
            n: int | None,
            ns: Sequence[int],
            f: float = 0.5,
            *,
            flag: bool = True,
            word: str = "a",
        ) -> tuple[module.Tensor, module.Tensor]:
            return x, x

        op.__annotations__ = {
            "x": module.Tensor,
            "xs": list[module.Tensor],
            "n": int | None,
            "f": float,
            "flag": bool,
            "word": str,
            "ns": Sequence[int],
            "return": tuple[module.Tensor, module.Tensor],
        }
        return module.library.infer_schema(op, mutates_args={"x"})

    assert made(torch) == made(real)
