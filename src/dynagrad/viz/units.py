"""From a recording to what is drawn: units, the flows between them, and which of those become tags.

Reads the recording's plain data only. Nothing is placed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .shapes import Box, Tag, Unit, box_width, shortened, tag_width, text_width

SECOND_LINE = "−0.000000"  # what a number needs when it stands in place of a shape
LEAF_EDGES = 2  # of a tensor that no operation made, where its uses lie in several groups
NEAR_EDGES = 4  # where they lie in one
OTHER_EDGES = 6
MOST_RESULTS = 6  # below an operation; more of them are drawn each where it is used
LONGEST_JUMP = 3  # iterations of a loop
UNFILLED = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
FOREIGN = "∂"  # the sign of what was computed where the film did not look: inside a backward, or before it began
LONGEST_EDGE = 9  # in rows; beyond, the tensor is named where it is used
Item = tuple[str, int]  # what a scope holds: a unit, or a scope, by its number


@dataclass(slots=True)
class Flow:
    """A tensor, at one version, from the unit that holds its box to an operation that reads it."""

    tail: int
    box: int
    head: int
    input: int
    cut: bool = False
    same: bool = False
    name: str = ""


@dataclass(slots=True)
class Drawn:
    """All units in order of time, the flows drawn as edges, and where each step's operation and each node went."""

    units: list[Unit] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    unit_of_step: dict[int, int] = field(default_factory=dict)
    unit_of_node: dict[int, int] = field(default_factory=dict)
    leaf_of_node: dict[int, int] = field(default_factory=dict)  # where an AccumulateGrad gets its first gradient
    leaf_uses: dict[tuple[int, int], int] = field(default_factory=dict)  # from a node to an AccumulateGrad
    holders: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def gradient_goes_to(self, node: int, towards: int, output: int) -> int | None:
        """The unit that shows what ``node`` hands its gradient to: of a leaf, the version that its operation read."""
        unit = self.leaf_uses.get((node, towards), self.unit_of_node.get(towards, self.leaf_of_node.get(towards)))
        outs = None if unit is None else self.units[unit].outs
        return outs[output] if outs and output < len(outs) else unit


def read_units(data: Mapping[str, Any]) -> Drawn:
    """The units and flows of a recording, given as its plain data."""
    return _Reader(data).read()


