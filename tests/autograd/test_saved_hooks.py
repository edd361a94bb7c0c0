"""What pack and unpack hooks return stands for the saved tensor in the graph, for derivatives of every order."""

from __future__ import annotations

import pytest

import dynagrad as dg
from dynagrad.autograd.graph import saved_tensors_hooks


@pytest.mark.parametrize("pack", [lambda t: t, lambda t: t.detach(), lambda t: t * 1])
def test_second_derivatives_pass_through_packed_tensors(pack) -> None:
    x = dg.tensor([0.5], requires_grad=True)
    with saved_tensors_hooks(pack, lambda t: t):
        y = (x.sin() * x).exp()
    first = dg.autograd.grad(y, x, create_graph=True)[0]
    (second,) = dg.autograd.grad(first, x)
    inner = x.sin() + x * x.cos()
    expected = (inner**2 + 2 * x.cos() - x * x.sin()) * (x.sin() * x).exp()
    assert second.item() == pytest.approx(expected.item(), rel=1e-5)
