"""The page in a real headless Chromium: it opens from disk, plays, answers clicks and keys."""

from __future__ import annotations

import re
from typing import Any

import pytest

import dynagrad as torch
from dynagrad.viz import record
from dynagrad.viz.page import page_of
from tests.viz import films
from tests.viz.browsing import Tab, needs_chromium, overlaps

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


def test_arms_are_read_from_the_syntax_and_from_indentation_where_there_is_none(open_page: Any) -> None:
    for first, arm in (("import torch", "if flag:"), ("%time", None)):
        lines = [first, "if flag:", "    text = (", "f(w)", "    )", "    h = w.tanh()", "else:", "    h = w.relu()"]
        film = films.Film("cell.py", "\n".join(lines))
        w = film.leaf("w", [2], "parameter")
        for op, film.line in (("tanh", 6), ("relu", 8)):
            film.backward(film.op(op, op, [w], [2], "h"))
        tab = open_page(film.finished())
        tab.go(film.data["rounds"][1]["forward"][0])
        tab.click("#compare")
        branches = tab.text("#inspector").partition("BRANCHES TAKEN")[2]
        assert ("in line 2: if flag:" in branches) == (arm is not None)
        assert "in line 7: else:" in branches


def test_two_fingers_zoom_what_lies_under_them(open_page: Any) -> None:
    tab = open_page(films.lab())
    before = tab.evaluate("({ ...dynagradPage.graph.view })")
    send = """([type, id, x, y]) => {
        const root = document.getElementById('drawing'), box = root.getBoundingClientRect();
        root.dispatchEvent(new PointerEvent(type, { pointerId: id, pointerType: 'touch', bubbles: true,
            clientX: box.left + x, clientY: box.top + y }));
    }"""
    fingers = [("pointerdown", 1, 100, 200), ("pointerdown", 2, 200, 200), ("pointermove", 2, 300, 200)]
    for event in [*fingers, ("pointerup", 1, 100, 200), ("pointerup", 2, 300, 200)]:
        tab.page.evaluate(send, list(event))
    after = tab.evaluate("({ ...dynagradPage.graph.view })")
    assert after["scale"] == pytest.approx(2 * before["scale"])
    assert (100 - after["x"]) / after["scale"] == pytest.approx((100 - before["x"]) / before["scale"])


def test_paper_is_light_and_carries_no_controls(open_page: Any) -> None:
    tab = open_page(films.lab())
    if tab.evaluate("document.documentElement.dataset.theme") != "dark":
        tab.click("#theme")
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.page.emulate_media(media="print")
    assert tab.evaluate("document.documentElement.dataset.theme") == "light"
    assert not any(tab.is_visible(one) for one in ("#play", "#slider", "#zoom-in", "#search", "#legend"))
    assert tab.is_visible("#says")
    tab.page.emulate_media(media="screen")
    tab.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"


def test_nothing_moves_by_itself(open_page: Any) -> None:
    tab = open_page(films.lab())
    moving = tab.page.evaluate(
        "() => [...document.querySelectorAll('*')].filter((node) => { const style = getComputedStyle(node);"
        " return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0; }).length"
    )
    assert moving == 0
    assert tab.step() == tab.evaluate("dynagradPage.recording.rounds[0].backward[0]")


def test_the_legend_answers_what_is_accumulate_grad_and_why_none(open_page: Any) -> None:
    tab = open_page(films.lab())
    tab.press("body", "?")
    said = tab.text("#inspector")
    assert "What is AccumulateGrad?" in said
    assert "Why is .grad None?" in said.replace("WHY IS .GRAD NONE?", "Why is .grad None?")
    tab.press("body", "?")
    assert "AccumulateGrad?" not in tab.text("#inspector")


def test_a_long_recording_is_packed_and_opens(open_page: Any) -> None:
    data = films.training(200)
    page = page_of(data)
    assert 'type="application/octet-stream"' in page
    assert len(page) < 2_000_000
    tab = open_page(data)
    assert tab.shown("#drawing .unit.current") == 1  # the first turn of the loop is open
    tab.press("body", "End")
    assert tab.shown("#drawing .group.closed") >= 1
    tab.press("body", "o")
    drawn = tab.evaluate("document.querySelectorAll('#drawing .unit').length")
    assert drawn < 1700  # only what is in view


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
