"""The example programs in their small form: they run, learn, draw, and give PyTorch's losses from the same seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROGRAMS: dict[str, tuple[str, ...]] = {
    "linear_regression": (),
    "digits_mlp": ("--model", "mlp"),
    "digits_convnet": ("--model", "convnet"),
    "characters_gpt": ("--model", "gpt"),
    "characters_lstm": ("--model", "lstm"),
    "characters_rnn": ("--model", "rnn"),
    "tree_lstm": (),
    "reinforcement": (),
    "vae": (),
    "physics": (),
}
# From here on the two runs have drifted apart, as any two do that round differently: L-BFGS searches lines by comparing
# losses, and a policy draws other actions once a probability crosses a random number.
LAST_COMPARED = {"physics": 20}
NEEDS = {"digits_mlp": ("sklearn", "tqdm"), "digits_convnet": ("sklearn", "tqdm"), "vae": ("sklearn", "tqdm")}


def run(launcher: list[str], name: str, out: Path) -> dict[str, Any]:
    """The numbers of one run; its standard output under ``said``."""
    for module in NEEDS.get(name, ("tqdm",) if name not in ("linear_regression", "physics") else ()):
        pytest.importorskip(module)
    script = next(path for path in EXAMPLES.glob("*.py") if name.startswith(path.stem))
    command = [sys.executable, *launcher, str(script), *PROGRAMS[name], "--quick", "--out", str(out)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=one_thread)
    assert done.returncode == 0, done.stderr
    return {"said": done.stdout, "curves": json.loads((out / f"{name}.json").read_text())}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_learns_and_says_so(name: str, tmp_path: Path) -> None:
    found = run(["-m", "dynagrad", "run"], name, tmp_path)
    assert found["said"].strip()
    assert (tmp_path / f"{name}.png").exists() or "matplotlib is not installed" in found["said"]
    for label, curve in found["curves"].items():
        third = max(1, len(curve) // 3)
        first, last = sum(curve[:third]) / third, sum(curve[-third:]) / third
        assert first > last if name != "reinforcement" else min(curve) > 5, label


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_losses_are_pytorchs(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    ours = run(["-m", "dynagrad", "run"], name, tmp_path / "ours")["curves"]
    theirs = run([], name, tmp_path / "theirs")["curves"]
    assert list(ours) == list(theirs)
    for label, curve in theirs.items():
        compared = LAST_COMPARED.get(name, len(curve))
        assert ours[label][:compared] == pytest.approx(curve[:compared], rel=2e-3, abs=1e-4), label


def test_examples_are_short() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 150, path.name
