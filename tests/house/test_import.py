"""What ``import dynagrad`` costs, and what it exports. Its time is a row of the benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dynagrad

HEAVY = ("numpy", "scipy_openblas64", "graphviz", "pygraphviz", "asyncio", "unittest", "importlib.metadata")


def test_importing_loads_nothing_heavy() -> None:
    code = f"import dynagrad, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_program_without_arrays_never_loads_numpy() -> None:
    code = (
        "import sys, dynagrad as torch\n"
        "x = torch.ones(3, requires_grad=True)\n"
        "(x * 2).sum().backward()\n"
        "str(x.grad)\n"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_public_functions_say_what_they_do() -> None:
    public = {name: value for name, value in vars(dynagrad).items() if not name.startswith("_") and callable(value)}
    assert not [name for name, value in public.items() if not (value.__doc__ or "").strip()]


def test_the_version_is_the_builds() -> None:
    meson = Path(__file__).resolve().parents[2] / "meson.build"
    assert f"version: '{dynagrad.__version__}'" in meson.read_text(encoding="utf-8")
