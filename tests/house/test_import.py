"""What ``import dynagrad`` costs, and what it exports. Its time is a row of the benchmarks."""

from __future__ import annotations

import subprocess
import sys

import dynagrad

HEAVY = ("numpy", "scipy_openblas32", "graphviz", "pygraphviz", "asyncio", "unittest", "importlib.metadata")


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


def test_every_public_name_exists_and_functions_say_what_they_do() -> None:
    names = dynagrad.__all__
    assert len(names) == len(set(names))
    functions = {name: getattr(dynagrad, name) for name in names if callable(getattr(dynagrad, name))}
    assert not [name for name, function in functions.items() if not (function.__doc__ or "").strip()]


def test_the_version_is_there() -> None:
    assert dynagrad.__version__.count(".") >= 2
