"""Subclasses of Tensor: what ops make of them, and ``__torch_function__``, as PyTorch's programs use both."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad
from dynagrad.overrides import DisableTorchFunctionSubclass, TorchFunctionMode, resolve_name


class Marked(dynagrad.Tensor):
    pass


def test_ops_give_the_class_of_the_subclass() -> None:
    x = dynagrad.ones(2).as_subclass(Marked)
    made = [
        x + 1,
        1 + x,
        2 - x,
        -x,
        x > 0,
        x[0],
        x[None].T,
        x.sum(),
        dynagrad.stack([x, x]),
        x.detach(),
        x.clone(),
        *x.max(0),
    ]
    assert {type(each) for each in made} == {Marked}
    assert repr(x) == "Marked([1., 1.])"
    assert type(x.shape) is dynagrad.Size
    assert type(x.tolist()) is list


def test_a_subclass_keeps_the_history() -> None:
    w = dynagrad.ones(2, requires_grad=True)
    x = w.as_subclass(Marked)
    assert x.grad_fn.name() == "AliasBackward0"
    (x * 3).sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]
    assert type(w.grad) is dynagrad.Tensor


def test_plain_tensors_and_parameters_stay_what_they_are() -> None:
    x = dynagrad.ones(2)
    assert type(x + 1) is dynagrad.Tensor
    assert type(dynagrad.nn.Parameter(x) * 1) is dynagrad.Tensor


class Logged(dynagrad.Tensor):
    calls: list[tuple[Any, tuple[type, ...]]] = []  # noqa: RUF012  # read only

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.calls.append((func, types))
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_class_is_told_of_every_op_on_it_and_of_no_other() -> None:
    x = Logged([1.0, 2.0])
    Logged.calls.clear()
    dynagrad.ones(2) + 1
    assert Logged.calls == []
    y = x.mean() + dynagrad.ones(1)
    assert type(y) is Logged
    assert [func for func, _ in Logged.calls] == [dynagrad.mean, dynagrad.add]
    assert all(types == (Logged,) for _, types in Logged.calls)


def test_a_class_may_answer_for_an_op() -> None:
    class Answering(dynagrad.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return "mine" if func is dynagrad.mean else super().__torch_function__(func, types, args, kwargs)

    x = Answering([1.0])
    assert dynagrad.mean(x) == x.mean() == "mine"
    assert type(x.sum()) is Answering


def test_a_class_that_does_not_know_is_an_error() -> None:
    class Ignorant(dynagrad.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return NotImplemented

    with pytest.raises(TypeError, match=r"(?s)failed for 'torch.add'; all .* NotImplemented:.*subclass <class '.*Ignorant'>"):
        dynagrad.add(Ignorant([1.0]), 1)
    with pytest.raises(TypeError, match=r"no implementation found for 'torch.nn.functional.softsign' .*Ignorant"):
        dynagrad.nn.functional.softsign(Ignorant([1.0]))
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \+: 'Ignorant' and 'int'"):
        Ignorant([1.0]) + 1


def test_subclasses_are_asked_before_their_bases() -> None:
    class Below(Logged):
        pass

    Logged.calls.clear()
    made = Logged([1.0]) + Below([1.0])
    assert type(made) is Below
    assert Logged.calls[-1][1] == (Below, Logged)


def test_the_protocol_can_be_switched_off() -> None:
    x = Marked([1.0])
    with DisableTorchFunctionSubclass():
        assert type(x * 2) is dynagrad.Tensor
    assert type(x * 2) is Marked


def test_modes_see_every_op_and_nest() -> None:
    class Named(TorchFunctionMode):
        def __init__(self) -> None:
            self.seen: list[str | None] = []

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.seen.append(resolve_name(func))
            return func(*args, **(kwargs or {}))

    with Named() as outer, Named() as inner:
        dynagrad.ones(2) + 1
    dynagrad.ones(2)
    assert outer.seen == inner.seen == ["torch.ones", "torch.add"]


def test_an_error_in_a_mode_leaves_it() -> None:
    class Broken(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), Broken():
        dynagrad.ones(2)
    assert dynagrad.ones(2).tolist() == [1.0, 1.0]


@pytest.mark.parity
def test_pytorch_and_this_library_take_each_others_tensors_although_there_are_subclasses() -> None:
    import torch

    theirs = torch.ones(2)
    assert dynagrad.from_dlpack(theirs).tolist() == [1.0, 1.0]
    assert torch.from_dlpack(dynagrad.ones(2)).tolist() == [1.0, 1.0]


def test_a_linear_layer_asks_the_class_of_its_input():
    told = []

    class Tells(dynagrad.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            told.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    y = dynagrad.nn.Linear(2, 3)(dynagrad.ones(2).as_subclass(Tells))
    assert told == ["linear"]
    assert type(y) is Tells
