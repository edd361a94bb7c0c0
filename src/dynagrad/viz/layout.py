"""Where everything of a recording is drawn: ``lay_out`` makes the scene that the page and the SVG renderer read.

A group (a module, a loop, one of its iterations, a call) is laid out by itself, with the groups inside it as boxes of
the size that they have at first, open or closed. What opens later moves its neighbours aside and nothing else, so the
renderers need no layout of their own. Drawing is not done here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .groups import End, Group, Segment, closed_ranks, open_some, read_groups
from .layered import Arrangement
from .placing import place_together
from .shapes import Unit
from .units import Drawn, Flow, read_units

SCENE_VERSION = 1
VISIBLE_AT_FIRST = 150  # units and boxes of groups: groups are opened from the outside for as long as they fit


@dataclass(slots=True)
class Scene:
    """The whole drawing: group 0 is the canvas."""

    drawn: Drawn
    groups: list[Group]
    routes: list[list[tuple[int, int]]]

    def as_data(self) -> dict[str, Any]:
        """The scene as plain data, numbers rounded to a tenth of a pixel."""
        return {
            "version": SCENE_VERSION,
            "units": [_unit_data(unit) for unit in self.drawn.units],
            "groups": [_group_data(group) for group in self.groups],
            "flows": [
                [flow.tail, flow.box, flow.head, flow.input, route]
                for flow, route in zip(self.drawn.flows, self.routes, strict=True)
            ],
            "node_units": self.drawn.unit_of_node,
            "node_leaves": self.drawn.leaf_of_node,
            "leaf_uses": [[*edge, unit] for edge, unit in self.drawn.leaf_uses.items()],
        }


def lay_out(data: Mapping[str, Any], budget: int = VISIBLE_AT_FIRST) -> Scene:
    """The scene of a recording, given as its plain data; groups are open at first while ``budget`` boxes show.

    Example:
        >>> from dynagrad.viz.layout import lay_out
        >>> scope = {"id": 0, "parent": None, "kind": "program", "name": "", "line": 1}
        >>> scene = lay_out({"steps": [], "tensors": [], "nodes": [], "scopes": [scope]})
        >>> len(scene.groups), scene.groups[0].open
        (1, True)
    """
    drawn = read_units(data)
    groups = read_groups(data, drawn)
    _time_leaves(drawn, groups)
    open_some(groups, budget)
    routes = [list(_route(drawn, groups, flow)) for flow in drawn.flows]
    memory: dict[Any, Arrangement] = {}
    for alike in _alike(drawn, groups):
        place_together(drawn, groups, alike, memory)
    return Scene(drawn, groups, routes)


def _time_leaves(drawn: Drawn, groups: list[Group]) -> None:
    """A tensor that is named at its uses only stands before whatever holds the first of them."""
    for user in reversed(drawn.units):
        for tag in user.tags:
            leaf = drawn.units[drawn.holders[tag.tensor, tag.version][0]]
            child: Unit | Group = user
            at: int | None = user.group
            while at is not None and at != leaf.group:
                child, at = groups[at], groups[at].parent
            if not leaf.sign and at is not None and leaf.time < float("inf"):
                leaf.time = child.step - 0.5


def _alike(drawn: Drawn, groups: list[Group]) -> Iterator[list[Group]]:
    """Groups to be placed as one, the innermost first: iterations of a loop that do the same, else each by itself."""
    known: dict[Any, int] = {}
    form: dict[int, int] = {}
    for group in sorted(groups, key=lambda group: -group.depth):
        units = tuple((bool(unit.sign), unit.name, len(unit.boxes)) for unit in (drawn.units[i] for i in group.units))
        inner = tuple(form[i] for i in group.groups)
        form[group.id] = known.setdefault((units, inner, group.open), len(known))
    together: dict[Any, list[Group]] = {}
    for group in groups:
        turn = group.kind == "iteration" and group.parent is not None
        key = (-group.depth, group.parent, form[group.id]) if turn else (-group.depth, group.id, -1)
        together.setdefault(key, []).append(group)
    for key in sorted(together, key=lambda key: key[0]):
        yield together[key]


def _route(drawn: Drawn, groups: list[Group], flow: Flow) -> Iterator[tuple[int, int]]:
    """Adds what is missing of a flow's segments to the groups that it passes; yields each as (group, its number)."""
    tail, head = drawn.units[flow.tail], drawn.units[flow.head]
    key = (flow.tail, flow.box)
    out, into = _ancestors(groups, tail.group), _ancestors(groups, head.group)
    common = next(group for group in out if group in set(into))
    at: End = ("unit", flow.tail, flow.box)
    for number in out[: out.index(common)]:
        port = groups[number].outs.setdefault(key, len(groups[number].outs))
        yield _segment(groups[number], at, ("out", port, 0), head.step, flow)
        at = ("group", number, port)
    outside = common
    for number in reversed(into[: into.index(common)]):
        port = groups[number].ins.setdefault(key, len(groups[number].ins))
        yield _segment(groups[outside], at, ("group", number, port), head.step, flow)
        at, outside = ("in", port, 0), number
    yield _segment(groups[outside], at, ("unit", flow.head, 0), head.step, flow)


