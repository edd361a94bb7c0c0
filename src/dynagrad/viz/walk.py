"""The depth-first walk over a recorded graph, from a ``grad_fn`` through ``next_functions``, and what its nodes show.

Iterative, so that depth is bounded by memory alone. Knows nothing of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

SAVED_PREFIX = "_saved_"


class Event(Enum):
    """What the walk tells of: a node met first, an edge from an input node, a node whose inputs are all done."""

    ENTER = "enter"
    EDGE = "edge"
    LEAVE = "leave"


class Freed:
    """Stands for a saved value that backward has already freed."""

    def __str__(self) -> str:
        return "[freed]"


def is_tensor(value: object) -> bool:
    """Whether ``value`` is a tensor, dynagrad's or PyTorch's, judged by its class alone."""
    cls = type(value)
    return hasattr(cls, "grad_fn") and hasattr(cls, "requires_grad") and hasattr(cls, "size")


def walk(root: Any, seen: dict[int, Any]) -> Iterator[tuple[Event, Any, Any]]:
    """Yields ``(ENTER, node, None)``, ``(EDGE, node, input node)`` and ``(LEAVE, node, None)``, each node once.

    ``seen`` holds every node met, by ``id``; holding them is what keeps those ids from being given out again.
    """
    if id(root) in seen:
        return
    seen[id(root)] = root
    yield Event.ENTER, root, None
    path = [(root, input_nodes(root))]
    while path:
        node, inputs = path[-1]
        child = next(inputs, None)
        if child is None:
            path.pop()
            yield Event.LEAVE, node, None
            continue
        yield Event.EDGE, node, child
        if id(child) not in seen:
            seen[id(child)] = child
            yield Event.ENTER, child, None
            path.append((child, input_nodes(child)))


def input_nodes(node: Any) -> Iterator[Any]:
    """The nodes that feed ``node``, in the order of its inputs; inputs without history are left out."""
    return (entry[0] for entry in getattr(node, "next_functions", ()) if entry[0] is not None)


def saved_values(node: Any) -> Iterator[tuple[str, Any]]:
    """The values that ``node`` saved for backward, by their names without the ``_saved_`` prefix."""
    for attribute in dir(node):
        if attribute.startswith(SAVED_PREFIX):
            yield attribute.removeprefix(SAVED_PREFIX), unless_freed(node, attribute)


def custom_saved_tensors(node: Any) -> list[Any]:
    """The tensors that a custom function saved through its context; none for nodes of built-in operations."""
    values = unless_freed(node, "saved_tensors")
    return [value for value in values if is_tensor(value)] if isinstance(values, tuple) else []


def unless_freed(node: Any, attribute: str) -> Any:
    """The value of ``attribute``, None where there is none, or ``Freed``: a spent graph is still worth drawing."""
    try:
        return getattr(node, attribute, None)
    except RuntimeError:
        return Freed()
