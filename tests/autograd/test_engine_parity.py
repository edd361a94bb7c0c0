"""The engine beside PyTorch's: each scene is one program, run with both, and shows the same."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import dynagrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

Scene = Callable[[Any], Any]


def function(lib: Any, forward: Any, backward: Any) -> Any:
    return type(
        "Custom", (lib.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    )


def ones(lib: Any, *size: int) -> Any:
    return lib.ones(size, requires_grad=True)


class Said(NamedTuple):
    """An error: its kind and its text."""

    kind: str
    text: str


def said(run: Callable[[], Any]) -> Said | None:
    """The error that a program ends in."""
    try:
        run()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is compared
        return Said(type(error).__name__, str(error))
    return None


def agree(ours: Any, theirs: Any) -> bool:
    """Whether both show the same; the text of an error has PyTorch's first sentence in it, and may go on."""
    if isinstance(theirs, Said):
        sentence = re.split(r"\. |\n", theirs.text)[0].rstrip(".")
        return isinstance(ours, Said) and ours.kind == theirs.kind and sentence in ours.text
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(agree, ours, theirs))
    return bool(ours == theirs)


def shown(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist(), value.requires_grad
    if isinstance(value, (list, tuple)) and not isinstance(value, Said):
        return [shown(each) for each in value]
    return value


# ---- scenes ----------------------------------------------------------------------------------------------------------


def order_of_hooks(lib: Any) -> Any:
    log: list[str] = []
    a = ones(lib)
    b = a.clone()
    leaf = b.grad_fn.next_functions[0][0]
    b.grad_fn.register_prehook(lambda _g: log.append("node"))
    b.register_hook(lambda _g: log.append("tensor"))
    a.register_hook(lambda _g: log.append("leaf"))
    leaf.register_prehook(lambda _g: log.append("leaf's node"))
    leaf.register_hook(lambda _i, _o: log.append("leaf's node after"))
    a.register_post_accumulate_grad_hook(lambda _p: log.append("accumulated"))
    runs = []
    for run in (
        lambda: b.sum().backward(retain_graph=True),
        lambda: lib.autograd.grad(b.sum(), (a,), retain_graph=True),
        lambda: lib.autograd.grad(b.sum(), (b,), retain_graph=True),
        lambda: b.sum().backward(inputs=(b,), retain_graph=True),
        lambda: b.sum().backward(inputs=(a, b), retain_graph=True),
    ):
        run()
        runs.append(list(log))
        log.clear()
    return runs


def hooks_without_gradients(lib: Any) -> Any:
    seen: list[Any] = []
    x = ones(lib, 1)
    h = x * 2
    h.register_hook(seen.append)
    h.grad_fn.register_hook(lambda g_in, g_out: seen.append((g_in, g_out)))
    x.register_hook(seen.append)
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad))
    function(lib, lambda _ctx, x: x * 2, lambda _ctx, _g: None).apply(h).backward()
    parts = ones(lib, 3).unbind()
    parts[0].register_hook(seen.append)
    parts[1].backward()
    return seen


def retained_gradients_follow_writes(lib: Any) -> Any:
    found = []
    a = ones(lib, 1).clone()
    a.retain_grad()
    a.mul_(2)
    a.sum().backward()
    found.append(a.grad)
    base = ones(lib, 1).clone()
    first, second = base[:], base[:]
    first.retain_grad()
    second.retain_grad()
    first.mul_(2)
    (first + second).sum().backward()
    return [*found, first.grad, second.grad]