def _ancestors(groups: list[Group], number: int) -> list[int]:
    path = [number]
    while (parent := groups[path[-1]].parent) is not None:
        path.append(parent)
    return path


def _segment(group: Group, tail: End, head: End, step: int, flow: Flow) -> tuple[int, int]:
    # Flows arrive in the order of their heads, so an equal segment, where there is one, is among the last few.
    last = len(group.segments)
    for number in range(last - 1, max(last - 40, -1), -1):
        segment = group.segments[number]
        if segment.tail == tail and segment.head == head:
            segment.cut, segment.same = segment.cut and flow.cut, segment.same or flow.same
            return group.id, number
    group.segments.append(Segment(tail, head, step, flow.cut, flow.same))
    return group.id, last


def _unit_data(unit: Unit) -> dict[str, Any]:
    return {
        "g": unit.group,
        "s": unit.step,
        "op": unit.op,
        "node": unit.node,
        "outs": unit.outs,
        "sign": unit.sign,
        "name": unit.name,
        "x": round(unit.x, 1),
        "y": round(unit.y, 1),
        "row": unit.row,
        "l": round(unit.left, 1),
        "r": round(unit.right, 1),
        "h": round(unit.height, 1),
        "top": round(unit.top, 1),
        "pill": round(unit.pill, 1),
        "reach": round(unit.reach, 1),
        "tags": [
            [tag.tensor, tag.version, tag.kind, tag.text, round(tag.width, 1), unit.tag_y(i)]
            for i, tag in enumerate(unit.tags)
        ],
        "boxes": [
            [
                box.tensor,
                box.version,
                box.kind,
                round(box.dx, 1),
                round(box.width, 1),
                int(box.chip) + 2 * int(box.sink),
            ]
            for box in unit.boxes
        ],
    }


def _group_data(group: Group) -> dict[str, Any]:
    return {
        "parent": group.parent,
        "kind": group.kind,
        "label": group.text(),
        "note": group.note(),
        "scope": group.scope,
        "open": group.open,
        "s": group.step,
        "count": group.count,
        "units": group.units,
        "groups": group.groups,
        "rows": [[round(top, 1), round(height, 1)] for top, height in group.rows],
        "parts": group.parts,
        "ins": [round(x, 1) for x in group.in_x],
        "outs": [round(x, 1) for x in group.out_x],
        "ranks": [closed_ranks(group.ins), closed_ranks(group.outs)],
        "w": round(group.width, 1),
        "h": round(group.height, 1),
        "cw": round(group.closed_width, 1),
        "x": round(group.x, 1),
        "y": round(group.y, 1),
        "row": group.row,
        "segments": [
            [
                segment.tail,
                segment.head,
                segment.step,
                int(segment.cut) + 2 * int(segment.same),
                [[row, round(x, 1)] for row, x in segment.bends],
                round(segment.offset, 1),
            ]
            for segment in group.segments
        ],
    }
