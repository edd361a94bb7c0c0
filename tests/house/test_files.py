"""What a reader would trip over: long files, one machine's paths, unfinished marks, undocumented public names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "benchmarks", "examples", "docs")
LIMITS = {".py": 600, ".pyx": 1000, ".pxd": 400, ".hpp": 600, ".cpp": 600}
LONG_FOR_A_REASON = {
    "src/dynagrad/__init__.py": "the list of public names, one a line",
    "src/dynagrad/_core/kernels/random.cpp": "one stream: the generator and what is drawn from it",
}
MACHINE_PATH = re.compile(r"""["'\s(=](/root|/home/\w+|/Users/\w+|/work)/""")
MARK = re.compile(r"\b(TODO|FIXME|XXX)\b")


def tracked(*suffixes: str) -> list[Path]:
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in files if path.suffix in suffixes and "out" not in path.relative_to(ROOT).parts)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


CODE = tracked(*LIMITS)
PUBLIC_MODULES = [
    path for path in tracked(".py") if "src" in path.relative_to(ROOT).parts and not path.name.startswith("_")
]


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_a_file_is_one_room(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    if relative(path) not in LONG_FOR_A_REASON:
        assert lines <= LIMITS[path.suffix], f"{relative(path)} has {lines} lines: is it one room, or several?"


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_no_path_of_one_machine_and_no_unfinished_mark(path: Path) -> None:
    if path == Path(__file__).resolve():
        return
    text = path.read_text(encoding="utf-8")
    assert not MACHINE_PATH.search(text)
    assert not MARK.search(text)


def undocumented(tree: ast.Module) -> list[str]:
    """Public functions and classes at the top of a module that say nothing of themselves."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    forms = [node for node in public if any(ast.unparse(mark) == "overload" for mark in node.decorator_list)]
    return [node.name for node in public if node not in forms and ast.get_docstring(node) is None]


@pytest.mark.parametrize("path", PUBLIC_MODULES, ids=relative)
def test_public_names_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module's docstring says what lives there"
    assert not undocumented(tree)