def writes_to_fragile_views(lib: Any) -> Any:
    alias = function(lib, lambda _ctx, x: x.view_as(x), lambda _ctx, g: g)

    def without(mode: Any, base: Any) -> Any:
        with mode():
            return base[:]

    found = []
    for requires_grad in (True, False):
        for make in (
            lambda base: base.unbind()[0],
            lambda base: base.view(1, 2).unbind()[0].view(2),
            alias.apply,
            lambda base: alias.apply(base).view(2),
            lambda base: without(lib.no_grad, base),
            lambda base: without(lib.no_grad, base)[:],
            lambda base: without(lib.inference_mode, base),
            lambda base: without(lib.inference_mode, base).view(2),
        ):
            base = lib.ones(2, requires_grad=requires_grad).clone()
            view = make(base)
            found.append(said(lambda view=view: view.add_(ones(lib, 1).sum())))
            base = lib.ones(2, requires_grad=requires_grad).clone()
            view = make(base)
            base.add_(ones(lib, 1))
            found.append(said(lambda view=view: view.grad_fn))
    return found


def functions_that_write(lib: Any) -> Any:
    def write(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(2)

    def write_and_more(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(2), x + 1

    one, two = function(lib, write, lambda _ctx, g: g * 2), function(lib, write_and_more, lambda _ctx, g, h: g * 2 + h)
    x = ones(lib, 2)
    y = x.clone()
    return [
        one.apply(y) is y,
        said(lambda: one.apply(x)),
        said(lambda: one.apply(x.view(2))),
        said(lambda: two.apply(x.clone().view(2))),
        said(lambda: one.apply(x.clone().unbind()[0])),
        lib.autograd.grad(one.apply(x.clone()[:]).sum(), x),
    ]


def saved_tensors_with_hooks(lib: Any) -> Any:
    x = ones(lib, 2)
    y = x * x
    y.grad_fn._raw_saved_self.register_hooks(lambda t: 2 * t, lambda t: t)
    found = [y.grad_fn._saved_self, said(lambda: y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t))]
    y.sum().backward()
    found += [x.grad, said(lambda: y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t))]
    z = ones(lib, 2).clone()
    w = z.sin()
    z.detach_()
    return [*found, said(lambda: w.sum().backward())]


def second_derivatives_through_writes(lib: Any) -> Any:
    x = lib.tensor([[1.0, 2.0]], requires_grad=True)
    y = (x * 3).view(2)
    y[:1].add_(x[0, 1])
    y.sigmoid_()
    (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    return [round(each, 4) for each in lib.autograd.grad(g.sum(), x)[0].flatten().tolist()]


def arguments(lib: Any) -> Any:
    x, y = lib.ones(1), ones(lib, 2)
    return [
        said(lambda: lib.autograd.grad(x, y)),
        said(lambda: lib.autograd.grad(x * 2, x)),
        said(lambda: lib.autograd.grad(y * 2, [])),
        said(lambda: lib.autograd.grad(y.clone(), (y,), (lib.ones(2, 3),), is_grads_batched=True)),
        said((y * 2).grad_fn),
        said(lambda: y.requires_grad_(1)),
        said(lambda: setattr(y, "grad", lib.ones(3))),
        said(lambda: setattr(y, "grad", lib.ones(2).double())),
        said(lambda: lib.mul(y, y, out=lib.zeros(2))),
        said(lambda: lib.sin(1)),
        lib.autograd.grad((y * 3).sum(), (y, ones(lib, 1)), allow_unused=True, materialize_grads=True),
    ]


def inference_mode(lib: Any) -> Any:
    found = []
    for requires_grad in (True, False):
        base = lib.ones(4, requires_grad=requires_grad).clone()
        with lib.inference_mode():
            view = base.view(2, 2)
            made = lib.ones(2)
            found += [
                (each.requires_grad, each.is_inference(), each._is_view()) for each in (view, made, made[:], base + 1)
            ]
        found += [said(lambda made=made: made.add_(1)), said(lambda made=made: made._version)]
    return found


SCENES: tuple[Scene, ...] = (
    order_of_hooks,
    hooks_without_gradients,
    retained_gradients_follow_writes,
    writes_to_fragile_views,
    functions_that_write,
    saved_tensors_with_hooks,
    second_derivatives_through_writes,
    arguments,
    inference_mode,
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_scene_shows_the_same(scene: Scene) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = shown(scene(dynagrad)), shown(scene(torch))
    assert agree(ours, theirs), f"{ours}\n{theirs}"
