"""Names of old programs and of traced ones, without PyTorch: typed storages, cond, while_loop, copies of slices."""

from __future__ import annotations

import pytest

import dynagrad as torch
from dynagrad.autograd import gradcheck


def test_storages_have_old_names_by_dtype() -> None:
    storage = torch.FloatStorage([1, 2])
    assert list(storage) == [1.0, 2.0]
    assert isinstance(torch.ones(2).storage(), torch.FloatStorage)
    assert not isinstance(torch.ones(2).double().storage(), torch.FloatStorage)
    assert torch.LongStorage(3).size() == 3
    assert torch.IntStorage.dtype is torch.int32
    assert torch.Storage is torch.FloatStorage
    shared = torch.ones(2).untyped_storage()
    assert torch.FloatStorage(wrap_storage=shared).untyped() is shared
    assert torch.is_storage(storage)
    assert torch.is_storage(shared)
    assert not torch.is_storage(torch.ones(1))


def test_cond_runs_one_branch_and_records_it() -> None:
    ran = []

    def double(x: torch.Tensor) -> torch.Tensor:
        ran.append("double")
        return x * 2

    x = torch.ones(2, requires_grad=True)
    torch.cond(x.sum() > 1, double, lambda x: ran.append("other"), (x,)).sum().backward()
    assert ran == ["double"]
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]
    assert torch.cond(0, double, lambda x: x - 1, [torch.ones(1)]).item() == 0
    with pytest.raises(RuntimeError, match="Expected pred to be bool or single-element tensor"):
        torch.cond(torch.ones(2), double, double, (x,))
    with pytest.raises(RuntimeError, match="Expected pred to be bool or tensor"):
        torch.cond("yes", double, double, (x,))


def test_while_loop_carries_its_values() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    n, y = torch.while_loop(lambda n, _: n < 4, lambda n, y: (n + 1, y * x), (torch.tensor(0), torch.tensor(1.0)))
    assert n.item() == 4
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 4 * 27
    with pytest.raises(RuntimeError, match="Expect cond_fn and body_fn to be callable"):
        torch.while_loop(3, 3, (x,))
    with pytest.raises(RuntimeError, match="body_fn should return 2 values"):
        torch.while_loop(lambda *_: True, lambda a, _: (a,), (x, x))


def test_copies_of_slices_share_nothing() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    made = torch.slice_copy(x, -1, 1, 4, 2)
    assert made.tolist() == [[1, 3], [5, 7], [9, 11]]
    made.fill_(0)
    assert x.sum().item() == 66
    out = torch.empty(2, 4)
    assert torch.slice_copy(x, 0, 0, 2, out=out) is out
    with pytest.raises(RuntimeError, match="slice step must be positive"):
        torch.slice_copy(x, 0, 0, 2, 0)
    assert gradcheck(lambda x: torch.slice_copy(x, 0, 1, None), (x.double().requires_grad_(),))
