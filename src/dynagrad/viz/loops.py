"""The loops and branches of a source text: which lines are inside which, read from its syntax tree.

How often a loop has run is not known here.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass
from types import CodeType

MODULE = "<module>"


@dataclass(frozen=True, slots=True)
class Loop:
    """A ``for`` or ``while``: the lines that run once for each turn, and the names that a turn sets."""

    line: int
    first: int
    last: int
    kind: str
    targets: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Branch:
    """An arm of an ``if``: the lines of its body, and the line and text of its condition."""

    line: int
    first: int
    last: int
    text: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """What runs on a condition: the line of its ``if``, ``elif``, ``else`` or ``case``, and those of its body.

    The body of a function or a class is one without such a line: what is around it decided nothing when it ran.
    """

    head: int | None
    first: int
    last: int


class Outline:
    """The structure of one source file; ``parsed`` is False where it is no Python, and nothing else is known then."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # as Python counts them
        self.loops: dict[int | None, list[Loop]] = {}
        self.branches: list[Branch] = []
        self.arms: list[Arm] = []
        self.parsed = False
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return
        self.parsed = True
        self._read(tree)

    def _read(self, tree: ast.AST) -> None:
        stack: list[tuple[ast.AST, int | None]] = [(tree, None)]
        while stack:
            node, function = stack.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._arm(None, node.body)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                function = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            elif isinstance(node, ast.For | ast.While | ast.AsyncFor):
                self.loops.setdefault(function, []).append(self._loop(node))
            elif isinstance(node, ast.If):
                self._branch(node)
            elif isinstance(node, ast.match_case):
                self._arm(node.pattern.lineno, node.body)
            stack.extend((child, function) for child in ast.iter_child_nodes(node))
        for loops in self.loops.values():
            loops.sort(key=lambda loop: (loop.first, -loop.last))
        self.arms.sort(key=lambda arm: (arm.first, -arm.last))

    def _loop(self, node: ast.For | ast.While | ast.AsyncFor) -> Loop:
        last = node.body[-1].end_lineno or node.body[-1].lineno
        if isinstance(node, ast.While):
            return Loop(node.lineno, node.lineno, last, "while", (), self._head(node.lineno, node.body[0].lineno))
        names = tuple(each.id for each in ast.walk(node.target) if isinstance(each, ast.Name))
        return Loop(node.lineno, node.body[0].lineno, last, "for", names, self._head(node.lineno, node.body[0].lineno))

    def _branch(self, node: ast.If) -> None:
        text = self._head(node.lineno, node.body[0].lineno)
        last = node.body[-1].end_lineno or node.body[-1].lineno
        self.branches.append(Branch(node.lineno, node.body[0].lineno, last, text, True))
        self._arm(node.lineno, node.body)
        if node.orelse:
            other = node.orelse[0]
            if not (
                isinstance(other, ast.If) and other.col_offset == node.col_offset
            ):  # else an `elif`, read by itself
                self._arm(self._else_line(last, other.lineno), node.orelse)
            end = node.orelse[-1].end_lineno or node.orelse[-1].lineno
            self.branches.append(Branch(node.lineno, node.orelse[0].lineno, end, text, False))

    def _arm(self, head: int | None, body: list[ast.stmt]) -> None:
        self.arms.append(Arm(head, body[0].lineno, body[-1].end_lineno or body[-1].lineno))

    def _else_line(self, after: int, body: int) -> int:
        """The line of the ``else`` between the end of one body and the beginning of the other."""
        lines = range(body, after - 1, -1)
        return next((line for line in lines if self.lines[line - 1].lstrip().startswith("else")), body)

    def _head(self, line: int, body: int) -> str:
        """The text of a statement's head, without its colon."""
        head = " ".join(part.strip() for part in self.lines[line - 1 : max(line, body - 1)])
        return head.partition("#")[0].strip().removesuffix(":")[:120]

    def around(self, code: CodeType, line: int) -> tuple[Loop, ...]:
        """The loops of the code's function that hold ``line``, the outermost first."""
        function = None if code.co_name == MODULE else code.co_firstlineno
        return tuple(loop for loop in self.loops.get(function, ()) if loop.first <= line <= loop.last)

    def branches_around(self, line: int) -> list[Branch]:
        """The arms of conditions that hold ``line``, the innermost last."""
        held = [branch for branch in self.branches if branch.first <= line <= branch.last]
        return sorted(held, key=lambda branch: (branch.first, -branch.last))


def source_of(filename: str) -> str:
    """The text of a file or of a notebook's cell, or nothing."""
    return "".join(linecache.getlines(filename))
