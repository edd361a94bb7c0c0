"""Places what groups hold: items and links for the layered drawing, and what comes back from it.

Groups that do the same are placed as one, so that the time steps of a loop line up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from .groups import End, Group, Segment, port_x
from .layered import Arrangement, Item, Link, arrange
from .shapes import GROUP_HEADER, GROUP_PAD, NAME, PILL_HEIGHT, ROW_GAP, Unit, text_width
from .units import Drawn

HEAD_SPREAD = 10.0
SHELF_GAP = 56.0
PORT_ROW = 26.0  # from a border to the first row


def place_together(drawn: Drawn, groups: list[Group], alike: list[Group], memory: dict[Any, Arrangement]) -> None:
    """Sets the places of children, ports and bends, and the sizes, of groups whose children correspond one to one.

    ``memory`` keeps drawings by what they were made from: many groups of a program are equal.
    """
    placings = [Placing(drawn, groups, group) for group in alike]
    ports: dict[Any, int] = {}
    for placing in placings:
        for key in placing.port_keys:
            ports.setdefault(key, len(ports))
    count = len(placings[0].children)
    items = [_largest(each) for each in zip(*(placing.items for placing in placings), strict=True)]
    items += [Item(0, 0, 0, key[0]) for key in ports]
    links: dict[tuple[int, int, bool, float], Link] = {}
    for placing in placings:
        placing.port_items = [count + ports[key] for key in placing.port_keys]
        for link in placing.links():
            links.setdefault((link.tail, link.head, link.order, link.tail_offset // 1), link)
    number = {key: i for i, key in enumerate(links)}
    start = min((item.time for item in items if not item.edge), default=0.0)
    items = [replace(item, time=item.time - start) for item in items]
    key = (tuple(items), tuple(links.values()))
    if key not in memory:
        memory[key] = arrange(items, list(links.values()), wrap=True)
    width = max((text_width(group.text(), NAME) + 60 for group in alike if group.parent is not None), default=0.0)
    for placing in placings:
        placing.take(memory[key], number, width)


def _largest(items: tuple[Item, ...]) -> Item:
    first = items[0]
    if len(items) == 1:
        return first
    left, right = max(item.left for item in items), max(item.right for item in items)
    return replace(first, left=left, right=right, height=max(item.height for item in items))


class Placing:
    """One group and its children in order of time."""

    def __init__(self, drawn: Drawn, groups: list[Group], group: Group) -> None:
        self.drawn, self.groups, self.group = drawn, groups, group
        self.children: list[Unit | Group] = [drawn.units[i] for i in group.units]
        self.children += [groups[i] for i in group.groups]
        self.index = {(type(child), child.id): i for i, child in enumerate(self.children)}
        self.items = [self._item(child) for child in self.children]
        self.port_keys = list(self._ports())
        self.port_items: list[int] = []

    def _item(self, child: Unit | Group) -> Item:
        if isinstance(child, Unit):
            return Item(child.left, child.right, child.height, time=child.time, early=not child.sign)
        width, height = child.size()
        return Item(width / 2, width / 2, height, time=child.step)

    def _ports(self) -> Iterator[Any]:
        """What each port is for, in words that fit equal groups too: which children read it, or which one made it."""
        readers: dict[int, list[tuple[int, int]]] = {port: [] for port in self.group.ins.values()}
        makers: dict[int, tuple[int, int]] = {}
        for segment in self.group.segments:
            if segment.tail[0] == "in" and segment.head[0] != "out":
                readers[segment.tail[1]].append((self._child(segment.head), segment.head[2]))
            if segment.head[0] == "out" and segment.tail[0] != "in":
                makers[segment.head[1]] = (self._child(segment.tail), segment.tail[2])
        seen: dict[Any, int] = {}
        for edge, ports in (("top", sorted(readers.items())), ("bottom", sorted(makers.items()))):
            for _, use in ports:
                key = (edge, tuple(use))
                seen[key] = seen.get(key, 0) + 1
                yield (*key, seen[key])

    def _child(self, end: End) -> int:
        return self.index[Unit if end[0] == "unit" else Group, end[1]]

    def links(self) -> Iterator[Link]:
        """A link for each segment, and those that put a loop's iterations below one another."""
        for segment in self.group.segments:
            yield self._link(segment)
        if self.group.kind == "loop":
            turns = [self.index[Group, i] for i in self.group.groups if self.groups[i].kind == "iteration"]
            yield from (Link(a, b, order=True) for a, b in pairwise(turns))

    def _link(self, segment: Segment) -> Link:
        tail, tail_offset = self._end(segment.tail, outward=True)
        head, head_offset = self._end(segment.head, outward=False)
        return Link(tail, head, tail_offset, head_offset)

    def _end(self, end: End, outward: bool) -> tuple[int, float]:
        kind, number, port = end
        if kind == "unit":
            return self._child(end), self.drawn.units[number].boxes[port].dx if outward else 0.0
        if kind == "group":
            group = self.groups[number]
            return self._child(end), port_x(group, port, outward) - group.size()[0] / 2
        return self.port_items[number + (0 if kind == "in" else len(self.group.ins))], 0.0

    def take(self, arrangement: Arrangement, number: dict[tuple[int, int, bool, float], int], label: float) -> None:
        """Writes places and sizes into the group; ``label`` is the width that its header needs."""
        group = self.group
        pad, header = (0.0, 0.0) if group.parent is None else (GROUP_PAD, GROUP_HEADER)
        self._stack_rows(arrangement, header, pad)
        pad += max(label - arrangement.width - 2 * pad, 0.0) / 2
        group.width = arrangement.width + 2 * pad
        for child, x, row in zip(self.children, arrangement.x, arrangement.row, strict=False):
            self._put(child, x + pad, row)
        ports = [arrangement.x[i] + pad for i in self.port_items]
        group.in_x, group.out_x = ports[: len(group.ins)], ports[len(group.ins) :]
        for segment in group.segments:
            link = self._link(segment)
            bends = arrangement.bends[number[link.tail, link.head, False, link.tail_offset // 1]]
            segment.bends = [(row, x + pad) for row, x in bends]
        self._spread_heads()

    def _stack_rows(self, arrangement: Arrangement, header: float, pad: float) -> None:
        """Tops and heights of rows: each part stacks its own, shelves stand below one another."""
        group, row, shelf, start, low, filled = self.group, 0, 0, header, header, header
        for count, on in arrangement.parts:
            if on != shelf:
                shelf, start = on, low + SHELF_GAP
            y = start
            for at, height in enumerate(arrangement.heights[row : row + count]):
                group.rows.append((y, height))
                low = max(low, y + height)
                filled = max(filled, y + height if height else 0.0)
                y += height + (ROW_GAP if height or at else PORT_ROW)
            row += count
        group.parts = arrangement.parts
        group.height = max(low, filled + pad)  # a row of ports is the border itself

    def _put(self, child: Unit | Group, x: float, row: int) -> None:
        """A tensor alone stands at the bottom of its row, next to those that use it; everything else at the top."""
        top, height = self.group.rows[row]
        child.row = row
        if isinstance(child, Unit):
            child.x, child.y = x, top if child.sign else top + height - child.height
        else:
            child.x, child.y = x - child.size()[0] / 2, top

    def _spread_heads(self) -> None:
        """Edges into one operation arrive side by side, in the order in which they come from left to right."""
        into: dict[int, list[Segment]] = {}
        for segment in self.group.segments:
            if segment.head[0] == "unit":
                into.setdefault(segment.head[1], []).append(segment)
        for number, segments in into.items():
            segments.sort(key=self._comes_from)
            room = max(self.drawn.units[number].pill - PILL_HEIGHT, 0.0)
            pitch = min(HEAD_SPREAD, room / max(len(segments) - 1, 1))
            for i, segment in enumerate(segments):
                segment.offset = (i - (len(segments) - 1) / 2) * pitch

    def _comes_from(self, segment: Segment) -> float:
        if segment.bends:
            return segment.bends[-1][1]
        kind, number, port = segment.tail
        if kind == "unit":
            return self.drawn.units[number].x + self.drawn.units[number].boxes[port].dx
        if kind == "group":
            return self.groups[number].x + port_x(self.groups[number], port, outward=True)
        return self.group.in_x[number]
