"""The table: our value, and for each peer its value and how many times ours it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

OURS = "dynagrad"
MARKS = ("<!-- speed table: begin -->\n", "<!-- speed table: end -->")
SCALES = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B": ((1e6, "MB"), (1.0, "B")),
    "i": ((1e6, "M instructions"), (1e3, "k instructions"), (1.0, "instructions")),
}


@dataclass(frozen=True)
class Row:
    """One line of the table. ``quantity`` is s (seconds), B (bytes) or i (instructions); ``values`` is by peer."""

    name: str
    title: str
    threads: int | None
    quantity: str
    values: dict[str, float]

    def as_record(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return asdict(self)


def formatted(value: float, quantity: str) -> str:
    """Three significant digits in the largest unit that leaves at least one before the point."""
    scale, unit = next((pair for pair in SCALES[quantity] if abs(value) >= pair[0]), SCALES[quantity][-1])
    return f"{value / scale:.3g} {unit}" if value / scale < 1000 else f"{value / scale:.0f} {unit}"


def cell(row: Row, peer: str) -> str:
    value = row.values.get(peer)
    if not value:
        return ""
    text = formatted(value, row.quantity)
    ours = row.values.get(OURS)
    return text if peer == OURS or not ours else f"{text} (**{value / ours:.3g}×**)"


def as_markdown(rows: list[Row]) -> str:
    """A peer's **n×** says that it takes n times what dynagrad takes."""
    found = dict.fromkeys(peer for row in rows for peer in row.values if row.values[peer])
    peers = sorted(found, key=lambda peer: peer != OURS)
    head = ["workload", "threads", *peers]
    lines = [head, ["---"] * len(head)]
    lines += [[row.title, str(row.threads or ""), *(cell(row, peer) for peer in peers)] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def put_between_marks(path: Path, table: str) -> None:
    """Replaces what stands between the two marks in a page."""
    before, rest = path.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    path.write_text(f"{before}{MARKS[0]}{table}\n{MARKS[1]}{after}", encoding="utf-8")
