"""``dynagrad info``: what is installed and what it found on this machine. Reads; changes nothing."""

from __future__ import annotations

import argparse
import operator
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from .page import table

EXTRAS = {"viz": ("pygraphviz", "graphviz")}


def main(arguments: Sequence[str]) -> int:
    """Prints a table of what an error report should say."""
    parser = argparse.ArgumentParser(prog="dynagrad info", description="Shows the version, the kernels and the extras.")
    parser.parse_args(arguments)
    print(table(rows()), end="")
    return 0


def rows() -> list[tuple[str, str]]:
    """Names and values, in the order in which they are printed."""
    import dynagrad
    from dynagrad._core import openblas

    return [
        ("dynagrad", dynagrad.__version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("system", platform.platform()),
        ("kernels", answer(dynagrad, "backends.cpu.get_cpu_capability")),
        ("threads", answer(dynagrad, "get_num_threads")),
        ("NumPy", installed("numpy")),
        ("OpenBLAS", next((path.name for path in openblas.copies()), "none: pip install scipy-openblas64")),
        *(
            (f"extra {extra}", ", ".join(f"{name} {installed(name)}" for name in names))
            for extra, names in EXTRAS.items()
        ),
        ("dot program", shutil.which("dot") or "none on the PATH"),
    ]


def answer(module: object, question: str) -> str:
    """What a function inside ``module`` returns; a broken installation is when this command is needed most."""
    try:
        return str(operator.attrgetter(question)(module)())
    except AttributeError:
        return "unknown"


def installed(distribution: str) -> str:
    """The installed version of a distribution, or that it is not there."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
