"""Hooks on several gradients, and what Variable makes, beside PyTorch's."""

from __future__ import annotations

import pytest

import dynagrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


def hooked(lib, mode, backward_of):
    a, b, c = (lib.tensor([1.0, 2.0], requires_grad=True) for _ in range(3))
    inner = a * b
    seen = []
    lib.autograd.graph.register_multi_grad_hook((inner, b, c), seen.append, mode=mode)
    for _ in range(2):
        backward_of(lib, a, b, c, inner)
    return [
        [None if g is None else g.tolist() for g in each] if isinstance(each, list) else each.tolist() for each in seen
    ]


def whole(lib, a, b, c, inner):
    (inner * c).sum().backward(retain_graph=True)


def partly(lib, a, b, c, inner):
    inner.sum().backward(retain_graph=True)


def second(lib, a, b, c, inner):
    g = lib.autograd.grad((inner * inner * inner).sum(), inner, create_graph=True)[0]
    lib.autograd.grad(g.sum(), inner, retain_graph=True)


@pytest.mark.parametrize("mode", ["all", "any"])
@pytest.mark.parametrize("backward_of", [whole, partly, second])
def test_hooks_see_what_pytorchs_see(mode, backward_of) -> None:
    assert hooked(dynagrad, mode, backward_of) == hooked(torch, mode, backward_of)


def test_names() -> None:
    for module in ("graph", "function", "grad_mode"):
        ours, theirs = (getattr(lib.autograd, module) for lib in (dynagrad, torch))
        assert set(theirs.__all__) - {"NestedIOFunction"} <= set(dir(ours)), module
    assert set(torch.autograd.__all__) - {"NestedIOFunction"} <= set(dir(dynagrad.autograd)) | {"profiler"}


@pytest.mark.parametrize(
    "make", [lambda lib: lib.autograd.Variable(lib.ones(2), True), lambda lib: lib.autograd.Variable()]
)
def test_variables(make) -> None:
    ours, theirs = make(dynagrad), make(torch)
    assert ours.tolist() == theirs.tolist()
    assert (ours.requires_grad, ours.is_leaf) == (theirs.requires_grad, theirs.is_leaf)


def test_a_clone_written_to_is_differentiated_as_it_was() -> None:
    def run(lib):
        x = lib.tensor([0.5, 1.5], requires_grad=True)
        with lib.autograd.graph.allow_mutation_on_saved_tensors():
            y = x.clone()
            z = (y.exp() * y).sum()
            y.mul_(3)
            (z + y.sum()).backward()
        return x.grad.tolist()

    assert run(dynagrad) == pytest.approx(run(torch), rel=1e-6)
