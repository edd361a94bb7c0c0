"""``Variable``: PyTorch's name from before tensors recorded their own history, and the engine's name beside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from dynagrad._core.engine import queue_callback
from dynagrad._core.ops.data import alias_of
from dynagrad.tensor import Tensor

__all__ = ["Variable", "VariableMeta"]


class _Engine:
    """What runs backward, as ``Variable._execution_engine``."""

    @staticmethod
    def queue_callback(callback: Callable[[], Any]) -> None:
        """Calls ``callback()`` once the backward that runs in this thread is through; RuntimeError outside of any."""
        queue_callback(callback)


class VariableMeta(type):
    """Makes every tensor a Variable, and a call of Variable a tensor."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        """The tensor."""
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2
            )
        if data is None:
            return Tensor().requires_grad_(requires_grad)
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return alias_of(data, Tensor, requires_grad)


class Variable(metaclass=VariableMeta):
    """The memory of a tensor as a leaf of its own; ``isinstance(x, Variable)`` is true of tensors.

    Args:
        data: a tensor, or None for an empty one. TypeError for anything else.
        requires_grad: whether the leaf collects its gradient.
        volatile: has no effect, and a warning says so.

    >>> import dynagrad as torch
    >>> x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    >>> x, isinstance(x, torch.autograd.Variable)
    (tensor([1., 1.], requires_grad=True), True)
    """

    _execution_engine = _Engine()
