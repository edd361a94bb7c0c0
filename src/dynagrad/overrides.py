"""Classes and modes that take part in every op: ``__torch_function__``, as subclasses of Tensor inherit or define it.

A class takes part that is no tensor at all, if it defines it. How a call is intercepted is in ``_core/intercept``, and in
``_core/exchanged`` for functions written in Python; nothing is, until a program defines such a class or enters a mode.
Which functions take part is in ``overridable``.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import warnings
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import ASKED
from dynagrad._core.exchanged import Asking, exchange, put_back
from dynagrad._core.intercept import (
    classes_noticed,
    disabled_torch_function,
    install,
    overrides,
    set_depth,
    unheard,
    uninstall,
)
from dynagrad._core.ops.data import as_subclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

__all__ = [
    "BaseTorchFunctionMode",
    "DisableTorchFunctionSubclass",
    "TorchFunctionMode",
    "disabled_torch_function",
    "enable_reentrant_dispatch",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "redispatch_function",
    "resolve_name",
    "wrap_torch_function",
]


class _State(threading.local):
    """Of each thread: whether subclasses are taken for plain tensors, and the modes that are entered."""

    disabled = False
    skips = False  # whether the next call that would be asked about goes through unasked

    def __init__(self) -> None:
        self.modes: list[TorchFunctionMode] = []


_state = _State()
_watched = False
_lock = threading.RLock()
_listened_for = 0  # by the watch and by modes


def watch() -> None:
    """Has calls with an argument of a class with a ``__torch_function__`` go through it from now on."""
    global _watched
    with _lock:
        if not _watched:
            _watched = True
            classes_noticed()
            install(_ask_classes, reentrant=True, overriders_only=True, questions=True)
            _listen(1)


@functools.cache
def _python_functions() -> tuple[Asking, ...]:
    from dynagrad.overridable import python_functions

    return tuple(Asking(function, public, _ask_python) for function, public in python_functions())


def _listen(change: int) -> None:
    """Counts those who want to hear of functions written in Python."""
    global _listened_for
    with _lock:
        before, _listened_for = _listened_for, _listened_for + change
        if before == 0:
            exchange(_python_functions())
            ASKED.append(_ask_decorated)
        elif _listened_for == 0:
            put_back(_python_functions())
            ASKED.remove(_ask_decorated)


class DisableTorchFunctionSubclass:
    """Within, subclasses are taken for plain tensors; a context manager."""

    def __enter__(self) -> None:
        self.before, _state.disabled = _state.disabled, True

    def __exit__(self, *_: object) -> None:
        _state.disabled = self.before


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Within, neither subclasses nor modes are asked; a context manager."""

    def __enter__(self) -> None:
        super().__enter__()
        self.modes, _state.modes = _state.modes, []

    def __exit__(self, *_: object) -> None:
        _state.modes = self.modes
        super().__exit__()


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
    if type(result) is _Slices:
        slices: tuple[Any, ...] = tuple(result)
        return iter(_converted(slices, cls))
    return result


_Slices = type(iter(()))  # of which ``iter(tensor)`` is one


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
    if _state.disabled or _state.modes or _skipped() or function in _constructors():
        return call(*args, **kwargs)
    found = _overriders((*args, *kwargs.values()))
    return _asked(found, function, args, kwargs) if found else call(*args, **kwargs)


def _ask_python(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], original: Any) -> Any:
    """What a function written in Python does while somebody listens: modes are asked, then classes."""
    if unheard():
        return original(*args, **kwargs)
    return (_ask_modes if _state.modes else _ask_classes)(function, args, kwargs, original)


