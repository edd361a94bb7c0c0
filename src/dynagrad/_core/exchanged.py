"""Python functions that ask a listener before they run: their code is exchanged for code that asks, and put back afterwards.

This is for functions written in Python what `intercept` is for native ones: whoever holds the function, under whatever name,
is told of; while nobody listens the function is as it was written, and as fast. Which functions, and what a listener makes
of a call, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

__all__ = ["Asking", "exchange", "put_back"]

Listener = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], Callable[..., Any]], Any]


def _template(*args: Any, **kwargs: Any) -> Any:
    return "asking".ask(*args, **kwargs)  # type: ignore[attr-defined]  # the text stands for an Asking


class Asking:
    """One function, the code that it had, and the code that asks.

    Args:
        function: whose code is to be exchanged.
        public: what listeners are told was called: the function itself, if not given.
        listener: called as ``listener(public, args, kwargs, original)``, where ``original`` is the function as it was.
    """

    __slots__ = ("code", "function", "listener", "original", "public")

    def __init__(self, function: FunctionType, public: Callable[..., Any] | None, listener: Listener) -> None:
        self.function, self.listener = function, listener
        self.public = function if public is None else public
        before = function.__code__
        self.original = FunctionType(
            before, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        self.original.__kwdefaults__ = function.__kwdefaults__
        self.original.__annotations__ = function.__annotations__
        self.code = self._asking_code(before)

    def _asking_code(self, before: CodeType) -> CodeType:
        asks = _template.__code__
        consts = tuple(self if each == "asking" else each for each in asks.co_consts)
        return asks.replace(
            co_consts=consts, co_freevars=before.co_freevars, co_name=before.co_name, co_filename=__file__
        )

    def ask(self, *args: Any, **kwargs: Any) -> Any:
        """What the function does while its code is exchanged."""
        return self.listener(self.public, args, kwargs, self.original)


def exchange(functions: Iterable[Asking]) -> None:
    """Has all of them ask."""
    for each in functions:
        each.function.__code__ = each.code
        each.function.__wrapped__ = each.original  # type: ignore[attr-defined]  # where `inspect` looks for its arguments


def put_back(functions: Iterable[Asking]) -> None:
    """Gives all of them their own code again."""
    for each in functions:
        each.function.__code__ = each.original.__code__
        del each.function.__wrapped__  # type: ignore[attr-defined]
