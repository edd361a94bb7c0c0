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

    with pytest.raises(
        TypeError, match=r"(?s)failed for 'torch.add'; all .* NotImplemented:.*subclass <class '.*Ignorant'>"
    ):
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


# ---- objects that are no tensors ---------------------------------------------------------------------------------------


class Scaled:
    """A number times the identity matrix: what a program defines that wants its own kind of matrix to be added and summed."""

    def __init__(self, n: int, by: float) -> None:
        self.n, self.by = n, by

    def dense(self) -> dynagrad.Tensor:
        return dynagrad.eye(self.n) * self.by

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is dynagrad.sum:
            return args[0].n * args[0].by
        if func in (dynagrad.linalg.inv, dynagrad.nn.functional.softsign):
            return func.__name__, [kind.__name__ for kind in types]
        plain = [each.dense() if isinstance(each, cls) else each for each in args]
        return func(*plain, **(kwargs or {}))


def test_an_object_with_a_torch_function_is_taken_by_ops_wherever_it_stands() -> None:
    half, x = Scaled(2, 0.5), dynagrad.ones(2, 2)
    assert dynagrad.sum(half) == 1.0
    assert dynagrad.mm(x, half).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert dynagrad.mm(half, mat2=x * 2).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert x.add(half)[0].tolist() == (x + half)[0].tolist() == (half + x)[0].tolist() == [1.5, 1.0]
    assert (x - half)[0].tolist() == [0.5, 1.0]
    assert (x > half).all()


def test_so_is_one_in_a_list_and_by_functions_written_in_python() -> None:
    class Seven:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return 7

    x = dynagrad.ones(2)
    functional = dynagrad.nn.functional
    assert dynagrad.cat([x, Seven()]) == 7
    assert dynagrad.block_diag(x, Seven()) == dynagrad.einsum("i,i", x, Seven()) == 7
    assert functional.cross_entropy(Seven(), x) == functional.relu(Seven()) == functional.pad(Seven(), (1, 1)) == 7
    assert dynagrad.nn.Linear(2, 2)(Seven()) == dynagrad.nn.init.zeros_(Seven()) == 7
    assert dynagrad.linalg.norm(Seven()) == dynagrad.numel(Seven()) == dynagrad.dropout(Seven(), 0.5, True) == 7
    assert x.index_select(0, Seven()) == x[Seven()] == 7
    x[Seven()] = 1
    assert not dynagrad.is_tensor(Seven())
    with pytest.raises(TypeError):
        dynagrad.stack([[Seven()]])
    assert Scaled.__torch_function__(dynagrad.linalg.inv, (Scaled,), (Scaled(1, 1.0),)) == ("linalg_inv", ["Scaled"])
    assert functional.softsign(Scaled(1, 1.0)) == ("softsign", ["Scaled"])


