"""Imports point one way: a file imports only from its own layer and from those below it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "dynagrad"

# Lowest first. A file belongs to the layer that names it or its folder.
LAYERS = (
    ("_core/kernels",),
    ("_core/runtime",),
    (
        "_core/types",
        "_core/kernel_table",
        "_core/layer_kernels",
        "_core/card",
        "_core/objects",
        "_core/spelling",
        "_core/old_orders",
    ),
    ("_core/machine", "_core/openblas", "_core/return_types"),
    ("_core/tensor", "_core/unlocked", "_core/formats", "_core/overlap", "_core/scalars"),
    ("_core/provenance",),
    ("_core/graph",),
    ("_core/deferred", "_core/shown"),
    ("_core/iterate",),
    ("_core/ops",),
    ("_core/engine",),
    ("_core/function", "_core/edges", "_core/module", "_core/saved", "_core/gradients"),
    ("_core/base", "_core/intercept", "_core/exchanged", "_core/identity"),
    ("printing", "tensor", "storage", "typed_storages", "overrides", "overridable", "shared"),
    ("composite", "amp", "settings", "inquiry", "linalg", "masked", "memory", "random", "signal", "special", "symbols"),
    ("autograd",),
    ("nn", "backends", "cuda", "version", "about", "control", "functional", "return_types"),
    ("func", "utils/_pytree", "utils/_tree", "utils/_tree_paths", "utils/_tree_text", "autograd/forward_ad"),
    ("optim", "utils", "serialization", "library", "distributions", "_C", "hub", "ops"),
    ("profiler", "jit", "futures", "compiler", "_dynamo", "_inductor", "export", "fx", "multiprocessing", "testing"),
    ("accelerator", "cpu", "mps", "xpu", "mtia", "distributed", "types", "torch_version", "__config__"),
    ("autograd/profiler", "autograd/profiler_util"),
    ("viz", "cli"),
    ("__init__", "__main__"),
)
RANKS = {place: rank for rank, layer in enumerate(LAYERS) for place in layer}
CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+\(?([\w, ]+)|c?import\s+([\w.]+))", re.MULTILINE)
CYTHON_EXTERN = re.compile(r'^\s*cdef extern from "([^"<]+)"', re.MULTILINE)
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def place(path: Path) -> str:
    """``_core/ops/pointwise`` of ``src/dynagrad/_core/ops/pointwise.pyx``; a package is its folder."""
    name = path.relative_to(PACKAGE).with_suffix("").as_posix()
    return name.removesuffix("/__init__") or name


def rank(name: str) -> int | None:
    """The layer of a place, by the longest listed folder that holds it."""
    parts = name.split("/")
    heads = ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((RANKS[head] for head in heads if head in RANKS), None)


def absolute(module: str, level: int, path: Path) -> str:
    """The dotted name of ``module`` as imported in ``path`` with ``level`` leading dots."""
    if not level:
        return module
    package = ("dynagrad", *path.relative_to(PACKAGE).parts[:-1])
    return ".".join((*package[: len(package) - level + 1], *([module] if module else [])))


def type_only(tree: ast.Module) -> set[int]:
    """The ids of nodes that only a type checker sees."""
    blocks = (node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    return {id(inner) for block in blocks for inner in ast.walk(block)}


def python_imports(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = type_only(tree)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node.module or "", node.level, path)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def cython_imports(path: Path) -> Iterator[str]:
    for origin, names, plain in CYTHON_IMPORT.findall(path.read_text(encoding="utf-8")):
        if plain:
            yield plain
            continue
        bare = origin.lstrip(".")
        module = absolute(bare, len(origin) - len(bare), path)
        yield from (f"{module}.{name.split()[0]}" for name in names.split(",") if name.strip())


def included(path: Path, pattern: re.Pattern[str]) -> Iterator[str]:
    """Places of the headers that a C++ or Cython file includes, relative to it or to ``_core``."""
    for header in pattern.findall(path.read_text(encoding="utf-8")):
        for base in (path.parent, PACKAGE / "_core", PACKAGE / "_core" / "kernels", PACKAGE / "_core" / "runtime"):
            if (base / header).is_file():
                yield place((base / header).resolve())
                break


def imported_places(path: Path) -> Iterator[str]:
    if path.suffix in {".hpp", ".cpp"}:
        yield from included(path, INCLUDE)
        return
    if path.suffix == ".py":
        names = python_imports(path)
    else:
        yield from included(path, CYTHON_EXTERN)
        names = cython_imports(path)
    for name in names:
        if name.startswith("dynagrad."):
            yield name.removeprefix("dynagrad.").replace(".", "/")


SUFFIXES = {".py", ".pyx", ".pxd", ".hpp", ".cpp"}
SOURCES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES and path.stat().st_size)


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_a_file_imports_from_its_own_layer_or_below(path: Path) -> None:
    own = rank(place(path))
    assert own is not None, f"{place(path)} has no layer: name it in LAYERS"
    above = [name for name in imported_places(path) if (rank(name) or 0) > own]
    assert not above, f"{place(path)} imports from a layer above its own: {', '.join(above)}"
