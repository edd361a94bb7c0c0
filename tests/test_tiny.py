"""The first file to run: it imports the package, makes tensors, runs ops, goes backward and draws, in a few seconds."""

import pytest

import dynagrad as torch
from dynagrad.viz import make_dot


def test_making_and_adding():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert (x + 1).tolist() == [[2.0, 3.0], [4.0, 5.0]]
    assert (x @ x).tolist() == [[7.0, 10.0], [15.0, 22.0]]
    assert x.sum().item() == 10.0
    assert x.shape == (2, 2)
    assert x.dtype is torch.float32


def test_backward():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_the_graph_can_be_walked():
    x = torch.tensor(2.0, requires_grad=True)
    y = (x * 3).tanh()
    assert y.grad_fn.name() == "TanhBackward0"
    product = y.grad_fn.next_functions[0][0]
    assert product.name() == "MulBackward0"
    assert product.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    assert product.next_functions[0][0].variable is x


def test_views_share_memory():
    x = torch.zeros(2, 3)
    row = x[1]
    row += 5
    assert x.tolist() == [[0.0, 0.0, 0.0], [5.0, 5.0, 5.0]]
    assert x.t().shape == (3, 2)
    assert row._base is x


def test_in_place_writes_are_counted():
    x = torch.ones(2, requires_grad=True)
    y = x.tanh()
    z = (y * y).sum()
    y.mul_(2)
    assert y._version == 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_a_leaf_is_not_overwritten():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.add_(1)
    with torch.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 2.0]


def test_no_grad_records_nothing():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        y = x * 2
    assert y.grad_fn is None
    assert not y.requires_grad


def test_gradients_of_gradients():
    x = torch.tensor(2.0, requires_grad=True)
    (slope,) = torch.autograd.grad(x * x * x, x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, x)
    assert (slope.item(), curvature.item()) == (12.0, 12.0)


def test_printing():
    x = torch.tensor([1.0, 2.5], requires_grad=True)
    assert repr(x) == "tensor([1.0000, 2.5000], requires_grad=True)"
    assert repr(x.detach() * 2) == "tensor([2., 5.])"
    assert repr((x * 2).sum()) == "tensor(7., grad_fn=<SumBackward0>)"


def test_random_numbers_are_pytorchs():
    torch.manual_seed(0)
    assert [round(n, 4) for n in torch.rand(3).tolist()] == [0.4963, 0.7682, 0.0885]
    assert [round(n, 4) for n in torch.randn(2).tolist()] == [0.3643, 0.1344]


def test_a_picture_of_the_graph():
    w = torch.ones(2, requires_grad=True)
    picture = make_dot((w * 2).sum(), params={"w": w})
    assert "MulBackward0" in picture.source
    assert "w\\n (2)" in picture.source


def test_tensor_has_the_method_of_every_card() -> None:
    from dynagrad._core.card import methods

    assert [name for name in methods() if not hasattr(torch.Tensor, name)] == []
