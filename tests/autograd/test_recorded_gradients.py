"""What ``.grad`` is after ``backward(create_graph=True)``: a tensor of its own with a history, as in PyTorch."""

from __future__ import annotations

import dynagrad as torch


def test_two_leaves_never_share_a_gradient():
    x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    z = x + y
    (z * z).sum().backward(create_graph=True)
    assert x.grad is not y.grad
    with torch.no_grad():
        x.grad.mul_(5)
    assert y.grad.tolist() == [4, 4, 4]


def test_a_gradient_that_came_as_a_view_is_none():
    x = torch.ones(2, 3, requires_grad=True)
    x.t().pow(2).sum().backward(create_graph=True)
    assert type(x.grad.grad_fn).__name__ == "CopyBackwards"
    assert not x.grad._is_view()
    assert x.grad.stride() == (3, 1)
    x.grad.sum().backward()
    assert x.grad.tolist() == [[4, 4, 4], [4, 4, 4]]


def test_it_can_be_cut_off_in_place():
    x = torch.ones(2, 3, requires_grad=True)
    x.t().pow(2).sum().backward(create_graph=True)
    assert not x.grad.detach_().requires_grad
    optimizer = torch.optim.SGD([x], lr=0.1)
    x.t().pow(2).sum().backward(create_graph=True)
    optimizer.zero_grad(set_to_none=False)
    assert x.grad.tolist() == [[0, 0, 0], [0, 0, 0]]
