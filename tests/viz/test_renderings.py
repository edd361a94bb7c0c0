"""Recordings saved, loaded, compared and shown as text, Mermaid and DOT; and the tree of a tensor."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dynagrad as torch
from dynagrad.viz import Recording, record, text
from dynagrad.viz.plain import printable
from dynagrad.viz.showing import framed
from dynagrad.viz.signs import sign_of
from tests.viz.watched import Film, recorded, run

GOLDEN = Path(__file__).parent / "golden"
EVIL = "</script><img src=x onerror=alert(1)>\"'`&#x;\x1b[31m\u2028"


def small() -> Recording:
    with record(title="small") as rec:
        x = torch.tensor([1.0, 2.0])
        w = torch.tensor([3.0, 4.0], requires_grad=True)
        y = w * x
        y = y.sum()
        y.backward()
        w.grad.zero_()
    return rec


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    rec = small()
    rec.save(tmp_path / "deep" / "film.json")
    loaded = Recording.load(tmp_path / "deep" / "film.json")
    assert loaded.data == rec.data
    assert loaded.text() == rec.text()
    assert loaded.dot(3) == rec.dot(3)
    assert len(loaded) == len(rec.steps)


@pytest.mark.parametrize(
    ("ending", "start"),
    [(".html", "<!doctype html>"), (".svg", "<"), (".dot", "digraph {"), (".mmd", "flowchart TD"), (".txt", "small: "),
     (".md", "```mermaid"), (".json", '{"format":"dynagrad.recording"')],
)  # fmt: skip
def test_the_ending_says_what_is_written(tmp_path: Path, ending: str, start: str) -> None:
    path = small().save(tmp_path / f"film{ending}")
    assert Path(path).read_text(encoding="utf-8").startswith(start)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    rec = small()
    with pytest.raises(ValueError, match="its ending is none of"):
        rec.save(tmp_path / "film.pdf")
    for content in ("[]", "{", '{"format": "other"}', '{"format": "dynagrad.recording", "version": 2}'):
        (tmp_path / "bad.json").write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match="recording"):
            Recording.load(tmp_path / "bad.json")
    with pytest.raises(IndexError, match="there is no step 99"):
        rec.step(99)
    for renderer in (rec.dot, rec.mermaid):
        with pytest.raises(IndexError):
            renderer(99)
    with pytest.raises(IndexError, match="no round 5"):
        rec.compare(0, 5)


def test_the_film_in_lines_of_text() -> None:
    lines = [line[12:].strip() for line in small().text().splitlines()[1:]]
    assert lines == [
        "tensor([1.0, 2.0]) → x",
        "tensor([3.0, 4.0]) → w",
        "mul(w, x) → y  [MulBackward0]",
        "sum(y) → y  [SumBackward0]",
        "backward begins at y",
        "SumBackward0 runs → MulBackward0",
        "MulBackward0 runs → AccumulateGrad of w",
        "MulBackward0 frees 8 bytes",
        "w.grad becomes the gradient",
        "backward end",
        "zero_(w.grad) → w.grad  [version 1]",
    ]


def test_reading_and_writing_by_index_have_signs() -> None:
    assert (sign_of("__getitem__"), sign_of("__setitem__"), sign_of("__iter__")) == ("[ ]", "[ ]←", "[ ]…")
    assert (sign_of("__rsub__"), sign_of("mul_"), sign_of("__custom__")) == ("−", "×", "custom")


def test_the_graph_in_dot_and_mermaid_after_a_step() -> None:
    rec = small()
    assert rec.mermaid(step=2) == (
        "flowchart TD\n"
        '    t0v0["x<br/>2"]\n'
        '    t1v0[["w<br/>2"]]\n'
        '    op2(["×<br/>MulBackward0"])\n'
        '    t2v0("y<br/>2")\n'
        "    t1v0 --> op2\n    t0v0 --> op2\n    op2 --> t2v0\n"
    )
    assert '    t2v0("unnamed<br/>2")' in rec.mermaid(step=3).splitlines()
    dot = rec.dot(step=3)
    assert 't2v0 [label="unnamed\\n2"' in dot
    assert dot.count("->") == 5
    assert "op3 -> t3v0" in dot


def test_dot_is_read_by_graphviz() -> None:
    pygraphviz = pytest.importorskip("pygraphviz")
    graph = pygraphviz.AGraph(string=small().dot())
    assert sorted(graph.nodes()) == ["op2", "op3", "t0v0", "t1v0", "t2v0", "t3v0", "t4v0", "t4v1", "op10"] or len(graph)


def test_in_place_and_cut_in_the_drawn_graph() -> None:
    with record() as rec:
        x = torch.ones(2, requires_grad=True)
        y = x.detach()
        y += 1
    drawn = rec.mermaid()
    assert "-.->|cut| op1" in drawn
    assert "version 1" in drawn


def test_text_of_a_program_stays_text(tmp_path: Path) -> None:
    rec = small()
    data = json.loads(rec.json())
    for tensor in data["tensors"]:
        tensor["name"] = EVIL
    for node in data["nodes"]:
        node["name"] = node["formula"] = EVIL
    for step in data["steps"]:
        for change in step.get("names", ()):
            change["bind"] = {EVIL + name: tensor for name, tensor in change.get("bind", {}).items()}
        if step["kind"] == "op":
            step["sign"] = step["name"] = EVIL
    data["title"] = EVIL
    evil = Recording(data)
    for shown in (evil.text(), evil.dot(), evil.mermaid()):
        assert "\x1b" not in shown
        assert "\u2028" not in shown
    boxes = [line for line in evil.mermaid().splitlines() if "[" in line]
    for line in boxes:
        label = line[line.index('"') + 1 : line.rindex('"')].replace("<br/>", "")
        assert not set(label) & set("<>\"'`[]()")
    for line in evil.dot().splitlines():
        if "label=" in line:
            assert re.fullmatch(r'\t\w+ \[label="(?:[^"\\]|\\.)*" [^<>]*\]', line), line
    assert "<script" not in framed("<script>alert(1)</script>")
    assert printable("a\nb\x00", 10) == r"a\nb\x00"
    assert evil.save(tmp_path / "evil.txt")


def test_two_rounds_are_compared(tmp_path: Path) -> None:
    program = (
        "import torch\n"
        "w = torch.ones(2, requires_grad=True)\n"
        "for x in ([1.0, 1.0], [-1.0, -1.0], [2.0, 2.0]):\n"
        "    x = torch.tensor(x)\n"
        "    y = (w * x).sum()\n"
        "    if y > 0:\n"
        "        z = y * 2\n"
        "    else:\n"
        "        z = y.exp()\n"
        "    z.backward()\n"
    )
    recording, done = recorded(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(recording.data["rounds"]) == 3
    names = [step.get("name") for step in recording.steps]
    difference = recording.compare(0, 1)
    assert [names[k] for k in difference["only_first"]] == ["ones", "mul"]
    assert [names[k] for k in difference["only_second"]] == ["exp"]
    assert difference["branches"] == [{"at": [0, 6], "text": "if y > 0", "first": True, "second": False}]
    assert [(names[a], names[b]) for a, b in difference["common"]] == [(n, n) for n in ("tensor", "mul", "sum", "gt")]
    same = recording.compare(0, 2)
    assert [names[k] for k in same["only_first"]] == ["ones"]
    assert same["only_second"] == same["branches"] == []
    assert {names[a] for a, _ in same["changed"]} == {"tensor", "mul", "sum"}
    (gradient,) = same["gradients"]
    assert gradient["second"] == pytest.approx(2 * gradient["first"], rel=1e-3)


def test_the_tree_of_a_tensor() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * x
    lines = text(y.sum(), formulas=True).splitlines()
    assert lines[0] == "tensor () float32"
    assert re.match(r"└─ \(1\) SumBackward0  ← test_renderings\.py:\d+: .*y\.sum\(\).*  \[g is spread", lines[1])
    assert lines[2].startswith("   └─ (2) MulBackward0  ← test_renderings.py:")
    assert lines[3] == "      ├─ (3) AccumulateGrad of a leaf (2,) float32"
    assert lines[4] == "      └─ (3) AccumulateGrad, as above"
    assert "a leaf" in text(x)
    assert "no gradient is computed" in text(torch.ones(2))


def test_the_trees_of_several_tensors_share_their_numbers() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    lines = text([y.sum(), y.exp()]).splitlines()
    assert [line for line in lines if line.startswith("tensor")] == ["tensor () float32", "tensor (2,) float32"]
    assert lines[-2].startswith("└─ (4) ExpBackward0")
    assert lines[-1] == "   └─ (2) MulBackward0, as above"


@pytest.mark.parametrize("value", [3, [torch.ones(1), "w"], {"w": 1}])
def test_a_tree_is_drawn_of_tensors_and_nodes_only(value: object) -> None:
    with pytest.raises(TypeError, match=r"but got a (int|str|dict)"):
        text(value)


@pytest.mark.parametrize("step", [999, -999])
@pytest.mark.parametrize("what", ["step", "svg", "dot", "mermaid"])
def test_a_step_that_does_not_exist_is_an_error(what: str, step: int) -> None:
    with pytest.raises(IndexError, match=f"no step {step}: the recording has 11"):
        getattr(small(), what)(step)


def test_the_tree_of_a_long_chain_is_cut_and_needs_no_recursion() -> None:
    y = torch.ones(1, requires_grad=True)
    for _ in range(20_000):
        y = y + 1
    shown = text(y, limit=50)
    assert len(shown.splitlines()) <= 53
    assert "left out" in shown


def golden(recording: Recording) -> dict[str, Any]:
    """A recording without what differs from run to run."""
    data = json.loads(recording.json())
    data["sources"] = [source["file"] for source in data["sources"]]
    data.pop("dynagrad")
    for step in data["steps"]:
        step.pop("ns", None)
    for scope in data["scopes"]:
        if scope.get("own"):
            scope.pop("line")  # of dynagrad's own source
    return data


PROGRAM = """\
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))

    def forward(self, x):
        for _ in range(2):
            x = (x @ self.w).relu()
        return x

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
for x in (torch.tensor([[1.0, -1.0]]), torch.tensor([[0.5, 0.5]])):
    loss = net(x).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    view = net.w[0]
    view += 1
