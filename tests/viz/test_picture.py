"""``Picture``: DOT text that is escaped, saved, rendered and shown; and what it says where there is no Graphviz."""

import importlib.util
import os
import stat
import sys
from xml.etree import ElementTree as ET

import pytest

from dynagrad.viz import GraphvizMissingError, Picture, resize_graph
from dynagrad.viz import render as rendering
from dynagrad.viz.dot import literal, quoted

SVG = "{http://www.w3.org/2000/svg}"
needs_pygraphviz = pytest.mark.skipif(importlib.util.find_spec("pygraphviz") is None, reason="needs the viz extra")

SHOWN_AS_THEY_ARE = [
    "plain",
    'a"b',
    "back\\slash",
    "\\n is no new line",
    "ends in \\",
    "ends in \\\\",
    '\\"',
    '\\\\"q',
    "\\N \\G \\l",
    "<b>html</b>",
    "<x>",
    "&lt;b&gt;",
    "&amp;",
    "&#65;",
    "ünï ☃ 漢",
    '"];evil[label="x',
    "{a|b}",
    "</text><script>alert(1)</script>",
    "-- --> ]]>",
    "// no comment /* here */",
    "# nor here",
    "%s %d {} {0}",
]
SHOWN_BY_THEIR_ESCAPE = {
    "tab\there": "tab\\there",
    "nul\0nul": "nul\\x00nul",
    "esc\x1b[31m": "esc\\x1b[31m",
    "del\x7f\x9f": "del\\x7f\\x9f",
    "cr\rlf": "cr\\rlf",
    "\ufffe": "\\ufffe",
    "\ud800": "?",
}


def small():
    picture = Picture(graph_attr={"size": "12,12"}, node_attr={"style": "filled"})
    picture.node("a", "first", fillcolor="lightblue")
    picture.node("b", "second")
    picture.edge("a", "b", dir="none")
    return picture


def test_the_source_is_dot_text():
    assert small().source.splitlines() == [
        "digraph {",
        '\tgraph [size="12,12"]',
        "\tnode [style=filled]",
        "\ta [label=first fillcolor=lightblue]",
        "\tb [label=second]",
        "\ta -> b [dir=none]",
        "}",
    ]
    assert str(small()) == small().source == "".join(small())


@needs_pygraphviz
def test_a_user_draws_on_as_with_a_digraph(read_dot):
    picture = small()
    picture.attr(rankdir="LR")
    picture.attr("node", color="red")
    picture.edges([("b", "c d"), "ab"])
    picture.edge("a:n", "graph", label='say "yes"', constraint="false")
    boxes, arrows = read_dot(picture.source)
    assert set(boxes) == {"a", "b", "c d", "graph"}
    assert sorted(arrows) == [("a", "b", ""), ("a", "b", "none"), ("a", "graph", ""), ("b", "c d", "")]
    with pytest.raises(ValueError, match="'cluster'"):
        picture.attr("cluster", color="red")


@needs_pygraphviz
def test_text_is_shown_as_it_is():
    texts = {**dict.fromkeys(SHOWN_AS_THEY_ARE), **SHOWN_BY_THEIR_ESCAPE}
    body = [f"\t{i} [label={literal(text)}]\n" for i, text in enumerate(texts)]
    svg = Picture(body=body).pipe("svg", encoding="utf-8")
    shown = {group.find(f"{SVG}title").text: group.find(f"{SVG}text").text for group in boxes_of(svg)}
    assert [shown[str(i)] for i in range(len(texts))] == [escaped or text for text, escaped in texts.items()]


def boxes_of(svg):
    nodes = ET.fromstring(svg)  # noqa: S314 - our own text
    return [group for group in nodes.iter(f"{SVG}g") if group.get("class") == "node"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("12", "12"),
        ("12,5", '"12,5"'),
        ("two words", '"two words"'),
        ("Node", '"Node"'),
        ("", '""'),
        ('say "x"', '"say \\"x\\""'),
        ('say \\"x\\"', '"say \\"x\\""'),
        ("left\\l", '"left\\l"'),
        ("odd\\", '"odd\\\\"'),
        ("<<b>x</b>>", "<<b>x</b>>"),
    ],
)
def test_what_users_write_keeps_graphviz_escapes(text, expected):
    assert quoted(text) == expected


