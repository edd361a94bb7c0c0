"""The table of a profile: columns of names, shares, times, memory and calls, as PyTorch lays them out."""

from __future__ import annotations

from typing import Any

from dynagrad.profiler.events import format_time

__all__ = ["table_of"]

_GAP = 2
_WIDTH = 12


def _share(part: float, total: float) -> str:
    if total == 0:
        return "0.00%" if part == 0 else "NaN"
    return f"{100 * part / total:.2f}%"


def _memory(nbytes: int) -> str:
    for power, unit in ((3, "GB"), (2, "MB"), (1, "KB")):
        if abs(nbytes) >= 1024**power:
            return f"{nbytes / 1024**power:.2f} {unit}"
    return f"{nbytes} B"


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else text[: width - 3] + "..."


def _flops_unit(events: list[Any]) -> tuple[str, float]:
    """The unit in which the least number of operations, of those that are not 0, has digits before its point."""
    known = [event.flops for event in events if event.flops > 0]
    units = [("FLOPs", 1.0), ("KFLOPs", 1e3), ("MFLOPs", 1e6), ("GFLOPs", 1e9), ("TFLOPs", 1e12), ("PFLOPs", 1e15)]
    fitting = [each for each in units if known and each[1] <= min(known)]
    return fitting[-1] if fitting else units[0]


def table_of(  # a column, a list
    events: Any,
    sort_by: str | None,
    row_limit: int,
    widths: tuple[int | None, int | None, int | None],
    header: str | None,
    top_level_only: bool,
    time_unit: str | None,
    *,
    memory: bool,
    flops: bool,
) -> str:
    """What ``EventList.table`` returns; ``widths`` are those of names, shapes and source lines.

    >>> from dynagrad.profiler.events import EventList
    >>> EventList().table()
    ''
    """
    rows = list(events)
    if not rows:
        return ""
    total = sum(event.self_cpu_time_total for event in rows)
    if sort_by is not None:
        attribute = sort_by.replace("cuda", "device").replace("xpu", "device")
        rows.sort(key=lambda event: getattr(event, attribute), reverse=True)
    if top_level_only:
        rows = [event for event in rows if event.cpu_parent is None]
    rows = rows[: row_limit if row_limit >= 0 else None]
    names, shapes, sources = widths
    unit, scale = _flops_unit(rows)
    columns: list[tuple[str, list[str], bool]] = [  # title, cells, whether it is as wide as its cells
        ("Name", [_cut(event.key, names) for event in rows], True),
        ("Self CPU %", [_share(event.self_cpu_time_total, total) for event in rows], False),
        ("Self CPU", [format_time(event.self_cpu_time_total, time_unit) for event in rows], False),
        ("CPU total %", [_share(event.cpu_time_total, total) for event in rows], False),
        ("CPU total", [format_time(event.cpu_time_total, time_unit) for event in rows], False),
        ("CPU time avg", [format_time(event.cpu_time, time_unit) for event in rows], False),
    ]
    if memory:
        columns.append(("CPU Mem", [_memory(event.cpu_memory_usage) for event in rows], False))
        columns.append(("Self CPU Mem", [_memory(event.self_cpu_memory_usage) for event in rows], False))
    columns.append(("# of Calls", [str(event.count) for event in rows], False))
    if any(event.input_shapes for event in rows):
        columns.append(("Input Shapes", [_cut(str(event.input_shapes), shapes) for event in rows], True))
    if any(event.stack for event in rows):
        columns.append(("Source Location", [_cut("; ".join(event.stack), sources) for event in rows], True))
    if flops:
        cells = [f"{event.flops / scale:.3f}" if event.flops > 0 else "--" for event in rows]
        columns.append((f"Total {unit}", cells, False))
    text = _laid_out(columns)
    parts = ["=" * len(text[0]), header] if header is not None else []
    if top_level_only:
        parts += ["=" * len(text[0]), "This report only display top-level ops statistics"]
    return "\n".join([*parts, *text, f"Self CPU time total: {format_time(total, time_unit)}", ""])


def _laid_out(columns: list[tuple[str, list[str], bool]]) -> list[str]:
    sizes = [max(map(len, cells)) + 4 if fits else max(_WIDTH, len(title)) for title, cells, fits in columns]
    gap = " " * _GAP
    rule = gap.join("-" * size for size in sizes)
    titles = gap.join(title.rjust(size) for (title, _, _), size in zip(columns, sizes, strict=True))
    rows = zip(*(cells for _, cells, _ in columns), strict=True)
    lines = [gap.join(cell.rjust(size) for cell, size in zip(row, sizes, strict=True)) for row in rows]
    return [rule, titles, rule, *lines, rule]
