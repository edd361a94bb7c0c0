"""The row of every item: a link's head lies below its tail, and links are short.

Longest paths from the top, then items sink towards what they feed while they have room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

SWEEPS = 4


class Sized(Protocol):
    """What is asked of an item here: whether it is pinned to a border."""

    @property
    def edge(self) -> str:
        """The border, or nothing."""


class Directed(Protocol):
    """What is asked of a link here: its ends, as numbers of items."""

    @property
    def tail(self) -> int:
        """The upper end."""

    @property
    def head(self) -> int:
        """The lower end."""


def ranked(items: Sequence[Sized], links: Sequence[Directed], first: int) -> list[int]:
    """Rows from ``first``; items pinned to the top have row 0 to themselves, those pinned to the bottom the last row."""
    above, below = _neighbours(len(items), links)
    order = topological(len(items), above, below)
    place = {i: at for at, i in enumerate(order)}
    rows = [0] * len(items)
    for i in order:
        if items[i].edge != "top":
            rows[i] = max((rows[j] + 1 for j in above[i] if place[j] < place[i]), default=first)
    for _ in range(SWEEPS):
        moved = _sink(items, rows, order, above, below)
        if not _sink_chains(items, rows, above, below) and not moved:
            break
    last = max((rows[i] for i in order if items[i].edge != "bottom"), default=first - 1) + 1
    return [last if item.edge == "bottom" else row for item, row in zip(items, rows, strict=True)]


def _neighbours(count: int, links: Sequence[Directed]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for link in links:
        above[link.head].append(link.tail)
        below[link.tail].append(link.head)
    return above, below


def topological(count: int, above: list[list[int]], below: list[list[int]]) -> list[int]:
    """All items, each after those above it; where links go round in a circle, it is cut above its first item."""
    waiting = [len(inputs) for inputs in above]
    order = [i for i in range(count) if not waiting[i]]
    done = [not inputs for inputs in waiting]
    first, at = 0, 0
    while len(order) < count or at < len(order):
        if at == len(order):
            while done[first]:
                first += 1
            done[first] = True
            order.append(first)
        for j in below[order[at]]:
            waiting[j] -= 1
            if not waiting[j] and not done[j]:
                done[j] = True
                order.append(j)
        at += 1
    return order


def _sink_chains(items: Sequence[Sized], rows: list[int], above: list[list[int]], below: list[list[int]]) -> bool:
    """Moves what begins at the top and leads to one place by one way only, as a whole; says whether anything moved."""
    moved = False
    for i, item in enumerate(items):
        if above[i] or item.edge:
            continue
        chain = [i]
        while len(below[chain[-1]]) == 1:
            (j,) = below[chain[-1]]
            if len(above[j]) != 1 or len(below[j]) != 1 or items[j].edge:
                break
            chain.append(j)
        heads = [j for j in below[chain[-1]] if items[j].edge != "bottom"]
        down = rows[heads[0]] - 1 - rows[chain[-1]] if len(heads) == len(below[chain[-1]]) == 1 else 0
        if down > 0:
            moved = True
            for j in chain:
                rows[j] += down
    return moved


def _sink(
    items: Sequence[Sized], rows: list[int], order: list[int], above: list[list[int]], below: list[list[int]]
) -> bool:
    """Moves items down where that shortens more links than it lengthens; says whether anything moved."""
    moved = False
    for i in reversed(order):
        pulls = [rows[j] for j in below[i] if items[j].edge != "bottom"]
        if items[i].edge or not pulls or len(pulls) < len(above[i]):
            continue
        row = min(pulls) - 1  # in a circle that was cut this may lie higher: then nothing moves
        if row > rows[i] and (len(pulls) > len(above[i]) or not above[i]):
            rows[i], moved = row, True
    return moved
