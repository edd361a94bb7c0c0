"""``make_dot``: the picture of everything that a tensor was computed from, as torchviz draws it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from .dot import GRAPH_STYLE, NODE_STYLE, statements
from .model import read_graph
from .picture import Picture, resize_graph
from .walk import is_tensor


def make_dot(
    var: Any,
    params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
) -> Picture:
    """Draws the graph that ``var`` was computed by; a node per recorded op, named by its class.

    Light blue boxes are the leaves whose ``.grad`` backward fills, with their names and shapes; grey ones are ops;
    green ones are ``var``; dark green the tensors that ``var`` is a view of; orange the tensors saved for backward.

    Args:
        var: a tensor, or a tuple or list of tensors. Tensors of PyTorch are drawn too.
        params: names for tensors: a dict like ``dict(model.named_parameters())``, or pairs of name and tensor.
        show_attrs: whether to write into each op what it saved that is not a tensor.
        show_saved: whether to draw the tensors that built-in ops saved; those of custom functions always are.
        max_attr_chars: where to cut the value of an attribute.

    Raises:
        TypeError: ``var`` or a value in ``params`` is not a tensor.

    Example:
        >>> import dynagrad as torch
        >>> from dynagrad.viz import make_dot
        >>> w = torch.ones(2, 3, requires_grad=True)
        >>> make_dot(w.tanh().sum(), params={"w": w})
        <Picture: 5 boxes, 4 arrows>
    """
    names = {id(tensor): name for name, tensor in _checked_params(params)}
    model = read_graph(_checked_outputs(var), names, show_attrs=show_attrs, show_saved=show_saved)
    body = (f"\t{statement}\n" for statement in statements(model, max_attr_chars))
    picture = Picture(graph_attr=GRAPH_STYLE, node_attr=NODE_STYLE, body=body, model=model)
    resize_graph(picture)
    return picture


def make_dot_from_trace(trace: object) -> NoReturn:
    """Raises ``NotImplementedError``: pictures of TorchScript traces moved from torchviz to TensorBoard."""
    raise NotImplementedError(
        "make_dot_from_trace draws TorchScript traces, which dynagrad does not have; make_dot(tensor) draws the graph"
        " that was recorded while the tensor was computed"
    )


def _checked_outputs(var: Any) -> tuple[Any, ...]:
    outputs = tuple(var) if isinstance(var, tuple | list) else (var,)
    for output in outputs:
        if not is_tensor(output):
            raise TypeError(f"make_dot draws a tensor, or a tuple or list of tensors, but got {_described(output)}")
    return outputs


def _checked_params(params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None) -> list[tuple[str, Any]]:
    pairs = list(params.items() if isinstance(params, Mapping) else params or ())
    for name, tensor in pairs:
        if not is_tensor(tensor):
            raise TypeError(f"make_dot: params[{name!r}] should be a tensor, but is {_described(tensor)}")
    return [(str(name), tensor) for name, tensor in pairs]


def _described(value: object) -> str:
    return f"{value!r:.80} of type {type(value).__name__}" if not callable(value) else f"a {type(value).__name__}"
