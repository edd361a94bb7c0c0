"""Futures: results that are set once and waited for, in any thread."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from types import GenericAlias
from typing import Any, NoReturn

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A result, or an exception, that somebody sets and others wait for.

    Args:
        devices: of the result. ValueError for any: there is the CPU alone, which needs no mention.

    >>> import dynagrad as torch
    >>> future = torch.futures.Future()
    >>> double = future.then(lambda done: 2 * done.value())
    >>> future.set_result(21)
    >>> double.wait()
    42
    """

    def __class_getitem__(cls, result: Any) -> GenericAlias:
        """``Future[int]``, which says what the result is."""
        return GenericAlias(cls, result)

    def __init__(self, *, devices: list[Any] | None = None) -> None:
        if devices:
            raise ValueError(f"a future on the CPU is of no other device, but got {devices}")
        self._condition = threading.Condition()
        self._completed = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future], Any]] = []

    def done(self) -> bool:
        """Whether the result or an exception is set."""
        return self._completed

    def wait(self) -> Any:
        """The result, when it is set; raises the exception that was set instead."""
        with self._condition:
            self._condition.wait_for(self.done)
        return self.value()

    def value(self) -> Any:
        """The result; RuntimeError if it is not set yet, and the exception that was set instead."""
        if not self._completed:
            raise RuntimeError("the future is not completed yet: wait() waits for its result")
        if self._error is not None:
            raise self._error
        return self._result

    def set_result(self, result: Any) -> None:
        """Sets the result and runs the callbacks. RuntimeError the second time."""
        self._complete(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Sets an exception, which whoever waits gets raised. AssertionError for anything else."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")  # noqa: TRY004  # PyTorch's kind
        self._complete(None, result)

    def _complete(self, result: Any, error: BaseException | None) -> None:
        with self._condition:
            if self._completed:
                raise RuntimeError(
                    "Attempting to mark a completed Future as complete again. Note that a Future can only be marked "
                    "completed once."
                )
            self._result, self._error, self._completed = result, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        for callback in callbacks:
            self._call(callback)

    def _call(self, callback: Callable[[Future], None]) -> None:
        """Runs a callback, of whose errors nobody hears but who reads what is printed: the result is not to blame."""
        try:
            callback(self)
        except Exception as error:  # noqa: BLE001  # whatever a program's function raises
            sys.stderr.write(f"{_failed(error)}\n{traceback.format_exc()}\n")

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise RuntimeError("Can not pickle torch.futures.Future")

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of ``callback(self)``, which runs when this one is done: at once if it is."""
        made = Future()

        def run(done: Future) -> None:
            try:
                result = callback(done)
            except Exception as error:  # noqa: BLE001  # whoever waits gets it
                made.set_exception(RuntimeError(_failed(error)))
            else:
                made.set_result(result)

        self.add_done_callback(run)
        return made

    def add_done_callback(self, callback: Callable[[Future], None]) -> None:
        """Runs ``callback(self)`` when this one is done: at once if it is."""
        with self._condition:
            if not self._completed:
                self._callbacks.append(callback)
                return
        self._call(callback)


def _failed(error: Exception) -> str:
    return f"Got the following error when running the callback: {type(error).__name__}: {error}"


def collect_all(futures: list[Future]) -> Future:
    """A future of the list of futures, done when all of them are; with the exception of the first that has one."""
    if None in futures:
        raise RuntimeError("Future can't be None")
    made, left, lock = Future(), [len(futures)], threading.Lock()

    def one_done(_: Future) -> None:
        with lock:
            left[0] -= 1
            if left[0]:
                return
        error = next((each._error for each in futures if each._error is not None), None)  # noqa: SLF001  # of our kind
        if error is not None:
            made._complete(None, error)  # noqa: SLF001
        else:
            made.set_result(futures)

    if not futures:
        made.set_result(futures)
    for each in futures:
        each.add_done_callback(one_done)
    return made


def wait_all(futures: list[Future]) -> list[Any]:
    """The results of all futures; raises the exception of the first that has one.

    >>> import dynagrad as torch
    >>> future = torch.futures.Future()
    >>> future.set_result(1)
    >>> torch.futures.wait_all([future])
    [1]
    """
    return [each.wait() for each in collect_all(futures).wait()]