def test_functions_written_in_python_are_as_they_were_once_nobody_listens() -> None:
    import subprocess
    import sys

    program = """
import inspect
import dynagrad as torch
from dynagrad.overrides import TorchFunctionMode

pad = torch.nn.functional.pad
code, signature = pad.__code__, inspect.signature(pad)
seen = []

class Log(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        seen.append(func)
        return func(*args, **(kwargs or {}))

with Log():
    assert pad.__code__ is not code and inspect.signature(pad) == signature
    padded = pad(torch.ones(1), (1, 0))
assert padded.tolist() == [0.0, 1.0]
assert seen == [torch.ones, pad], seen
assert pad.__code__ is code and not hasattr(pad, "__wrapped__")
assert type(__build_class__).__name__ == "cython_function_or_method"

class Shy(type):
    def __getattr__(cls, name):
        raise RuntimeError(name)

class Quiet(metaclass=Shy):
    pass

assert type(__build_class__).__name__ == "cython_function_or_method"

class Duck:
    __torch_function__ = classmethod(lambda cls, *_: 3)

assert type(__build_class__).__name__ == "builtin_function_or_method"
assert pad(Duck(), (1, 1)) == 3
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_who_does_not_know_leaves_it_to_the_other() -> None:
    class Ignorant:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return NotImplemented

    class Adds(Ignorant):
        def __radd__(self, other: Any) -> str:
            return "added"

    x = dynagrad.ones(2)
    assert x + Adds() == "added"
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*: 'Tensor' and 'Ignorant'"):
        x * Ignorant()

    class Knows(Ignorant):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return [kind.__name__ for kind in types]

    assert dynagrad.mul(Ignorant(), Knows()) == ["Knows", "Ignorant"]

    class Powered(dynagrad.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return "powered" if func is dynagrad.Tensor.__rpow__ else NotImplemented

    class Other(dynagrad.Tensor):
        __torch_function__ = Ignorant.__torch_function__

    assert Other([1.0]) ** Powered([1.0]) == "powered"


def test_a_plain_method_is_asked_too_with_a_warning() -> None:
    class Old:
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return self

    old = Old()
    with pytest.warns(UserWarning, match="as a plain method is deprecated"):
        assert dynagrad.add(old, 1) is old


# ---- what else a class hears of ----------------------------------------------------------------------------------------


def test_a_class_hears_of_attributes_and_questions() -> None:
    heard: list[str | None] = []

    class Hears(dynagrad.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            heard.append(resolve_name(func))
            return super().__torch_function__(func, types, args, kwargs)

    x = dynagrad.ones(2, 1).as_subclass(Hears)
    assert (x.shape, x.dtype, x.requires_grad, x.grad) == ((2, 1), dynagrad.float32, False, None)
    assert (x.size(0), x.dim(), x.numel(), len(x), x.is_contiguous(), 1.0 in x) == (2, 2, 2, 2, True, True)
    assert [type(row) for row in x] == [Hears, Hears]
    assert (float(x[0, 0]), bool(x[0, 0] > 0), repr(x.T)) == (1.0, True, "Hears([[1., 1.]])")
    names = [name for name in heard if name is not None]
    attributes = ["shape", "dtype", "requires_grad", "grad"]
    assert names[:4] == [f"torch.Tensor.{name}.__get__" for name in attributes]
    questions = ["size", "dim", "numel", "__len__", "is_contiguous", "__contains__"]
    assert names[4:10] == [f"torch.Tensor.{name}" for name in questions]
    for name in ("__float__", "__bool__", "__repr__", "T.__get__"):
        assert f"torch.Tensor.{name}" in names


def test_functions_that_make_a_tensor_of_anything_do_not_ask() -> None:
    x = dynagrad.ones(2).as_subclass(Logged)
    Logged.calls.clear()
    assert type(dynagrad.as_tensor(x)) is Logged
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        assert type(dynagrad.tensor(x)) is dynagrad.Tensor
    assert Logged.calls == []


def test_names_of_in_place_methods_are_theirs() -> None:
    assert dynagrad.Tensor.add_.__name__ == "add_"
    assert (resolve_name(dynagrad.Tensor.add_), resolve_name(dynagrad.add)) == ("torch.Tensor.add_", "torch.add")
    assert resolve_name(dynagrad.nn.functional.relu) == "torch.nn.functional.relu"
    assert resolve_name(dynagrad.Tensor.shape.__get__) == "torch.Tensor.shape.__get__"
    assert resolve_name(len) is resolve_name([]) is None


# ---- modes -------------------------------------------------------------------------------------------------------------


def test_a_mode_is_asked_before_classes_and_may_leave_it_to_them() -> None:
    order: list[str] = []

    class Passes(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            order.append(f"mode {[kind.__name__ for kind in types]}")
            return NotImplemented if types else func(*args, **(kwargs or {}))

    class Asked(dynagrad.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            order.append("class")
            return super().__torch_function__(func, types, args, kwargs)

    x = dynagrad.ones(2).as_subclass(Asked)
    with Passes():
        assert type(dynagrad.neg(x)) is Asked
    assert order == ["mode ['Asked']", "class", "mode []"]


def test_a_mode_without_an_answer_is_an_error_and_so_is_a_class_method() -> None:
    class Never(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return NotImplemented

    class Wrong(TorchFunctionMode):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return None

    with (
        Never(),
        pytest.raises(TypeError, match=r"(?s)Multiple dispatch failed for 'torch.ones'.*mode object <.*Never"),
    ):
        dynagrad.ones(2)
    with Wrong(), pytest.raises(RuntimeError, match="as a classmethod is not supported, please make it a plain method"):
        dynagrad.ones(2)


def test_both_can_be_switched_off() -> None:
    from dynagrad._C import DisableTorchFunction

    class Never(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise AssertionError("asked")

    x = dynagrad.ones(2).as_subclass(Marked)
    with Never(), DisableTorchFunction():
        assert type(x + 1) is dynagrad.Tensor


# ---- for libraries -----------------------------------------------------------------------------------------------------


def test_a_library_makes_its_function_overridable() -> None:
    from dynagrad.overrides import handle_torch_function, has_torch_function, has_torch_function_variadic

    def twice(a: Any) -> Any:
        if has_torch_function((a,)):
            return handle_torch_function(twice, (a,), a)
        return a + a

    class Says:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return NotImplemented if func is not twice else "twice"

    assert twice(2) == 4
    assert twice(Says()) == "twice"
    assert has_torch_function_variadic(1, Says())
    assert not has_torch_function_variadic(1, dynagrad.ones(1))

    def other(a: Any) -> Any:
        return handle_torch_function(other, (a,), a)

    with pytest.raises(TypeError, match=r"no implementation found for '.*other' on types that implement .*Says"):
        other(Says())


def test_the_lists_of_functions_are_derived_and_agree() -> None:
    import inspect

    from dynagrad import overrides

    listed = overrides.get_overridable_functions()
    every = {function for functions in listed.values() for function in functions}
    testing = overrides.get_testing_overrides()
    assert set(testing) == every
    assert not every & overrides.get_ignored_functions()
    assert {dynagrad.add, dynagrad.einsum, dynagrad.nn.functional.pad, dynagrad.Tensor.backward} <= every
    assert dynagrad.Tensor.shape.__get__ in listed[dynagrad.Tensor.shape]
    assert {dynagrad.is_tensor, dynagrad.tensor, dynagrad.manual_seed} <= overrides.get_ignored_functions()
    pad = testing[dynagrad.nn.functional.pad]
    assert pad(None, (1, 1), value=2) == -1
    assert inspect.signature(pad) == inspect.signature(dynagrad.nn.functional.pad)
    with pytest.raises(TypeError):
        pad()
    assert all(
        overrides.is_tensor_method_or_property(each) for each in (dynagrad.Tensor.add_, dynagrad.Tensor.T.__get__)
    )
    assert not overrides.is_tensor_method_or_property(dynagrad.nn.functional.pad)


# ---- objects of subclasses ---------------------------------------------------------------------------------------------


def test_the_class_of_a_tensor_can_be_set() -> None:
    p = dynagrad.nn.Parameter(dynagrad.ones(2))
    p.note = "kept"
    p.__class__ = dynagrad.Tensor
    assert type(p) is dynagrad.Tensor
    assert (p.requires_grad, p.note) == (True, "kept")
    x = dynagrad.ones(2)
    x.__class__ = Marked
    assert type(x + 1) is Marked
    x.__class__ = dynagrad.nn.Parameter
    assert repr(x) == "Parameter containing:\ntensor([1., 1.])"
    many = [dynagrad.ones(1) for _ in range(10000)]
    for each in many:
        each.__class__ = Marked
    del many, each
    assert type(dynagrad.ones(1)) is dynagrad.Tensor


def test_an_attribute_can_be_set_past_the_class() -> None:
    x = dynagrad.ones(2)
    object.__setattr__(x, "note", 1)
    assert vars(x) == {"note": 1}
    object.__delattr__(x, "note")
    assert not hasattr(x, "note")
    x.note = 2
    del x.note
    assert vars(x) == {}


def test_attributes_that_refer_back_are_collected() -> None:
    import gc
    import weakref

    x = dynagrad.ones(2)
    x.me = x
    gone = weakref.ref(x)
    del x
    gc.collect()
    assert gone() is None


def test_a_tensor_of_a_tensor_is_a_view_with_its_history() -> None:
    w = dynagrad.ones(2, dtype=dynagrad.float64, requires_grad=True)
    x = Marked(w)
    assert (type(x), x._base is w, x.dtype) == (Marked, True, dynagrad.float64)
    (dynagrad.Tensor(w) * 3 + x).sum().backward()
    assert w.grad.tolist() == [4.0, 4.0]
