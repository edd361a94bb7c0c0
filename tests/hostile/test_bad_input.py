"""Bad input: an error of PyTorch's type, and a graph that can still be used. The table is also run against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import dynagrad

# A call, as text, and the type of the error. `x` is (2, 3) and requires grad, `y` is (3, 4), `i` int64 [0, 5], `v` 3 long.
CALLS = {
    # shapes
    "x + torch.ones(4)": RuntimeError,
    "x @ x": RuntimeError,
    "x.mm(v)": RuntimeError,
    "v @ torch.ones(4)": RuntimeError,
    "x.view(4)": RuntimeError,
    "x.view(-1, -1)": RuntimeError,
    "x.reshape(5, -1)": RuntimeError,
    "x.expand(3, 3)": RuntimeError,
    "torch.cat([x, y])": RuntimeError,
    "torch.stack([x, y])": RuntimeError,
    "torch.cat([])": (RuntimeError, ValueError),
    "x.split([1, 5])": RuntimeError,
    "x.add_(torch.ones(2, 2, 3))": RuntimeError,
    "x.detach().copy_(torch.ones(4))": RuntimeError,
    "torch.einsum('ij,jk->ik', x, x)": RuntimeError,
    "torch.einsum('ij->iz', x)": RuntimeError,
    "torch.addmm(x, x, x)": RuntimeError,
    "torch.where(torch.ones(4).bool(), v, v)": RuntimeError,
    # dims
    "x.sum(5)": IndexError,
    "x.sum((0, 0))": RuntimeError,
    "x.transpose(0, 9)": IndexError,
    "x.squeeze(-7)": IndexError,
    "x.permute(0)": RuntimeError,
    "x.permute(0, 0)": RuntimeError,
    "x.flatten(1, 0)": RuntimeError,
    "x.max(7)": IndexError,
    "x.softmax(3)": IndexError,
    "x.cumsum(2)": IndexError,
    "x.sort(2)": IndexError,
    "x.unsqueeze(5)": IndexError,
    "x.topk(9)": RuntimeError,
    "torch.ones(0).max()": RuntimeError,
    "torch.ones(0, 3).argmax(0)": IndexError,
    # indices
    "x[2]": IndexError,
    "x[0, 0, 0]": IndexError,
    "x[i]": IndexError,
    "x[[0, 5]]": IndexError,
    "x['a']": (IndexError, TypeError),
    "x[1.5]": (IndexError, TypeError),
    "x[torch.ones(3).bool()]": IndexError,
    "x[torch.tensor([0.5])]": IndexError,
    "x.detach().__setitem__((0, 9), 1)": IndexError,
    "x.detach().__setitem__(0, torch.ones(7))": RuntimeError,
    "x.gather(0, i)": RuntimeError,
    "x.gather(0, i.view(1, 2))": RuntimeError,
    "x.index_select(0, i)": (IndexError, RuntimeError),
    "x.take(torch.tensor([99]))": IndexError,
    "x.narrow(0, 1, 5)": RuntimeError,
    "x.select(0, 9)": IndexError,
    "torch.zeros(3).scatter_(0, i, 1.0)": RuntimeError,
    "torch.zeros(3).index_add_(0, i, torch.ones(2))": (IndexError, RuntimeError),
    "torch.tensor(3.0)[0]": IndexError,
    "len(torch.tensor(3.0))": TypeError,
    "iter(torch.tensor(3.0))": TypeError,
    # sizes
    "torch.zeros(-1)": RuntimeError,
    "torch.zeros(2, -3)": RuntimeError,
    "torch.empty(2**62, 8)": RuntimeError,
    "torch.zeros(2**40, 2**40)": RuntimeError,
    "torch.zeros(float('nan'))": TypeError,
    "torch.zeros(1.5)": TypeError,
    "torch.zeros('3')": TypeError,
    "torch.zeros(None)": TypeError,
    "torch.zeros(2**70)": (TypeError, RuntimeError, OverflowError),
    "torch.arange(float('nan'))": RuntimeError,
    "torch.arange(0, 1, 0)": RuntimeError,
    "torch.arange(0, float('inf'))": RuntimeError,
    "torch.arange(5, 1)": RuntimeError,
    "torch.linspace(0, 1, -1)": RuntimeError,
    "torch.eye(-1)": RuntimeError,
    "torch.full((-2,), 1.0)": RuntimeError,
    "torch.randperm(-1)": RuntimeError,
    "x.repeat(-1, 2)": RuntimeError,
    "x.new_zeros(-4)": RuntimeError,
    "x.as_strided((9,), (9,))": RuntimeError,
    "x.as_strided((1,), (-1,))": RuntimeError,
    # data
    "torch.tensor([[1, 2], [3]])": ValueError,
    "torch.tensor([[1, 2], 3])": (ValueError, TypeError),
    "torch.tensor(['a'])": (ValueError, TypeError),
    "torch.tensor([None])": (RuntimeError, TypeError),
    "torch.tensor(object())": RuntimeError,
    "torch.tensor({'a': 1})": RuntimeError,
    "torch.tensor([10**30])": (RuntimeError, OverflowError, ValueError),
    "torch.tensor([300], dtype=torch.uint8)": RuntimeError,
    "torch.from_numpy(np.array([object()]))": TypeError,
    "torch.from_numpy(np.array(['a']))": TypeError,
    "torch.from_numpy([1, 2])": TypeError,
    "torch.tensor(np.array([object()]))": TypeError,
    "torch.from_numpy(np.arange(3)[::-1])": ValueError,
    # dtypes
    "torch.ones(2, requires_grad=True, dtype=torch.int64)": RuntimeError,
    "i.requires_grad_()": RuntimeError,
    "torch.ones(2, dtype='float32')": TypeError,
    "i.mean()": RuntimeError,
    "torch.ones(2).int() & 1.5": (RuntimeError, TypeError),
    "torch.ones(2) & torch.ones(2)": (RuntimeError, NotImplementedError),
    "i.add_(1.5)": RuntimeError,
    "torch.ones(2).mm(torch.ones(2))": RuntimeError,
    "torch.ones(2, 2).mm(torch.ones(2, 2).double())": RuntimeError,
    "torch.ones(2).bool() - torch.ones(2).bool()": RuntimeError,
    "-torch.ones(2).bool()": RuntimeError,
    "torch.add(v, 1, out=torch.ones(3).long())": RuntimeError,
    "torch.set_default_dtype(torch.int64)": TypeError,
    "v + 'a'": TypeError,
    "v + None": TypeError,
    "torch.add(None, 1)": TypeError,
    "torch.sum('a')": TypeError,
    "bool(v)": RuntimeError,
    "float(v)": (RuntimeError, ValueError, TypeError),
    "int(torch.ones(2))": (RuntimeError, ValueError, TypeError),
    "v.item()": RuntimeError,
    "torch.ones(1).to('cuda')": (AssertionError, RuntimeError),
    "torch.device('nowhere')": RuntimeError,
    # the graph
    "x.backward()": RuntimeError,
    "v.sum().backward()": RuntimeError,
    "(x * 2).backward(torch.ones(3))": RuntimeError,
    "(x * 2).sum().backward(1.0)": TypeError,
    "x.sum().backward(inputs=[])": RuntimeError,
    "torch.autograd.grad(x.sum(), v)": RuntimeError,
    "torch.autograd.grad(x.sum(), torch.ones(2, requires_grad=True))": RuntimeError,
    "torch.autograd.grad((x * 2), x)": RuntimeError,
    "x.add_(1)": RuntimeError,
    "x[0].mul_(2)": RuntimeError,
    "x.numpy()": RuntimeError,
    "x.__setattr__('grad', torch.ones(5))": RuntimeError,
    "x.__setattr__('grad', 3)": TypeError,
    "(x * 2).__setattr__('requires_grad', False)": RuntimeError,
    "x.detach().retain_grad()": RuntimeError,
    "v.register_hook(lambda g: g)": RuntimeError,
    "torch.ones(1).expand(3).add_(1)": RuntimeError,
    "x.deta()": AttributeError,
}


def scene(torch: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    return {
        "torch": torch,
        "np": np,
        "x": torch.arange(6.0).view(2, 3).requires_grad_(),
        "y": torch.ones(3, 4),
        "i": torch.tensor([0, 5]),
        "v": torch.ones(3),
    }


def outcome(torch: Any, call: str) -> BaseException | None:
    try:
        eval(call, scene(torch))  # noqa: S307  # the text is this file's
    except Exception as error:  # noqa: BLE001
        return error
    return None


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_raises_what_it_should(call):
    error = outcome(dynagrad, call)
    assert isinstance(error, CALLS[call]), repr(error)
    assert len(str(error)) > 10


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS)
def test_the_type_of_the_error_is_pytorchs(call):
    torch = pytest.importorskip("torch")
    ours, theirs = outcome(dynagrad, call), outcome(torch, call)
    assert isinstance(ours, type(theirs)), f"{ours!r} where PyTorch raises {theirs!r}"


def test_after_an_error_the_graph_and_its_tensors_are_as_before():
    torch = dynagrad
    for call in CALLS:
        names = scene(torch)
        x, v = names["x"], names["v"]
        loss = (x.exp() * v).sum()
        with pytest.raises(Exception):  # noqa: B017, PT011  # which one, the other tests say
            eval(call, names)  # noqa: S307
        assert x.tolist() == [[0, 1, 2], [3, 4, 5]], call
        assert v.tolist() == [1, 1, 1], call
        loss.backward()
        assert x.grad.allclose(x.detach().exp()), call


def test_an_in_place_op_that_fails_writes_nothing():
    x = dynagrad.zeros(4)
    for write in (
        lambda: x.index_put_((dynagrad.tensor([0, 1, 9]),), dynagrad.ones(3)),
        lambda: x.scatter_(0, dynagrad.tensor([0, 1, 9]), 1.0),
        lambda: x.index_add_(0, dynagrad.tensor([0, 9]), dynagrad.ones(2)),
        lambda: x.copy_(dynagrad.ones(3)),
        lambda: x.__setitem__(dynagrad.tensor([1, 7]), 5.0),
        lambda: x.add_("a"),
        lambda: x.bernoulli_(2.0),
        lambda: x.normal_(0, -1),
    ):
        with pytest.raises((RuntimeError, IndexError, TypeError, ValueError)):
            write()
        assert x.tolist() == [0, 0, 0, 0]
        assert x._version == 0


def test_a_list_of_arrays_is_copied_array_by_array():
    arrays = [np.full((3, 2), i, dtype=np.float32) for i in range(4)]
    with pytest.warns(UserWarning, match="extremely slow"):
        made = dynagrad.tensor(arrays)
    assert tuple(made.shape) == (4, 3, 2)
    assert made.numpy().tolist() == np.stack(arrays).tolist()
    assert dynagrad.tensor([[a, a] for a in arrays]).shape == (4, 2, 3, 2)
    with (
        pytest.warns(UserWarning, match="extremely slow"),
        pytest.raises(ValueError, match=r"expected sequence of length|shape|size"),
    ):
        dynagrad.tensor([np.ones(3), np.ones(4)])


def test_nan_comes_through():
    assert math.isnan(dynagrad.tensor(float("nan")).item())
    assert dynagrad.full((2,), float("inf")).tolist() == [math.inf, math.inf]
