"""Custom operators: a function that runs unrecorded, and the derivative that it is given as a whole."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import dynagrad
from dynagrad.autograd import Function
from dynagrad.library.namespaces import OPERATORS, OpOverloadPacket
from dynagrad.library.schema import infer_schema
from dynagrad.tensor import Tensor

_KERNEL_KEYS = ("", "CPU", "CompositeExplicitAutograd", "CompositeImplicitAutograd")


class CustomOpDef:
    """An operator. It is called like its function; made by `custom_op`.

    >>> import dynagrad as torch
    >>> @torch.library.custom_op("doc::cube", mutates_args=())
    ... def cube(x: torch.Tensor) -> torch.Tensor:
    ...     return x**3
    >>> cube.register_autograd(
    ...     lambda ctx, grad: 3 * ctx.saved_tensors[0] ** 2 * grad,
    ...     setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    ... )
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> torch.ops.doc.cube(x).backward()
    >>> x.grad
    tensor(12.)
    """

    def __init__(self, name: str, schema: str, function: Callable[..., Any] | None) -> None:
        namespace, _, own = name.partition("::")
        if not namespace or not own:
            raise ValueError(f"the name of an operator is namespace::name, not {name!r}")
        self.qualname = self._qualname = self._name = name
        self.full_schema = f"{name}{schema}"
        self._kernel = function
        self._fake: Callable[..., Any] | None = None
        self._signature = None if function is None else inspect.signature(function)
        self._backward: Callable[..., Any] | None = None
        self._setup_context: Callable[..., Any] | None = None
        self._recorded = True
        self.packet = OpOverloadPacket(self)
        self._function = type(
            f"GeneratedBackwardFor_{namespace}_{own}_default",
            (Function,),
            {"forward": staticmethod(self._forward), "backward": staticmethod(self._run_backward)},
        )
        OPERATORS.setdefault(namespace, {})[own] = self

    def __repr__(self) -> str:
        return f"<CustomOpDef({self.qualname})>"

    # ---- what it is given ----------------------------------------------------------------------------------------
    def register_kernel(
        self, device_types: str | Iterable[str] | None, fn: Callable[..., Any] | None = None, /
    ) -> Callable[..., Any]:
        """Takes the function for some devices; that for the CPU replaces the operator's own."""
        kinds = (device_types,) if isinstance(device_types, str) or device_types is None else tuple(device_types)

        def take(function: Callable[..., Any]) -> Callable[..., Any]:
            if None in kinds or "cpu" in kinds:
                self._kernel, self._signature = function, inspect.signature(function)
            return function

        return take if fn is None else take(fn)

    def register_fake(self, fn: Callable[..., Any] | None = None, /) -> Callable[..., Any]:
        """Keeps what says the shape of the result without its numbers, for which nothing here asks."""

        def take(function: Callable[..., Any]) -> Callable[..., Any]:
            self._fake = function
            return function

        return take if fn is None else take(fn)

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """The derivative.

        Args:
            backward: called with a context and the gradients of the results; returns one for each argument, or None.
            setup_context: called with the context, the arguments and the result; keeps what ``backward`` needs.
        """
        self._backward, self._setup_context = backward, setup_context

    def implement(self, key: str, function: Callable[..., Any]) -> None:
        """Takes the function for one of PyTorch's dispatch keys.

        Under that of composites or of autograd, what the function calls is recorded: its derivative is its own.
        """
        derives = key.startswith("Autograd")
        if derives or key == "CompositeImplicitAutograd":
            self._recorded = False
        if key in _KERNEL_KEYS or (derives and self._kernel is None):
            self._kernel, self._signature = function, inspect.signature(function)
        elif key == "Meta":
            self._fake = function

    # ---- a call --------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives, with the registered derivative."""
        if self._kernel is None or self._signature is None:
            raise NotImplementedError(f"{self.qualname}: no function is registered for it on the CPU")
        if not self._recorded:
            return self._kernel(*args, **kwargs)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        flat, shape = _flattened(bound.args)
        needs = dynagrad.is_grad_enabled() and any(isinstance(each, Tensor) and each.requires_grad for each in flat)
        if not needs:
            return self._run(bound.args, bound.kwargs)
        return self._function.apply(shape, bound.kwargs, *flat)  # type: ignore[attr-defined]

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        assert self._kernel is not None
        with dynagrad.no_grad():
            result = self._kernel(*args, **kwargs)
        given = {id(each) for each in _flattened((*args, *kwargs.values()))[0] if isinstance(each, Tensor)}
        for each in result if isinstance(result, (tuple, list)) else (result,):
            if id(each) in given:
                raise RuntimeError(
                    f"{self.qualname}: The output of this custom operator (1) must not also be an input to this custom "
                    "operator and (2) may not alias any inputs to this custom operator or other returns. Return a copy: "
                    "x.clone()"
                )
        return result

    def _forward(self, ctx: Any, shape: list[int | None], kwargs: dict[str, Any], *flat: Any) -> Any:
        args = _restored(flat, shape)
        result = self._run(args, kwargs)
        ctx.shape_of_arguments = shape
        if self._setup_context is not None:
            extra = {"keyword_only_inputs": kwargs} if kwargs else {}
            self._setup_context(ctx, args, result, **extra)
        return tuple(result) if isinstance(result, list) else result

    def _run_backward(self, ctx: Any, *gradients: Any) -> Any:
        if self._backward is None:
            raise RuntimeError(
                f"Trying to backward through {self.qualname.replace('::', '.')}.default but no autograd formula was registered. "
                "Please use register_autograd to add one."
            )
        found = self._backward(ctx, *gradients)
        found = found if isinstance(found, tuple) else (found,)
        shape = ctx.shape_of_arguments
        flat: list[Any] = []
        for size, each in zip(shape, found, strict=True):
            if size is None:
                flat.append(each)
            else:
                flat.extend(each if each is not None else [None] * size)
        return None, None, *flat


