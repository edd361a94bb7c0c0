"""``Function``: an op whose value and derivative are written in Python.

The node behind it, which runs forward and backward and is their ``ctx``, is in ``_core.function``.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

from dynagrad._core.base import grad
from dynagrad._core.function import Apply, FunctionNode, serve_natively, use_defaults
from dynagrad._core.intercept import untold
from dynagrad.autograd.grad_mode import enable_grad, is_grad_enabled, no_grad
from dynagrad.tensor import Tensor

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "InplaceFunction",
    "forward_mode",
    "once_differentiable",
]

FunctionCtx = BackwardCFunction = FunctionNode


class _Mode(threading.local):
    forward = False


_mode = _Mode()


class forward_mode:  # noqa: N801  # reads as a word of the with statement
    """Within, backward passes are halves of a forward one: a Function that defines its own ``jvp`` goes by that."""

    def __enter__(self) -> None:
        self.before, _mode.forward = _mode.forward, True

    def __exit__(self, *_: object) -> None:
        _mode.forward = self.before


class FunctionMeta(type):
    """Gives every Function its own node class, named after it: ``MyFn`` is recorded as ``MyFnBackward``; and its ``apply``."""

    _backward_cls: type[FunctionNode]
    _apply: Apply

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        once = bool(getattr(cls, "clear_saved_tensors_on_access", False))
        contents = {"__slots__": (), "__module__": cls.__module__, "_forward_cls": cls, "_once": once}
        if "jvp" in namespace and bases:
            _go_by_jvp(cls, contents)
        cls._backward_cls = type(f"{name}Backward", (FunctionNode,), contents)
        serve_natively(cls._backward_cls)
        cls._apply = Apply(cls)
        inherited = next((base.__dict__["apply"] for base in cls.__mro__ if "apply" in base.__dict__), None)
        if inherited is None or isinstance(inherited, Apply):
            cls.apply = cls._apply


class Function(metaclass=FunctionMeta):
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
    clear_saved_tensors_on_access = False
    """Whether ``ctx.saved_tensors`` gives the saved tensors away, so that backward can free them one by one."""

    def __init__(self, *_: Any, **__: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated: its methods are static, so call {type(self).__name__}.apply()",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Raises: a Function is applied through its class."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
            "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function) "
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

    @staticmethod
    def jvp(ctx: FunctionNode, *grad_inputs: Any) -> Any:
        """Computes the derivative the other way: takes a tangent or None for every input, returns one for every output."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Computes all examples of a batch: takes the inputs with their batch dimensions, returns outputs and theirs."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap static method or set "
            "generate_vmap_rule=True."
        )


use_defaults(Function.setup_context, Function.backward)


class InplaceFunction(Function):
    """A Function, under the name of those that take ``inplace``; old programs derive from it."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


# ---- a jvp of its own --------------------------------------------------------------------------------------------------


class _JvpContext:
    """What ``jvp`` gets as ``ctx``: the node, with what was saved for forward in the place of what was for backward."""

    def __init__(self, node: FunctionNode) -> None:
        self._node = node

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        saved = getattr(self._node, "_saved_for_forward", None)
        return self._node.saved_tensors if saved is None else saved

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)


def _go_by_jvp(cls: Any, contents: dict[str, Any]) -> None:
    """Lets the node of a Function with a ``jvp`` find its gradient from that, in forward mode: it is the transpose."""

    def save_for_forward(node: Any, *tensors: Any) -> None:
        FunctionNode.save_for_forward(node, *tensors)
        node._saved_for_forward = tensors

    contents["save_for_forward"] = save_for_forward
    takes_ctx = cls.setup_context is Function.setup_context
    before = cls.forward if takes_ctx else cls.setup_context

    @functools.wraps(before)
    def noted(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = args if takes_ctx else args[0]
        ctx._jvp_inputs = [(x.shape, x.dtype) if isinstance(x, Tensor) else None for x in inputs]
        return before(ctx, *args, **kwargs)

    setattr(cls, "forward" if takes_ctx else "setup_context", staticmethod(noted))
    name = "backward" if cls.vjp is Function.vjp else "vjp"
    ordinary = getattr(cls, name)

    @functools.wraps(ordinary)
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _transposed(cls, ctx, gradients) if _mode.forward else ordinary(ctx, *gradients)

    setattr(cls, name, staticmethod(backward))


def _transposed(cls: Any, ctx: Any, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients of the inputs, by differentiating ``jvp``, which is linear in the tangents."""
    import dynagrad

    tangents = [
        untold(dynagrad.zeros(each[0], dtype=each[1]).requires_grad_) if each is not None and needs else None
        for each, needs in zip(ctx._jvp_inputs, ctx.needs_input_grad, strict=True)
    ]
    with enable_grad():
        found = cls.jvp(_JvpContext(ctx), *tangents)
        outputs = found if isinstance(found, tuple) else (found,)
        pairs = [
            (y, g)
            for y, g in zip(outputs, gradients, strict=True)
            if isinstance(y, Tensor) and y.requires_grad and g is not None
        ]
        wanted = [t for t in tangents if t is not None]
        made: Any = [None] * len(wanted)
        if pairs:
            made = grad([y for y, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True)
    results = iter(made)
    return tuple(None if t is None else next(results) for t in tangents)


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