class _Reader:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.drawn = Drawn()
        self.tensors = {tensor["id"]: tensor for tensor in data["tensors"]}
        self.nodes = {node["id"]: node for node in data["nodes"]}
        self.leaf_node = {node["leaf"]: node["id"] for node in data["nodes"] if node.get("leaf") is not None}
        self.parents = {scope["id"]: scope["parent"] for scope in data["scopes"]}
        self.kinds = {scope["id"]: scope["kind"] for scope in data["scopes"]}
        self.turn = _turns(data["scopes"])
        self.holder: dict[tuple[int, int], tuple[int, int]] = {}
        self.version: dict[int, int] = {}
        self.names = Names(data["tensors"])
        self.labels = _longest_labels(data)
        self.kind_of: dict[int, str] = {}
        self.last_name: dict[int, str] = {}
        self.own = _inside_own(data["scopes"])
        self.heeded = _heeded(data)

    def read(self) -> Drawn:
        for number, step in enumerate(self.data["steps"]):
            if step["kind"] == "op" and not self.is_idle(step):
                self.add_operation(number, step)
            self.names.apply(step)
            for name, tensor in bound_names(step):
                self.last_name[tensor] = name
                if tensor in self.tensors and (tensor, self.version.get(tensor, 0)) not in self.holder:
                    self.add_leaf(tensor, number, step["scope"])
        for unit in [unit for unit in self.drawn.units if len(unit.boxes) > MOST_RESULTS]:
            self.spread_results(unit)
        self.home_leaves()
        self.find_leaf_uses()
        self.settle_tags()
        for unit in self.drawn.units:
            unit.measure()
        self.drawn.holders = self.holder
        return self.drawn

    def is_idle(self, step: Mapping[str, Any]) -> bool:
        """Memory before it is filled, and what a function of dynagrad's sets up for itself, where nothing ever reads it."""
        if step.get("node") is not None or not self.heeded.isdisjoint(step["outputs"]):
            return False
        computes = any(isinstance(value, int) for value in step["inputs"]) and not step["name"].endswith("_like")
        return step["name"] in UNFILLED or (step["scope"] in self.own and not computes)

    def add_operation(self, number: int, step: Mapping[str, Any]) -> None:
        inputs = [value for value in step["inputs"] if isinstance(value, int)]
        for tensor in inputs:
            if (tensor, self.version.setdefault(tensor, 0)) not in self.holder:
                self.add_leaf(tensor, number, step["scope"])
        read = [(tensor, self.version[tensor]) for tensor in inputs]
        unit = self.new_unit(step["scope"], number)
        unit.op = number
        if inputs:
            unit.sign, unit.name = self.wording(step)
            unit.node = step.get("node")
        for tensor in step["outputs"]:
            written = tensor in inputs or step.get("inplace", False)
            self.version[tensor] = self.version_after(step, tensor, written)
            self.add_box(unit, tensor)
        self.drawn.unit_of_step[number] = unit.id
        if unit.node is not None:
            self.drawn.unit_of_node[unit.node] = unit.id
        cut, outputs = bool(step.get("detached")), set(step["outputs"])
        for i, (tensor, version) in enumerate(read):
            tail, box = self.holder[tensor, version]
            name = self.names.label(tensor) or self.last_name.get(tensor, "")
            of = self.tensors[tensor].get("of")
            if not name and of is not None:
                name = gradient_name(self.names.label(of) or self.last_name.get(of, ""))
            self.drawn.flows.append(Flow(tail, box, unit.id, i, cut, tensor in outputs, name))

    def version_after(self, step: Mapping[str, Any], tensor: int, written: bool) -> int:
        given = {int(key): value for key, value in (step.get("versions") or {}).items()}
        before = self.version.get(tensor)
        after = given.get(tensor, 0 if before is None else before + written)
        return after if before is None or not written or after > before else before + 1

    def new_unit(self, scope: int, step: int) -> Unit:
        unit = Unit(len(self.drawn.units), scope, step)
        self.drawn.units.append(unit)
        return unit

    def add_leaf(self, tensor: int, step: int, scope: int) -> None:
        node = self.tensors[tensor].get("node")
        foreign = node is not None and self.nodes[node]["op"] is None
        sources = self.sources_of(node) if foreign else []
        unit = self.new_unit(scope, step)
        self.version.setdefault(tensor, 0)
        if foreign:
            unit.sign, unit.name, unit.node = FOREIGN, shortened(self.nodes[node]["name"], 34), node
            self.drawn.flows += [Flow(tail, box, unit.id, i) for i, (tail, box) in enumerate(sources)]
            for each in self.foreign_nodes(node):
                self.drawn.unit_of_node.setdefault(each, unit.id)
        self.add_box(unit, tensor)

    def foreign_nodes(self, node: int) -> list[int]:
        """``node`` and what leads to it of nodes that no step recorded: a backward's own, or older than the recording."""
        found = {node: None}
        pending = [node]
        for at in pending:
            for to, _ in self.nodes[at]["edges"]:
                if to is not None and to not in found and self.is_foreign(to):
                    found[to] = None
                    pending.append(to)
        return list(found)

    def is_foreign(self, node: int) -> bool:
        return self.nodes[node]["op"] is None and self.nodes[node].get("leaf") is None

    def sources_of(self, node: int) -> list[tuple[int, int]]:
        """The boxes whose gradients a foreign node and those behind it compute, the nearest first."""
        found: dict[tuple[int, int], None] = {}
        for at in self.foreign_nodes(node):
            for to, output in self.nodes[at]["edges"]:
                if to is None or self.is_foreign(to):
                    continue
                leaf = self.nodes[to].get("leaf")
                if leaf is not None:
                    if (holder := self.holder.get((leaf, self.version.get(leaf, 0)))) is not None:
                        found[holder] = None
                elif to in self.drawn.unit_of_node:
                    unit = self.drawn.unit_of_node[to]
                    if output < len(self.drawn.units[unit].boxes):
                        found[unit, output] = None
        return list(found)

    def add_box(self, unit: Unit, tensor: int) -> None:
        about = self.tensors[tensor]
        version = self.version[tensor]
        kind = self.kind_of.setdefault(tensor, _kind(about, made=bool(unit.sign)))
        label, second = self.labels.get(tensor, ""), second_line(about)
        if version:
            second += f" · v{version}"
        box = Box(tensor, version, kind, box_width(label, second, kind), bool(about.get("requires_grad")))
        self.holder[tensor, version] = (unit.id, len(unit.boxes))
        unit.boxes.append(box)

    def wording(self, step: Mapping[str, Any]) -> tuple[str, str]:
        """The sign, with a plain number among the inputs, and the node's class; the op's name where none was made."""
        numbers = [f"{v['number']:.4g}" for v in step["inputs"] if isinstance(v, dict) and _is_number(v.get("number"))]
        sign = step.get("sign") or step["name"]
        if len(numbers) == 1 and len(numbers[0]) <= 6 and not step["name"].endswith("_loss"):  # a class to be left out
            sign = f"{sign} {numbers[0]}"
        node = self.nodes.get(step["node"]) if step.get("node") is not None else None
        name = node["name"] if node else step["name"]
        return shortened(sign, 16), "" if name == sign else shortened(name, 34)

    def spread_results(self, unit: Unit) -> None:
        """Gives each result of an operation that has many a place of its own, in the scope that uses it."""
        flows: dict[int, list[Flow]] = {}
        for flow in self.drawn.flows:
            if flow.tail == unit.id:
                flows.setdefault(flow.box, []).append(flow)
        unit.outs = [unit.id] * len(unit.boxes)
        for number, box in enumerate(unit.boxes):
            used = flows.get(number, [])
            if not used and box.kind != "parameter":
                continue
            heads = [self.drawn.units[flow.head] for flow in used]
            groups = sorted({head.group for head in heads})
            apart = box.kind == "parameter" and len(groups) != 1  # named at its uses
            scope = unit.group if apart else self.common_scope(groups)
            place = self.new_unit(scope, unit.step if apart else min(head.step for head in heads))
            place.op, place.boxes = unit.op, [box]
            unit.outs[number] = place.id
            self.holder[box.tensor, box.version] = (place.id, 0)
            for flow in used:
                flow.tail, flow.box = place.id, 0
        unit.name = f"{unit.name or self.data['steps'][unit.op]['name']} → {len(unit.boxes)}"
        unit.boxes = []

    def home_leaves(self) -> None:
        """Moves each parameter, and data made in another branch of the program, to the scope that its uses share."""
        uses: dict[int, set[int]] = {}
        for flow in self.drawn.flows:
            tensor = self.drawn.units[flow.tail].boxes[flow.box].tensor
            uses.setdefault(tensor, set()).add(self.drawn.units[flow.head].group)
        for unit in self.drawn.units:
            result = unit.op is not None and self.drawn.unit_of_step[unit.op] != unit.id
            if unit.sign or result or unit.boxes[0].tensor not in uses:
                continue
            scopes = sorted(uses[unit.boxes[0].tensor])
            if unit.boxes[0].kind != "parameter":
                scopes.append(unit.group)
            unit.group = self.common_scope(scopes)

    def find_leaf_uses(self) -> None:
        """Where gradients arrive: at each version of a leaf that a recorded operation read; else at the oldest."""
        drawn = self.drawn
        for flow in drawn.flows:
            box, node = drawn.units[flow.tail].boxes[flow.box], drawn.units[flow.head].node
            sink = self.leaf_node.get(box.tensor)
            if sink is None or node is None or not self.leads_to(node, sink):
                continue
            box.sink = True
            if drawn.leaf_of_node.setdefault(sink, flow.tail) != flow.tail:
                drawn.leaf_uses[node, sink] = flow.tail
        for (tensor, _), (unit, number) in self.holder.items():
            sink = self.leaf_node.get(tensor)
            if sink is not None and sink not in drawn.leaf_of_node:
                drawn.leaf_of_node[sink] = unit
                drawn.units[unit].boxes[number].sink = True

    def leads_to(self, node: int, sink: int) -> bool:
        """Whether gradients go from ``node`` to ``sink``; one with an edge to itself stands for several nodes."""
        edges = [to for at in self.foreign_nodes(node) for to, _ in self.nodes[at]["edges"]]
        return sink in edges or (node in edges and not self.is_foreign(node))

    def common_scope(self, scopes: list[int]) -> int:
        """The innermost scope around all of ``scopes`` that is not a loop: a loop holds iterations only."""
        common = self.path(scopes[0])
        for scope in scopes[1:]:
            other = self.path(scope)
            common = [a for a, b in zip(common, other, strict=False) if a == b]
        while len(common) > 1 and self.kinds[common[-1]] == "loop":
            common.pop()
        return common[-1] if common else scopes[0]

    def path(self, scope: int) -> list[int]:
        """``scope`` and the scopes around it, outermost first."""
        path = []
        at: int | None = scope
        while at is not None:
            path.append(at)
            at = self.parents[at]
        return path[::-1]

    def settle_tags(self) -> None:
        """Turns flows of much-used tensors, and very long ones, into tags at their uses."""
        drawn = self.drawn
        for unit in drawn.units:
            unit.time = unit.step
        for flow in reversed(drawn.flows):
            if not drawn.units[flow.tail].sign:
                drawn.units[flow.tail].time = drawn.units[flow.head].step - 0.5
        count: dict[tuple[int, int], int] = {}
        where: dict[int, set[int]] = {}
        for flow in drawn.flows:
            count[flow.tail, flow.box] = count.get((flow.tail, flow.box), 0) + 1
            where.setdefault(flow.tail, set()).add(drawn.units[flow.head].group)
        kept: list[Flow] = []
        tagged: list[Flow] = []
        for flow, length in zip(drawn.flows, self.lengths(), strict=True):
            limit = NEAR_EDGES if len(where[flow.tail]) == 1 else LEAF_EDGES
            limit = OTHER_EDGES if drawn.units[flow.tail].sign else limit
            if drawn.units[flow.tail].boxes[flow.box].kind == "parameter" and len(where[flow.tail]) > 1:
                limit = 1
            far = length > LONGEST_EDGE or self.turns_between(flow) > LONGEST_JUMP
            # A tag without a name tells nobody where its tensor comes from: where it is the only use it stays an edge.
            far = far and (bool(flow.name) or count[flow.tail, flow.box] > 1)
            many = count[flow.tail, flow.box] > limit and not flow.same
            (tagged if far or many else kept).append(flow)
        drawn.flows = kept
        for flow in kept:
            if not drawn.units[flow.tail].sign:
                drawn.units[flow.tail].time = float("inf")  # what it is joined to says when
        for flow in tagged:
            self.add_tag(flow)

    def lengths(self) -> list[int]:
        """How many rows each flow runs down in the scope around both ends; leaves stand just above their first use."""
        flows, units = self.drawn.flows, self.drawn.units
        parting = {(a, b): self.parting(a, b) for a, b in {(units[f.tail].group, units[f.head].group) for f in flows}}
        depth: dict[Item, int] = {}
        first: dict[Item, int] = {}
        ends: list[tuple[Item, Item]] = []
        for flow in flows:
            out, into = parting[units[flow.tail].group, units[flow.head].group]
            tail: Item = ("unit", flow.tail) if out is None else ("scope", out)
            head: Item = ("unit", flow.head) if into is None else ("scope", into)
            ends.append((tail, head))
            depth[head] = max(depth.get(head, 0), depth.get(tail, 0) + 1)
            if out is None and not units[flow.tail].sign:
                first[tail] = min(first.get(tail, depth[head]), depth[head])
        depth |= {leaf: at - 1 for leaf, at in first.items()}
        return [depth[head] - depth.get(tail, 0) for tail, head in ends]

    def parting(self, a: int, b: int) -> tuple[int | None, int | None]:
        """Where the ways into two scopes part: the outermost scope around each that is not around the other."""
        out, into = self.path(a), self.path(b)
        common = sum(one == other for one, other in zip(out, into, strict=False))
        return next(iter(out[common:]), None), next(iter(into[common:]), None)

    def turns_between(self, flow: Flow) -> int:
        """How many iterations of a loop an edge would run past."""
        tail, head = self.drawn.units[flow.tail].group, self.drawn.units[flow.head].group
        if tail == head:
            return 0
        out, into = self.path(tail), self.path(head)
        common = sum(a == b for a, b in zip(out, into, strict=False))
        after = [self.turn[scope] for scope in into[common:] if scope in self.turn]
        before = [self.turn[scope] for scope in out[common : common + 1] if scope in self.turn]
        return max(after, default=0) - max(before, default=0)

    def add_tag(self, flow: Flow) -> None:
        box = self.drawn.units[flow.tail].boxes[flow.box]
        head = self.drawn.units[flow.head]
        if any(tag.tensor == box.tensor and tag.version == box.version for tag in head.tags):
            return
        text = shortened(flow.name or shape_text(self.tensors[box.tensor]["shape"]) or "()", 18)
        head.tags.append(Tag(box.tensor, box.version, box.kind, text, tag_width(text, box.kind)))


