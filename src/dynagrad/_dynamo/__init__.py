"""The names of PyTorch's compiler that eager programs mention: to switch it off, to reset it, to set its options."""

from __future__ import annotations

from typing import Any, NoReturn

from dynagrad._dynamo import config
from dynagrad.compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
    substitute_in_graph,
)
from dynagrad.settings import check_backend

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "disallow_in_graph",
    "explain",
    "export",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "maybe_mark_dynamic",
    "optimize",
    "reset",
    "run",
    "set_stance",
    "substitute_in_graph",
]


def graph_break(msg: str = "") -> None:
    """Ends a compiled graph here: there is none."""


def mark_dynamic(t: Any, index: Any, *args: Any, **kwargs: Any) -> None:
    """Says that a size will vary, as any may here."""


def mark_static(t: Any, index: Any = None) -> None:
    """Says that a size will not vary; it may here."""


def mark_static_address(t: Any, guard: bool = False) -> None:
    """Says that a tensor stays where it is in memory."""


maybe_mark_dynamic = mark_dynamic


def disallow_in_graph(fn: Any) -> Any:
    """The function, or the list of functions, itself."""
    return fn


def run(fn: Any = None) -> Any:
    """The function itself, or a decorator that returns it."""
    return (lambda function: function) if fn is None else fn


def optimize(backend: Any = "inductor", **_options: Any) -> Any:
    """A decorator that returns the function itself; ``backend`` as in ``torch.compile``.

    >>> import dynagrad as torch
    >>> torch._dynamo.optimize("eager")(abs) is abs
    True
    """
    check_backend(backend)
    return lambda function: function


def explain(f: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: there are no compiled graphs to explain."""
    raise NotImplementedError(
        "torch._dynamo.explain: dynagrad runs programs eagerly, and has no graphs of them to explain"
    )


def export(f: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: programs are not turned into graphs."""
    raise NotImplementedError("torch._dynamo.export: dynagrad runs programs eagerly, and turns none into a graph")
