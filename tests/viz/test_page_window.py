"""What leaves the page as a picture, and how it fits its window, in a real headless Chromium."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.viz import films
from tests.viz.browsing import needs_chromium

pytestmark = needs_chromium


def test_the_view_is_exported_as_svg(open_page: Any) -> None:
    tab = open_page(films.lab())
    with tab.expect_download() as download:
        tab.select_option("#export", "svg")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own text
    words = {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Wh", "i2h", "MmBackward0", "@"} <= words
    assert "var(" not in text
    assert "class=" not in text
    assert download.value.suggested_filename == "lab.py.svg"


def test_an_exported_label_lies_over_its_halo_and_every_colour_is_plain(open_page: Any) -> None:
    tab = open_page(films.training())
    tab.select_option("#colour", "time")
    with tab.expect_download() as download:
        tab.select_option("#export", "svg")
    root = ET.fromstring(Path(download.value.path()).read_text(encoding="utf-8"))  # noqa: S314 - our own text
    labels = [node for node in root.iter("{http://www.w3.org/2000/svg}text") if (node.text or "").startswith("▾")]
    assert labels
    for halo, label in zip(labels[::2], labels[1::2], strict=True):
        assert halo.text == label.text
        assert (halo.get("fill"), label.get("stroke")) == ("none", "none")
    paints = [node.get(name) for node in root.iter() for name in ("fill", "stroke") if node.get(name)]
    assert all(re.fullmatch("none|#[0-9a-f]{6}", one) for one in paints)
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        assert (path.get("fill"), path.get("stroke")) != ("none", "none")


def test_the_view_is_exported_as_png_at_twice_the_size(open_page: Any) -> None:
    tab = open_page(films.lab())
    size = tab.evaluate(
        "[document.getElementById('drawing').clientWidth, document.getElementById('drawing').clientHeight]"
    )
    with tab.expect_download() as download:
        tab.select_option("#export", "png")
    data = Path(download.value.path()).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(data[i : i + 4], "big") for i in (16, 20)] == [2 * one for one in size]


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 800), (960, 1080), (720, 900), (420, 800)])
def test_every_panel_fits_its_window(open_page: Any, size: tuple[int, int]) -> None:
    tab = open_page(films.training(), size=size)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for selector in ("#source", "#drawing", "#inspector", "#play", "#slider"):
        box = tab.locator(selector).bounding_box()
        assert box["width"] > 20
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0] + 1
        assert box["y"] + box["height"] <= size[1] + 1
    assert tab.locator("#drawing").bounding_box()["height"] > 0.25 * size[1]


@pytest.mark.parametrize("size", [(1440, 900), (900, 700), (390, 844)])
def test_the_tools_stand_in_one_row_however_long_the_title_is(open_page: Any, size: tuple[int, int]) -> None:
    tab = open_page(films.lab() | {"title": "a_program_with_quite_a_long_name.py"}, size=size)
    boxes = [tab.locator(one).bounding_box() for one in ("#colour", "#compare", "#legend", "#export", "#theme")]
    middles = [box["y"] + box["height"] / 2 for box in boxes]
    assert max(middles) - min(middles) < 4
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= size[0] for box in boxes)
    assert tab.locator("#drawing").bounding_box()["height"] > 0.28 * size[1]


def test_the_controls_stand_in_one_row_beside_an_error(open_page: Any) -> None:
    tab = open_page(films.failing(), size=(760, 900))
    first, error, count = (tab.locator(selector).bounding_box() for selector in ("#first", "#to-error", "#count"))
    for box in (error, count):
        assert abs(box["y"] + box["height"] / 2 - first["y"] - first["height"] / 2) < 3


def test_the_part_of_a_line_in_an_error_covers_none_of_its_text(open_page: Any) -> None:
    data = films.failing()
    data["sources"][0]["text"] = data["sources"][0]["text"].replace(
        "\n", "  # and a long comment beside what it says\n"
    )
    tab = open_page(data)
    for line in tab.locator(".line.conflict").all():
        text, role = line.locator(".text").bounding_box(), line.locator(".role").bounding_box()
        assert role["y"] >= text["y"] + text["height"] - 1
    assert "long comment" in tab.get_attribute(".line.conflict .text", "title")


def test_zoom_pan_and_fit(open_page: Any) -> None:
    tab = open_page(films.lab())
    start = tab.evaluate("({ ...dynagradPage.graph.view })")
    tab.press("body", "+")
    assert tab.evaluate("dynagradPage.graph.view.scale") > start["scale"]
    box = tab.locator("#drawing").bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + box["height"] - 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 90, box["y"] + box["height"] - 60, steps=4)
    tab.mouse.up()
    moved = tab.evaluate("({ ...dynagradPage.graph.view })")
    tab.mouse.wheel(0, 300)
    tab.until(f"dynagradPage.graph.view.scale < {moved['scale']}")
    tab.press("body", "0")
    assert abs(tab.evaluate("dynagradPage.graph.view.scale") - min(start["scale"], 1.5)) < 0.5
    inside = tab.locator("[data-unit='8']").bounding_box()
    assert inside["y"] + inside["height"] < box["y"] + box["height"]