def _flattened(args: Iterable[Any]) -> tuple[list[Any], list[int | None]]:
    """The arguments with the tensors of lists in their places, and the length of each that was a list."""
    flat: list[Any] = []
    shape: list[int | None] = []
    for each in args:
        if isinstance(each, (list, tuple)) and any(isinstance(one, Tensor) for one in each):
            flat.extend(each)
            shape.append(len(each))
        else:
            flat.append(each)
            shape.append(None)
    return flat, shape


def _restored(flat: tuple[Any, ...], shape: list[int | None]) -> tuple[Any, ...]:
    rest = iter(flat)
    return tuple(next(rest) if size is None else [next(rest) for _ in range(size)] for size in shape)


# ---- functions of the module -----------------------------------------------------------------------------------------
def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: str | Iterable[str] | None = None,
    schema: str | None = None,
    tags: Any = None,  # noqa: ARG001  # they steer compilers
) -> Any:
    """Makes an operator of a function, or a decorator that does.

    Args:
        name: ``namespace::name``.
        fn: the function, whose parameters are annotated unless ``schema`` is given.
        mutates_args: the names of the tensors that it writes to.
        device_types: the devices it is for; all if not given.
        schema: its signature in PyTorch's notation.
    """

    def make(function: Callable[..., Any]) -> CustomOpDef:
        written = schema if schema is not None else infer_schema(function, mutates_args=mutates_args)
        kinds = (device_types,) if isinstance(device_types, str) or device_types is None else tuple(device_types)
        return CustomOpDef(name, written, function if None in kinds or "cpu" in kinds else None)

    return make if fn is None else make(fn)


def _named(op: Any) -> CustomOpDef:
    """The operator of a name, a packet or an overload."""
    if isinstance(op, CustomOpDef):
        return op
    name = op if isinstance(op, str) else str(op).removesuffix(".default").replace(".", "::")
    namespace, _, own = name.partition("::")
    try:
        return OPERATORS[namespace][own]
    except KeyError:
        raise RuntimeError(f"operator {name} does not exist") from None


def register_autograd(
    op: Any,
    backward: Callable[..., Any],
    /,
    *,
    setup_context: Callable[..., Any] | None = None,
    lib: Any = None,  # noqa: ARG001
) -> None:
    """Gives the operator ``op`` its derivative; see `CustomOpDef.register_autograd`."""
    _named(op).register_autograd(backward, setup_context=setup_context)


def register_fake(
    op: Any,
    func: Callable[..., Any] | None = None,
    /,
    *,
    lib: Any = None,  # noqa: ARG001
    _stacklevel: int = 1,
    allow_override: bool = True,  # noqa: ARG001
) -> Callable[..., Any]:
    """Keeps what says the shape of the results of ``op``; see `CustomOpDef.register_fake`."""
    return _named(op).register_fake(func) if func is not None else _named(op).register_fake()


def register_kernel(
    op: Any,
    device_types: str | Iterable[str] | None,
    func: Callable[..., Any] | None = None,
    /,
    *,
    lib: Any = None,  # noqa: ARG001
) -> Callable[..., Any]:
    """Takes the function of ``op`` for some devices; see `CustomOpDef.register_kernel`."""
    return (
        _named(op).register_kernel(device_types, func) if func is not None else _named(op).register_kernel(device_types)
    )


def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:  # noqa: ARG001
    """Makes an operator that has no function yet; `impl` gives it one.

    >>> import dynagrad as torch
    >>> torch.library.define("doc::double", "(Tensor x) -> Tensor")
    >>> torch.library.impl("doc::double", "cpu", lambda x: 2 * x)
    >>> torch.ops.doc.double(torch.ones(2))
    tensor([2., 2.])
    """
    CustomOpDef(qualname, schema, None)


def impl(
    qualname: str,
    types: str | Iterable[str],
    func: Callable[..., Any] | None = None,
    *,
    lib: Any = None,  # noqa: ARG001
) -> Any:
    """Gives the operator a function, for the devices or dispatch keys ``types``; a decorator without ``func``."""
    kinds = (types,) if isinstance(types, str) else tuple(types)

    def take(function: Callable[..., Any]) -> None:
        for kind in kinds:
            _named(qualname).implement("CPU" if kind in ("cpu", "default") else kind, function)

    return take if func is None else take(func)


class Library:
    """A namespace to which operators are added: the older way of `define` and `impl`.

    Args:
        ns: the namespace.
        kind: "DEF", "FRAGMENT" or "IMPL".
        dispatch_key: for which of PyTorch's keys functions are, where ``impl`` does not say.
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("DEF", "FRAGMENT", "IMPL"):
            raise ValueError(f"Unsupported kind: {kind}")
        if ns in ("aten", "prim"):
            raise RuntimeError(f"{ns}: dynagrad's own ops are native, and none of them can be replaced")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:  # noqa: ARG002
        """Makes the operator whose name stands in front of its signature, and returns the name."""
        name = schema.partition("(")[0]
        CustomOpDef(f"{self.ns}::{name}", schema.removeprefix(name), None)
        return name

    def impl(self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", **options: Any) -> None:  # noqa: ARG002
        """Gives an operator its function for a key."""
        name = op_name if isinstance(op_name, str) else str(op_name).rpartition(".")[2]
        own = name.rpartition(":")[2]
        _named(f"{self.ns}::{own}").implement(dispatch_key or self.dispatch_key, fn)
