"""The hooks of modules: what they see, what they may replace, and that the graph stays as it is."""

from __future__ import annotations

import contextlib

import pytest

import dynagrad
from dynagrad import nn
from dynagrad.nn.modules import module as globals_


def linear():
    layer = nn.Linear(2, 2, bias=False)
    with dynagrad.no_grad():
        layer.weight.copy_(dynagrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    return layer


def test_forward_hooks_see_and_replace() -> None:
    layer, seen = linear(), []
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    handle = layer.register_forward_hook(lambda module, args, out: seen.append((args[0], out)))
    replaced = layer.register_forward_hook(lambda module, args, out: out + 1)
    out = layer(dynagrad.ones(1, 2))
    assert out.tolist() == [[7.0, 15.0]]
    assert seen[0][0].tolist() == [[2.0, 2.0]]
    handle.remove()
    replaced.remove()
    layer(dynagrad.ones(1, 2))
    assert len(seen) == 1


def test_keyword_arguments_and_order() -> None:
    class Add(nn.Module):
        def forward(self, x, *, y=0):
            return x + y

    module, order = Add(), []
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"y": 5}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: order.append(kwargs), with_kwargs=True)
    module.register_forward_hook(lambda m, args, out: order.append("first"), prepend=True)
    assert module(dynagrad.tensor(1.0), y=2).item() == 6
    assert order == ["first", {"y": 5}]


def test_a_hook_that_always_runs() -> None:
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    module, ran = Broken(), []
    module.register_forward_hook(lambda m, args, out: ran.append(out), always_call=True)
    module.register_forward_hook(lambda m, args, out: ran.append("no"))
    with pytest.raises(ValueError, match="broken"):
        module(1)
    assert ran == [None]


def test_backward_hooks_see_only_what_goes_through_the_module() -> None:
    layer, seen = linear(), []
    layer.register_full_backward_hook(lambda module, gi, go: seen.append((gi[0].tolist(), go[0].tolist())))
    x = dynagrad.ones(1, 2, requires_grad=True)
    (layer(x) + 10 * x).sum().backward()
    assert seen == [([[4.0, 6.0]], [[1.0, 1.0]])]
    assert x.grad.tolist() == [[14.0, 16.0]]


def test_backward_hooks_replace_gradients() -> None:
    layer = linear()
    layer.register_full_backward_pre_hook(lambda module, go: (go[0] * 2,))
    layer.register_full_backward_hook(lambda module, gi, go: (gi[0] + 100,))
    x = dynagrad.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [[108.0, 112.0]]
    assert layer.weight.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    layer.register_full_backward_hook(lambda module, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="invalid number of grad_input"):
        layer(x).sum().backward()


def test_inputs_are_not_wrapped_and_outputs_may_be_written_to() -> None:
    class Keep(nn.Module):
        def forward(self, x):
            self.given = x
            made = x * 2
            made -= 1
            return made

    module, seen = Keep(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append(go[0].tolist()))
    x = dynagrad.ones(2, requires_grad=True)
    out = module(x)
    assert module.given is x
    out += 1
    out.mul_(3)
    out.sum().backward()
    assert seen == [[3.0, 3.0]]
    assert x.grad.tolist() == [6.0, 6.0]


def test_a_module_that_returns_its_input() -> None:
    seen = []
    module = nn.Identity()
    module.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].item(), go[0].item())))
    x = dynagrad.tensor(1.0, requires_grad=True)
    (module(x) * 3 + x).backward()
    assert seen == [(3.0, 3.0)]
    assert x.grad.item() == 4


def test_inputs_without_gradients_and_several_outputs() -> None:
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(dynagrad.tensor(2.0))

        def forward(self, x):
            return self.w * x, self.w + x

    module, seen = Two(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, [g.item() for g in go])))
    a, b = module(dynagrad.tensor(3.0))
    with pytest.warns(UserWarning, match="Full backward hook is firing"):
        (a + 5 * b).backward()
    assert seen == [((None,), [1.0, 5.0])]
    assert module.w.grad.item() == 8


def test_second_derivatives_pass_the_hooks() -> None:
    class Cube(nn.Module):
        def forward(self, x):
            return x**3

    module, seen = Cube(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append(gi[0].requires_grad))
    x = dynagrad.tensor(2.0, requires_grad=True)
    (first,) = dynagrad.autograd.grad(module(x), x, create_graph=True)
    (second,) = dynagrad.autograd.grad(first, x)
    assert (first.item(), second.item()) == (12, 12)
    assert seen[0]


def test_hooks_of_all_modules() -> None:
    seen = []
    handles = [
        globals_.register_module_forward_hook(lambda m, args, out: seen.append(type(m).__name__)),
        globals_.register_module_full_backward_hook(lambda m, gi, go: seen.append("back " + type(m).__name__)),
        globals_.register_module_parameter_registration_hook(lambda m, name, p: seen.append(name)),
    ]
    try:
        x = dynagrad.ones(1, 2, requires_grad=True)
        nn.Sequential(nn.Linear(2, 1, bias=False))(x).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    assert seen == ["weight", "bias", "Linear", "Sequential", "back Linear", "back Sequential"]
    nn.Linear(1, 1)(dynagrad.ones(1))
    assert len(seen) == 6


@pytest.mark.parametrize("tracked", [True, False])
def test_a_graph_of_the_backward_does_not_keep_itself_by_the_hooks(tracked: bool) -> None:
    import gc
    import weakref

    class Mark:
        pass

    class Square(nn.Module):
        def forward(self, x):
            return x**2 * scale

    scale = dynagrad.tensor(1.0, requires_grad=True)
    module = Square()
    for _ in range(2):
        module.register_full_backward_hook(lambda m, gi, go: None)
    x = dynagrad.ones(3, requires_grad=tracked)
    out = module(x)
    mark = Mark()
    gone = weakref.ref(mark)
    out.grad_fn.metadata["mark"] = mark
    with contextlib.nullcontext() if tracked else pytest.warns(UserWarning, match="no inputs require gradients"):
        dynagrad.autograd.grad(out.exp().sum(), scale, create_graph=True)
    del out, mark
    gc.collect()
    assert gone() is None
