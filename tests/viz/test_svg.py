"""Still pictures: they are well formed, say what the step says, and hold no markup from the program."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

import dynagrad as torch
from dynagrad.viz.graph_svg import svg_of_model
from dynagrad.viz.layout import lay_out
from dynagrad.viz.make_dot import make_dot
from dynagrad.viz.moment import Moment
from dynagrad.viz.svg import svg_of
from tests.viz import films

SPACE = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own text


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in parsed(svg).iter(f"{SPACE}text")]


@pytest.mark.parametrize("name", films.FILMS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_step_is_a_well_formed_picture(name: str, theme: str) -> None:
    data = films.FILMS[name]()
    for step in (0, len(data["steps"]) // 2, -1, None):
        assert parsed(svg_of(data, step, theme)).tag == f"{SPACE}svg"


def test_the_picture_grows_as_the_program_runs() -> None:
    data = films.lab()
    assert "i2h" not in texts(svg_of(data, 3))
    assert "i2h" in texts(svg_of(data, 4))


def test_a_name_bound_anew_leaves_its_tensor_unnamed() -> None:
    data = films.lab()
    assert "unnamed" not in texts(svg_of(data, 6))
    after = texts(svg_of(data, 7))
    assert (after.count("unnamed"), after.count("next_h")) == (1, 1)


def test_places_stay_from_step_to_step() -> None:
    data = films.lab()

    def place(step: int) -> tuple[str | None, str | None]:
        node = next(one for one in parsed(svg_of(data, step)).iter(f"{SPACE}text") if one.text == "i2h")
        return node.get("x"), node.get("y")

    assert place(4) == place(8)


def test_gradients_are_drawn_when_they_have_flowed() -> None:
    data = films.lab()
    before, after = svg_of(data, 8), svg_of(data)
    assert after.count("#c05c0e") > before.count("#c05c0e")


def test_a_detached_edge_is_crossed_out() -> None:
    assert 'stroke="#b8232f"' in svg_of(films.detached())
    assert 'stroke="#b8232f"' not in svg_of(films.lab())


def test_names_and_numbers_are_escaped() -> None:
    film = films.Film("<script>alert(1)</script>", "")
    x = film.leaf("<script>&\"'", [2])
    film.scope("module", "</svg><b>")
    film.op("<img>", "<i>", [x], [2], "]]>\x00\ud800")
    svg = svg_of(film.finished())
    root = parsed(svg)
    assert {node.tag for node in root.iter()} <= {SPACE + name for name in ("svg", "title", "rect", "path", "text")}
    assert "<script>&\"'" in texts(svg)


def test_a_recording_object_is_read_through_its_data() -> None:
    class Recording:
        data = films.lab()

    assert svg_of(Recording()) == svg_of(films.lab())


def test_an_unknown_theme_is_named() -> None:
    with pytest.raises(ValueError, match="sepia"):
        svg_of(films.lab(), theme="sepia")


@pytest.mark.parametrize("saved", [False, True])
def test_what_make_dot_knows_is_drawn_without_graphviz(saved: bool) -> None:
    w = torch.randn(3, 2, requires_grad=True)
    out = (w.mm(torch.randn(2, 1)).tanh() * 2).sum()
    model = make_dot(out, params={"<w>": w, "out": out}, show_attrs=saved, show_saved=saved).model
    said = texts(svg_of_model(model))
    assert {"<w>", "out", "AccumulateGrad", "MmBackward0", "TanhBackward0"} <= set(said)
    assert ("self_sym_sizes: (3, 1)" in said) == saved


def test_a_gradient_flows_to_the_version_of_the_leaf_that_its_graph_read() -> None:
    data = films.training(3)
    scene = lay_out(data)
    flows = scene.drawn.flows
    leaf_flows = {(flow.tail, flow.head) for flow in flows if scene.drawn.units[flow.head].node is not None}
    assert leaf_flows <= Moment(data, scene).flowed


def test_a_gradient_is_accumulated_where_the_graph_used_the_leaf() -> None:
    data = films.training(2)
    scene = lay_out(data)
    steps = [k for k, step in enumerate(data["steps"]) if step["kind"] == "accumulate"]
    units = [scene.drawn.units[unit] for k in steps for unit in Moment(data, scene, k).current]
    assert [[(box.tensor, box.version) for box in unit.boxes] for unit in units] == [
        [(tensor, version)] for version in (0, 1) for tensor in (1, 0)
    ]


def test_a_gradient_that_went_to_a_tag_is_drawn_there_and_fills_what_it_arrived_at() -> None:
    data = films.lstm(4)
    scene = lay_out(data)
    moment = Moment(data, scene)
    tags = [(tag, unit) for unit in scene.drawn.units for tag in unit.tags if tag.kind == "parameter"]
    assert tags
    arrows = [path.get("d") or "" for path in parsed(svg_of(data)).iter(f"{SPACE}path")]
    assert sum("l8 -4.5v9Z" in d for d in arrows) == len(tags)
    assert not any("l8 -4.5v9Z" in (path.get("d") or "") for path in parsed(svg_of(data, 3)).iter(f"{SPACE}path"))
    sinks = {(unit.id, box.tensor) for unit in scene.drawn.units for box in unit.boxes if box.sink}
    assert moment.landed == sinks
