"""Whatever is passed to a public function, Python goes on and the error is one of PyTorch's kinds: see `fuzz`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = os.environ.get("DYNAGRAD_FUZZ_ROUNDS", "25")
SEEDS = [int(seed) for seed in os.environ.get("DYNAGRAD_FUZZ_SEEDS", "1").split(",")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_no_argument_crashes_or_shows_an_accident(seed):
    command = [sys.executable, "-m", "tests.hostile.fuzz", str(seed), ROUNDS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.splitlines(), done.stdout + done.stderr[-3000:]
