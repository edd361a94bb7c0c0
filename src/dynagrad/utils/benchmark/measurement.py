"""What a timer returns: times of a task, and what may be said of them."""

from __future__ import annotations

import contextlib
import math
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dynagrad._core.machine import get_num_threads, set_num_threads

__all__ = [
    "Measurement",
    "TaskSpec",
    "ordered_unique",
    "select_unit",
    "set_torch_threads",
    "trim_sigfig",
    "unit_to_english",
]

_MOST_FIGURES = 5
_LEAST_INTERVAL = 25e-9  # seconds: what a clock cannot tell apart
_WARN_FROM, _WARN_GROSSLY_FROM = 0.1, 0.25  # interquartile range over median
_UNITS = {"ns": ("nanosecond", 1e-9), "us": ("microsecond", 1e-6), "ms": ("millisecond", 1e-3), "s": ("second", 1.0)}


@dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What is timed: the statement, its setup, and the names under which it appears."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement, and the sub-label."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt + (f": {self.sub_label}" if self.sub_label else "")
        name = f"stmt:{f' ({self.sub_label})' if self.sub_label else ''}"
        return f"{name}\n{textwrap.indent(self.stmt, '  ')}\n"

    def setup_str(self) -> str:
        """The setup, if it does anything."""
        if self.setup in ("pass", ""):
            return ""
        return f"setup:\n{textwrap.indent(self.setup, '  ')}" if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self) -> str:
        """Title, description and setup, each on a line of its own."""
        return "\n".join(part for part in (self.title, self.description or "", self.setup_str()) if part)


@dataclass(init=True, repr=False)
class Measurement:
    """Times of a task.

    Args:
        number_per_run: how often the task ran for each time.
        raw_times: the times, in seconds.
        task_spec: what ran.
        metadata: anything that belongs to it.

    >>> import dynagrad as torch
    >>> from dynagrad.utils.benchmark import Measurement, TaskSpec
    >>> Measurement(2, [1.0, 3.0, 2.0], TaskSpec("x + y", "pass")).median
    1.0
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = field(default=None)

    @property
    def times(self) -> list[float]:
        """Seconds of one run of the task, each the average of a block."""
        return [each / self.number_per_run for each in self.raw_times]

    def _sorted(self) -> list[float]:
        if not self.raw_times:
            raise ValueError("this measurement has no times")
        return sorted(self.times)

    @property
    def median(self) -> float:
        """The middle of the times."""
        return _quantile(self._sorted(), 0.5)

    @property
    def mean(self) -> float:
        """The average of the times."""
        return sum(self._sorted()) / len(self.raw_times)

    @property
    def iqr(self) -> float:
        """The range of the middle half of the times."""
        times = self._sorted()
        return _quantile(times, 0.75) - _quantile(times, 0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits of the median say something: by the 90% confidence interval of the mean of the middle half."""
        times, n = self._sorted(), len(self.raw_times)
        middle = times[n // 4 : math.ceil(3 * n / 4)]
        mean = sum(middle) / len(middle)
        deviation = math.sqrt(sum((each - mean) ** 2 for each in middle) / len(middle))
        interval = max(1.645 * deviation / math.sqrt(len(middle)), _LEAST_INTERVAL)
        return max(min(math.floor(-math.log10(interval / self.median)), _MOST_FIGURES), 1)

    @property
    def has_warnings(self) -> bool:
        """Whether the times spread more than is good for a comparison."""
        return not self.meets_confidence(_WARN_FROM)

    def meets_confidence(self, threshold: float = _WARN_FROM) -> bool:
        """Whether the range of the middle half is less than ``threshold`` times the median."""
        return self.iqr / self.median < threshold

    @property
    def title(self) -> str:
        """That of the task."""
        return self.task_spec.title

    @property
    def env(self) -> str:
        """Where it ran, "Unspecified environment" if nobody says."""
        return "Unspecified environment" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self) -> str:
        """The name of its row in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "task_spec":
            raise AttributeError(name)
        return getattr(self.task_spec, name)

    def __repr__(self) -> str:
        lines = [object.__repr__(self), self.task_spec.summarize()]
        unit, scale = select_unit(self.median)
        n, threads = len(self.raw_times), self.task_spec.num_threads
        ending = f"{threads} thread{'s' if threads > 1 else ''}"
        if n == 1:
            lines += [f"  {self.median / scale:.2f} {unit}", f"  1 measurement, {self.number_per_run} runs , {ending}"]
            return "\n".join(lines)
        lines.append(f"  Median: {self.median / scale:.2f} {unit}")
        if n > 3:
            low, high = (_quantile(self._sorted(), q) / scale for q in (0.25, 0.75))
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        runs = f"{self.number_per_run} run{'s' if self.number_per_run > 1 else ''} per measurement"
        lines.append(f"  {n} measurements, {runs}, {ending}")
        spread = self.iqr / self.median
        if spread >= _WARN_FROM and n > 3:
            gross = spread >= _WARN_GROSSLY_FROM
            says = "suggests significant environmental influence." if gross else "could indicate system fluctuation."
            lines.append(
                f"  WARNING: Interquartile range is {100 * spread:.1f}% of the median measurement.\n           This {says}"
            )
        return "\n".join(lines)

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One measurement for each task: all of its times, in blocks of one run."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for each in measurements:
            groups.setdefault(each.task_spec, []).append(each)
        return [Measurement(1, [t for each in group for t in each.times], task) for task, group in groups.items()]


def _quantile(ordered: list[float], q: float) -> float:
    """With linear interpolation."""
    at = q * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which a time has digits before its point, and its seconds.

    >>> from dynagrad.utils.benchmark import select_unit
    >>> select_unit(2e-5)
    ('us', 1e-06)
    """
    power = math.floor(math.log10(t) / 3) if t > 0 else -3
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(power, "s" if power > -3 else "ns")
    return unit, _UNITS[unit][1]


def unit_to_english(u: str) -> str:
    """The word for a unit."""
    return _UNITS[u][0]


def trim_sigfig(x: float, n: int) -> float:
    """A number, rounded to ``n`` digits that count.

    >>> from dynagrad.utils.benchmark import trim_sigfig
    >>> trim_sigfig(123.456, 2)
    120.0
    """
    if x == 0:
        return 0.0
    scale = 10 ** (math.ceil(math.log10(abs(x))) - n)
    return float(round(x / scale) * scale)


def ordered_unique(elements: Iterable[Any]) -> list[Any]:
    """Each element once, in the order of its first appearance."""
    return list(dict.fromkeys(elements))


@contextlib.contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """Within, ops use ``n`` threads."""
    before = get_num_threads()
    try:
        set_num_threads(n)
        yield
    finally:
        set_num_threads(before)
