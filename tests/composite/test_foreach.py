"""Ops on lists of tensors, without PyTorch: the op itself on each tensor is the answer."""

from __future__ import annotations

import pytest

import dynagrad as torch
from dynagrad.composite.foreach import BINARY, UNARY


def lists():
    return [torch.tensor([0.25, 0.5]), torch.tensor([[0.75], [0.125]])]


def same(found, wanted):
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", UNARY)
def test_one_op_on_each(name):
    x = lists()
    wanted = [getattr(each, name)() for each in x]
    found = getattr(torch, f"_foreach_{name}")(x)
    assert type(found) is tuple
    same(found, wanted)
    assert getattr(torch, f"_foreach_{name}_")(x) is x
    same(x, wanted)


@pytest.mark.parametrize("name", BINARY)
def test_with_a_number_numbers_or_tensors(name):
    op, into = getattr(torch, f"_foreach_{name}"), getattr(torch, f"_foreach_{name}_")
    method = BINARY[name]
    x, y = lists(), [each + 1 for each in lists()]
    same(op(x, 2), [getattr(each, method)(2) for each in x])
    same(op(x, [2, 3.0]), [getattr(x[0], method)(2), getattr(x[1], method)(3.0)])
    wanted = [getattr(a, method)(b) for a, b in zip(x, y, strict=True)]
    same(op(x, y), wanted)
    into(x, y)
    same(x, wanted)


def test_alpha_scales_the_second_list_and_derivatives_pass():
    x = [each.requires_grad_() for each in lists()]
    total = sum(each.sum() for each in torch._foreach_add(x, torch._foreach_mul(x, x), alpha=3))
    total.backward()
    same([each.grad for each in x], [1 + 6 * each.detach() for each in x])


def test_fused_forms_take_one_value_or_one_each():
    x, y = lists(), lists()
    same(torch._foreach_addcmul(x, y, y, 2.0), [a + 2 * b * b for a, b in zip(x, y, strict=True)])
    same(torch._foreach_addcdiv(x, y, y, scalars=[2.0, 3.0]), [x[0] + 2, x[1] + 3])
    same(torch._foreach_addcmul(x, y, y, torch.tensor([2.0, 3.0])), [x[0] + 2 * y[0] ** 2, x[1] + 3 * y[1] ** 2])
    same(torch._foreach_lerp(x, y, weight=0.5), x)
    same(torch._foreach_lerp_(x, [each + 1 for each in x], [0.5, 1.0]), [y[0] + 0.5, y[1] + 1])


def test_the_others():
    x = lists()
    same(torch._foreach_norm(x, 1), [each.abs().sum() for each in x])
    same(torch._foreach_max(x), [torch.tensor(0.5), torch.tensor(0.75)])
    same(torch._foreach_pow(2.0, x), [2.0**each for each in x])
    same(torch._foreach_powsum(x, 2), [(each**2).sum() for each in x])
    copies = torch._foreach_clone(x)
    torch._foreach_zero_(x)
    assert not any(each.any() for each in x)
    torch._foreach_copy_(x, copies)
    same(x, copies)


@pytest.mark.parametrize(
    ("call", "kind", "wanted"),
    [
        (lambda x: torch._foreach_add([], 1), RuntimeError, "Tensor list must have at least one tensor."),
        (lambda x: torch._foreach_add(x, [1.0]), RuntimeError, "must have same number of elements as scalar list"),
        (lambda x: torch._foreach_add(x, x[:1]), RuntimeError, "must have the same number of tensors, got 2 and 1"),
        (lambda x: torch._foreach_add([1], 1), TypeError, "expected Tensor as element 0 in argument 0, but got int"),
        (lambda x: torch._foreach_add(x[0], 1), TypeError, "invalid combination of arguments"),
        (lambda x: torch._foreach_add(x, "a"), TypeError, "invalid combination of arguments"),
        (lambda x: torch._foreach_mul(x, x, alpha=2), TypeError, "invalid combination of arguments"),
        (lambda x: torch._foreach_add(x, torch.ones(2)), RuntimeError, "expected to be 0 dim but it has 1 dimensions"),
        (lambda x: torch._foreach_nothing, AttributeError, "_foreach_nothing"),
    ],
)
def test_what_is_refused(call, kind, wanted):
    with pytest.raises(kind, match=wanted):
        call(lists())
