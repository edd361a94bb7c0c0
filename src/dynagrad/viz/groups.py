"""The groups of a scene: scopes that hold something, as a tree, open from the outside inwards for as long as they fit.

Placing what they hold is ``layout``'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .shapes import CLOSED_HEIGHT, NAME, SMALL, shortened, text_width
from .units import Drawn

End = tuple[str, int, int]  # ("unit", id, box), ("group", id, port), ("in", port, 0), ("out", port, 0)


@dataclass(slots=True)
class Segment:
    """The part of an edge that lies in one group: two ends, and bends as (row, x)."""

    tail: End
    head: End
    step: int
    cut: bool = False
    same: bool = False
    bends: list[tuple[int, float]] = field(default_factory=list)
    offset: float = 0.0


@dataclass(slots=True)
class Group:
    """A scope with what it holds. ``ins`` and ``outs`` are its ports: the tensors that cross its border, and where."""

    id: int
    parent: int | None
    kind: str
    label: str
    scope: int
    depth: int = 0
    open: bool = False
    step: int = 1 << 60
    count: int = 0
    units: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    ins: dict[tuple[int, int], int] = field(default_factory=dict)
    outs: dict[tuple[int, int], int] = field(default_factory=dict)
    in_x: list[float] = field(default_factory=list)
    out_x: list[float] = field(default_factory=list)
    rows: list[tuple[float, float]] = field(default_factory=list)
    parts: list[tuple[int, int]] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0
    closed_width: float = 0.0
    x: float = 0.0
    y: float = 0.0
    row: int = 0

    def size(self) -> tuple[float, float]:
        """Width and height in the state that the group has at first."""
        return (self.width, self.height) if self.open else (self.closed_width, CLOSED_HEIGHT)

    def text(self) -> str:
        """What the group's box says."""
        return shortened(group_label(self.kind, self.label), 40)

    def note(self) -> str:
        """What it says below that, closed."""
        return f"{self.count} operation" + "s" * (self.count != 1)


def read_groups(data: Mapping[str, Any], drawn: Drawn) -> list[Group]:
    """A group for every scope that holds something, the canvas first; one around a single other is merged into it."""
    scopes = {scope["id"]: scope for scope in data["scopes"]}
    roots = [scope["id"] for scope in data["scopes"] if scope["parent"] is None]
    root = roots[0]
    holds: dict[int, int] = {}
    for unit in drawn.units:
        holds[unit.group] = holds.get(unit.group, 0) + 1
    used = {root}
    for scope in holds:
        at: int | None = scope
        while at is not None and at not in used:
            used.add(at)
            at = scopes[at]["parent"]
    children: dict[int, list[int]] = {}
    for scope in sorted(used - {root}):
        parent = scopes[scope]["parent"]
        children.setdefault(root if parent is None else parent, []).append(scope)
    groups, number = _tree(scopes, root, children, holds)
    for unit in drawn.units:
        unit.group = number[unit.group]
        groups[unit.group].units.append(unit.id)
    _sum_up(groups, drawn)
    return groups


def _tree(
    scopes: Mapping[int, Any], root: int, children: Mapping[int, list[int]], holds: Mapping[int, int]
) -> tuple[list[Group], dict[int, int]]:
    groups = [Group(0, None, "program", scopes[root]["name"], root, open=True)]
    number = {root: 0}
    stack = [(scope, 0, "") for scope in reversed(children.get(root, []))]
    while stack:
        scope, parent, prefix = stack.pop()
        label, inner = prefix + str(scopes[scope]["name"]), children.get(scope, [])
        if len(inner) == 1 and scope not in holds and scopes[scope]["kind"] not in {"loop", "iteration"}:
            number[scope] = len(groups)  # the next group made is the one that it is merged into
            stack.append((inner[0], parent, f"{label} / "))
            continue
        group = Group(len(groups), parent, scopes[scope]["kind"], label, scope, groups[parent].depth + 1)
        number[scope] = group.id
        groups[parent].groups.append(group.id)
        groups.append(group)
        stack += [(child, group.id, "") for child in reversed(inner)]
    return groups, number


def _sum_up(groups: list[Group], drawn: Drawn) -> None:
    """First steps and counts, from the innermost groups outwards; groups within a group are put in order of time."""
    for group in reversed(groups):
        steps = [drawn.units[i].step for i in group.units] + [groups[i].step for i in group.groups]
        group.step = min(steps, default=0)
        group.count = sum(bool(drawn.units[i].sign) for i in group.units) + sum(groups[i].count for i in group.groups)
        group.groups.sort(key=lambda i: (groups[i].step, i))
        text = text_width(group.text(), NAME), text_width(group.note(), SMALL)
        group.closed_width = max(*text, 90.0) + 44.0


def group_label(kind: str, name: str) -> str:
    """What a group's box says: a call ends in brackets, an iteration is numbered."""
    if kind == "iteration":
        return f"iteration {name}" if name.isdigit() else name
    return f"{name}()" if kind == "function" and name and not name.endswith(")") else name


def open_some(groups: list[Group], budget: int) -> None:
    """Opens groups from the outside inwards: all the groups of a group while they fit, else the first that fits."""
    visible = len(groups[0].units) + len(groups[0].groups)
    frontier = [0]
    for parent in frontier:
        inner = [groups[i] for i in groups[parent].groups]
        cost = sum(len(group.units) + len(group.groups) for group in inner)
        fitting = inner if visible + cost <= budget else inner[:1]
        for group in fitting:
            own = len(group.units) + len(group.groups)
            if visible + own <= budget:
                group.open = True
                visible += own
                frontier.append(group.id)


def port_x(group: Group, port: int, outward: bool) -> float:
    """Where a port lies on the border of ``group`` in the state that it has at first, from its left side."""
    ports = group.out_x if outward else group.in_x
    if group.open:
        return ports[port]
    return group.closed_width * (closed_ranks(group.outs if outward else group.ins)[port] + 1) / (len(ports) + 1)


def closed_ranks(ports: dict[tuple[int, int], int]) -> list[int]:
    """The places of a closed group's ports from left to right: by their tensors, so that no two lines cross.

    What leaves one closed group for the next leaves and enters in the same order.
    """
    ranks = [0] * len(ports)
    for rank, key in enumerate(sorted(ports)):
        ranks[ports[key]] = rank
    return ranks
