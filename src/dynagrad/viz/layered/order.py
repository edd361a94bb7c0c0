"""The order of the vertices within each row: sweeps of barycentres, then exchanges of neighbours, the best one kept."""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .arrange import Layers

SWEEPS = 10
EXCHANGES_UP_TO = 1500  # vertices: beyond, comparing neighbours would take longer than it helps
PORT_SHARE = 0.9  # how far a port at the rim of a wide item counts as lying towards the next item


def ordered(layers: Layers) -> list[list[int]]:
    """The vertices of each row from left to right."""
    rows = _first_order(layers)
    if max(map(len, rows)) == 1:
        return rows
    best, fewest = [row[:] for row in rows], _all_crossings(layers, rows)
    idle = 0
    for sweep in range(SWEEPS):
        if not fewest or idle == 3:
            break
        _sweep(layers, rows, downwards=sweep % 2 == 0)
        crossings = _all_crossings(layers, rows)
        if crossings < fewest:
            best, fewest, idle = [row[:] for row in rows], crossings, 0
        else:
            idle += 1
    if fewest and len(layers.row) <= EXCHANGES_UP_TO:
        _exchange(layers, best)
    return best


def _first_order(layers: Layers) -> list[list[int]]:
    """Rows filled depth first, so that what belongs together starts together."""
    rows: list[list[int]] = [[] for _ in range(max(layers.row) + 1)]
    seen = [False] * len(layers.row)
    for start in range(len(layers.row)):
        if layers.up[start] or seen[start]:
            continue
        stack = [start]
        while stack:
            vertex = stack.pop()
            if seen[vertex]:
                continue
            seen[vertex] = True
            rows[layers.row[vertex]].append(vertex)
            stack.extend(link[0] for link in reversed(layers.down[vertex]) if not seen[link[0]])
    return rows


def _sweep(layers: Layers, rows: list[list[int]], downwards: bool) -> None:
    """Sorts each row by where its neighbours in the row before lie."""
    links = layers.up if downwards else layers.down
    sequence = range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1)
    for r in sequence:
        before = rows[r - 1] if downwards else rows[r + 1]
        place = {vertex: i for i, vertex in enumerate(before)}
        keys = {}
        for i, vertex in enumerate(rows[r]):
            near = [place[u] + _lean(layers, u, offset) for u, _, offset, _ in links[vertex]]
            keys[vertex] = sum(near) / len(near) if near else float(i)
        rows[r].sort(key=keys.__getitem__)


def _lean(layers: Layers, vertex: int, offset: float) -> float:
    """How far within its item a port lies, from -0.45 at the left rim to 0.45 at the right one."""
    width = layers.right[vertex] + layers.left[vertex]
    return PORT_SHARE * (offset + (layers.left[vertex] - layers.right[vertex]) / 2) / width if width else 0.0


def _all_crossings(layers: Layers, rows: list[list[int]]) -> int:
    return sum(_crossings(layers, upper, lower) for upper, lower in pairwise(rows))


def _crossings(layers: Layers, upper: list[int], lower: list[int]) -> int:
    """How many links between two rows cross: inversions among their lower ends, read from left to right."""
    place = {vertex: i for i, vertex in enumerate(lower)}
    ends: list[float] = []
    crossings = 0
    for vertex in upper:
        links = sorted(
            layers.down[vertex], key=lambda link: (link[1], place[link[0]] + _lean(layers, link[0], link[2]))
        )
        heads = [place[u] + _lean(layers, u, offset) for u, _, offset, _ in links]
        crossings += sum(len(ends) - bisect_right(ends, head) for head in heads)
        for head in heads:
            insort(ends, head)
    return crossings


def _exchange(layers: Layers, rows: list[list[int]]) -> None:
    """Swaps neighbours in a row for as long as that removes crossings."""
    improved, rounds = True, 0
    while improved and rounds < 6:
        improved, rounds = False, rounds + 1
        for r, row in enumerate(rows):
            around = [rows[i] for i in (r - 1, r + 1) if 0 <= i < len(rows)]
            place = {vertex: i for other in around for i, vertex in enumerate(other)}
            for i in range(len(row) - 1):
                if _gain(layers, place, row[i], row[i + 1]) > 0:
                    row[i], row[i + 1] = row[i + 1], row[i]
                    improved = True


def _gain(layers: Layers, place: dict[int, int], a: int, b: int) -> int:
    """How many crossings fewer there are with ``b`` left of ``a``."""
    gain = 0
    for links in (layers.up, layers.down):
        ends_a = [place[u] + _lean(layers, u, offset) for u, _, offset, _ in links[a]]
        ends_b = [place[u] + _lean(layers, u, offset) for u, _, offset, _ in links[b]]
        gain += sum((x > y) - (x < y) for x in ends_a for y in ends_b)
    return gain
