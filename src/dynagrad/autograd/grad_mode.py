"""Grad mode and inference mode of the running thread, as context managers and as decorators.

What the modes do to an op is in ``_core.graph``.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator
from typing import Any, Self, TypeVar, overload

from dynagrad._core.graph import (
    is_grad_enabled,
    is_inference_mode_enabled,
    set_grad_mode,
    set_inference_mode,
)

__all__ = [
    "enable_grad",
    "enforce_grad_layout_policy",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_multithreading_enabled",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])

CO_GENERATOR = 0x20  # inspect.CO_GENERATOR, without importing inspect


def _is_generator_function(func: Callable[..., Any]) -> bool:
    code = getattr(func, "__code__", None)
    return code is not None and bool(code.co_flags & CO_GENERATOR)


class _Mode:
    """A context manager that also decorates functions, and generators, whose every step then runs in the mode."""

    def __call__(self, func: F) -> F:
        """Decorates a function, a generator function, or the ``__init__`` of a class."""
        if isinstance(func, type):
            func.__init__ = self(func.__init__)  # type: ignore[misc]
            return func
        if _is_generator_function(func):
            return self._decorate_generator(func)

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    def _again(self) -> Self:
        """A fresh manager like this one: a decorated function may call itself."""
        return type(self)()

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError

    def _decorate_generator(self, func: Callable[..., Generator[Any, Any, Any]]) -> Any:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            steps = func(*args, **kwargs)
            # The caller's code runs between the steps, in the caller's mode.
            resume: Callable[[], Any] = functools.partial(next, steps)
            while True:
                try:
                    with self._again():
                        item = resume()
                except StopIteration as end:
                    return end.value
                try:
                    sent = yield item
                except GeneratorExit:
                    with self._again():
                        steps.close()
                    raise
                except BaseException as error:  # noqa: BLE001 (it is thrown on into the generator)
                    resume = functools.partial(steps.throw, error)
                else:
                    resume = functools.partial(steps.send, sent)

        return wrapper


class _BareMode(_Mode):
    """A mode without arguments, which may also decorate without parentheses: ``@no_grad``."""

    @overload
    def __new__(cls, func: None = None) -> Self: ...
    @overload
    def __new__(cls, func: Callable[..., Any]) -> Any: ...
    def __new__(cls, func: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if func is None else cls()(func)


class no_grad(_BareMode):  # noqa: N801  # the public name
    """Switches recording off: results require no gradient, whatever their inputs.

    Example:
        >>> import dynagrad
        >>> x = dynagrad.ones(2, requires_grad=True)
        >>> with no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    def __enter__(self) -> None:
        self.before = set_grad_mode(False)

    def __exit__(self, *_: object) -> None:
        set_grad_mode(self.before)


class enable_grad(_BareMode):  # noqa: N801  # the public name
    """Switches recording on, inside a :class:`no_grad`."""

    def __enter__(self) -> None:
        self.before = set_grad_mode(True)

    def __exit__(self, *_: object) -> None:
        set_grad_mode(self.before)


class set_grad_enabled(_Mode):  # noqa: N801  # the public name
    """Switches recording on or off: at once when called, until its end as a context manager, or around a function."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled: mode must be bool, not {type(mode).__name__}")
        self.mode = mode
        self.before = set_grad_mode(self.mode)

    def __call__(self, func: F) -> F:
        """Decorates ``func``; the mode outside it is what it was."""
        set_grad_mode(self.before)
        return super().__call__(func)

    def _again(self) -> Self:
        return type(self)(self.mode)

    def __enter__(self) -> None:
        set_grad_mode(self.mode)

    def __exit__(self, *_: object) -> None:
        set_grad_mode(self.before)


class inference_mode(_Mode):  # noqa: N801  # the public name
    """Switches recording off for good: tensors made inside can never be part of a graph."""

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:  # noqa: D102  # the class says it
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def _again(self) -> Self:
        return type(self)(self.mode)

    def __enter__(self) -> None:
        self.before = is_inference_mode_enabled(), is_grad_enabled()
        set_inference_mode(self.mode)
        set_grad_mode(not self.mode)

    def __exit__(self, *_: object) -> None:
        inference, grad = self.before
        set_inference_mode(inference)
        set_grad_mode(grad)


class _Multithreading(threading.local):
    allowed = True


_multithreading = _Multithreading()


def is_multithreading_enabled() -> bool:
    """Whether backward may use several threads of devices; here it runs in the caller's, and only its ops use more.

    >>> import dynagrad as torch
    >>> torch.autograd.is_multithreading_enabled()
    True
    """
    return _multithreading.allowed


class set_multithreading_enabled(_Mode):  # noqa: N801  # the public name
    """Says whether backward may use several threads: at once when called, until its end as a context manager."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.before = _multithreading.allowed
        _multithreading.allowed = mode

    def _again(self) -> Self:
        return type(self)(self.mode)

    def __enter__(self) -> None:
        _multithreading.allowed = self.mode

    def __exit__(self, *_: object) -> None:
        _multithreading.allowed = self.before


class enforce_grad_layout_policy(_Mode):  # noqa: N801  # the public name
    """Says whether gradients must lie in memory as their leaves do. They always do here, which either policy allows."""

    def __init__(self, enable: bool = True) -> None:
        self.enable = enable

    def _again(self) -> Self:
        return type(self)(self.enable)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass
