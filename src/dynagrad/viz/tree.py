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
        value: a tensor or a node, or a tuple or list of them; of a `Recording`, its film (see ``Recording.text``).
        formulas: adds each node's derivative in words.
        limit: the most lines of each tree; a note says how many nodes are left out.

    A node that feeds several others is drawn once; further mentions refer to its number. Walks without recursion.

    Raises:
        TypeError: ``value`` is nothing of these.

    Example:
        >>> import dynagrad
        >>> x = dynagrad.ones(2, requires_grad=True)
        >>> print(text((x * 2).sum()).splitlines()[0])
        tensor () float32
    """
    if not is_tensor(value) and hasattr(value, "steps"):
        film: str = value.text()
        return film
    roots = tuple(value) if isinstance(value, tuple | list) else (value,)
    for root in roots:
        if not is_tensor(root) and not hasattr(root, "next_functions"):
            raise TypeError(f"text draws tensors, nodes and recordings, but got a {type(root).__name__}")
    numbers: dict[int, tuple[int, Any]] = {}
    lines = [line for root in roots for line in _drawn(root, formulas, limit, numbers)]
    return "\n".join(lines) + "\n"


def _drawn(root: Any, formulas: bool, limit: int, numbers: dict[int, tuple[int, Any]]) -> list[str]:
    if not is_tensor(root):
        return _tree(root, formulas, limit, numbers)
    if root.grad_fn is not None:
        return [_tensor_line(root), *_tree(root.grad_fn, formulas, limit, numbers)]
    reason = "a leaf: no recorded operation made it" if root.requires_grad else "no gradient is computed for it"
    return [_tensor_line(root), f"└─ {reason}"]


def _tree(root: Any, formulas: bool, limit: int, numbers: dict[int, tuple[int, Any]]) -> list[str]:
    # ``numbers`` holds the nodes too, which keeps their ids from being given out again.
    lines: list[str] = []
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
            lines.append(f"{indent}{branch}({numbers[id(node)][0]}) {_name(node)}, as above")
            continue
        numbers[id(node)] = len(numbers) + 1, node
        lines.append(f"{indent}{branch}({len(numbers)}) {_described(node, formulas)}")
        inner = indent + ("   " if last else "│  ")
        inputs = [target for target, _ in getattr(node, "next_functions", ())]
        stack += [(target, inner, i == len(inputs) - 1) for i, target in reversed(list(enumerate(inputs)))]
    if left:
        lines.append(f"… {left} more branches are left out; pass limit= to see them")
    return lines


def _name(node: Any) -> str:
    return printable(node.name().removeprefix("torch::autograd::") if hasattr(node, "name") else type(node).__name__)


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
