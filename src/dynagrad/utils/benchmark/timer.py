"""``Timer``: runs a statement in blocks, long enough for the clock and until the times agree."""

from __future__ import annotations

import enum
import textwrap
import timeit
from collections.abc import Callable
from typing import Any, NoReturn

import dynagrad
from dynagrad.utils.benchmark.measurement import Measurement, TaskSpec, set_torch_threads

__all__ = ["Language", "Timer", "timer"]

timer = timeit.default_timer

_MOST_RUNS = 2**31 - 1


class Language(enum.Enum):
    """In which language a statement is; C++ is not compiled here."""

    PYTHON = 0
    CPP = 1


class Timer:
    """Times of a statement.

    Args:
        stmt: Python, run in each block as often as it takes; "torch" is there by itself.
        setup: what runs once before a block.
        global_setup: for C++ only; ValueError for Python.
        timer: the clock.
        globals: names that the statement uses.
        label, sub_label, description, env: how it appears in a table: its title, row and column, and where it ran.
        num_threads: how many threads ops use meanwhile.
        language: "python"; NotImplementedError for "c++".

    >>> import dynagrad as torch
    >>> from dynagrad.utils.benchmark import Timer
    >>> taken = Timer("x + x", globals={"x": torch.ones(1)}).timeit(10)
    >>> taken.number_per_run, taken.median > 0
    (10, True)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")  # noqa: TRY004  # PyTorch's kind
        if language in (Language.CPP, "cpp", "c++"):
            raise NotImplementedError(
                "Timer: statements in C++ would call PyTorch's C++ library, which dynagrad has not"
            )
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`."
            )
        stmt, setup = (_dedented(each) for each in (stmt, setup))
        names = {"torch": dynagrad, **(globals or {})}
        self._timer = timeit.Timer(stmt, setup, timer, names)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _timeit(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def _measured(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number, times, self._task_spec)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One block of ``number`` runs, after a short one that warms up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._timeit(max(number // 100, 2))
            return self._measured(number, [self._timeit(number)])

    def repeat(self, repeat: int = -1, number: int = -1) -> NoReturn:
        """NotImplementedError: see ``blocked_autorange``."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Callable[[int, float], NoReturn] | None = None) -> NoReturn:
        """NotImplementedError: see ``blocked_autorange``."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block_size(self, min_run_time: float) -> int:
        """So many runs that the clock's own time does not count, and that a thousand blocks would take the time given."""
        with set_torch_threads(self._task_spec.num_threads):
            overhead = sorted(self._timeit(0) for _ in range(5))[2]
            number = 1
            while True:
                taken = self._timeit(number)
                if overhead / taken <= 1e-4 and taken >= min_run_time / 1000:
                    return number
                if taken > min_run_time or number * 10 > _MOST_RUNS:
                    return number
                number *= 10

    def _blocks(
        self, number: int, stop: Callable[[list[float]], bool], min_run_time: float, max_run_time: float, callback: Any
    ) -> list[float]:
        times: list[float] = []
        total = 0.0
        with set_torch_threads(self._task_spec.num_threads):
            while total < min_run_time or (not stop(times) and total < max_run_time):
                taken = self._timeit(number)
                if callback is not None:
                    callback(number, taken)
                times.append(taken)
                total += taken
        return times

    def blocked_autorange(
        self, callback: Callable[[int, float], NoReturn] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Blocks whose size the clock asks for, until they have taken ``min_run_time`` seconds.

        ``callback(number, time)`` is called after each block.
        """
        number = self._block_size(min_run_time)
        return self._measured(number, self._blocks(number, lambda _: True, min_run_time, min_run_time, callback))

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], NoReturn] | None = None,
    ) -> Measurement:
        """Blocks until the range of the middle half of their times is less than ``threshold`` times the median.

        At least ``min_run_time`` and at most about ``max_run_time`` seconds are taken.
        """
        number = self._block_size(0.05)

        def agree(times: list[float]) -> bool:
            return len(times) > 3 and self._measured(number, times).meets_confidence(threshold)

        return self._measured(number, self._blocks(number, agree, min_run_time, max_run_time, callback))

    def collect_callgrind(self, *_: Any, **__: Any) -> NoReturn:
        """NotImplementedError: instructions are not counted; run the program under Valgrind for that."""
        raise NotImplementedError(
            "collect_callgrind: dynagrad's Timer takes times and counts no instructions; valgrind --tool=callgrind does"
        )


def _dedented(code: str) -> str:
    """A statement of several lines as it stands in a program, without the indentation that all lines share."""
    first, newline, rest = code.partition("\n")
    if newline and not first.strip():
        code = rest
    return textwrap.dedent(code).rstrip() or "pass"
