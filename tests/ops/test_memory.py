"""Memory formats, and what gives a tensor other memory or another extent in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dynagrad as torch


def test_channels_last_is_strides() -> None:
    x = torch.arange(120.0).reshape(2, 3, 4, 5)
    y = x.to(memory_format=torch.channels_last)
    assert y.stride() == (60, 1, 15, 3)
    assert y.equal(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert not y.is_contiguous()
    assert y.to(memory_format=torch.channels_last) is y
    assert y.contiguous().stride() == y.to(memory_format=torch.contiguous_format).stride() == (60, 20, 5, 1)
    assert (y + 1).stride() == torch.relu(y).stride() == torch.zeros_like(y).stride() == y.stride()
    for made in (
        x.contiguous(memory_format=torch.channels_last),
        x.clone(memory_format=torch.channels_last),
        x.double().float(memory_format=torch.channels_last),
        x.type(torch.float32, memory_format=torch.channels_last),
    ):
        assert made.stride() == y.stride()
        assert made.equal(x)
    assert torch.empty(2, 3, 4, 5, memory_format=torch.channels_last).stride() == y.stride()
    assert torch.zeros_like(x, memory_format=torch.channels_last).stride() == y.stride()
    assert x[None].contiguous(memory_format=torch.channels_last_3d).stride() == (120, 1, 40, 10, 2)


def test_gradients_flow_through_formats_and_lie_as_their_leaves() -> None:
    x = torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()
    x.contiguous().sum().backward()
    assert x.grad.stride() == x.stride()


def test_a_format_is_for_tensors_of_its_rank() -> None:
    x = torch.ones(2, 3)
    assert not x.is_contiguous(memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        x.contiguous(memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="required rank 5 tensor to use channels_last_3d format"):
        torch.empty(2, 3, memory_format=torch.channels_last_3d)
    with pytest.raises(TypeError, match=r"must be torch\.memory_format, not str"):
        x.contiguous(memory_format="channels_last")


def test_resize_in_place() -> None:
    x = torch.arange(6)
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x._version == 1
    assert x.resize_((2, 2))._version == 1
    assert x.resize_(3, 4)[0].tolist() == [0, 1, 2, 3]
    assert x.resize_as_(torch.ones(2, 1)).tolist() == [[0], [1]]
    assert torch.arange(24.0).resize_(1, 2, 3, 4, memory_format=torch.channels_last).stride() == (24, 1, 8, 2)


def test_what_cannot_be_resized() -> None:
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        torch.ones(2, requires_grad=True).resize_(3)
    with pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
        torch.from_numpy(np.ones(2)).resize_(3)
    with pytest.raises(RuntimeError):
        torch.ones(2).resize_(-1)


def test_set_lays_a_tensor_over_other_memory() -> None:
    source = torch.arange(6.0)
    x = torch.ones(2)
    assert x.set_(source) is x
    assert x.data_ptr() == source.data_ptr()
    assert x.tolist() == source.tolist()
    assert x._version == 1
    assert x.set_(source, 1, (2, 2)).tolist() == [[1, 2], [3, 4]]
    assert x.set_(source.untyped_storage(), 1, (2, 2), (1, 2)).tolist() == [[1, 3], [2, 4]]
    assert x.set_(source.storage()).tolist() == source.tolist()
    assert x.set_().shape == (0,)


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        (torch.ones(2, dtype=torch.float64), RuntimeError, "Could not set tensor of type"),
        (3, TypeError, "must be Tensor or Storage, not int"),
    ],
)
def test_what_a_tensor_cannot_be_laid_over(source: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        torch.ones(2).set_(source)


def test_a_leaf_with_other_memory_is_another_leaf_for_what_was_recorded() -> None:
    x = torch.ones(2, requires_grad=True)
    edge = torch.autograd.graph.get_gradient_edge(x)
    out = x.clone()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.set_(torch.zeros(2))
    with torch.no_grad():
        x.set_(torch.zeros(2))
    with pytest.raises(RuntimeError, match="to not have been used in the graph"):
        torch.autograd.grad(out.sum(), x, retain_graph=True)
    assert torch.autograd.grad(out.sum(), edge)[0].tolist() == [1, 1]
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_as_strided_in_place() -> None:
    x = torch.ones(4, requires_grad=True)
    y = x * torch.arange(4.0)
    assert y.as_strided_((2,), (2,), 1).tolist() == [1, 3]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 0, 3]
    view = torch.zeros(2, 2)[:]
    view.as_strided_((4,), (1,))[1] = 5
    assert view._base.tolist() == [[0, 5], [0, 0]]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.as_strided_((2,), (1,))
    with pytest.raises(RuntimeError, match="requiring a storage size of 80 are out of bounds for storage of size 16"):
        torch.ones(4).as_strided_((20,), (1,))
    with pytest.raises(RuntimeError, match="Negative strides are not supported at the moment, got strides: \\[-1\\]"):
        torch.ones(4).as_strided((2,), (-1,))


@pytest.mark.parametrize(
    ("op", "write"),
    [
        ("index_put_", lambda x: x.__setitem__(x == 0, 3.0)),
        ("index_put_", lambda x: x.__setitem__(torch.tensor([0, 2]), 3.0)),
        ("index_fill_", lambda x: x.index_fill_(0, torch.tensor([1]), 3.0)),
        ("masked_fill_", lambda x: x.masked_fill_(torch.tensor([True, False, True]), 3.0)),
    ],
)
def test_writes_to_expanded_tensors_are_done_with_a_warning(op: str, write: Any) -> None:
    x = torch.zeros(1).expand(3)
    with pytest.warns(UserWarning, match=f"Use of {op} on expanded tensors is deprecated"):
        write(x)
    assert x.tolist() == [3, 3, 3]
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.put_(torch.tensor([0]), torch.ones(1))
