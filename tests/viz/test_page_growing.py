"""What the page shows as a film goes on: frames that grow, the first view, where gradients arrive and are cleared."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad as torch
from dynagrad.viz import record
from tests.viz.browsing import needs_chromium, overlaps

pytestmark = needs_chromium


def network(turns: int = 2, zero: bool = False) -> dict[str, Any]:
    """Training with an optimiser, recorded."""
    with record() as recording:
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(turns):
            model(torch.ones(4, 2)).sum().backward()
            optimiser.step()
            if zero:
                optimiser.zero_grad()
    return recording.data


FRAMES = """() => dynagradPage.geometry.groups.map((group, g) => dynagradPage.geometry.open[g] && group.s <= dynagradPage.step
    ? dynagradPage.geometry.shownBox(g, dynagradPage.step) : null)"""


def test_an_accumulate_grad_hangs_where_gradients_arrive_and_fills_as_they_do(open_page: Any) -> None:
    with record() as recording:
        w = (torch.ones(2) * 2).requires_grad_()
        for _ in range(2):
            (w * w).sum().backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
    tab = open_page(recording.data)
    steps = recording.data["steps"]
    landings = [k for k, step in enumerate(steps) if step["kind"] == "accumulate"]
    for count, k in enumerate(landings, 1):
        tab.go(k - 1)
        assert tab.shown("#drawing .sink.filled") == count - 1
        tab.go(k)
        assert tab.shown("#drawing .sink.filled") == count
        box = tab.locator("#drawing .unit.current .sink.filled").bounding_box()
        unit = tab.locator("#drawing .unit.current .tensor.parameter .shape").bounding_box()
        assert unit["y"] + unit["height"] - 3 <= box["y"] < unit["y"] + 2 * unit["height"]
    tab.press("body", "End")
    versions = [
        text.partition("·")[2].strip()
        for text in tab.locator("#drawing .unit:has(.sink) .tensor.parameter .small").all_text_contents()
    ]
    assert versions == ["v0", "v1"]
    tab.click("#drawing .sink >> nth=1")
    assert tab.text("#inspector h2") == "AccumulateGrad"
    assert overlaps(tab) == []


def test_frames_grow_with_the_film_and_hold_what_is_there(open_page: Any) -> None:
    data = network()
    tab = open_page(data)
    before: list[Any] = []
    for step in range(len(data["steps"])):
        tab.go(step)
        frames = tab.page.evaluate(FRAMES)
        outside = tab.page.evaluate("""() => {
            const { geometry, step } = dynagradPage;
            return geometry.units.filter((unit, u) => {
                if (unit.s > step || geometry.closedAround(unit.g) !== null) return false;
                const [frame, box] = [geometry.shownBox(unit.g, step), geometry.unitBox(u)];
                return box.x < frame.x - .1 || box.x + box.width > frame.x + frame.width + .1
                    || box.y + box.height > frame.y + frame.height + .1;
            }).length;
        }""")
        assert outside == 0
        for old, new in zip(before, frames, strict=False):
            if old and new:
                assert new["x"] <= old["x"] + 0.1
                assert new["x"] + new["width"] >= old["x"] + old["width"] - 0.1
                assert new["height"] >= old["height"] - 0.1
        before = frames
    whole = tab.page.evaluate("() => dynagradPage.geometry.groups.map((_, g) => dynagradPage.geometry.groupBox(g))")
    assert all(frame is None or frame == box for frame, box in zip(before[1:], whole[1:], strict=True))


@pytest.mark.parametrize("size", [(1440, 900), (900, 700), (390, 844)])
def test_the_first_view_is_readable_and_shows_where_backward_begins(open_page: Any, size: tuple[int, int]) -> None:
    tab = open_page(network(60), size=size)
    assert tab.evaluate("dynagradPage.graph.view.scale") >= 0.8
    canvas, root = (tab.locator(one).bounding_box() for one in ("#drawing", "#drawing .unit.current .operation"))
    assert canvas["x"] <= root["x"]
    assert root["x"] + root["width"] <= canvas["x"] + canvas["width"]
    assert canvas["y"] <= root["y"] <= canvas["y"] + canvas["height"] - root["height"]


def test_a_gradient_shows_at_the_tag_that_it_flows_to(open_page: Any) -> None:
    data = network()
    tab = open_page(data)
    assert tab.shown("#drawing .unit .flow") == 0
    tab.go(data["rounds"][0]["backward"][1])
    tags = tab.locator("#drawing .unit:not(.future) .tag.parameter").count()
    assert tags >= 4
    assert tab.shown("#drawing .unit:not(.future) .flow.shown") == tags


def test_a_gradient_that_is_cleared_is_gone(open_page: Any) -> None:
    data = network(2, zero=True)
    tab = open_page(data)
    (first, *_) = (k for k, step in enumerate(data["steps"]) if step.get("what") == "grad=")
    tab.go(first - 1)
    tab.page.evaluate(
        "() => dynagradPage.goTo({ kind: 'tensor', box: 0, unit: dynagradPage.story.holders.get("
        "`${dynagradPage.recording.tensors.find((one) => one.name === '0.bias').id}:1`)[0] })"
    )
    assert ".GRAD ADDS UP" in tab.text("#inspector").upper()
    tab.go(first)
    assert f"it was set to None in step {first + 1}" in tab.text("#inspector")


def test_a_gradient_that_is_set_to_zero_in_place_is_shown_as_it_is(open_page: Any) -> None:
    with record() as recording:
        w = torch.ones(2, requires_grad=True)
        (w * 3).sum().backward()
        w.grad.zero_()
    tab = open_page(recording.data)
    tab.press("body", "End")
    tab.click("#drawing .tensor.parameter .shape")
    assert tab.locator("#inspector .value.gradient .numbers td").all_inner_texts() == ["0", "0"]
    tab.press("body", "ArrowLeft")
    assert tab.locator("#inspector .value.gradient .numbers td").all_inner_texts() == ["3", "3"]


def test_the_end_of_a_backward_says_what_became_of_graph_and_gradients(open_page: Any) -> None:
    with record() as recording:
        x = torch.ones(2, requires_grad=True)
        (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        (g**2).sum().backward()
    tab = open_page(recording.data)
    said = []
    for k, step in enumerate(recording.data["steps"]):
        if step["kind"] == "backward_end":
            tab.go(k)
            said.append(tab.text("#says"))
    assert "no .grad has changed. The graph is kept" in said[0]
    assert "the leaves have their gradients. The graph is used up" in said[1]
    tab.click("#drawing .unit[aria-label*='operation ∂'] .operation")
    assert "create_graph=True" in tab.text("#inspector")


def test_a_step_that_is_not_drawn_says_why(open_page: Any) -> None:
    tab = open_page(network())
    tab.press("body", "Home")
    assert tab.text("#says").endswith("It is not drawn: nothing reads it.")
    tab.go(1)
    while "uniform_" not in tab.text("#says"):
        tab.press("body", "ArrowRight")
    assert "not drawn" not in tab.text("#says")


def test_many_lines_between_two_closed_groups_are_drawn_as_one(open_page: Any) -> None:
    with record() as recording:
        model = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(4)))
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            model(torch.ones(1, 2)).sum().backward()
            optimiser.step()
    tab = open_page(recording.data)
    tab.press("body", "End")
    tab.press("body", "c")
    tab.click(".group.closed:has-text('range(3)')")
    assert tab.shown("#drawing .group.closed") >= 3
    assert [text for text in tab.locator("#drawing .edge.bundle text").all_text_contents() if text] == ["×8", "×8"]
    between = tab.shown("#drawing .edge:not(.future)")
    tab.click(".group.closed:has-text('iteration 2')")
    assert tab.shown("#drawing .edge.bundle") == 1
    assert tab.shown("#drawing .edge:not(.future)") > between + 7


def test_hooks_that_ran_are_marked_and_named(open_page: Any) -> None:
    def halve(gradient: torch.Tensor) -> torch.Tensor:
        return gradient * 0.5

    with record() as recording:
        w = torch.ones(2, requires_grad=True)
        h = (w * 2).tanh()
        h.retain_grad()
        h.register_hook(halve)
        w.register_post_accumulate_grad_hook(lambda _: None)
        h.sum().backward()
    tab = open_page(recording.data)
    assert tab.shown("#drawing .hook") == 0
    tab.press("body", "End")
    assert tab.shown("#drawing .hook.shown") == 2
    tab.click("#drawing .tensor:has(.hook.shown):has-text('h') >> nth=-1")
    said = tab.text("#inspector")
    assert "retains_grad" in said
    assert "tensor hook" in said
    assert "halve" in said
    assert "it replaced the gradient" in said
    (ran,) = (k for k, step in enumerate(recording.data["steps"]) if step.get("hook") == "tensor")
    tab.go(ran)
    assert "A tensor hook runs on h" in tab.text("#says")
    tab.click("#legend")
    assert tab.shown("#inspector .hook.shown") == 1
