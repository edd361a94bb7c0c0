"""A recording as it stands after one of its steps: names, versions, numbers, what ran backward, what was freed.

Read by the renderers of still pictures; the page keeps the same account in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .layout import Scene
from .recording import step_number
from .units import Names, gradient_name


class Moment:
    """The state of a recording after step number ``step``; None means after the last one. IndexError if there is none."""

    def __init__(self, data: Mapping[str, Any], scene: Scene, step: int | None = None) -> None:
        steps = data["steps"]
        self.step = step_number(steps, step)
        self.names, self.version = Names(data["tensors"]), dict[int, int]()
        self.once_named: set[int] = set()
        self.value: dict[tuple[int, int], int] = {}
        self.backward: set[int] = set()
        self.freed: set[int] = set()
        self.gradients: set[int] = set()
        self.accumulated: set[int] = set()
        self.flowed: set[tuple[int, int]] = set()
        self.current: set[int] = set()
        self.landed: set[tuple[int, int]] = set()  # units and leaves in them whose AccumulateGrad has run
        self._arrived: dict[int, set[int]] = {}
        self._values = {value["id"]: value for value in data["values"]}
        self._nodes = {node["id"]: node for node in data["nodes"]}
        self._of = {tensor["id"]: tensor.get("of") for tensor in data["tensors"]}
        self._scene = scene
        for number, one in enumerate(steps[: self.step + 1]):
            self._take(number, one)

    def _take(self, number: int, step: Mapping[str, Any]) -> None:
        self.once_named |= self.names.apply(step)
        self.current = set()
        drawn = self._scene.drawn
        if step["kind"] == "op" and number in drawn.unit_of_step:
            unit = drawn.units[drawn.unit_of_step[number]]
            self.current.add(unit.id)
            values = {int(key): value for key, value in (step.get("values") or {}).items()}
            for box in unit.boxes:
                self.version[box.tensor] = box.version
                if box.tensor in values:
                    self.value[box.tensor, box.version] = values[box.tensor]
        elif step["kind"] == "node":
            self._run(step)
        elif step["kind"] == "accumulate":
            self.accumulated.add(step["tensor"])
            sink = step.get("node", -1)
            home = drawn.leaf_of_node.get(sink)
            self.current = self._arrived.pop(sink, set() if home is None else {home})
            self.landed |= {(unit, step["tensor"]) for unit in self.current}
        elif step["kind"] == "note" and step.get("what") == "grad=" and step["message"].endswith("None"):
            self.accumulated -= {step["tensor"], *step.get("others", ())}
        elif step["kind"] == "free":
            self.freed.add(step["node"])

    def _run(self, step: Mapping[str, Any]) -> None:
        drawn = self._scene.drawn
        self.backward.add(step["node"])
        if not self._nodes[step["node"]].get("saved"):
            self.freed.add(step["node"])  # what saved nothing has nothing more to free
        unit = drawn.unit_of_node.get(step["node"])
        if unit is None:
            return
        self.current.add(unit)
        self.gradients |= {box.tensor for box in drawn.units[unit].boxes}
        for towards, output, _ in step["outgoing"]:
            tail = drawn.gradient_goes_to(step["node"], towards, output)
            if tail is not None:
                self.flowed.add((tail, unit))
                self._arrived.setdefault(towards, set()).add(tail)

    def label(self, tensor: int) -> tuple[str, bool]:
        """What stands in the box of ``tensor``, and whether it is a name that the program uses now."""
        name = self.names.label(tensor)
        of = self._of.get(tensor)
        if not name and of is not None:
            name = gradient_name(self.names.label(of))
        if name:
            return name, True
        return ("unnamed" if tensor in self.once_named else ""), False

    def number(self, tensor: int, version: int) -> str | None:
        """The value of a tensor with one element, where the recording has it."""
        value = self._values.get(self.value.get((tensor, version), -1))
        if value is None or value["shape"] or isinstance(value.get("data"), list) or value.get("data") is None:
            return None
        number = value["data"]
        return f"{number:.5g}".replace("-", "−") if isinstance(number, int | float) else str(number)