"""


def test_a_golden_recording(tmp_path: Path) -> None:
    """Compared as data; ``python -m tests.viz.test_renderings`` writes it anew, to be read before it is kept."""
    recording, done = recorded(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stderr
    expected = json.loads((GOLDEN / "training.json").read_text(encoding="utf-8"))
    assert golden(recording) == expected


def test_a_recording_shows_itself_in_a_notebook() -> None:
    shown = small()._repr_html_()
    assert shown.startswith("<iframe sandbox=")
    assert "allow-same-origin" not in shown.partition("srcdoc=")[0]
    assert "<script" not in shown
    assert "&lt;script" in shown


def test_show_opens_the_browser_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = torch.viz.show(small())
    assert opened == [f"file://{path}"]
    assert Path(path).read_text(encoding="utf-8").startswith("<!doctype html>")
    x = torch.ones(2, requires_grad=True)
    drawn = torch.viz.show(x.sum())
    assert "<svg" in Path(drawn).read_text(encoding="utf-8")
    for each in (path, drawn):
        Path(each).unlink()


@pytest.mark.parametrize(
    ("arguments", "argv"),
    [
        (["--record", "film.json", "p.py", "a"], ["a"]),
        (["p.py", "--record", "film.json", "a", "--record", "b"], ["a", "--record", "b"]),
        (["p.py", "--record=film.json", "--", "--record", "b"], ["--record", "b"]),
    ],
)
def test_the_options_of_the_command_line(tmp_path: Path, arguments: list[str], argv: list[str]) -> None:
    (tmp_path / "p.py").write_text("import sys, torch\ntorch.ones(1)\nprint(sys.argv[1:])\n", encoding="utf-8")
    command = [sys.executable, "-m", "dynagrad", "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == f"{argv}\n"
    assert len(Recording.load(tmp_path / "film.json")) == 1


@pytest.mark.parametrize(
    "arguments", [["--record"], ["p.py", "--record"], ["p.py", "--open"], ["p.py", "--record", "x.pdf"]]
)
def test_options_that_make_no_sense(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "p.py").write_text("print('ran')\n", encoding="utf-8")
    command = [sys.executable, "-m", "dynagrad", "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dynagrad run: ")


def test_without_the_option_arguments_are_the_scripts(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("import sys\nprint(sys.argv[1:])\n", encoding="utf-8")
    command = [sys.executable, "-m", "dynagrad", "run", "p.py", "--", "--lr", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "['--', '--lr', '1']\n"


def test_a_page_that_cannot_be_written_does_not_change_how_the_script_ends(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("import torch\nraise SystemExit(5)\n", encoding="utf-8")
    (tmp_path / "folder.html").mkdir()
    done = run(tmp_path / "p.py", record=tmp_path / "folder.html", cwd=tmp_path)
    assert done.returncode == 5
    assert "cannot write" in done.stderr


def test_film_reads_what_is_needed() -> None:
    film = Film(small())
    assert film.kinds()[:4] == ["op"] * 4


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made, _ = recorded(PROGRAM, Path(folder))
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / "training.json").write_text(json.dumps(golden(made), indent=1) + "\n", encoding="utf-8")
