"""The README's first program runs and prints what the README says it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def fenced(language: str) -> str:
    """The README's first block in ``language``."""
    found = re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"the README has no block of {language}"
    return found[1]


def test_the_first_program(tmp_path: Path) -> None:
    program = tmp_path / "first.py"
    program.write_text(fenced("python"), encoding="utf-8")
    done = subprocess.run([sys.executable, program.name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == fenced("text")
    assert (tmp_path / "loss.svg").read_text(encoding="utf-8").count("<svg") == 1
