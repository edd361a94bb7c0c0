"""``text``: the graph of a tensor as a tree in the terminal, each node with the line that recorded it."""

from __future__ import annotations

import os
from typing import Any

from .plain import printable
from .signs import formula_of
from .walk import is_tensor

MOST_LINES = 400


def text(value: Any, *, formulas: bool = False, limit: int = MOST_LINES) -> str:
    """The graph of ``value`` as a tree, from the result down to the leaves.

    Args:
        value: a tensor, or a node; of a `Recording`, its film (see ``Recording.text``).
        formulas: adds each node's derivative in words.
        limit: the most lines; a note says how many nodes are left out.

    A node that feeds several others is drawn once; further mentions refer to its number. Walks without recursion.

    Example:
        >>> import dynagrad
        >>> x = dynagrad.ones(2, requires_grad=True)
        >>> print(text((x * 2).sum()).splitlines()[0])
        tensor () float32
    """
    if not is_tensor(value) and hasattr(value, "steps"):
        film: str = value.text()
        return film
    lines = []
    root = value
    if is_tensor(value):
        lines.append(_tensor_line(value))
        root = value.grad_fn
        if root is None:
            reason = (
                "a leaf: no recorded operation made it" if value.requires_grad else "no gradient is computed for it"
            )
            return f"{lines[0]}\n└─ {reason}\n"
    lines += _tree(root, formulas, limit)
    return "\n".join(lines) + "\n"


def _tree(root: Any, formulas: bool, limit: int) -> list[str]:
    lines: list[str] = []
    numbers: dict[int, int] = {}
    held = [root]  # keeps the ids of the nodes from being given out again
    stack: list[tuple[Any, str, bool]] = [(root, "", True)]
    left = 0
    while stack:
        node, indent, last = stack.pop()
        if len(lines) >= limit:
            left += 1
            continue
        branch = "└─ " if last else "├─ "
        if node is None:
            lines.append(f"{indent}{branch}· no gradient is needed here")
            continue
        if id(node) in numbers:
            lines.append(f"{indent}{branch}({numbers[id(node)]}) {_name(node)}, as above")
            continue
        held.append(node)
        numbers[id(node)] = len(numbers) + 1
        lines.append(f"{indent}{branch}({numbers[id(node)]}) {_described(node, formulas)}")
        inner = indent + ("   " if last else "│  ")
        inputs = [target for target, _ in getattr(node, "next_functions", ())]
        stack += [(target, inner, i == len(inputs) - 1) for i, target in reversed(list(enumerate(inputs)))]
    if left:
        lines.append(f"… {left} more branches are left out; pass limit= to see them")
    return lines


def _name(node: Any) -> str:
    return printable(node.name() if hasattr(node, "name") else type(node).__name__)


def _described(node: Any, formulas: bool) -> str:
    name = _name(node)
    leaf = getattr(node, "variable", None)
    if leaf is not None:
        return f"{name} of a leaf {_shape(leaf)}"
    made = getattr(node, "provenance", None)
    where = ""
    if made is not None:
        source = f": {printable(made.source)}" if made.source else ""
        where = f"  ← {printable(os.path.basename(made.filename))}:{made.lineno}{source}"
    formula = formula_of(name) if formulas else None
    return f"{name}{where}" + (f"  [{formula}]" if formula else "")


def _tensor_line(tensor: Any) -> str:
    return f"tensor {_shape(tensor)}"


def _shape(tensor: Any) -> str:
    shape = "(" + ", ".join(map(str, tensor.shape)) + ("," if len(tensor.shape) == 1 else "") + ")"
    return f"{shape} {str(tensor.dtype).rpartition('.')[2]}"
