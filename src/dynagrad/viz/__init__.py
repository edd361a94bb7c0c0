"""Pictures of graphs, and recordings of programs.

``make_dot`` draws the graph of a tensor; ``record`` writes down what a program does, and a `Recording` plays it on a
page. What draws reads nothing but the public interface of tensors and nodes, so real PyTorch tensors are drawn as
well. Nothing here imports Graphviz until a picture is rendered, nor the recorder until something is recorded.
"""

from typing import Any

from .make_dot import make_dot, make_dot_from_trace
from .picture import Picture, resize_graph
from .render import GraphvizMissingError

__all__ = [
    "GraphvizMissingError",
    "Picture",
    "Recording",
    "make_dot",
    "make_dot_from_trace",
    "record",
    "resize_graph",
    "show",
    "text",
]

_LAZY = {"Recording": "recording", "record": "session", "show": "showing", "text": "tree"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found = globals()[name] = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