def _ask_decorated(_name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The same for one that asks by itself, and runs if it is told NotImplemented."""
    return _ask_python(function, args, kwargs, _itself)


def _itself(*_args: Any, **_kwargs: Any) -> Any:
    return NotImplemented


@functools.cache
def _constructors() -> frozenset[Any]:
    """The native functions that make a tensor of what they are given, whatever it is; modes alone hear of them."""
    import dynagrad
    from dynagrad.overridable import NOT_ASKED

    return frozenset(vars(dynagrad).get(name) for name in NOT_ASKED["torch"])


def _skipped() -> bool:
    """Whether this is the call that `redispatch_function` lets through."""
    skips, _state.skips = _state.skips, False
    return skips


def _asked(
    overriders: list[Any], func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], asked: tuple[str, ...] = ()
) -> Any:
    types = tuple(type(each) for each in overriders)
    for each in overriders:
        method = each.__torch_function__
        if getattr(method, "__self__", None) is each:
            _warn_of_plain_method(func)
        result = method(func, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise _unanswered(func, [*asked, *(f"tensor subclass {kind!r}" for kind in types)], types)


def _warn_of_plain_method(func: Any) -> None:
    warnings.warn(
        "Defining your `__torch_function__` as a plain method is deprecated and will be an error in future, please define it "
        "as a classmethod.",
        DeprecationWarning if type(func) is _PythonFunction else UserWarning,
        stacklevel=4,
    )


def _unanswered(func: Any, asked: list[str], types: Iterable[type] = ()) -> TypeError:
    """PyTorch has one sentence for its functions that are native, and another for those in Python."""
    name = _name_in_errors(func)
    if asked and type(func) is not _PythonFunction:
        listed = "".join(f"\n\n  - {each}" for each in asked)
        return TypeError(
            f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned NotImplemented:{listed}"
        )
    return TypeError(f"no implementation found for '{name}' on types that implement __torch_function__: {[*types]}")


_PythonFunction = type(lambda: None)


def _name_in_errors(func: Any) -> str:
    return resolve_name(func) or f"{getattr(func, '__module__', None)}.{getattr(func, '__name__', func)}"


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

    _asked_as_mode = True  # and not for being an argument

    def __init__(self) -> None:
        pass

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        raise NotImplementedError

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Self:
        """The mode itself: what ``with`` takes. There is a warning."""
        warnings.warn("`Mode.push()` is no longer necessary and can be replaced with just `with Mode()`", stacklevel=2)
        return cls(*args, **kwargs)

    def __enter__(self) -> Self:
        _state.modes.append(self)
        if len(_state.modes) == 1:
            install(_ask_modes, reentrant=True, questions=True)
            _listen(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _state.modes.pop()
        if not _state.modes:
            uninstall(_ask_modes)
            _listen(-1)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def _ask_modes(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:
    """The innermost mode is asked; what it calls itself goes to the mode around it."""
    if not _state.modes or _skipped():
        return call(*args, **kwargs)
    mode = _state.modes.pop()
    overriders = [] if _state.disabled else _overriders((*args, *kwargs.values()))
    try:
        method = mode.__torch_function__
        if getattr(method, "__self__", mode) is not mode:
            raise RuntimeError(
                "Defining your mode's `__torch_function__` as a classmethod is not supported, please make it a plain method"
            )
        result = method(function, tuple(type(each) for each in overriders), args, kwargs)
    finally:
        _state.modes.append(mode)
    if result is not NotImplemented:
        return result
    said = f"mode object {mode!r}"
    if not overriders:
        raise _unanswered(function, [said])
    return _asked(overriders, function, args, kwargs, (said,))  # the mode hears of what they call in turn


def _get_current_function_mode() -> TorchFunctionMode | None:
    return _state.modes[-1] if _state.modes else None


def _get_current_function_mode_stack() -> list[TorchFunctionMode]:
    return list(_state.modes)


# ---- for libraries that make their own functions overridable -----------------------------------------------------------


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments has a ``__torch_function__`` in force, or a mode is entered."""
    if _state.modes or (not _state.disabled and any(overrides(each) for each in relevant_args)):
        return not _skipped()
    return False


def has_torch_function_unary(obj: Any) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((obj,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of several arguments."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Asks the modes and the ``__torch_function__`` of the relevant arguments for ``public_api(*args, **kwargs)``.

    TypeError if none of them has an answer.
    """
    if _state.modes:
        return _ask_modes(public_api, args, kwargs, public_api)
    overriders = _overriders(relevant_args)
    if not overriders:
        raise _unanswered(public_api, [])
    return _asked(overriders, public_api, args, kwargs)


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function so that the ``__torch_function__`` of its arguments is asked before it runs.

    Args:
        dispatcher: takes the function's arguments, and returns those of them that are to be asked.

    >>> @wrap_torch_function(lambda a: (a,))
    ... def twice(a):
    ...     return a * 2
    >>> class Seven:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return 7
    >>> twice(Seven()), twice(4)
    (7, 8)
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return wrap


def redispatch_function(
    func: Callable[..., Any],
    types: Iterable[type],  # noqa: ARG001  # a part of the signature
    args: tuple[Any, ...],
    kwargs: Any,
) -> Any:
    """Runs a function that a ``__torch_function__`` was told of, and has it told of the functions that are called inside.

    >>> import dynagrad as torch
    >>> class Told(torch.Tensor):
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return redispatch_function(func, types, args, kwargs)
    >>> twice = wrap_torch_function(lambda a: (a,))(lambda a: a.add(a))
    >>> y = twice(torch.ones(2).as_subclass(Told))
    <lambda>
    add
    """
    _state.skips = True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        _state.skips = False


@contextlib.contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Within, what an op calls that calls back into a program is told as it is outside; a context manager."""
    before = set_depth(0)
    try:
        yield
    finally:
        set_depth(before)


def is_tensor_like(inp: Any) -> bool:
    """Whether something is a tensor, or an object that has a ``__torch_function__``."""
    from dynagrad.tensor import Tensor

    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether this is a method of Tensor, or what reads an attribute. A function that is both an op and a method is."""
    from dynagrad.tensor import Tensor

    if getattr(func, "__name__", "") == "__get__":
        return True
    return any(func is each for kind in Tensor.__mro__ for each in vars(kind).values())


def resolve_name(f: Callable[..., Any]) -> str | None:
    """The public name of a function that takes part, such as ``torch.add``; None for anything else."""
    from dynagrad.overridable import named

    return named(f)


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The functions that ask a ``__torch_function__``: those of each namespace, and of each attribute of Tensor.

    >>> import dynagrad as torch
    >>> torch.add in get_overridable_functions()[torch]
    True
    """
    from dynagrad.overridable import overridable

    return overridable()


def get_ignored_functions() -> set[Callable[..., Any]]:
    """The public functions that ask no ``__torch_function__``.

    >>> import dynagrad as torch
    >>> torch.is_tensor in get_ignored_functions(), torch.add in get_ignored_functions()
    (True, False)
    """
    from dynagrad.overridable import ignored

    return set(ignored())


def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., int]]:
    """Each function that asks a ``__torch_function__``, with one that takes the same arguments and returns -1.

    >>> import dynagrad as torch
    >>> get_testing_overrides()[torch.mm](torch.ones(1, 1), torch.ones(1, 1))
    -1
    """
    from dynagrad.overridable import testing_function

    every = [function for functions in get_overridable_functions().values() for function in functions]
    return {function: testing_function(function) for function in every}


def get_default_nowrap_functions() -> set[Callable[..., Any]]:
    """The functions whose results do not take the class of a subclass: what reads ``.grad`` and ``._base``."""
    from dynagrad.tensor import Tensor

    return {Tensor.grad.__get__, Tensor._base.__get__}
