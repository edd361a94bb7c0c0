"""The page in a real headless Chromium: it opens from disk, plays, answers clicks and keys, runs nothing foreign."""

from __future__ import annotations

import functools
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import dynagrad as torch
from dynagrad.viz import record
from dynagrad.viz.page import page_of
from tests.viz import films

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="the page is driven through Playwright")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ALERT = "<img src=x onerror=alert(1)>"
BREAKOUT = "</script><script>alert(2)</script><!--\u2028"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver, tempfile.TemporaryDirectory() as profile:
        context = driver.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=list(FLAGS), accept_downloads=True
        )
        yield context
        context.close()


class Tab:
    """A page that has been opened, with everything that it said, asked for or tried to fetch."""

    def __init__(self, browser: Any, address: str, size: tuple[int, int] = (1280, 800)) -> None:
        self.page = browser.new_page()
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.said: list[str] = []
        self.fetched: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.fetched.append(request.url))
        self.address = address
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def step(self) -> int:
        return self.page.evaluate("dynagradPage.step")

    def go(self, step: int) -> None:
        self.page.evaluate("step => dynagradPage.goToStep(step)", step)

    def until(self, condition: str) -> None:
        # Playwright's own way to wait compiles text in the page, which the page's policy forbids.
        deadline = time.monotonic() + 10
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline, condition
            self.page.wait_for_timeout(20)

    def shown(self, selector: str) -> int:
        return self.page.evaluate(
            "selector => [...document.querySelectorAll(selector)].filter(node =>"
            " getComputedStyle(node).visibility !== 'hidden' && getComputedStyle(node).display !== 'none').length",
            selector,
        )

    def names(self) -> list[str]:
        return self.page.evaluate(
            "[...document.querySelectorAll('#drawing .unit:not(.future) .tensor:not(.tag) .name')]"
            ".map(node => node.textContent)"
        )


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


pytestmark = needs_chromium


