"""Coordinates within the rows, after Brandes and Köpf: four extreme alignments, their middle, then a little settling.

Source: U. Brandes, B. Köpf, "Fast and simple horizontal coordinate assignment", GD 2001; with ports as offsets
within a block, and each block's place found by longest paths.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .arrange import Layers

SETTLING = 8
Near = list[list[tuple[int, float, float, bool]]]


def placed(layers: Layers, rows: list[list[int]], item_gap: float, bend_gap: float) -> list[float]:
    """The axis of every vertex, such that neighbours in a row keep their gaps."""
    gaps = _gaps(layers, rows, item_gap, bend_gap)
    barred = _barred(layers, rows)
    candidates = [
        _one_sided(layers, rows, gaps, barred, upwards, mirrored)
        for upwards in (False, True)
        for mirrored in (False, True)
    ]
    _bring_together(layers, candidates)
    middle = [sum(sorted(xs)[1:3]) / 2 for xs in zip(*candidates, strict=True)]
    for sweep in range(SETTLING):
        _settle(layers, rows, gaps, middle, downwards=sweep % 2 == 0)
    return middle


def _gaps(layers: Layers, rows: list[list[int]], item_gap: float, bend_gap: float) -> dict[tuple[int, int], float]:
    """The least distance between the axes of every two neighbours."""
    gaps = {}
    for row in rows:
        for a, b in pairwise(row):
            gap = bend_gap if layers.bend[a] and layers.bend[b] else item_gap
            if layers.bend[a] != layers.bend[b]:
                gap = (item_gap + bend_gap) / 2
            gaps[a, b] = layers.right[a] + gap + layers.left[b]
    return gaps


def _of_order(layers: Layers, vertex: int) -> int | None:
    """The upper end of the link of order into ``vertex``."""
    return next((upper for upper, _, _, order in layers.up[vertex] if order), None)


def _between_bends(layers: Layers, vertex: int) -> int | None:
    """The upper end of the link into ``vertex`` where both are bends."""
    return next((link[0] for link in layers.up[vertex] if layers.bend[link[0]] and layers.bend[vertex]), None)


def _barred(layers: Layers, rows: list[list[int]]) -> set[tuple[int, int]]:
    """Links that cross one that must run straight, and so may not themselves be straightened.

    Those of order come first: a long edge that crosses one bends.
    """
    barred: set[tuple[int, int]] = set()
    for must in (_of_order, _between_bends):
        for upper, lower in pairwise(rows):
            _bar(layers, upper, lower, [must(layers, vertex) for vertex in lower], barred)
    return barred


def _bar(
    layers: Layers, upper: list[int], lower: list[int], straight: list[int | None], barred: set[tuple[int, int]]
) -> None:
    """Adds the links between two rows that cross a link which ends in ``lower[i]`` and begins in ``straight[i]``."""
    place = {vertex: i for i, vertex in enumerate(upper)}
    bounds = [
        (i, place[u]) for i, u in enumerate(straight) if u is not None and u in place and (u, lower[i]) not in barred
    ]
    low, done = -1, 0
    for i, bound in [*bounds, (len(lower), len(upper))]:
        for at, vertex in enumerate(lower[done : i + 1], done):
            for u, _, _, order in layers.up[vertex]:
                if u != straight[at] and not order and not low <= place[u] <= bound:
                    barred.add((u, vertex))
        low, done = bound, i + 1


def _one_sided(
    layers: Layers,
    rows: list[list[int]],
    gaps: dict[tuple[int, int], float],
    barred: set[tuple[int, int]],
    upwards: bool,
    mirrored: bool,
) -> list[float]:
    """One of the four extreme alignments: links straightened from one side, everything pushed to the left or right."""
    near = layers.down if upwards else layers.up
    ordered = [row[::-1] if mirrored else row for row in (rows[::-1] if upwards else rows)]
    root, shift = _aligned(near, ordered, barred, upwards)
    sign = -1.0 if mirrored else 1.0
    edges: dict[int, list[tuple[int, float]]] = {}
    waiting = dict.fromkeys(root, 0)
    for row in ordered:
        for a, b in pairwise(row):
            distance = gaps[(b, a) if mirrored else (a, b)] + sign * (shift[a] - shift[b])
            edges.setdefault(root[a], []).append((root[b], distance))
            waiting[root[b]] += 1
    place = dict.fromkeys(waiting, 0.0)
    ready = [block for block, count in waiting.items() if not count]
    order = []
    for block in ready:
        order.append(block)
        for other, distance in edges.get(block, ()):
            place[other] = max(place[other], place[block] + distance)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    _pull(order, edges, place)
    return [sign * place[root[v]] + shift[v] for v in range(len(root))]


def _pull(order: list[int], edges: dict[int, list[tuple[int, float]]], place: dict[int, float]) -> None:
    """Moves blocks that nothing holds on the near side up to their neighbours on the far side."""
    held = {other for others in edges.values() for other, _ in others}
    for block in reversed(order):
        if block not in held and block in edges:
            place[block] = min(place[other] - distance for other, distance in edges[block])


def _aligned(
    near: Near, rows: list[list[int]], barred: set[tuple[int, int]], upwards: bool
) -> tuple[list[int], list[float]]:
    """Each vertex's block, named by its first vertex, and the vertex's offset within the block."""
    root = list(range(len(near)))
    shift = [0.0] * len(near)
    for before, row in pairwise(rows):
        place = {vertex: i for i, vertex in enumerate(before)}
        last = -1
        for vertex in row:
            for u, own, other, _ in _medians(near[vertex], place):
                link = (vertex, u) if upwards else (u, vertex)
                if place[u] > last and link not in barred:
                    root[vertex], shift[vertex] = root[u], shift[u] + other - own
                    last = place[u]
                    break
    return root, shift


def _medians(
    links: list[tuple[int, float, float, bool]], place: dict[int, int]
) -> list[tuple[int, float, float, bool]]:
    """The one or two links in the middle; a link of order alone where there is one."""
    forced = [link for link in links if link[3]]
    if forced:
        return forced[:1]
    links = sorted(links, key=lambda link: (place[link[0]], link[2]))
    half = len(links) // 2
    return links[half : half + 1] if len(links) % 2 else links[max(half - 1, 0) : half + 1]


def _bring_together(layers: Layers, candidates: list[list[float]]) -> None:
    """Moves all candidates onto the narrowest: those pushed left by their left rim, the others by their right one."""

    def low(xs: list[float]) -> float:
        return min(x - left for x, left in zip(xs, layers.left, strict=True))

    def high(xs: list[float]) -> float:
        return max(x + right for x, right in zip(xs, layers.right, strict=True))

    narrowest = min(candidates, key=lambda xs: high(xs) - low(xs))
    start, end = low(narrowest), high(narrowest)
    for number, xs in enumerate(candidates):
        move = end - high(xs) if number % 2 else start - low(xs)
        xs[:] = [x + move for x in xs]


def _settle(
    layers: Layers, rows: list[list[int]], gaps: dict[tuple[int, int], float], x: list[float], downwards: bool
) -> None:
    """Moves each vertex, as far as its neighbours in the row let it, to where its links would be straight."""
    for row in rows if downwards else reversed(rows):
        sequence = range(len(row)) if downwards else range(len(row) - 1, -1, -1)
        for i in sequence:
            vertex = row[i]
            wish = _wish(layers, vertex, x)
            low = x[row[i - 1]] + gaps[row[i - 1], vertex] if i else float("-inf")
            high = x[row[i + 1]] - gaps[vertex, row[i + 1]] if i + 1 < len(row) else float("inf")
            if low <= high:
                x[vertex] = min(max(wish, low), high)


def _wish(layers: Layers, vertex: int, x: list[float]) -> float:
    """Where ``vertex`` would like to be: the median of the places that make one link straight each."""
    wishes: list[float] = []
    for links in (layers.up[vertex], layers.down[vertex]):
        for other, own, its, order in links:
            weight = 8 if order else 3 if layers.bend[other] and layers.bend[vertex] else 1
            wishes += [x[other] + its - own] * weight
    if not wishes:
        return x[vertex]
    wishes.sort()
    low, high = wishes[(len(wishes) - 1) // 2], wishes[len(wishes) // 2]
    return min(max(x[vertex], low), high)
