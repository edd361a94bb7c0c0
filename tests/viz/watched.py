"""Recordings for tests: of scripts run by the command line, and questions that many tests ask of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from dynagrad.viz import Recording
from dynagrad.viz.units import Names

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(script: Path, *arguments: str, record: Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs ``dynagrad run script --record record arguments``."""
    command = [sys.executable, "-m", "dynagrad", "run", str(script), "--record", str(record), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def recorded(text: str, folder: Path, name: str = "program.py") -> tuple[Recording, subprocess.CompletedProcess[str]]:
    """A recording of a program's text, and how the program ended."""
    script = folder / name
    script.write_text(text, encoding="utf-8")
    done = run(script, record=folder / "film.json", cwd=folder)
    return Recording.load(folder / "film.json"), done


class Film:
    """A recording with the names that hold after each of its steps."""

    def __init__(self, recording: Recording) -> None:
        self.data = recording.data
        self.steps = recording.steps
        assert not [note for note in self.data["notes"] if "could not" in note]
        self.tensors = self.data["tensors"]
        self.nodes = self.data["nodes"]
        self.source = self.data["sources"][0]["text"].splitlines() if self.data["sources"] else []
        names = Names(self.tensors)
        self.named: list[dict[int, list[str]]] = []
        for step in self.steps:
            names.apply(step)
            self.named.append({tensor: list(held) for tensor, held in names.of.items() if held})

    def lines(self, text: str) -> list[int]:
        """The numbers of the lines that contain ``text``."""
        return [i + 1 for i, line in enumerate(self.source) if text in line]

    def ops(self, line: int | None = None, name: str | None = None) -> list[int]:
        """The numbers of the operations at a line, of a name."""
        return [
            i
            for i, step in enumerate(self.steps)
            if step["kind"] == "op"
            and (line is None or (step["at"] or [0, 0])[1] == line)
            and (name is None or step["name"] == name)
        ]

    def called(self, name: str, step: int) -> int | None:
        """The tensor that a name is bound to after a step."""
        return next((tensor for tensor, names in self.named[step].items() if name in names), None)

    def value(self, step: int, tensor: int) -> Any:
        """The numbers of a tensor that a step made."""
        return self.data["values"][self.steps[step]["values"][str(tensor)]]["data"]

    def kinds(self) -> list[str]:
        """The kinds of all steps."""
        return [step["kind"] for step in self.steps]

    def scopes(self, step: int) -> list[tuple[str, str]]:
        """Kind and name of the scopes around a step, the outermost first."""
        path, at = [], self.steps[step]["scope"]
        while at is not None:
            scope = self.data["scopes"][at]
            path.append((scope["kind"], scope["name"]))
            at = scope["parent"]
        return path[::-1]