@pytest.mark.parametrize("name", [*films.FILMS, "empty"])
def test_a_page_opens_from_disk_and_says_nothing_on_the_console(open_page: Any, name: str) -> None:
    data = films.EMPTY if name == "empty" else films.FILMS[name]()
    tab = open_page(data)
    assert tab.text("#title") == data["title"]
    for step in range(0, len(data["steps"]), max(len(data["steps"]) // 12, 1)):
        tab.go(step)
        assert tab.text("#says")


def test_where_nothing_was_recorded_the_page_says_so_and_nothing_can_be_pressed(open_page: Any) -> None:
    tab = open_page(films.EMPTY)
    for panel in ("#says", "#inspector"):
        assert tab.text(panel).strip().startswith("Nothing was recorded")
    assert "Select anything" not in tab.text("#inspector")
    assert tab.locator(".timeline button:enabled:visible, #slider:enabled, #rounds:enabled").count() == 0
    tab.press("body", "Space")
    assert tab.get_attribute("#play", "aria-label") == "Play"


def test_stepping_grows_the_graph_and_moves_nothing(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.press("body", "Home")
    assert (tab.step(), tab.shown("#drawing .unit")) == (0, 1)
    place = tab.get_attribute("[data-unit='0']", "transform")
    for count in range(2, 10):
        tab.press("body", "ArrowRight")
        assert tab.shown("#drawing .unit") == count
    assert tab.get_attribute("[data-unit='0']", "transform") == place
    tab.press("body", "ArrowLeft")
    assert tab.shown("#drawing .unit") == 8
    assert "/ " in tab.text("#count")


def test_the_current_line_is_lit(open_page: Any) -> None:
    tab = open_page(films.lab())
    for step, line in ((0, 2), (4, 6), (8, 10)):
        tab.go(step)
        assert tab.get_attribute(".line.current", "data-line") == str(line)


def test_a_name_bound_anew_leaves_its_tensor_unnamed(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.go(6)
    assert tab.names() == ["Wh", "Wx", "x", "h", "i2h", "h2h", "next_h"]
    tab.go(7)
    assert tab.names() == ["Wh", "Wx", "x", "h", "i2h", "h2h", "unnamed", "next_h"]
    assert "is now unnamed" in tab.text("#says")


def test_backward_draws_gradients_where_they_flow(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.go(8)
    assert tab.shown("#drawing .flow.shown") == tab.shown("#drawing .chip") == 0
    tab.press("body", "b")
    assert "Backward begins at out" in tab.text("#says")
    tab.press("body", "ArrowRight")
    assert tab.shown("#drawing .flow.shown") == 1
    assert "SumBackward0 runs" in tab.text("#says")
    tab.press("body", "End")
    assert tab.shown("#drawing .flow.shown") == 6
    assert tab.shown("#drawing .sink.filled") == 2
    assert tab.shown("#drawing .operation.freed") == 5


def test_clicking_a_tensor_shows_its_value_beside_its_gradient(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.go(8)
    tab.click("[data-unit='0'] .tensor .shape")
    assert "None so far" in tab.text("#inspector")
    tab.press("body", "End")
    assert tab.text("#inspector h2") == "Wh"
    assert tab.shown("#inspector canvas.heat") == 2
    assert len(tab.query_selector_all("#inspector .value:first-child .numbers td")) == 9
    assert "requires_grad\nTrue" in tab.text("#inspector .facts >> nth=-1")
    assert tab.text("#inspector .provenance code") == "Wh = torch.randn(3, 3, requires_grad=True)"


def test_tables_of_numbers_stand_clear_of_each_other_and_of_the_panels_rim(open_page: Any) -> None:
    with record() as recording:
        w = (torch.ones(4, 3) * -0.12345).requires_grad_()
        (w * w).sum().backward()
    tab = open_page(recording.data, size=(1440, 900))
    tab.press("body", "End")
    tab.click("#drawing .tensor.parameter .shape")
    first, second = (table.bounding_box() for table in tab.locator("#inspector .numbers").all())
    apart = first["x"] + first["width"] <= second["x"] or first["y"] + first["height"] <= second["y"]
    assert apart
    rim = tab.locator("#inspector").bounding_box()
    assert all(box["x"] + box["width"] <= rim["x"] + rim["width"] for box in (first, second))


def test_data_and_intermediates_say_why_their_gradient_is_none(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.go(8)
    tab.click("[data-unit='2'] .tensor .shape")
    assert "requires_grad is False" in tab.text("#inspector")
    tab.click("[data-unit='4'] .tensor .shape")
    assert "not a leaf" in tab.text("#inspector")


def test_clicking_an_operation_shows_derivative_and_saved_tensors(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.go(8)
    tab.click("[data-unit='4'] .operation")
    said = tab.text("#inspector")
    assert "g × other" in said
    assert "other = x · 2×1" in said
    assert "24 bytes" in said
    tab.click("#inspector .links >> text=Wx")
    assert tab.text("#inspector h2") == "Wx"


def test_an_operation_says_why_it_is_not_recorded(open_page: Any) -> None:
    with record() as recording:
        h = torch.ones(2, requires_grad=True)
        x = torch.ones(2)
        h.detach()
        x * 2
        with torch.no_grad():
            h * 3
    tab = open_page(recording.data)
    tab.press("body", "End")
    said = []
    for pill in tab.locator("#drawing .operation").all():
        pill.click()
        said.append(tab.text("#inspector"))
    for reason in ("detach cuts the graph here", "no input requires a gradient", "gradients are switched off here"):
        assert [text.count(f"Not recorded: {reason}") for text in said if reason in text] == [1]


def test_clicking_a_line_selects_what_it_made(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.go(8)
    tab.click("[data-line='8']")
    assert tab.shown("#drawing .unit.selected") == 1
    assert "AddBackward0" in tab.text("#inspector .panel-head")
    tab.click("[data-unit='4'] .operation")
    assert tab.get_attribute(".line.chosen", "data-line") == "6"


def test_playing_steps_by_itself_and_stops(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.select_option("#speed", "150")
    tab.press("body", "Home")
    tab.press("body", "Space")
    tab.until("dynagradPage.step >= 3")
    assert tab.get_attribute("#play", "aria-label") == "Pause"
    tab.press("body", "Space")
    assert tab.get_attribute("#play", "aria-label") == "Play"


def test_jumping_to_forward_backward_and_rounds(open_page: Any) -> None:
    data = films.training()
    tab = open_page(data)
    first, second = data["rounds"][:2]
    tab.press("body", "Home")
    for key, step in (("b", first["backward"][0]), ("]", second["forward"][0]), ("b", second["backward"][0])):
        tab.press("body", key)
        assert tab.step() == step
    tab.click("#to-forward")
    assert tab.step() == second["forward"][0]
    tab.select_option("#rounds", index=2)
    assert tab.step() == data["rounds"][2]["forward"][0]
    tab.press("body", "[")
    assert tab.step() == second["forward"][0]


def test_an_update_is_no_forward_and_the_end_of_a_backward_is_followed_to_its_root(open_page: Any) -> None:
    with record() as recording:
        w = torch.ones(2, requires_grad=True)
        (w * w).sum().backward()
        with torch.no_grad():
            w.sub_(w.grad)
    first = recording.data["rounds"][0]
    tab = open_page(recording.data)
    for step, badge in ((first["forward"][0], "forward"), (first["backward"][0], "backward")):
        tab.go(step)
        assert tab.text("#says .phase") == badge
    tab.go(first["backward"][1] + 1)
    assert tab.text("#says .phase") == "update"
    tab.press("body", "Home")
    tab.go(first["backward"][1])
    assert "Backward is done" in tab.text("#says")
    root = tab.locator(f"[data-unit='{tab.evaluate('dynagradPage.root()')}']").bounding_box()
    canvas = tab.locator("#drawing").bounding_box()
    assert canvas["y"] <= root["y"] <= canvas["y"] + canvas["height"] - root["height"]


def test_the_slider_moves_the_film(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.focus("#slider")
    tab.press("#slider", "Home")
    tab.press("#slider", "ArrowRight")
    assert tab.step() == 1
    assert tab.get_attribute("#slider", "aria-valuetext").startswith("step 2 of")


def test_an_error_is_where_the_page_begins_with_both_lines(open_page: Any) -> None:
    tab = open_page(films.failing())
    assert tab.text("#banner").startswith("RuntimeError one of the variables")
    lines = [node.get_attribute("data-line") for node in tab.query_selector_all(".line.conflict")]
    assert lines == ["9", "11"]
    assert tab.text("[data-line='9'] .role") == "saved here"
    wrong = tab.get_attribute("#drawing .unit.wrong", "aria-label")
    assert "TanhBackward0" in wrong
    tab.press("body", "Home")
    assert not tab.is_visible("#banner")
    assert tab.shown(".line.conflict") == 0
    tab.press("body", "e")
    assert tab.is_visible("#banner")


@pytest.mark.parametrize("size", [(1440, 900), (760, 900)])
def test_neither_banner_nor_tools_lie_over_the_graph(open_page: Any, size: tuple[int, int]) -> None:
    tab = open_page(films.failing(), size=size)
    for key, units in (("e", ".unit.wrong"), ("0", ".unit:not(.future)")):
        tab.press("body", key)
        banner, tools = (tab.locator(selector).bounding_box() for selector in ("#banner", ".graph-tools"))
        for unit in tab.locator(f"#drawing {units}").all():
            box = unit.bounding_box()
            assert box["y"] >= banner["y"] + banner["height"]
            assert box["x"] + box["width"] <= tools["x"]
    message = tab.text("#banner").removeprefix("RuntimeError ")
    assert tab.text("body").count(message) == 2


def test_everything_fits_however_long_it_is(open_page: Any) -> None:
    tab = open_page(films.lstm(90))
    tab.press("body", "End")
    for key in "ooo0":
        tab.press("body", key)
    view = tab.evaluate("dynagradPage.graph.view")
    extent = tab.evaluate("dynagradPage.geometry.extent(dynagradPage.step)")
    top = view["y"] + extent["y"] * view["scale"]
    assert top >= 0
    assert top + extent["height"] * view["scale"] <= tab.locator("#drawing").bounding_box()["height"]


def test_search_finds_names_operations_and_lines(open_page: Any) -> None:
    tab = open_page(films.training())
    tab.press("body", "/")
    tab.keyboard.type("yhat")
    assert tab.shown("#found [role=option]") == 3
    tab.keyboard.press("Enter")
    assert "yhat" in tab.text("#inspector")
    tab.fill("#search", "powback")
    assert "PowBackward0" in tab.text("#found [role=option] >> nth=0")
    tab.keyboard.press("ArrowDown")
    assert tab.get_attribute("#search", "aria-activedescendant") == "hit-1"
    tab.fill("#search", "line 13")
    tab.keyboard.press("Enter")
    assert tab.get_attribute(".line.chosen", "data-line") == "13"
    tab.fill("#search", "no such thing")
    assert "nothing found" in tab.text("#found")


def test_groups_open_and_close_without_overlap(open_page: Any) -> None:
    tab = open_page(films.lstm(6))
    tab.press("body", "End")
    for _ in range(2):
        assert overlaps(tab) == []
        tab.press("body", "c")
        assert overlaps(tab) == []
        assert tab.shown("#drawing .group.closed") == 1
        for _ in range(3):
            tab.press("body", "o")
            assert overlaps(tab) == []
        assert tab.shown("#drawing .group.closed") == 0


def overlaps(tab: Tab) -> list[Any]:
    """Pairs of units and closed groups that overlap; and open groups that do not hold what is theirs."""
    return tab.page.evaluate("""() => {
        const { geometry } = dynagradPage, found = [];
        for (const [g, group] of geometry.groups.entries()) {
            if (geometry.closedAround(g) !== null) continue;
            const boxes = [
                ...group.units.map((u) => geometry.unitBox(u)), ...group.groups.map((c) => geometry.groupBox(c))];
            const own = geometry.groupBox(g);
            boxes.forEach((a, i) => {
                if (a.x < own.x - .1 || a.y < own.y - .1 || a.x + a.width > own.x + own.width + .1
                    || a.y + a.height > own.y + own.height + .1) found.push(["out", g, i]);
                boxes.slice(i + 1).forEach((b, j) => {
                    if (a.x < b.x + b.width - .2 && b.x < a.x + a.width - .2 && a.y < b.y + b.height - .2
                        && b.y < a.y + a.height - .2) found.push([g, i, i + 1 + j]);
                });
            });
        }
        return found;
    }""")


def test_a_click_opens_one_group_and_keeps_it_in_place(open_page: Any) -> None:
    tab = open_page(films.training())
    tab.press("body", "End")
    tab.press("body", "c")
    before = tab.locator(".group.closed").bounding_box()
    tab.click(".group.closed")
    after = tab.locator(".group.open").first.bounding_box()
    assert abs(before["y"] - after["y"]) < 8
    assert tab.shown("#drawing .group.closed") == 3
    tab.focus(".group.closed >> nth=0")
    tab.keyboard.press("Enter")
    assert tab.shown("#drawing .group.closed") == 2


def test_keys_walk_along_the_edges(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.go(8)
    tab.focus("#drawing")
    tab.keyboard.press("ArrowDown")
    assert "SumBackward0" in tab.evaluate("document.activeElement.getAttribute('aria-label')")
    tab.keyboard.press("ArrowUp")
    assert "TanhBackward0" in tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "TanhBackward0" in tab.text("#inspector .panel-head")
    for key in ("ArrowUp", "ArrowUp"):
        tab.keyboard.press(key)
    tab.keyboard.press("Shift+ArrowRight")
    label = tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "MmBackward0" in label
    assert tab.step() == 8


def test_what_the_step_says_is_a_live_region_and_everything_has_a_name(open_page: Any) -> None:
    tab = open_page(films.lab())
    assert tab.get_attribute("#says", "aria-live") == "polite"
    nameless = tab.page.evaluate(
        "[...document.querySelectorAll('button, select, input, [role=button]')].filter(node => !node.hidden"
        " && !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length))"
        ".map(node => node.outerHTML)"
    )
    assert nameless == []
    tab.go(8)
    label = tab.get_attribute("[data-unit='4']", "aria-label")
    assert label == "operation @ MmBackward0, recorded, makes intermediate i2h, shape 3×1, lab.py, line 6"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_have_enough_contrast(open_page: Any, scheme: str) -> None:
    tab = open_page(films.lab())
    if tab.evaluate("document.documentElement.dataset.theme") != scheme:
        tab.click("#theme")
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    colours = tab.page.evaluate("""() => {
        const style = getComputedStyle(document.documentElement);
        return ["ink", "soft", "canvas", "panel", "error", "error-fill", "accent", "operation-line", "gradient-line",
            "parameter-fill", "intermediate-fill", "data-fill", "gradient-fill", "operation-fill", "current-fill"]
            .reduce((all, name) => ({ ...all, [name]: style.getPropertyValue(`--${name}`).trim() }), {});
    }""")
    papers = [name for name in colours if name.endswith("-fill")]
    soft = ("panel", "canvas", "parameter-fill", "intermediate-fill", "data-fill")
    others = [("accent", "panel"), ("error", "error-fill"), ("operation-line", "canvas"), ("gradient-line", "panel")]
    for text, paper in [*(("ink", name) for name in papers), *(("soft", name) for name in soft), *others]:
        assert contrast(colours[text], colours[paper]) > 4.3, (text, paper)


def contrast(one: str, other: str) -> float:
    """The ratio of luminances, as the accessibility guidelines define it."""

    def luminance(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("what", ["time", "bytes", "gradient"])
def test_colour_shows_a_number(open_page: Any, what: str) -> None:
    tab = open_page(films.lab())
    tab.press("body", "End")
    plain = fills(tab)
    tab.select_option("#colour", what)
    assert tab.is_visible("#scale")
    assert fills(tab) != plain
    tab.select_option("#colour", "kind")
    assert fills(tab) == plain


def fills(tab: Tab) -> list[str]:
    return tab.page.evaluate("[...document.querySelectorAll('.unit .pill')].map(node => getComputedStyle(node).fill)")


def test_two_rounds_are_compared(open_page: Any) -> None:
    tab = open_page(films.training(3, branch=1))
    tab.press("body", "End")
    tab.click("#compare")
    tab.select_option("select[aria-label='First round']", "1")
    tab.select_option("select[aria-label='Second round']", "2")
    said = tab.text("#inspector")
    assert "Round 2 ran 1 that round 3 did not, round 3 ran 0" in said
    assert "only round 2: line 12" in said
    assert "BRANCHES TAKEN" not in said
    assert tab.shown("#inspector .rounds tr.differs") == 1
    assert tab.evaluate("dynagradPage.onlyA.size") == 1
    tab.click("#legend")
    assert tab.evaluate("dynagradPage.onlyA") is None


def test_comparing_begins_with_this_round_and_names_the_arms_of_conditions(open_page: Any) -> None:
    with record() as recording:
        w = torch.ones(2, requires_grad=True)
        for i in range(3):
            h = w * 3
            if i % 2:  # noqa: SIM108 - the arms are what is tested
                h = h.tanh()
            else:
                h = h.relu()
            h.sum().backward()
    tab = open_page(recording.data)
    tab.go(recording.data["rounds"][1]["forward"][0])
    tab.click("#compare")
    assert [tab.input_value(f"select[aria-label='{one} round']") for one in ("First", "Second")] == ["0", "1"]
    branches, others = (tab.text("#inspector").partition("BRANCHES TAKEN")[2]).split("LINES THAT ONLY ONE ROUND RAN")
    assert re.search(r"only round 1: line \d+ h = h.relu\(\)\nin line \d+: else:", branches)
    assert re.search(r"only round 2: line \d+ h = h.tanh\(\)\nin line \d+: if i % 2:", branches)
    assert "torch.ones" in others


def test_the_legend_answers_what_is_accumulate_grad_and_why_none(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.press("body", "?")
    said = tab.text("#inspector")
    assert "What is AccumulateGrad?" in said
    assert "Why is .grad None?" in said.replace("WHY IS .GRAD NONE?", "Why is .grad None?")
    tab.press("body", "?")
    assert "AccumulateGrad?" not in tab.text("#inspector")


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
    for selected in (tensor, operation, {"kind": "accumulate", "unit": 0}, {"kind": "edge", "edge": "0.0"}):
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


def test_a_long_recording_is_packed_and_opens(open_page: Any) -> None:
    data = films.training(200)
    page = page_of(data)
    assert 'type="application/octet-stream"' in page
    assert len(page) < 2_000_000
    tab = open_page(data)
    assert tab.shown("#drawing .group.closed") >= 1
    tab.press("body", "End")
    tab.press("body", "o")
    drawn = tab.evaluate("document.querySelectorAll('#drawing .unit').length")
    assert drawn < 1700  # only what is in view


@functools.cache
def scripts() -> str:
    folder = Path(page_of.__code__.co_filename).parent
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js")))


def test_a_recorded_program_plays(open_page: Any) -> None:
    with record() as recording:
        w = torch.randn(3, 2, requires_grad=True)
        x = torch.randn(4, 2)
        for _ in range(2):
            y = (x @ w.T).tanh()
            total = sum(part.sum() for part in y.unbind())
            total.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
        y.add_(1).detach()
    tab = open_page(recording.data)
    tab.press("body", "Home")
    for _ in range(len(recording.data["steps"])):
        tab.press("body", "ArrowRight")
        assert tab.text("#says")
    assert tab.shown("#drawing .unit.current") == 1
    tab.press("body", "0")
    assert {"w", "x", "y", "total"} <= {name.split(",")[0] for name in tab.names()}
    assert tab.shown("#drawing .edge.cut") == 1
    assert overlaps(tab) == []


def test_no_script_makes_markup_of_text() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", scripts())
