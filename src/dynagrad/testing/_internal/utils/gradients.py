"""Checks of gradients as PyTorch's own tests want them: quick, and with vmap over the gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils.settings import TEST_WITH_SLOW_GRADCHECK

GRADCHECK_NONDET_TOL = 1e-12


def _with_defaults(kwargs: dict[str, Any]) -> dict[str, Any]:
    """None is as if it had not been given."""
    given = {name: value for name, value in kwargs.items() if value is not None}
    return kwargs | {"check_batched_grad": True, "fast_mode": not TEST_WITH_SLOW_GRADCHECK} | given


def gradcheck(fn: Callable[..., Any], inputs: Any, **kwargs: Any) -> bool:
    """``torch.autograd.gradcheck`` in its fast mode, which looks at batched gradients, too, unless told not to.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import gradcheck
    >>> gradcheck(torch.sin, torch.rand(3, dtype=torch.float64, requires_grad=True))
    True
    """
    return torch.autograd.gradcheck(fn, inputs, **_with_defaults(kwargs))


def gradgradcheck(fn: Callable[..., Any], inputs: Any, grad_outputs: Any = None, **kwargs: Any) -> bool:
    """``torch.autograd.gradgradcheck`` in its fast mode, which looks at batched gradients, too, unless told not to.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import gradgradcheck
    >>> gradgradcheck(torch.sin, torch.rand(3, dtype=torch.float64, requires_grad=True))
    True
    """
    return torch.autograd.gradgradcheck(fn, inputs, grad_outputs, **_with_defaults(kwargs))


def _assertGradAndGradgradChecks(test_case: Any, apply_fn: Callable[..., Any], inputs: Any, **kwargs: Any) -> None:
    """Both checks, so that a failure says which."""
    test_case.assertTrue(gradcheck(apply_fn, inputs, **kwargs))
    test_case.assertTrue(gradgradcheck(apply_fn, inputs, **kwargs))


def outs_and_grads(fn: Callable[..., Any], graph_inps: Any, inps: Any) -> tuple[Any, list[Any]]:
    """What a function returns, and the gradients of the sums of it by the tensors in ``inps``, whose own are cleared.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import outs_and_grads
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> outs_and_grads(torch.square, [x], [x])[1]
    [tensor([2., 4.])]
    """
    leaves = torch.utils._pytree.tree_leaves
    outs = fn(*graph_inps)
    for out in leaves(outs):
        if isinstance(out, torch.Tensor) and out.requires_grad:
            out.sum().backward(retain_graph=True)
    tensors = [leaf for leaf in leaves(inps) if isinstance(leaf, torch.Tensor)]
    grads = [tensor.grad for tensor in tensors]
    for tensor in tensors:
        tensor.grad = None
    return outs, grads


def compare_equal_outs_and_grads(test: Any, m1: Callable[..., Any], m2: Callable[..., Any], inps: Any) -> None:
    """Asserts that two functions return the same and have the same gradients. ``test`` is a `TestCase`.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import TestCase, compare_equal_outs_and_grads
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> compare_equal_outs_and_grads(TestCase(), torch.square, lambda x: x * x, [x])
    """
    outs, grads = outs_and_grads(m1, inps, inps)
    other_outs, other_grads = outs_and_grads(m2, inps, inps)
    test.assertEqual(outs, other_outs)
    test.assertEqual(grads, other_grads)
