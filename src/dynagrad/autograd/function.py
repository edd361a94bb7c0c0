"""``Function``: an op whose value and derivative are written in Python.

The node behind it, which runs forward and backward and is their ``ctx``, is in ``_core.function``.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from dynagrad._core.function import FunctionBase, FunctionNode, use_defaults
from dynagrad.autograd.grad_mode import is_grad_enabled, no_grad
from dynagrad.tensor import Tensor

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "FunctionMeta", "InplaceFunction", "once_differentiable"]

FunctionCtx = BackwardCFunction = FunctionNode


class FunctionMeta(type):
    """Gives every Function its own node class, named after it: ``MyFn`` is recorded as ``MyFnBackward``."""

    _backward_cls: type[FunctionNode]

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        contents = {"__slots__": (), "__module__": cls.__module__, "_forward_cls": cls}
        cls._backward_cls = type(f"{name}Backward", (FunctionNode,), contents)


class Function(FunctionBase, metaclass=FunctionMeta):
    """The base of custom ops: derive from it, write ``forward`` and ``backward``, and call ``apply``.

    Example:
        >>> import dynagrad
        >>> class Double(Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return 2 * x
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return 2 * g
        >>> x = dynagrad.ones(2, requires_grad=True)
        >>> Double.apply(x)
        tensor([2., 2.], grad_fn=<DoubleBackward>)
    """

    generate_vmap_rule = False

    def __init__(self, *_: Any, **__: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated: its methods are static, so call {type(self).__name__}.apply()",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Raises: a Function is applied through its class."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. "
            f"Make forward and backward static methods, and call {type(self).__name__}.apply()"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the value: ``forward(ctx, *inputs)``, or ``forward(*inputs)`` beside a ``setup_context``.

        It runs unrecorded and returns a tensor or a tuple, whose items may be anything.
        """
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: FunctionNode, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keeps on ``ctx`` what backward needs, when ``forward`` does not take ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: FunctionNode, *grad_outputs: Any) -> Any:
        """Computes the derivative: takes a gradient for every output, returns a gradient or None for every input."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @classmethod
    def _positional(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments of ``forward`` in its order, for an ``apply`` with keywords."""
        import inspect

        takes_ctx = cls.setup_context is Function.setup_context
        bound = inspect.signature(cls.forward).bind(*((None, *args) if takes_ctx else args), **kwargs)
        bound.apply_defaults()
        return bound.args[1:] if takes_ctx else bound.args


use_defaults(Function.setup_context, Function.backward)


class InplaceFunction(Function):
    """A Function, under the name of those that take ``inplace``; old programs derive from it."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class _DifferentiatedTwice(Function):
    """The identity, whose backward is an error."""

    @staticmethod
    def forward(_ctx: FunctionNode, *gradients: Tensor) -> tuple[Tensor, ...]:
        return tuple(g.detach() for g in gradients)

    @staticmethod
    def backward(_ctx: FunctionNode, *_gradients: Tensor) -> None:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a ``backward`` that is not differentiable: it runs unrecorded, and a second derivative is an error."""

    @functools.wraps(fn)
    def wrapper(ctx: FunctionNode, *gradients: Any) -> Any:
        with no_grad():
            found = fn(ctx, *gradients)
        if not is_grad_enabled() or not any(isinstance(g, Tensor) and g.requires_grad for g in gradients):
            return found
        many = found if isinstance(found, tuple) else (found,)
        tensors = [g for g in many if isinstance(g, Tensor)]
        refusing = iter(_DifferentiatedTwice.apply(*(g.detach().requires_grad_() for g in tensors)) if tensors else ())
        results = tuple(next(refusing) if isinstance(g, Tensor) else g for g in many)
        return results if isinstance(found, tuple) else results[0]

    return wrapper
