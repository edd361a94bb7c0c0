"""``torch.fx``, which turns programs into graphs: its classes have no objects, and its functions say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "Graph",
    "GraphModule",
    "Interpreter",
    "Node",
    "Proxy",
    "Tracer",
    "replace_pattern",
    "symbolic_trace",
    "wrap",
]


def _no_graphs(name: str) -> NoReturn:
    raise NotImplementedError(
        f"torch.fx.{name}: dynagrad runs programs as they are and turns none into a graph of its own; torchviz's "
        "make_dot draws the graph that a run recorded"
    )


class _Unmade(type):
    def __call__(cls, *_args: Any, **_kwargs: Any) -> NoReturn:
        _no_graphs(cls.__name__)


class Graph(metaclass=_Unmade):
    """A program as a graph; NotImplementedError."""


class GraphModule(metaclass=_Unmade):
    """A module made of a graph. NotImplementedError, and no module is one.

    >>> import dynagrad as torch
    >>> isinstance(torch.nn.Linear(1, 1), torch.fx.GraphModule)
    False
    """


class Node(metaclass=_Unmade):
    """A step of a graph; NotImplementedError."""


class Proxy(metaclass=_Unmade):
    """What stands for a tensor while a graph is made; NotImplementedError, and no tensor is one."""


class Tracer(metaclass=_Unmade):
    """What makes a graph; NotImplementedError."""


class Interpreter(metaclass=_Unmade):
    """What runs a graph; NotImplementedError."""


def symbolic_trace(root: Any, concrete_args: Any = None) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: programs are not turned into graphs."""
    _no_graphs("symbolic_trace")


def replace_pattern(gm: Any, pattern: Any, replacement: Any) -> NoReturn:  # noqa: ARG001
    """NotImplementedError, as ``symbolic_trace``."""
    _no_graphs("replace_pattern")


def wrap(fn_or_name: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """The function itself, which a graph would call as one step. RuntimeError for what is neither function nor name.

    >>> import dynagrad as torch
    >>> torch.fx.wrap("len")
    'len'
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(  # noqa: TRY004  # PyTorch's kind
            "Unsupported type for global function! Must be either a callable or string name"
        )
    return fn_or_name
