"""What held after a step of a recording: names and versions of tensors. Read by the renderers of text.

`moment` keeps the account that drawing needs, of the scene's boxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .units import Names


class Account:
    """The names and versions of tensors while the steps of a recording are gone through."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.names = Names(data["tensors"])
        self.versions: dict[int, int] = {}
        self.tensors = {tensor["id"]: tensor for tensor in data["tensors"]}
        self.nodes = {node["id"]: node for node in data["nodes"]}
        self.once_named: set[int] = set()

    def take(self, step: Mapping[str, Any]) -> None:
        """Goes one step on."""
        for tensor, version in (step.get("versions") or {}).items():
            self.versions[int(tensor)] = version
        self.once_named |= self.names.apply(step)

    def called(self, tensor: int) -> str:
        """A tensor's names, or what it is."""
        label = self.names.label(tensor)
        if label:
            return label
        about = self.tensors[tensor]
        if about["kind"] == "gradient" and "of" in about:
            return f"{self.called(about['of'])}.grad"
        shape = "×".join(map(str, about["shape"]))
        return f"({'was named, ' if tensor in self.once_named else ''}{shape or 'number'})"

    def node_name(self, node: int) -> str:
        """A node's class, and the leaf of an AccumulateGrad."""
        about = self.nodes[node]
        return f"{about['name']} of {self.called(about['leaf'])}" if about.get("leaf") is not None else about["name"]
