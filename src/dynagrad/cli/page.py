"""The look of help pages and tables: aligned columns, and bold headings where the terminal can show them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

Row = str | tuple[str, str]


def page(title: str, *sections: tuple[str, Sequence[Row]]) -> str:
    """A help page: a title, then headed sections whose two-column rows are aligned throughout."""
    width = max((len(row[0]) for _, rows in sections for row in rows if isinstance(row, tuple)), default=0)
    parts = [f"{_bold(title)}\n"]
    for heading, rows in sections:
        parts.append(f"\n{_bold(heading)}\n")
        parts.extend(f"  {row if isinstance(row, str) else two_columns(row, width)}\n" for row in rows)
    return "".join(parts)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Two aligned columns."""
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return "".join(f"{two_columns(row, width)}\n" for row in rows)


def two_columns(row: tuple[str, str], width: int) -> str:
    """A row whose second column starts after ``width`` characters and a gap."""
    return f"{row[0]:<{width}}  {row[1]}".rstrip()


def _bold(text: str) -> str:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[1m{text}\x1b[0m"
