"""``arrange``: from items and links to rows, positions and bends; each connected part on its own, parts on shelves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

from .order import ordered
from .place import placed
from .ranks import ranked

ITEM_GAP = 26.0
BEND_GAP = 12.0
PART_GAP = 64.0
SHELF = 1150.0
ROW_SHARE = 42.0  # what a row takes beside its items, roughly
TALL = 700.0  # a part higher than that does not widen the shelves
SHELF_SHAPE = 1.9  # a shelf's width over the height of all shelves, where there is much to place


@dataclass(frozen=True, slots=True)
class Item:
    """A box with an axis: ``left`` and ``right`` are its extents from the axis. ``edge`` pins it to a border.

    ``edge`` is ``"top"`` or ``"bottom"`` for a port, a point where a link enters or leaves the whole drawing. Parts
    that no link joins stand in the order of the least ``time`` in each; an ``early`` item that no link joins to anything
    stands before a part that has begun at its time and has not ended.
    """

    left: float
    right: float
    height: float
    edge: str = ""
    time: float = 0.0
    early: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """From ``tail`` down to ``head``, items by number; the offsets say where it meets them, from their axes.

    A link of order is not drawn: it puts ``head`` below ``tail``, on the same axis.
    """

    tail: int
    head: int
    tail_offset: float = 0.0
    head_offset: float = 0.0
    order: bool = False


@dataclass(slots=True)
class Arrangement:
    """Where everything lies: an axis and a row for each item, the rows' heights, each link's bends as (row, x).

    ``parts`` are stretches of rows that stand side by side, as (number of rows, shelf): each stacks its rows by itself.
    """

    x: list[float]
    row: list[int]
    heights: list[float]
    bends: list[list[tuple[int, float]]]
    width: float
    parts: list[tuple[int, int]]


@dataclass(slots=True)
class Layers:
    """One connected part with its long links cut at every row: what the steps of the algorithm work on.

    Vertices are items first, then bends. ``up`` and ``down`` hold links as (vertex, own offset, its offset, order?).
    """

    left: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    bend: list[bool] = field(default_factory=list)
    up: list[list[tuple[int, float, float, bool]]] = field(default_factory=list)
    down: list[list[tuple[int, float, float, bool]]] = field(default_factory=list)

    def add(self, left: float, right: float, row: int, bend: bool) -> int:
        """A new vertex, by its number."""
        self.left.append(left)
        self.right.append(right)
        self.row.append(row)
        self.bend.append(bend)
        self.up.append([])
        self.down.append([])
        return len(self.row) - 1

    def join(self, tail: int, head: int, tail_offset: float, head_offset: float, order: bool) -> None:
        """A link between vertices of adjacent rows."""
        self.down[tail].append((head, tail_offset, head_offset, order))
        self.up[head].append((tail, head_offset, tail_offset, order))


def arrange(items: Sequence[Item], links: Sequence[Link], wrap: bool = False) -> Arrangement:
    """Places ``items`` in rows so that links run down, cross seldom and run straight.

    Parts that no link joins stand side by side in order of time; with ``wrap`` each in rows of its own, on several
    shelves. A link that cannot run down, where links go round in a circle, gets no bends.

    Example:
        >>> from dynagrad.viz.layered import Item, Link, arrange
        >>> box = Item(10, 10, 20)
        >>> drawing = arrange([box, box, box], [Link(0, 2), Link(1, 2)])
        >>> drawing.row, drawing.x[2] == (drawing.x[0] + drawing.x[1]) / 2
        ([0, 0, 1], True)
    """
    result = Arrangement([0.0] * len(items), [0] * len(items), [], [[] for _ in links], 0.0, [])
    first = int(any(item.edge == "top" for item in items))  # all parts leave the row of ports free
    parts = [_Part(members, items, links, inner, first) for members, inner in _connected(items, links)]
    _shelve(parts, result, wrap)
    result.heights = [0.0] * (max(result.row, default=-1) + 1)
    for item, row in zip(items, result.row, strict=True):
        result.heights[row] = max(result.heights[row], item.height)
    return result


def _connected(items: Sequence[Item], links: Sequence[Link]) -> list[tuple[list[int], list[int]]]:
    """The connected parts, each as its items and its links, in order of time."""
    parent = list(range(len(items)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for link in links:
        a, b = sorted((find(link.tail), find(link.head)))
        parent[b] = a
    parts: dict[int, tuple[list[int], list[int]]] = {}
    for i in range(len(items)):
        parts.setdefault(find(i), ([], []))[0].append(i)
    for number, link in enumerate(links):
        parts[find(link.tail)][1].append(number)
    return _in_time(items, list(parts.values()))


def _in_time(items: Sequence[Item], parts: list[tuple[list[int], list[int]]]) -> list[tuple[list[int], list[int]]]:
    """The parts by when they begin; ports are of no time."""
    times = [[items[i].time for i in members if not items[i].edge] or [0.0] for members, _ in parts]
    keys: dict[int, tuple[float, bool, float]] = {}
    under_way = until = float("-inf")
    for n in sorted(range(len(parts)), key=lambda n: min(times[n])):
        begin, end = min(times[n]), max(times[n])
        early = begin < until and len(parts[n][0]) == 1 and items[parts[n][0][0]].early
        keys[n] = (under_way, False, begin) if early else (begin, True, begin)
        if end > until:
            under_way, until = begin, end
    return [parts[n] for n in sorted(keys, key=keys.__getitem__)]


class _Part:
    """One connected part, placed by itself with its leftmost point at 0."""

    def __init__(
        self,
        members: list[int],
        items: Sequence[Item],
        links: Sequence[Link],
        inner: list[int],
        first: int,
    ) -> None:
        self.members = members
        self.inner = inner
        own = {i: at for at, i in enumerate(members)}
        ends = [Link(own[links[n].tail], own[links[n].head]) for n in inner]
        rows = dict(zip(members, ranked([items[i] for i in members], ends, first), strict=True))
        self.rows = max(rows.values()) + 1
        self.pinned = any(items[i].edge for i in members)
        self.layers = Layers()
        self.vertex = {i: self.layers.add(items[i].left, items[i].right, rows[i], bool(items[i].edge)) for i in members}
        downward = (n for n in inner if rows[links[n].tail] < rows[links[n].head])
        self.bends = {number: self._cut(links[number]) for number in downward}
        order = ordered(self.layers)
        self.x = placed(self.layers, order, ITEM_GAP, BEND_GAP)
        low = min(x - left for x, left in zip(self.x, self.layers.left, strict=True))
        self.x = [x - low for x in self.x]
        self.width = max(x + right for x, right in zip(self.x, self.layers.right, strict=True))
        heights = [0.0] * self.rows
        for i in members:
            heights[rows[i]] = max(heights[rows[i]], items[i].height)
        self.height = sum(heights) + ROW_SHARE * len(heights)

    def _cut(self, link: Link) -> list[int]:
        """The bends of a link, one in every row that it passes."""
        layers = self.layers
        vertex, head = self.vertex[link.tail], self.vertex[link.head]
        offset, bends = link.tail_offset, []
        for row in range(layers.row[vertex] + 1, layers.row[head]):
            bend = layers.add(0.0, 0.0, row, True)
            layers.join(vertex, bend, offset, 0.0, link.order)
            bends.append(bend)
            vertex, offset = bend, 0.0
        layers.join(vertex, head, offset, link.head_offset, link.order)
        return bends

    def put(self, result: Arrangement, x: float, row: int) -> None:
        """Writes the part's places into ``result``, moved right by ``x`` and down to begin in ``row``."""
        for i in self.members:
            result.x[i] = x + self.x[self.vertex[i]]
            result.row[i] = row + self.layers.row[self.vertex[i]]
        for number, bends in self.bends.items():
            result.bends[number] = [(row + self.layers.row[bend], x + self.x[bend]) for bend in bends]


def _shelve(parts: list[_Part], result: Arrangement, wrap: bool) -> None:
    """Stands the parts side by side, from left to right; with ``wrap`` each has rows of its own.

    They then stand on shelves from top to bottom, but on a single one where a part is tied to the borders.
    """
    shelves = wrap and not any(part.pinned for part in parts)
    area = sum((part.width + PART_GAP) * min(part.height, TALL) for part in parts)
    limit = max(SHELF, sqrt(area * SHELF_SHAPE), max((part.width for part in parts), default=0.0))
    x, base, shelf = 0.0, 0, 0
    for part in parts:
        if shelves and x and x + part.width > limit:
            x, shelf = 0.0, shelf + 1
        part.put(result, x, base)
        x += part.width + PART_GAP
        result.width = max(result.width, x - PART_GAP)
        if wrap:
            result.parts.append((part.rows, shelf))
            base += part.rows
    if not wrap:
        result.parts = [(max(result.row, default=-1) + 1, 0)]
