"""Pages that are opened in a browser, and DOT text read back as data: labels, colours, edges and styles."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.viz import films
from tests.viz.browsing import CHROMIUM, FLAGS, Tab


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is driven through Playwright")
    with playwright.sync_playwright() as driver, tempfile.TemporaryDirectory() as profile:
        context = driver.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=list(FLAGS), accept_downloads=True
        )
        yield context
        context.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    tabs: list[Tab] = []

    def opened(data: dict[str, Any], **options: Any) -> Tab:
        tabs.append(Tab(browser, films.page_file(tmp_path, data), **options))
        return tabs[-1]

    yield opened
    for tab in tabs:
        said, fetched = tab.said, tab.fetched
        tab.page.close()
        assert said == []
        outside = [one for one in fetched if one != tab.address and not one.startswith(("data:", "blob:"))]
        assert outside == []


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
