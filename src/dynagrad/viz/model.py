"""The picture as plain data: boxes, arrows and what they stand for. Colours and wording belong to the renderers.

``read_graph`` fills a model from tensors; afterwards the model refers to no tensor and no node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .walk import Event, custom_saved_tensors, is_tensor, saved_values, walk

BoxKind = Literal["op", "leaf", "output", "base", "saved"]
ArrowKind = Literal["flow", "saved", "view"]


@dataclass(slots=True)
class Box:
    """One box: an op named by its node's class, or a tensor with its name and shape."""

    kind: BoxKind
    name: str
    shape: tuple[int, ...] | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Arrow:
    """One arrow between two boxes, given by their keys."""

    tail: int
    head: int
    kind: ArrowKind = "flow"


@dataclass(slots=True)
class Model:
    """Boxes by key, and arrows. Keys count from zero in the order in which the walk met the boxes."""

    boxes: dict[int, Box] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)


def read_graph(
    outputs: Iterable[Any], names: Mapping[int, str], *, show_attrs: bool = False, show_saved: bool = False
) -> Model:
    """The model of all that ``outputs`` were computed from; ``names`` maps the ``id`` of a tensor to its name."""
    reader = _Reader(names, show_attrs, show_saved)
    for output in outputs:
        reader.add_output(output)
    return reader.finished()


class _Reader:
    """Adds what the walk meets to a model."""

    def __init__(self, names: Mapping[int, str], show_attrs: bool, show_saved: bool) -> None:
        self.model = Model()
        self.names = names
        self.show_attrs = show_attrs
        self.show_saved = show_saved
        self.seen: dict[int, Any] = {}
        self.keys: dict[int, tuple[int, Any]] = {}

    def add_output(self, tensor: Any, kind: BoxKind = "output") -> None:
        """Adds ``tensor``, its history and, where it is a view, the tensor it looks at (never a view itself)."""
        if id(tensor) in self.seen:
            return
        self.seen[id(tensor)] = tensor
        self.add_tensor(tensor, kind)
        if tensor.grad_fn is not None:
            self.add_history(tensor.grad_fn)
            self.connect(tensor.grad_fn, tensor)
        if tensor._is_view():  # noqa: SLF001 - PyTorch's way to ask, as is _base
            base = tensor._base  # noqa: SLF001
            self.add_output(base, "base")
            self.connect(base, tensor, "view")

    def add_history(self, root: Any) -> None:
        for event, node, child in walk(root, self.seen):
            if event is Event.ENTER:
                self.add_op(node)
            elif event is Event.EDGE:
                self.connect(child, node)
            else:
                for tensor in custom_saved_tensors(node):
                    self.connect(tensor, node, "saved")
                    self.add_saved(tensor)

    def add_op(self, node: Any) -> None:
        if self.show_saved:
            for name, tensor in _named_tensors(saved_values(node)):
                self.connect(node, tensor, "saved")
                self.add_saved(tensor, name)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            self.seen[id(leaf)] = leaf
            self.add_tensor(leaf, "leaf")
            self.connect(leaf, node)
        self.model.boxes[self.key(node)] = Box("op", type(node).__name__, attributes=self.attributes(node))

    def add_saved(self, tensor: Any, name: str | None = None) -> None:
        self.seen[id(tensor)] = tensor
        self.add_tensor(tensor, "saved", name)

    def add_tensor(self, tensor: Any, kind: BoxKind, name: str | None = None) -> None:
        # A tensor met twice is drawn as it was met last: torchviz repeats its statement, and the last one counts.
        name = name or self.names.get(id(tensor), "")
        self.model.boxes[self.key(tensor)] = Box(kind, name, tuple(int(n) for n in tensor.size()))

    def connect(self, tail: Any, head: Any, kind: ArrowKind = "flow") -> None:
        self.model.arrows.append(Arrow(self.key(tail), self.key(head), kind))

    def key(self, thing: Any) -> int:
        return self.keys.setdefault(id(thing), (len(self.keys), thing))[0]

    def attributes(self, node: Any) -> tuple[tuple[str, str], ...]:
        if not self.show_attrs:
            return ()
        return tuple((name, _in_words(value)) for name, value in saved_values(node))

    def finished(self) -> Model:
        self.model.boxes = dict(sorted(self.model.boxes.items()))
        return self.model


def _named_tensors(values: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for name, value in values:
        if is_tensor(value):
            yield name, value
        elif isinstance(value, tuple):
            yield from ((f"{name}[{i}]", item) for i, item in enumerate(value) if is_tensor(item))


def _in_words(value: object) -> str:
    if is_tensor(value):
        return "[saved tensor]"
    if isinstance(value, tuple) and any(is_tensor(item) for item in value):
        return "[saved tensors]"
    return str(value)
