"""Nothing that a recorded program names or says runs in the page or becomes part of it."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

from dynagrad.viz.page import page_of
from tests.viz import films
from tests.viz.browsing import needs_chromium

pytestmark = needs_chromium
ALERT = "<img src=x onerror=alert(1)>"
BREAKOUT = "</script><script>alert(2)</script><!--\u2028"


def hostile() -> dict[str, Any]:
    """A recording with markup in everything that a program can name."""
    text = ALERT + BREAKOUT
    film = films.Film(f"{text}.py", f"x = 1  # {text}\n{text}\n")
    x = film.leaf(text, [2], "parameter")
    film.scope("module", text)
    y = film.op(text, text, [x, 2.0], [], text)
    film.backward(y)
    data = film.finished()
    error = {"kind": "error", "type": text, "message": text, "at": [0, 1], "scope": 0, "round": 0, "function": text}
    data["steps"].append(error | {"lines": [[0, 2, text]]})
    data["notes"] = [text]
    data["tensors"][0] |= {"name": text, "dtype": text}
    data["nodes"][1] |= {"formula": text, "name": text}
    data["nodes"][1]["saved"][0]["name"] = text
    data["values"][0]["data"] = [text, float("nan")]
    return data


def test_nothing_that_a_program_says_becomes_part_of_the_page(open_page: Any) -> None:
    tab = open_page(hostile())
    for step in range(len(tab.evaluate("dynagradPage.story.steps"))):
        tab.go(step)
    tensor, operation = {"kind": "tensor", "unit": 0, "box": 0}, {"kind": "operation", "unit": 1}
    for selected in (tensor, operation, {"kind": "accumulate", "unit": 0, "box": 0}, {"kind": "edge", "edge": "0.0"}):
        tab.page.evaluate("selected => dynagradPage.select(selected)", selected)
    tab.press("body", "?")
    tab.evaluate("dynagradPage.showSide('compare')")
    tab.fill("#search", "img")
    with tab.expect_download():
        tab.select_option("#export", "svg")
    assert tab.evaluate("document.querySelectorAll('img, script:not([type=module]), iframe').length") == 0
    assert ALERT in tab.text("#code")


def test_the_embedded_recording_cannot_end_its_element() -> None:
    page = page_of(hostile())
    inside = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert not re.search("[<>&\u2028\u2029]", inside)
    assert json.loads(inside)["recording"]["notes"] == [ALERT + BREAKOUT]
    assert page.count("<script") == 3
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_foreign_script_does_not_run_even_where_it_stands_in_the_page(browser: Any, tmp_path: Path) -> None:
    text = page_of(films.lab()).replace("<header", "<script>window.foreign = 1</script><header", 1)
    path = tmp_path / "foreign.html"
    path.write_text(text, encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("window.foreign") is None
    page.close()


@functools.cache
def scripts() -> str:
    folder = Path(page_of.__code__.co_filename).parent
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js")))


def test_no_script_makes_markup_of_text() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", scripts())
