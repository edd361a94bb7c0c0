"""``swap_tensors``: two tensors trade all that they are, while every name of them stays where it is."""

from __future__ import annotations

import weakref
from typing import Any

from dynagrad._core.ops.exchange import attributes
from dynagrad.tensor import Tensor

__all__ = ["swap_tensors"]


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Trades memory, shape, dtype, gradient and attributes of two leaves of one class.

    RuntimeError for a tensor that has weak references, for one that has a history, which knows it by its shape, and for
    tensors of two classes, which lie in memory in two ways.

    >>> import dynagrad as torch
    >>> a, b = torch.ones(2), torch.zeros(3)
    >>> torch.utils.swap_tensors(a, b)
    >>> a, b
    (tensor([0., 0., 0.]), tensor([1., 1.]))
    """
    if type(t1) is not type(t2):
        raise RuntimeError(f"Cannot swap a {type(t1).__name__} and a {type(t2).__name__}: they are of two classes")
    for name, tensor in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(tensor):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
        if not tensor.is_leaf:
            raise RuntimeError(f"Cannot swap {name} because it has a history: {tensor.grad_fn} made it")
    first, second = _taken(t1), _taken(t2)
    _give(t1, second)
    _give(t2, first)


def _taken(tensor: Tensor) -> tuple[Any, ...]:
    """What a tensor is, apart from its identity; leaves it without gradient and attributes."""
    found = tensor.data, tensor.requires_grad, tensor.grad, {**attributes(tensor), **vars_of(tensor)}
    tensor.grad = None
    for name in found[3]:
        delattr(tensor, name)
    return found


def vars_of(tensor: Tensor) -> dict[str, Any]:
    """The ``__dict__`` of a tensor of a class that has one."""
    return dict(getattr(tensor, "__dict__", {}))


def _give(tensor: Tensor, what: tuple[Any, ...]) -> None:
    data, requires_grad, grad, named = what
    tensor.requires_grad_(False)
    tensor.data = data
    tensor.requires_grad_(requires_grad)
    tensor.grad = grad
    for name, value in named.items():
        setattr(tensor, name, value)
