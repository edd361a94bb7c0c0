"""Whoever gives up the GIL begins an Unlocked before: Note [Memory outlives the loops that run over it]."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "src" / "dynagrad" / "_core"
FUNCTION = re.compile(r"^ *(?:cdef|cpdef|def)\b[^=\n]*\(", re.MULTILINE)


def functions(text: str) -> list[str]:
    """The text cut where functions begin."""
    starts = [match.start() for match in FUNCTION.finditer(text)]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.pyx")), ids=lambda path: path.stem)
def test_a_function_that_gives_up_the_gil_keeps_memory_alive(path: Path) -> None:
    unguarded = [
        body.strip().splitlines()[0]
        for body in functions(path.read_text(encoding="utf-8"))
        if "with nogil" in body and body.count("unlocked.begin()") < body.count("with nogil")
    ]
    assert not unguarded, "write `cdef Unlocked unlocked`, and `unlocked.begin()` before `with nogil`"
