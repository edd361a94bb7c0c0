"""Interception: every way to call an op is told once, nothing is told afterwards, and results do not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dynagrad._core.engine import watch_backward
from dynagrad._core.intercept import install, listening, uninstall, untold

import dynagrad as torch
from dynagrad import Tensor, tanh


@contextmanager
def told(**options: Any) -> Iterator[list[str]]:
    names: list[str] = []

    def listener(_function: Any, args: Any, kwargs: Any, call: Any) -> Any:
        names.append(call.name)
        return call(*args, **kwargs)

    install(listener, **options)
    try:
        yield names
    finally:
        uninstall(listener)


def leaf() -> Tensor:
    return torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


CALLS: list[tuple[str, Callable[[Any], Any]]] = [
    ("tanh", tanh),
    ("tanh", torch.tanh),
    ("tanh", lambda x: x.tanh()),
    ("mul", lambda x: x * 2),
    ("mul", lambda x: 2 * x),
    ("__rsub__", lambda x: 2 - x),
    ("__rtruediv__", lambda x: 1 / x),
    ("pow", lambda x: x**2),
    ("__rpow__", lambda x: 2**x),
    ("neg", lambda x: -x),
    ("abs", abs),
    ("matmul", lambda x: x @ x),
    ("lt", lambda x: x < 3),
    ("gt", lambda x: 3 < x),  # noqa: SIM300
    ("__getitem__", lambda x: x[0, 1]),
    ("__getitem__", lambda x: Tensor.__getitem__(x, 0)),
    ("__iter__", lambda x: next(iter(x))),
    ("T", lambda x: x.T),
    ("data", lambda x: x.data),
    ("sum", lambda x: x.sum(dim=0, keepdim=True)),
    ("stack", lambda x: torch.stack([x, x])),
    ("zeros", lambda _: torch.zeros(2, 3)),
    ("permute", lambda x: x.permute(1, 0)),
]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_each_form_is_told_once_and_gives_the_same(name: str, call: Callable[[Any], Any]) -> None:
    before = call(leaf())
    with told() as names:
        inside = call(leaf_made_silently())
    after = call(leaf())
    assert names == [name]
    for result in (inside, after):
        assert result.tolist() == before.tolist()
        assert result.requires_grad == before.requires_grad


def leaf_made_silently() -> Tensor:
    return untold(leaf)


def test_in_place_forms_and_item_assignment() -> None:
    x = torch.ones(3)
    with told() as names:
        x += 1
        x *= 2
        x[0] = 7
        x.sub_(1)
    assert names == ["add_", "mul_", "__setitem__", "sub_"]
    assert x.tolist() == [6.0, 3.0, 3.0]


def test_attributes_that_are_set() -> None:
    x = torch.ones(2)
    with told() as names:
        x.requires_grad = True
        x.grad = None
        x.data = untold(torch.zeros, 2)
    assert names == ["requires_grad=", "grad=", "data="]
    assert x.tolist() == [0.0, 0.0]


def test_inside_a_backward_and_a_function_nothing_is_told() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(_ctx: Any, g: Tensor) -> Tensor:
            return g * 2

    x = leaf()
    with told() as names:
        Double.apply(x).sum().backward()
    assert names == ["apply", "sum", "backward"]
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_a_subclass_that_overrides_an_operator() -> None:
    class Loud(Tensor):
        def __add__(self, other: Any) -> Any:
            return Tensor.__add__(self, other) * 2

    x = Loud([1.0])
    with told() as names:
        y = x + x
        z = x * x
    assert names == ["add", "mul", "mul"]
    assert (y.tolist(), z.tolist()) == ([4.0], [1.0])
    assert (x + x).tolist() == [4.0]


def test_errors_pass_through() -> None:
    x = torch.ones(2, 3)
    with told() as names:
        with pytest.raises(RuntimeError, match="cannot be multiplied"):
            x.mm(x)
        with pytest.raises(TypeError):
            x + "text"
        with pytest.raises(IndexError):
            x[5]
    assert names == ["mm", "add", "__getitem__"]


def test_listeners_are_counted_and_asked_in_order() -> None:
    others = listening()
    with told() as outer:
        with told() as inner:
            torch.ones(2).sum()
        torch.ones(2)
    torch.ones(2)
    assert outer == ["ones", "sum", "ones"]
    assert inner == ["ones", "sum"]
    assert listening() == others
    with pytest.raises(ValueError, match="not installed"):
        uninstall(print)


def test_a_reentrant_listener_hears_its_own_calls() -> None:
    names: list[str] = []

    def listener(_function: Any, args: Any, kwargs: Any, call: Any) -> Any:
        names.append(call.name)
        if call.name == "add":
            return args[0] * 3
        return call(*args, **kwargs)

    x = torch.ones(2)
    install(listener, reentrant=True)
    try:
        y = x + 1
    finally:
        uninstall(listener)
    assert names == ["add", "mul"]
    assert y.tolist() == [3.0, 3.0]


class Watcher:
    """Notes what a backward says."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *details: self.said.append((name, *details))


def test_backward_is_told_node_by_node() -> None:
    x = torch.tensor([3.0], requires_grad=True)
    y = (x * x).sum()
    watcher = Watcher()
    before = watch_backward(watcher)
    try:
        y.backward()
    finally:
        assert watch_backward(before) is watcher
    assert x.grad.tolist() == [6.0]
    kinds = [said[0] for said in watcher.said]
    assert kinds == [
        "backward_begins", "delivers", "node_runs", "node_ran", "delivers", "node_runs", "node_ran", "releases",
        "delivers", "delivers", "accumulates", "accumulated", "backward_ends",
    ]  # fmt: skip
    assert [said[-1] for said in watcher.said if said[0] == "delivers"] == [False, False, False, True]
    assert watcher.said[7][2] == 8
    y = (x * 2).sum()
    y.backward()
    assert len(kinds) == len(watcher.said)