def test_save_makes_the_folder_and_returns_the_path(tmp_path):
    path = small().save("graph.gv", tmp_path / "new" / "folder")
    assert path == str(tmp_path / "new" / "folder" / "graph.gv")
    assert (tmp_path / "new" / "folder" / "graph.gv").read_text(encoding="utf-8") == small().source


@needs_pygraphviz
@pytest.mark.parametrize(("format", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_render_needs_no_system_graphviz(tmp_path, monkeypatch, format, start):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = small().render(tmp_path / "graph", format=format)
    assert path == str(tmp_path / f"graph.{format}")
    assert (tmp_path / f"graph.{format}").read_bytes().startswith(start)
    assert (tmp_path / "graph").read_text(encoding="utf-8") == small().source


@needs_pygraphviz
def test_where_render_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = small()
    assert picture.render(format="svg", cleanup=True) == "Digraph.gv.svg"
    assert os.listdir(tmp_path) == ["Digraph.gv.svg"]
    assert picture.render(outfile="pictures/graph.svg") == "pictures/graph.svg"
    assert sorted(os.listdir("pictures")) == ["graph.gv", "graph.svg"]
    picture.format = "png"
    assert picture.pipe().startswith(b"\x89PNG")


@needs_pygraphviz
def test_a_graph_whose_layout_graphviz_cannot_free():
    # Graphviz 14.1 corrupts its heap while it frees this one: the arrow order matters.
    arrows = ["2 -> 1", "3 -> 2", "4 -> 3", "5 -> 1", "6 -> 5", "1 -> 0", "1 -> 8", "8 -> 7"]
    picture = Picture(
        body=[f"\t{node} [label=node{node}]\n" for node in range(9)] + [f"\t{arrow}\n" for arrow in arrows]
    )
    assert len({picture.pipe("svg") for _ in range(5)}) == 1


@needs_pygraphviz
def test_a_long_chain_does_not_overflow_the_stack_of_the_layout():
    picture = Picture(body=[f"\t{i} -> {i + 1}\n" for i in range(5000)])
    assert len(boxes_of(picture.pipe("svg"))) == 5001


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in program is a shell script")
def test_a_dot_program_on_the_path_comes_first(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\necho "drawn with $1"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert small().pipe("svg", encoding="utf-8") == "drawn with -Tsvg\n"


@pytest.fixture
def no_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(rendering.importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_the_error_says_what_to_install(tmp_path):
    with pytest.raises(GraphvizMissingError, match=r'pip install "dynagrad\[viz\]"'):
        small().render(tmp_path / "graph", format="svg")
    assert os.listdir(tmp_path) == []
    assert small().source.startswith("digraph")
    assert "dynagrad[viz]" in small()._repr_mimebundle_()["text/plain"]


@needs_pygraphviz
def test_a_notebook_shows_svg():
    assert set(small()._repr_mimebundle_()) == {"image/svg+xml"}
    assert "<svg" in small()._repr_svg_()


@needs_pygraphviz
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"format": "nothing"}, RuntimeError, "nothing"),
        ({"format": "svg; ls"}, ValueError, "image format"),
        ({"format": "svg", "engine": "../../bin/sh"}, ValueError, "layout engine"),
    ],
)
def test_what_cannot_be_rendered_is_a_clear_error(monkeypatch, tmp_path, change, error, message):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(error, match=message):
        small().pipe(**change)


@needs_pygraphviz
def test_dot_text_that_does_not_parse_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="could not render"):
        Picture(body=["\ta -> -> b\n"]).pipe("svg")


def test_resize_graph_follows_the_number_of_statements():
    picture = small()
    resize_graph(picture)
    assert picture.graph_attr["size"] == "12,12"
    resize_graph(picture, size_per_element=10)
    assert picture.graph_attr["size"] == "30,30"
    resize_graph(picture, size_per_element=0.5, min_size=1)
    assert picture.graph_attr["size"] == "1.5,1.5"


def test_resize_graph_takes_a_digraph():
    digraph = pytest.importorskip("graphviz").Digraph()
    digraph.edges(["ab"] * 100)
    resize_graph(digraph)
    assert digraph.graph_attr["size"] == "15.0,15.0"
