"""Reads DOT text back as plain data, so that pictures are compared as graphs: labels, colours, edges and styles."""

import re
from collections import Counter

import pytest


@pytest.fixture
def read_dot():
    return read


@pytest.fixture
def shape_of_dot():
    return shape_of


def read(source: str) -> tuple[dict[str, tuple[str, str]], list[tuple[str, str, str]]]:
    """Boxes as ``{id: (label, colour)}`` and arrows as ``(tail, head, style)``, read by Graphviz's own parser."""
    graph = pytest.importorskip("pygraphviz").AGraph(string=source)
    boxes = {node: (_shown(node.attr["label"]), node.attr["fillcolor"] or "") for node in graph.nodes_iter()}
    arrows = [
        (a, b, (edge.attr["dir"] or "") + (edge.attr["style"] or "")) for edge in graph.edges_iter() for a, b in [edge]
    ]
    return boxes, arrows


def shape_of(source: str) -> Counter[tuple[object, ...]]:
    """The graph without its node ids: how often each box occurs together with all that lies above it."""
    boxes, arrows = read(source)
    described: dict[str, object] = dict(boxes)
    for _ in range(len(boxes)):
        described = {node: hash((box, _around(node, arrows, described))) for node, box in boxes.items()}
    return Counter((*boxes[node], described[node]) for node in boxes)


def _around(node: str, arrows: list[tuple[str, str, str]], described: dict[str, object]) -> frozenset[object]:
    above = Counter((described[tail], style, "in") for tail, head, style in arrows if head == node)
    below = Counter((described[head], style, "out") for tail, head, style in arrows if tail == node)
    return frozenset((above + below).items())


def _shown(label: str | None) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], label or "").replace("&amp;", "&")
