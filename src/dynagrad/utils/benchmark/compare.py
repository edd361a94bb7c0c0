"""``Compare``: measurements side by side, a table for each label, a row for each sub-label, a column for each description."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable

from dynagrad.utils.benchmark.measurement import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

__all__ = ["Colorize", "Compare"]

_BEST, _GOOD, _BAD, _VERY_BAD = "\033[92m\033[1m", "\033[34m", "\033[2m\033[91m", "\033[31m\033[1m"
_END = "\033[0m"


class Colorize(enum.Enum):
    """Among which numbers the best are shown in colour: none, those of a column, those of a row."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """A table of measurements.

    Args:
        results: those of ``Timer``; more may be added with ``extend_results``.

    >>> from dynagrad.utils.benchmark import Compare, Measurement, TaskSpec
    >>> rows = [Measurement(1, [t], TaskSpec("x", "", label="sum", sub_label=n, description="ours")) for n, t in
    ...         (("small", 1e-6), ("large", 2e-5))]
    >>> Compare(rows).print()
    [------ sum -------]
                 | ours
    1 threads: ---------
          small  |   1.0
          large  |  20.0
    <BLANKLINE>
    Times are in microseconds (us).
    <BLANKLINE>
    """

    def __init__(self, results: list[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim = False
        self._colorize = Colorize.NONE
        self._warn = False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Adds measurements. ValueError for anything else."""
        for each in results:
            if not isinstance(each, Measurement):
                raise ValueError(  # noqa: TRY004  # PyTorch's kind
                    f"Expected an instance of `Measurement`, got {type(each)} instead."
                )
            self._results.append(each)

    def trim_significant_figures(self) -> None:
        """Shows only the digits that say something."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Shows the best of each column in colour, or of each row."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Marks numbers of which the times spread: ``(!)``."""
        self._warn = True

    def print(self) -> None:
        """Prints the table."""
        print(str(self))  # noqa: T201  # that is what it is for

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        labels = ordered_unique(each.task_spec.label for each in merged)
        return "\n".join(self._table([each for each in merged if each.task_spec.label == label]) for label in labels)

    def _table(self, results: list[Measurement]) -> str:
        unit, scale = select_unit(min(each.median for each in results))
        columns = ordered_unique(each.task_spec.description for each in results)
        threads = ordered_unique(sorted(each.task_spec.num_threads for each in results))
        keys = [
            (n, env, row)
            for n in threads
            for env, row in ordered_unique(
                (each.env, each.as_row_name) for each in results if each.task_spec.num_threads == n
            )
        ]
        several = len({env for _, env, _ in keys}) > 1
        names = [f"({env})  {row}" if several else row for _, env, row in keys]
        cells = [[self._found(results, key, column) for column in columns] for key in keys]
        texts = [[self._text(each, scale) for each in row] for row in cells]
        widths = [max(len(str(column or "")), *(len(row[i]) for row in texts)) for i, column in enumerate(columns)]
        left = max(map(len, names)) + 6
        lines = [" " * left + "".join(f"  | {str(c or '').center(w)}" for c, w in zip(columns, widths, strict=True))]
        colours = self._colours(cells)
        for n, rows in itertools.groupby(range(len(keys)), key=lambda i: keys[i][0]):
            lines.append(f"{n} threads: ".ljust(len(lines[0]), "-"))
            for i in rows:
                shown = (
                    f"  | {colours[i][j]}{texts[i][j].rjust(widths[j])}{_END if colours[i][j] else ''}"
                    for j in range(len(columns))
                )
                lines.append((f"      {names[i]}".ljust(left) + "".join(shown)).rstrip())
        title = results[0].task_spec.label or results[0].title
        head = f"[{f' {title} '.center(len(lines[0]) - 2, '-')}]"
        ends = ["", f"Times are in {unit_to_english(unit)}s ({unit}).", ""]
        if self._warn and any(each.has_warnings for each in results):
            ends.insert(2, "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.")
        return "\n".join([head, lines[0].rstrip(), *lines[1:], *ends])

    @staticmethod
    def _found(results: list[Measurement], key: tuple[int, str, str], column: str | None) -> Measurement | None:
        return next(
            (
                each
                for each in results
                if (each.task_spec.num_threads, each.env, each.as_row_name) == key
                and each.task_spec.description == column
            ),
            None,
        )

    def _text(self, result: Measurement | None, scale: float) -> str:
        if result is None:
            return ""
        value = result.median / scale
        if self._trim:
            value = trim_sigfig(value, result.significant_figures)
            text = f"{value:.0f}" if value >= 10 ** (result.significant_figures - 1) else f"{value:.1f}"
        else:
            text = f"{value:.1f}"
        if self._warn and result.has_warnings:
            text += f" (! {100 * result.iqr / result.median:.0f}%)"
        return f" {text}"

    def _colours(self, cells: list[list[Measurement | None]]) -> list[list[str]]:
        """The colour of each cell: by how its time compares with the best of its row or column."""
        colours = [[""] * len(row) for row in cells]
        if self._colorize is Colorize.NONE:
            return colours
        places = [(i, j) for i, row in enumerate(cells) for j, each in enumerate(row) if each is not None]
        for i, j in places:
            group = [
                cells[a][b].median  # type: ignore[union-attr]  # places hold measurements
                for a, b in places
                if (a == i if self._colorize is Colorize.ROWWISE else b == j)
            ]
            ratio = cells[i][j].median / min(group)  # type: ignore[union-attr]
            if ratio <= 1.05:
                colours[i][j] = _BEST
            elif ratio <= 1.2:
                colours[i][j] = _GOOD
            elif ratio > 4:
                colours[i][j] = _VERY_BAD
            elif ratio > 2:
                colours[i][j] = _BAD
        return colours
