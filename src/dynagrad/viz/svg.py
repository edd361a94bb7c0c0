"""Still pictures of recordings: ``svg_of`` draws the graph after one step, its groups as open as they are at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import marks
from .groups import Group, Segment, port_x
from .layout import Scene, lay_out
from .marks import Canvas, theme_colours
from .moment import Moment
from .shapes import ACCUMULATE_GAP, BOX_HEIGHT, PILL_HEIGHT, STEM, Box, Unit
from .units import shape_text

MARGIN = 24.0


def svg_of(recording: Any, step: int | None = None, theme: str = "light") -> str:
    """The graph of a recording as an SVG document.

    Args:
        recording: a recording, or its plain data.
        step: after which step, counted from 0, or from the end where negative; None: after the last.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        ValueError: there is no such theme.
        IndexError: there is no such step.

    Example:
        >>> from dynagrad.viz.svg import svg_of
        >>> scope = {"id": 0, "parent": None, "kind": "program", "name": "", "line": 1}
        >>> svg_of({"steps": [], "tensors": [], "nodes": [], "values": [], "scopes": [scope]})[:4]
        '<svg'
    """
    data = recording if isinstance(recording, Mapping) else recording.data
    scene = lay_out(data)
    canvas = Canvas(theme_colours(theme))
    _Picture(canvas, data, scene, Moment(data, scene, step)).draw()
    root = scene.groups[0]
    return canvas.document(root.width, root.height, MARGIN, "The graph of the recorded program")


class _Picture:
    """Draws a scene, its groups as open as they are at first, at one moment."""

    def __init__(self, canvas: Canvas, data: Mapping[str, Any], scene: Scene, moment: Moment) -> None:
        self.canvas, self.scene, self.moment = canvas, scene, moment
        self.tensors = {tensor["id"]: tensor for tensor in data["tensors"]}
        self.nodes = {node["id"]: node for node in data["nodes"]}
        self.flowed = {
            part
            for flow, route in zip(scene.drawn.flows, scene.routes, strict=True)
            if (flow.tail, flow.head) in moment.flowed
            for part in route
        }

    def draw(self) -> None:
        waiting = [(self.scene.groups[0], 0.0, 0.0)]
        for group, x, y in waiting:
            if group.parent is not None:
                marks.group_box(self.canvas, x, y, group.size(), group.text(), group.note(), group.open)
            if not group.open:
                continue
            for number, segment in enumerate(group.segments):
                if segment.step <= self.moment.step:
                    self.draw_segment(group, segment, x, y, (group.id, number) in self.flowed)
            for unit in (self.scene.drawn.units[i] for i in group.units):
                if unit.step <= self.moment.step:
                    self.draw_unit(unit, x + unit.x, y + unit.y)
            inner = (self.scene.groups[i] for i in group.groups)
            waiting += [(child, x + child.x, y + child.y) for child in inner if child.step <= self.moment.step]

    def draw_segment(self, group: Group, segment: Segment, x: float, y: float, flowed: bool) -> None:
        points = [(x + px, y + py) for px, py in segment_points(self.scene, group, segment)]
        marks.edge(self.canvas, points, cut=segment.cut, same=segment.same, arrow=segment.head[0] == "unit")
        if flowed:
            marks.gradient_edge(self.canvas, points, arrow=segment.tail[0] == "unit")

    def draw_unit(self, unit: Unit, x: float, y: float) -> None:
        moment = self.moment
        if unit.id in moment.current:
            marks.halo(self.canvas, x - unit.left, y, unit.left + unit.right, unit.height)
        for i, tag in enumerate(unit.tags):
            home, _ = self.scene.drawn.holders[tag.tensor, tag.version]
            ends = y + unit.top / 2, x - unit.pill / 2
            marks.tag(self.canvas, x - unit.reach, y + unit.tag_y(i), tag, *ends, (home, unit.id) in moment.flowed)
        if unit.sign:
            state = "freed" if unit.node in moment.freed else "ran" if unit.node in moment.backward else ""
            for box in unit.boxes:
                marks.stem(self.canvas, x, y + PILL_HEIGHT, x + box.dx, y + unit.top + STEM)
            marks.operation(self.canvas, x, y, unit, recorded=unit.node is not None, state=state)
        for box in unit.boxes:
            top = y + unit.top + (STEM if unit.sign else 0.0)
            self.draw_box(box, x + box.dx, top)
            if box.sink:
                filled = (unit.id, box.tensor) in moment.landed
                marks.accumulate(self.canvas, x + box.dx, top + BOX_HEIGHT + ACCUMULATE_GAP, filled)

    def draw_box(self, box: Box, x: float, y: float) -> None:
        moment, about = self.moment, self.tensors[box.tensor]
        newest = moment.version.get(box.tensor, 0) == box.version
        label, named = moment.label(box.tensor)
        second = moment.number(box.tensor, box.version) if not about["shape"] else shape_text(about["shape"])
        if box.version or not newest:
            second = f"{second or '()'} · v{box.version}"
        marks.tensor(self.canvas, x, y, box.width, box.kind, label, second or "()", strong=named and newest)
        if newest and (box.tensor in moment.gradients or box.tensor in moment.accumulated):
            marks.chip(self.canvas, x + box.width / 2 + 5, y + BOX_HEIGHT / 2)


def segment_points(scene: Scene, group: Group, segment: Segment) -> list[tuple[float, float]]:
    """The points that an edge runs through within ``group``: straight down inside a row, curved between rows."""
    x, y, row = _end_point(scene, group, segment.tail, outward=True)
    points = [(x, y)]
    if row >= 0 and group.rows:
        points.append((x, max(y, sum(group.rows[row]))))
    for bend, at in segment.bends:
        points += [(at, group.rows[bend][0]), (at, sum(group.rows[bend]))]
    x, y, row = _end_point(scene, group, segment.head, outward=False)
    x += segment.offset
    if row >= 0:
        points.append((x, min(y, group.rows[row][0])))
    return [*points, (x, y)]


def _end_point(scene: Scene, group: Group, end: tuple[str, int, int], outward: bool) -> tuple[float, float, int]:
    """Where a segment begins or ends, and in which row; -1 for the group's own border."""
    kind, number, port = end
    if kind == "unit":
        unit = scene.drawn.units[number]
        if outward:
            return unit.x + unit.boxes[port].dx, unit.y + unit.out_y(port), unit.row
        return unit.x, unit.y, unit.row
    if kind == "group":
        child = scene.groups[number]
        x = child.x + port_x(child, port, outward)
        return x, child.y + (child.size()[1] if outward else 0.0), child.row
    return (group.in_x[number], 0.0, -1) if kind == "in" else (group.out_x[number], group.height, -1)
