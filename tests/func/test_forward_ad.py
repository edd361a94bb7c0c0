"""Dual tensors: written to, printed, taken apart again; and gradients of many directions at once."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad as torch
from dynagrad.autograd import forward_ad


def test_a_dual_tensor_can_be_written_to() -> None:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        x.mul_(2)
        x[0].square_()
        primal, tangent = forward_ad.unpack_dual(x)
        assert (primal.tolist(), tangent.tolist()) == ([4.0, 4.0], [24.0, 8.0])
        rows = torch.zeros(2, 2)
        rows[1] = x
        assert forward_ad.unpack_dual(rows).tangent.tolist() == [[0.0, 0.0], [24.0, 8.0]]


def test_it_gives_back_the_tangent_that_it_was_made_of_until_it_is_written_to() -> None:
    tangent = torch.ones(2)
    with forward_ad.dual_level():
        x = forward_ad.make_dual(torch.zeros(2), tangent)
        assert forward_ad.unpack_dual(x).tangent is tangent
        x.add_(1)
        assert forward_ad.unpack_dual(x).tangent is not tangent
        assert forward_ad.unpack_dual(x).tangent.tolist() == [1.0, 1.0]


def test_it_shows_its_tangent_when_printed() -> None:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(torch.tensor([1.0]), torch.tensor([3.0]))
        assert repr(x * 2).endswith("tangent=tensor([6.]))")
        assert "tangent" not in repr(torch.ones(1))
    assert "tangent" not in repr(x)


def test_tangents_do_not_nest_and_are_given_once() -> None:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(torch.ones(1), torch.ones(1))
        with pytest.raises(RuntimeError, match="already has a forward gradient at the same level 0"):
            forward_ad.make_dual(x * 2, torch.ones(1))
        with pytest.raises(RuntimeError, match="itself has a forward gradient at the same level 0"):
            forward_ad.make_dual(torch.ones(1), x)


def test_the_tangent_is_differentiated_further() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(forward_ad.make_dual(x, torch.tensor([1.0])) ** 3).tangent
    assert tangent.tolist() == [12.0]
    assert torch.autograd.grad(tangent, x)[0].tolist() == [12.0]


def test_the_jacobian_of_a_number_is_a_number() -> None:
    assert torch.func.jacfwd(lambda x: x**2)(torch.tensor(3.0)).item() == 6.0


# ---- autograd.grad inside of vmap --------------------------------------------------------------------------------------


def test_a_jacobian_by_unit_vectors() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    rows = torch.vmap(lambda v: torch.autograd.grad(y, x, v, retain_graph=True)[0])(torch.eye(3))
    assert rows.tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]
    freed = torch.vmap(lambda v: torch.autograd.grad(y, x, v)[0])(torch.eye(3))
    assert torch.equal(freed, rows)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        torch.autograd.grad(y.sum(), x)


def test_directions_for_some_outputs_and_inputs_that_are_not_used() -> None:
    x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    y, z = x * 2, x * w
    vs = torch.tensor([[1.0, 0.0], [0.0, 3.0]])

    def gradients(v: Any) -> Any:
        of_x, of_w = torch.autograd.grad((y, z), (x, w), (v, torch.ones(2)), retain_graph=True)
        alone, none = torch.autograd.grad(y, (x, w), v, retain_graph=True, allow_unused=True)
        assert none is None
        return of_x, of_w, alone

    of_x, of_w, alone = torch.vmap(gradients)(vs)
    assert of_x.tolist() == [[3.0, 1.0], [1.0, 7.0]]
    assert of_w.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert torch.equal(alone, vs * 2)


def test_directions_of_directions_and_of_rows() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    many = torch.arange(8.0).reshape(2, 2, 2)
    expected = many * torch.tensor([2.0, 4.0])
    one = torch.vmap(torch.vmap(lambda v: torch.autograd.grad(y, x, v, retain_graph=True)[0]))(many)
    assert torch.equal(one, expected)
    rows = torch.vmap(lambda v: torch.autograd.grad(y, x, v, retain_graph=True, is_grads_batched=True)[0])(many)
    assert torch.equal(rows, expected)


def test_their_graph_can_be_asked_for() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x**3
    rows = torch.vmap(lambda v: torch.autograd.grad(y, x, v, create_graph=True)[0])(torch.eye(2))
    assert torch.autograd.grad(rows.sum(), x)[0].tolist() == [6.0, 12.0]


def test_matrix_transposes_of_examples() -> None:
    x = torch.arange(12.0).reshape(2, 3, 2)
    assert torch.equal(torch.vmap(lambda a: a.mT)(x), x.mT)
    assert torch.vmap(lambda a: a.mH)(torch.ones(3)).shape == (3,)
    with pytest.raises(RuntimeError, match=r"tensor.mT is only supported on matrices .* Got 1-D tensor"):
        torch.vmap(lambda a: a.mT)(torch.ones(3, 2))
