"""The suite beside this file on PyTorch and on dynagrad: the names of its tests, what became of each, and what it printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.parity

SUITE = Path(__file__).with_name("suite.py")


def run(*start):
    env = os.environ | {"PYTORCH_PRINT_REPRO_ON_FAILURE": "0", "PYTHONWARNINGS": "ignore"}
    env.pop("CI", None)  # which asks for reports
    command = [sys.executable, *start, str(SUITE), "-v"]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def what_became(text):
    """The lines of a run but for those of tracebacks and times."""
    lines = (re.sub(r" in [\d.]+s$", "", line) for line in text.splitlines())
    return [line for line in lines if not line.startswith(("  File", "    "))]


def test_it_runs_alike():
    theirs, ours = run(), run("-m", "dynagrad", "run")
    assert what_became(ours.stderr) == what_became(theirs.stderr)
    assert ours.stdout.splitlines() == theirs.stdout.splitlines()
    assert len(ours.stdout) > 1000
