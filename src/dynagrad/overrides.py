"""Classes and modes that take part in every op: ``__torch_function__``, as subclasses of Tensor inherit or define it.

How a call is intercepted is in ``_core/intercept``; nothing is, until a program defines such a class or enters a mode.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from dynagrad._core.intercept import disabled_torch_function, install, native_functions, overrides, uninstall
from dynagrad._core.ops.data import as_subclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

__all__ = [
    "BaseTorchFunctionMode",
    "DisableTorchFunctionSubclass",
    "TorchFunctionMode",
    "disabled_torch_function",
    "get_default_nowrap_functions",
    "handle_torch_function",
    "has_torch_function",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
]


class _State(threading.local):
    """Of each thread: whether subclasses are taken for plain tensors, and the modes that are entered."""

    disabled = False

    def __init__(self) -> None:
        self.modes: list[TorchFunctionMode] = []


_state = _State()
_watched = False


def watch() -> None:
    """Has calls with an argument of a subclass go through its ``__torch_function__`` from now on."""
    global _watched
    if not _watched:
        _watched = True
        install(_ask_classes, reentrant=True, overriders_only=True)


class DisableTorchFunctionSubclass:
    """Within, subclasses are taken for plain tensors; a context manager."""

    def __enter__(self) -> None:
        self.before, _state.disabled = _state.disabled, True

    def __exit__(self, *_: object) -> None:
        _state.disabled = self.before


def default_torch_function(
    cls: type, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
) -> Any:
    """What a subclass does unless it says otherwise: run the op, and give its results the class."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    return result if func in get_default_nowrap_functions() else _converted(result, cls)


def _converted(result: Any, cls: type) -> Any:
    from dynagrad.tensor import Tensor

    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else as_subclass(result, cls)
    if isinstance(result, tuple | list):
        return type(result)(_converted(each, cls) for each in result)
    return result


def _overriders(args: Iterable[Any]) -> list[Any]:
    """The arguments whose class takes part, one of each class, subclasses before their bases."""
    found: list[Any] = []
    flat = [item for each in args for item in (each if type(each) in (list, tuple) else (each,))]
    for each in flat:
        if overrides(each) and all(type(each) is not type(other) for other in found):
            at = next((i for i, other in enumerate(found) if issubclass(type(each), type(other))), len(found))
            found.insert(at, each)
    return found


def _ask_classes(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:
    if _state.disabled:
        return call(*args, **kwargs)
    found = _overriders((*args, *kwargs.values()))
    return _asked(found, function, args, kwargs) if found else call(*args, **kwargs)


def _asked(overriders: list[Any], func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    types = tuple(type(each) for each in overriders)
    for each in overriders:
        result = type(each).__torch_function__(func, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = resolve_name(func) or getattr(func, "__name__", str(func))
    raise TypeError(
        f"no implementation found for '{name}' on types that implement __torch_function__: "
        f"[{', '.join(kind.__qualname__ for kind in types)}]"
    )


class TorchFunctionMode:
    """Within, every op goes through ``__torch_function__(func, types, args, kwargs)`` of the mode; a context manager.

    >>> import dynagrad
    >>> class Count(TorchFunctionMode):
    ...     seen = 0
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         self.seen += 1
    ...         return func(*args, **(kwargs or {}))
    >>> with Count() as mode:
    ...     y = dynagrad.ones(2) * 3 + 1
    >>> mode.seen
    3
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Self:
        _state.modes.append(self)
        if len(_state.modes) == 1:
            install(_ask_modes, reentrant=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _state.modes.remove(self)
        if not _state.modes:
            uninstall(_ask_modes)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def _ask_modes(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:
    """The innermost mode is asked; what it calls itself goes to the mode around it."""
    if not _state.modes:
        return call(*args, **kwargs)
    mode = _state.modes.pop()
    try:
        types = tuple(type(each) for each in _overriders((*args, *kwargs.values())))
        return mode.__torch_function__(function, types, args, kwargs)
    finally:
        _state.modes.append(mode)


# ---- for libraries that make their own functions overridable -----------------------------------------------------------


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments has a ``__torch_function__`` in force."""
    return not _state.disabled and any(overrides(each) for each in relevant_args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Asks the ``__torch_function__`` of the relevant arguments for the result of ``public_api(*args, **kwargs)``."""
    return _asked(_overriders(relevant_args), public_api, args, kwargs)


def is_tensor_like(inp: Any) -> bool:
    """Whether something is a tensor, or an object that has a ``__torch_function__``."""
    from dynagrad.tensor import Tensor

    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether this is a method or an attribute of Tensor."""
    from dynagrad.tensor import Tensor

    return any(func is each for each in vars(Tensor).values()) or hasattr(Tensor, getattr(func, "__name__", " "))


def resolve_name(f: Callable[..., Any]) -> str | None:
    """The public name of an op, such as ``torch.add``; None for anything else."""
    name = native_functions().get(f)
    return f"torch.{name}" if name else None


def get_default_nowrap_functions() -> set[Callable[..., Any]]:
    """The functions whose results do not take the class of a subclass: what reads ``.grad`` and ``._base``."""
    from dynagrad.tensor import Tensor

    return {Tensor.grad.__get__, Tensor._base.__get__}