def _kind(about: Mapping[str, Any], made: bool) -> str:
    """What a tensor is drawn as, by how it is first met: a leaf stays a leaf when it is written to."""
    if about["kind"] == "gradient":
        return "gradient"
    if about.get("is_leaf", True) and about.get("requires_grad"):
        return "parameter"
    return "intermediate" if made else "data"


def _turns(scopes: list[Mapping[str, Any]]) -> dict[int, int]:
    """For each scope that is an iteration, which one of its loop it is."""
    count: dict[int | None, int] = {}
    turns = {}
    for scope in scopes:
        if scope["kind"] == "iteration":
            turns[scope["id"]] = count.get(scope["parent"], 0)
            count[scope["parent"]] = turns[scope["id"]] + 1
    return turns


def _inside_own(scopes: list[Mapping[str, Any]]) -> set[int]:
    """The scopes of functions of dynagrad's, and those inside them."""
    own: set[int] = set()
    for scope in scopes:
        if scope.get("own") or scope["parent"] in own:
            own.add(scope["id"])
    return own


def _heeded(data: Mapping[str, Any]) -> set[int]:
    """The tensors that something is ever done with: read, named, differentiated, looked at or kept as a gradient."""
    heeded: set[int] = {tensor["view_of"] for tensor in data["tensors"] if tensor.get("view_of") is not None}
    heeded.update(tensor["id"] for tensor in data["tensors"] if tensor["kind"] == "gradient" or tensor.get("name"))
    heeded.update(node["leaf"] for node in data["nodes"] if node.get("leaf") is not None)
    for step in data["steps"]:
        heeded.update(tensor for _, tensor in bound_names(step))
        heeded.update(tensor for tensor in step.get("inputs") or () if isinstance(tensor, int))
        heeded.update(step.get("roots") or ())
        if step["kind"] != "op" and isinstance(step.get("tensor"), int):
            heeded.add(step["tensor"])
    return heeded


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def bound_names(step: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The names that a step binds, with their tensors."""
    for change in name_changes(step):
        yield from (change.get("bind") or {}).items()


def name_changes(step: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a step does to names, frame by frame."""
    names = step.get("names") or []
    return [names] if isinstance(names, Mapping) else list(names)


class Names:
    """Which names each tensor has, frame by frame, as steps go by; what a module calls its parameter stays."""

    def __init__(self, tensors: Iterable[Mapping[str, Any]]) -> None:
        self.given = {tensor["id"]: shortened(tensor["name"]) for tensor in tensors if tensor.get("name")}
        self.frames: dict[Any, dict[str, int]] = {}
        self.of: dict[int, list[str]] = {}

    def apply(self, step: Mapping[str, Any]) -> set[int]:
        """Takes a step's bindings; the tensors whose names changed."""
        changed: set[int] = set()
        for change in name_changes(step):
            frame = self.frames.setdefault(change.get("frame"), {})
            for name in change.get("unbind") or ():
                if name in frame:
                    changed.add(self._drop(frame.pop(name), name))
            for name, tensor in (change.get("bind") or {}).items():
                if frame.get(name) == tensor:
                    continue
                if name in frame:
                    changed.add(self._drop(frame[name], name))
                frame[name] = tensor
                self.of.setdefault(tensor, []).append(name)
                changed.add(tensor)
        return changed

    def _drop(self, tensor: int, name: str) -> int:
        self.of[tensor].remove(name)
        return tensor

    def label(self, tensor: int) -> str:
        """What the box of ``tensor`` says: its name in its module, else at most two of the program's, the oldest first."""
        if tensor in self.given:
            return self.given[tensor]
        names = list(dict.fromkeys(self.of.get(tensor, [])))
        return shortened(", ".join(names[:2]) + (" …" if len(names) > 2 else ""))


def _longest_labels(data: Mapping[str, Any]) -> dict[int, str]:
    """For each tensor the widest text that its box ever shows."""
    names = Names(data["tensors"])
    longest = {tensor["id"]: names.label(tensor["id"]) for tensor in data["tensors"]}
    for step in data["steps"]:
        for tensor in names.apply(step):
            label = names.label(tensor)
            if text_width(label, 1) > text_width(longest.get(tensor, ""), 1):
                longest[tensor] = label
    for tensor in data["tensors"]:
        if tensor["kind"] == "gradient" and tensor.get("of") is not None and not longest[tensor["id"]]:
            longest[tensor["id"]] = gradient_name(longest.get(tensor["of"], ""))
    was_named = {tensor for step in data["steps"] for _, tensor in bound_names(step)}
    return {key: "unnamed" if key in was_named and len(label) < 7 else label for key, label in longest.items()}


def gradient_name(name: str) -> str:
    """What the gradient of the tensor called ``name`` is called where the program has no name for it."""
    return f"{name}.grad" if name else ""


def second_line(tensor: Mapping[str, Any]) -> str:
    """A tensor's shape; for a single number, room for it."""
    return shape_text(tensor["shape"]) or SECOND_LINE


def shape_text(shape: list[int]) -> str:
    """``3×2``, or nothing for a single number."""
    return shortened("×".join(map(str, shape)), 20)
