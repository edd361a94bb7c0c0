"""The tensors and nodes of a recording: who is who, and what is known of each, as plain data.

A tensor is known by a weak reference, a node by its number in the order of recording: neither is kept alive.
"""

from __future__ import annotations

from typing import Any

from dynagrad._core.identity import Numbers
from dynagrad._core.saved import saved_by

from .signs import formula_of, sign_of
from .values import Values

MOST_NODES = 100_000


def history_of(tensor: Any) -> Any:
    """The node that made a tensor, or None; also for a view whose history was lost, of which nobody else has asked."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


class Ledger:
    """What has an id: tensors, nodes, values."""

    def __init__(self) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.values = Values()
        self.numbers = Numbers()
        self._kinds: dict[type, tuple[Any, ...]] = {}
        self._nodes: dict[int, int] = {}
        self._leaves: dict[int, int] = {}
        self._version: dict[int, int] = {}
        self._value: dict[int, int] = {}

    # ---- tensors -----------------------------------------------------------------------------------------------------

    def identify(self, tensor: Any) -> int:
        """The id of a tensor, which gets one when it is first seen."""
        found: int | None = self.numbers.find(tensor)
        return self._new(tensor) if found is None else found

    def _new(self, tensor: Any) -> int:
        requires_grad = tensor.requires_grad
        is_leaf = not requires_grad or history_of(tensor) is None
        base = tensor._base
        view_of = None if base is None else self.identify(base)
        number = len(self.tensors)
        self.numbers.file(tensor, number)
        about = {
            "id": number,
            "shape": tuple(tensor.shape),
            "dtype": tensor.dtype.name,
            "requires_grad": requires_grad,
            "is_leaf": is_leaf,
            "kind": "parameter" if requires_grad and is_leaf else "data",
            "storage": number if view_of is None else self.tensors[view_of]["storage"],
            "view_of": view_of,
            "node": None,
            "made_by": None,
        }
        self.tensors.append(about)
        return number

    def changed(self, tensor: Any, number: int) -> int | None:
        """The id of the tensor's numbers if they are new: not seen yet, or written to since. Else None."""
        version = tensor._version
        if self._version.get(number) == version:
            return None
        self._version[number] = version
        self._value[number] = value = self.values.keep(tensor)
        return value

    def value_of(self, tensor: Any) -> int:
        """The id of a tensor's numbers as they are now."""
        number = self.identify(tensor)
        new = self.changed(tensor, number)
        return self._value[number] if new is None else new

    def share(self, tensor: Any, value: int) -> None:
        """Says that a tensor's numbers are those of a value that was kept already."""
        number = self.identify(tensor)
        self._version[number], self._value[number] = tensor._version, value

    def made(self, tensor: Any, number: int, step: int, computed: bool) -> None:
        """Notes that step ``step`` made the tensor, and brings its flags up to date.

        ``computed``: from other tensors, and not just in another dtype or place.
        """
        about = self.tensors[number]
        fresh = about["made_by"] is None and self._version.get(number) is None
        if fresh:
            about["made_by"] = step
        self.refresh(tensor, about, computed and fresh)

    def inherited(self, tensors: list[Any], scope: int) -> None:
        """Files the history that arguments have come with: from before the recording, or from inside a backward."""
        for tensor in tensors:
            about = self.tensors[self.identify(tensor)]
            if about["node"] is None and about["requires_grad"] and not about["is_leaf"]:
                history = history_of(tensor)
                about["node"] = None if history is None else self.node(history, None, scope)

    def refresh(self, tensor: Any, about: dict[str, Any], computed: bool) -> None:
        """Reads again what can change about a tensor."""
        about["requires_grad"] = requires_grad = tensor.requires_grad
        about["is_leaf"] = is_leaf = not requires_grad or history_of(tensor) is None
        if about["kind"] != "gradient":
            if requires_grad and is_leaf:
                about["kind"] = "parameter"
            elif computed or not is_leaf:
                about["kind"] = "intermediate"

    def gradient_of(self, tensor: Any) -> None:
        """Files the tensor's ``.grad`` as its gradient."""
        gradient = tensor.grad
        if gradient is not None:
            about = self.tensors[self.identify(gradient)]
            about["kind"], about["of"] = "gradient", self.identify(tensor)

    # ---- nodes -------------------------------------------------------------------------------------------------------

    def node(self, node: Any, step: int | None, scope: int) -> int:
        """The id of a node; it and the unknown nodes that it leads to are filed first."""
        found = self._find(node)
        if found is not None:
            return found
        number = self._file(node, step, scope)
        pending = [(node, number)]
        while pending:
            node, at = pending.pop()
            edges: list[tuple[int | None, int]] = []
            for target, nr in node.next_functions:
                if target is None or len(self.nodes) >= MOST_NODES:
                    edges.append((None, nr))
                    continue
                known = self._find(target)
                if known is None:
                    known = self._file(target, step, scope)
                    pending.append((target, known))
                edges.append((known, nr))
            self.nodes[at]["edges"] = tuple(edges)
        return number

    def _find(self, node: Any) -> int | None:
        found = self._nodes.get(node._sequence_nr())
        if found is None and hasattr(type(node), "variable"):
            return self._leaves.get(self.identify(node.variable))
        return found

    def _file(self, node: Any, step: int | None, scope: int) -> int:
        number = len(self.nodes)
        kind = type(node)
        known = self._kinds.get(kind)
        if known is None:
            name = kind.__name__
            saves = getattr(kind, "_saves", ())
            known = name, sign_of(_op_name(name)), formula_of(name), hasattr(kind, "variable"), saves
            self._kinds[kind] = known
        name, sign, formula, accumulates, saves = known
        about: dict[str, Any] = {"id": number, "name": name, "op": step, "scope": scope, "edges": ()}
        if accumulates:
            leaf = self.identify(node.variable)
            self._leaves[leaf] = number
            about["leaf"], about["op"], about["sign"], about["saved"] = leaf, None, "+=", ()
        else:
            self._nodes[node._sequence_nr()] = number
            about["sign"] = sign
            about["saved"], about["bytes"] = self._saved(node, saves)
        if formula is not None:
            about["formula"] = formula
        self.nodes.append(about)
        return number

    def _saved(self, node: Any, names: tuple[str, ...]) -> tuple[tuple[dict[str, Any], ...], int]:
        saved = []
        total = 0
        for i, kept in enumerate(saved_by(node)):
            if kept is None:
                continue
            tensor, nbytes, version = kept
            total += nbytes
            known = None if tensor is None else self.numbers.find(tensor)
            one = {"name": names[i] if i < len(names) else f"saved {i}", "tensor": known, "bytes": nbytes}
            if tensor is None:
                one["packed"] = True
            else:
                one["version"] = version
                if known is None:
                    one["shape"] = tuple(tensor.shape)
            saved.append(one)
        return tuple(saved), total

    def settle_saved(self, number: int, outputs: list[int]) -> None:
        """A node that keeps its own result holds an alias of it: says which output that is."""
        for one in self.nodes[number]["saved"]:
            if one["tensor"] is None and one["name"] == "result" and outputs:
                one["tensor"] = outputs[0]
                one.pop("shape", None)


def _op_name(node_name: str) -> str:
    """``mul`` of ``MulBackward0``."""
    return node_name.partition("Backward")[0].lower()
