"""What a drawing must be, whatever is drawn: nothing overlaps, edges run down, the same picture every time."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import combinations, pairwise

import pytest

import dynagrad as torch
from dynagrad.viz import record
from dynagrad.viz.layered import Item, Link, arrange
from dynagrad.viz.layout import Scene, lay_out
from dynagrad.viz.moment import Moment
from dynagrad.viz.svg import segment_points
from dynagrad.viz.units import FOREIGN
from tests.viz import films

Rectangle = tuple[float, float, float, float]


def rectangles(scene: Scene, group: int) -> list[Rectangle]:
    """What stands side by side in a group: units and the groups inside it, as left, top, right, bottom."""
    units = (scene.drawn.units[i] for i in scene.groups[group].units)
    groups = (scene.groups[i] for i in scene.groups[group].groups)
    sizes = ((one, *one.size()) for one in groups)
    return [
        *((unit.x - unit.left, unit.y, unit.x + unit.right, unit.y + unit.height) for unit in units),
        *((one.x, one.y, one.x + width, one.y + height) for one, width, height in sizes),
    ]


def overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] - 0.01 and b[0] < a[2] - 0.01 and a[1] < b[3] - 0.01 and b[1] < a[3] - 0.01


def crossings(scene: Scene, number: int) -> int:
    """How often two edges of a group change sides between two rows, ports of one tensor counting as one."""
    group = scene.groups[number]
    lines = [segment_points(scene, group, segment) for segment in group.segments]
    pieces = [(a, b) for line in lines for a, b in pairwise(line) if b[1] > a[1]]
    count = 0
    for (a, b), (c, d) in combinations(pieces, 2):
        if abs(a[1] - c[1]) < 1 and abs(b[1] - d[1]) < 1:
            count += (a[0] - c[0]) * (b[0] - d[0]) < -1
    return count


@pytest.mark.parametrize("name", films.FILMS)
@pytest.mark.parametrize("budget", [0, 150, 10_000])
def test_nothing_overlaps_and_everything_lies_inside_its_group(name: str, budget: int) -> None:
    scene = lay_out(films.FILMS[name](), budget)
    for group in scene.groups:
        boxes = rectangles(scene, group.id)
        assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
        for left, top, right, bottom in boxes:
            assert left > -0.01
            assert top > -0.01
            assert right < group.width + 0.01
            assert bottom < group.height + 0.01


@pytest.mark.parametrize("name", films.FILMS)
def test_edges_run_downwards_from_point_to_point(name: str) -> None:
    scene = lay_out(films.FILMS[name](), 10_000)
    for group in scene.groups:
        for segment in group.segments:
            heights = [y for _, y in segment_points(scene, group, segment)]
            assert heights == sorted(heights)


@pytest.mark.parametrize("name", films.FILMS)
def test_the_same_recording_is_drawn_the_same_way(name: str) -> None:
    data = films.FILMS[name]()
    first = json.dumps(lay_out(data).as_data())
    assert json.dumps(lay_out(copy.deepcopy(data)).as_data()) == first


def test_the_labs_cell_is_drawn_as_the_lab_draws_it() -> None:
    data = films.lab()
    scene = lay_out(data)
    assert crossings(scene, 0) == 0
    below = {unit.name: unit.row for unit in scene.drawn.units if unit.sign}
    assert below == {"MmBackward0": 1, "AddBackward0": 2, "TanhBackward0": 3, "SumBackward0": 4}
    add, tanh, total = (unit for unit in scene.drawn.units if unit.row in {2, 3, 4})
    assert add.x == tanh.x == total.x  # the chain runs straight


def test_a_box_has_room_for_every_name_that_it_ever_has() -> None:
    film = films.Film("names.py", "")
    x = film.leaf("x", [2], "data")
    y = film.op("neg", "−", [x], [2], "y")
    film.step(kind="names", names=[{"frame": 0, "bind": {"a_name_of_some_length": y}}])
    box = lay_out(film.finished()).drawn.units[1].boxes[0]
    assert box.width > len("a_name_of_some_length, y") * 7


def test_much_used_parameters_are_tags_and_seldom_used_ones_edges() -> None:
    drawn = lay_out(films.lstm(4)).drawn
    tags = [tag.text for unit in drawn.units for tag in unit.tags]
    assert tags.count("Wi") == 4
    assert not [unit for unit in lay_out(films.lab()).drawn.units if unit.tags]


def test_time_steps_line_up() -> None:
    scene = lay_out(films.lstm(5), 10_000)
    turns = [group for group in scene.groups if group.kind == "iteration"]
    assert len(turns) == 5
    assert len({group.x for group in turns}) == 1
    columns = [[(scene.drawn.units[i].x, scene.drawn.units[i].y) for i in group.units] for group in turns]
    assert all(column == columns[0] for column in columns)
    assert [group.y for group in turns] == sorted(group.y for group in turns)


def test_gradients_arrive_at_the_versions_that_the_graph_read() -> None:
    with record() as recording:
        layer = torch.nn.Linear(2, 2, bias=False)
        for _ in range(2):
            layer(torch.ones(1, 2)).sum().backward()
            with torch.no_grad():
                layer.weight.sub_(0.1)
        unused = torch.ones(2, requires_grad=True)
        torch.autograd.grad((unused * 2).sum(), unused)
    drawn = lay_out(recording.data).drawn
    (weight,) = (tensor["id"] for tensor in recording.data["tensors"] if tensor.get("name") == "weight")
    boxes = [box for unit in drawn.units for box in unit.boxes if box.tensor == weight]
    # Version 0 is the memory before it was filled; the last one is what nobody has used yet.
    assert [(box.version, box.sink) for box in boxes] == [(0, False), (1, True), (2, True), (3, False)]
    assert all(box.half() >= 47 for unit in drawn.units for box in unit.boxes if box.sink)


def test_what_an_optimiser_writes_stands_beside_its_step_and_what_it_sets_up_is_not_drawn() -> None:
    with record() as recording:
        layers = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(4)))
        optimiser = torch.optim.Adam(layers.parameters())
        for _ in range(2):
            layers(torch.ones(1, 2)).sum().backward()
            optimiser.step()
    names = [step["name"] for step in recording.data["steps"] if step["kind"] == "op"]
    assert {"zeros_like", "empty"} <= set(names)
    scene = lay_out(recording.data, 10_000)
    drawn = scene.drawn
    made = {recording.data["steps"][unit.op]["name"] for unit in drawn.units if unit.op is not None}
    assert not made & {"zeros_like", "empty"}
    steps = [unit for unit in drawn.units if unit.name.startswith("Adam.step")]
    assert [unit.name for unit in steps] == ["Adam.step → 8"] * 2
    for unit in steps:
        assert {drawn.units[place].group for place in unit.outs} == {unit.group}
        assert scene.groups[unit.group].label == "step"


def test_what_nobody_uses_is_drawn_where_the_program_made_it() -> None:
    with record() as recording:
        torch.nn.functional.relu(torch.ones(2) + 1)
        named = torch.empty(2)
    assert [len(unit.boxes) for unit in lay_out(recording.data).drawn.units] == [1, 1, 1, 1]
    del named


def test_a_second_backward_finds_the_graph_of_the_first() -> None:
    with record() as recording:
        x = torch.ones(2, requires_grad=True)
        y = x.tanh()
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (g**2).sum().backward()
    drawn = lay_out(recording.data).drawn
    (inside,) = (unit for unit in drawn.units if unit.sign == FOREIGN)
    assert [box.kind for box in inside.boxes] == ["gradient"]
    assert recording.data["nodes"][inside.node]["op"] is None
    sources = {drawn.units[flow.tail].name or "x" for flow in drawn.flows if flow.head == inside.id}
    assert "TanhBackward0" in sources
    ran = [step["node"] for step in recording.data["steps"] if step["kind"] == "node"]
    assert {drawn.unit_of_node.get(node) for node in ran} <= {unit.id for unit in drawn.units}
    assert inside.id in Moment(recording.data, lay_out(recording.data)).current | {
        drawn.unit_of_node[node] for node in ran
    }


def test_a_chain_that_begins_at_the_top_stands_beside_what_it_leads_to() -> None:
    box = Item(10, 10, 20)
    trunk = [Link(i, i + 1) for i in range(5)]
    drawing = arrange([box] * 9, [*trunk, Link(6, 7), Link(7, 8), Link(8, 5)])
    assert drawing.row == [0, 1, 2, 3, 4, 5, 2, 3, 4]
    assert all(not bends for bends in drawing.bends)


def test_turns_of_a_loop_that_do_different_things_are_each_drawn() -> None:
    scene = lay_out(films.training(3, branch=1), 10_000)
    counts = [group.count for group in scene.groups if group.kind == "iteration"]
    assert counts == [9, 10, 9]


def test_a_tensor_written_in_place_is_drawn_again_at_its_next_version() -> None:
    units = lay_out(films.training(2)).drawn.units
    versions = [(box.tensor, box.version) for unit in units for box in unit.boxes if box.kind == "parameter"]
    assert versions == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]


def test_groups_open_from_the_outside_while_they_fit() -> None:
    opened = {group.label: group.open for group in lay_out(films.lstm(50)).groups}
    assert opened["for t in range(50)"]
    assert opened["0"]
    assert not opened["49"]
    assert not any(group.open for group in lay_out(films.lstm(50), 0).groups[1:])


def test_scopes_that_hold_nothing_but_one_other_are_merged() -> None:
    film = films.Film("m.py", "")
    film.scope("module", "net")
    film.scope("module", "net.fc1")
    film.op("neg", "−", [film.leaf("x", [2])], [2], "y")
    assert [group.label for group in lay_out(film.finished()).groups[1:]] == ["net / net.fc1"]


def test_calls_that_interleave_are_drawn_all_the_same() -> None:
    film = films.Film("threads.py", "")
    x = film.leaf("x", [2], "parameter")
    film.scope("function", "a")
    first = film.op("neg", "−", [x], [2])
    film.leave()
    film.scope("function", "b")
    second = film.op("neg", "−", [first], [2])
    film.leave()
    film.scopes.append(1)  # back in the first call, as a generator or another thread would be
    film.op("neg", "−", [second], [2])
    scene = lay_out(film.finished(), 100)
    boxes = rectangles(scene, 0)
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]


def test_a_recording_of_nothing_has_an_empty_scene() -> None:
    assert lay_out(films.EMPTY).drawn.units == []


def test_a_long_chain_is_no_deeper_than_memory() -> None:
    film = films.Film("chain.py", "")
    x = film.leaf("x", [1], "parameter")
    for _ in range(5000):
        x = film.op("neg", "−", [x], [1])
    rows = [unit.row for unit in lay_out(film.finished()).drawn.units]
    assert rows == list(range(5001))


def test_crossings_are_removed_where_they_can_be() -> None:
    box = Item(20, 20, 20)
    drawing = arrange([box] * 6, [Link(0, 5), Link(1, 4), Link(2, 3)])
    ends = [(drawing.x[0], drawing.x[5]), (drawing.x[1], drawing.x[4]), (drawing.x[2], drawing.x[3])]
    assert all((a[0] - b[0]) * (a[1] - b[1]) > 0 for a, b in combinations(ends, 2))


def test_long_edges_bend_around_what_they_pass_and_run_straight_between() -> None:
    box = Item(30, 30, 20)
    drawing = arrange([box] * 5, [Link(0, 1), Link(1, 2), Link(2, 3), Link(3, 4), Link(0, 4)])
    bends = [x for _, x in drawing.bends[4]]
    assert len(set(bends)) == 1
    assert abs(bends[0] - drawing.x[2]) > 30


def test_links_of_order_keep_one_axis() -> None:
    wide, narrow = Item(100, 100, 20), Item(10, 10, 20)
    drawing = arrange([wide, narrow, wide], [Link(0, 1, order=True), Link(1, 2, order=True), Link(0, 1, 80, 0)])
    assert drawing.x[0] == drawing.x[1] == drawing.x[2]


def test_parts_that_no_link_joins_do_not_stretch_one_another() -> None:
    low, tall = Item(20, 20, 20), Item(20, 20, 900)
    top, bottom = Item(0, 0, 0, "top"), Item(0, 0, 0, "bottom")
    drawing = arrange([low, low, tall, top, bottom], [Link(0, 1), Link(3, 2), Link(2, 4)], wrap=True)
    assert drawing.parts == [(3, 0), (3, 0)]
    assert drawing.row == [1, 2, 4, 3, 5]
    assert drawing.heights == [0, 20, 20, 0, 900, 0]


def test_the_loss_stands_next_to_the_model_beside_a_long_update() -> None:
    film = films.Film("model.py", "")
    x, w = film.leaf("x", [2]), film.leaf("w", [2], "parameter")
    film.scope("loop", "for epoch in range(1)")
    film.scope("iteration", "0")
    film.scope("module", "Net")
    out = film.op("mul", "×", [w, x], [2], "out")
    film.leave()
    loss = film.op("sum", "Σ", [out], [], "loss")
    film.scope("loop", "for p in parameters")
    other = film.leaf("other", [2])
    for turn in range(10):
        film.scope("iteration", str(turn))
        other = film.op("sub", "−", [other, 0.1], [2])
        film.leave()
    scene = lay_out(film.finished(), 10_000)
    net = next(group for group in scene.groups if group.label == "Net")
    unit = scene.drawn.units[scene.drawn.holders[loss, 0][0]]
    assert unit.y - (net.y + net.height) < 100


def test_parts_stand_in_order_of_time_whatever_ports_they_have() -> None:
    box, port = Item(20, 20, 20), Item(0, 0, 0, "top")
    drawing = arrange([replace(box, time=5.0), replace(box, time=3.0), port], [Link(2, 0)], wrap=True)
    assert drawing.x[1] < drawing.x[0]


def test_a_tensor_named_at_its_uses_only_stands_before_what_uses_it() -> None:
    leaf = Item(20, 20, 20, time=4.0, early=True)
    wide = [Item(800, 800, 100, time=time) for time in (0.0, 5.0)]
    drawing = arrange([*wide, leaf], [Link(0, 1)], wrap=True)
    assert drawing.parts == [(1, 0), (2, 1)]
    assert drawing.row == [1, 2, 0]


def test_a_parameter_keeps_the_name_that_its_module_gives_it() -> None:
    film = films.Film("names.py", "")
    weight = film.tensor([2], "parameter", True, name="head.weight")
    film.step(kind="names", names=[{"frame": 0, "bind": {"p": weight}}])
    film.op("neg", "−", [weight], [2])
    film.op("neg", "−", [film.tensor([2], "gradient", False, of=weight)], [2])
    data = film.finished()
    scene = lay_out(data)
    assert Moment(data, scene).label(weight) == ("head.weight", True)
    assert {flow.name for flow in scene.drawn.flows} == {"head.weight", "head.weight.grad"}


def test_a_result_used_once_and_nearby_is_no_tag_however_long_the_program_before() -> None:
    film = films.Film("cell.py", "")
    x, h = film.leaf("x", [2]), film.leaf("h", [2])
    film.scope("loop", "for t in range(12)")
    for turn in range(12):
        film.scope("iteration", str(turn))
        wx = film.op("neg", "−", [x], [2], "wx")
        h = film.op("tanh", "tanh", [film.op("add", "+", [wx, h], [2])], [2], "h")
        film.leave()
    units = lay_out(film.finished()).drawn.units
    assert {tag.text for unit in units for tag in unit.tags} == {"x"}


def test_a_long_edge_is_a_tag_only_if_the_tag_has_a_name() -> None:
    film = films.Film("chain.py", "")
    x = film.leaf("x", [2])
    named, unnamed = film.op("neg", "−", [x], [2], "named"), film.op("exp", "eˣ", [x], [2])
    for _ in range(20):
        x = film.op("neg", "−", [x], [2])
    film.op("add", "+", [film.op("add", "+", [x, unnamed], [2]), named], [2])
    units = lay_out(film.finished()).drawn.units
    assert [tag.text for unit in units for tag in unit.tags] == ["named"]
