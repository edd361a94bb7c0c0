"""Recordings of the labs, step by step against what the documents draw and say."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynagrad.viz import Recording
from tests.viz.watched import EXAMPLES, Film, run


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Film]:
    folder = tmp_path_factory.mktemp("films")
    made = {}
    for lab in ("graph_and_autodiff", "lab2b_dynamic_graphs", "odsc_autograd"):
        film = folder / f"{lab}.json"
        done = run(EXAMPLES / f"{lab}.py", str(folder), record=film, cwd=EXAMPLES)
        assert done.returncode == 0, done.stderr
        made[lab] = Film(Recording.load(film))
    return made


@pytest.fixture
def lab2b(films: dict[str, Film]) -> Film:
    return films["lab2b_dynamic_graphs"]


@pytest.fixture
def odsc(films: dict[str, Film]) -> Film:
    return films["odsc_autograd"]


def test_the_boxes_of_the_first_figure(lab2b: Film) -> None:
    """Wh, Wx, x, h; then i2h and h2h; then next_h: the boxes that lab 2B draws, when it draws them."""
    last = max(lab2b.ops(lab2b.lines("h.copy_(")[-1]))
    assert sorted(name for names in lab2b.named[last].values() for name in names) == ["Wh", "Wx", "h", "x"]
    for line, name, inputs, node in (
        ("i2h = Wx.mm(x)", "i2h", ["Wx", "x"], "MmBackward0"),
        ("h2h = Wh.mm(h)", "h2h", ["Wh", "h"], "MmBackward0"),
        ("next_h = i2h + h2h", "next_h", ["i2h", "h2h"], "AddBackward0"),
    ):
        (step,) = lab2b.ops(lab2b.lines(line)[0])
        assert [lab2b.named[step - 1][tensor] for tensor in lab2b.steps[step]["inputs"]] == [[each] for each in inputs]
        assert lab2b.steps[step]["outputs"] == [lab2b.called(name, step)]
        assert lab2b.nodes[lab2b.steps[step]["node"]]["name"] == node


def test_the_old_next_h_becomes_unnamed(lab2b: Film) -> None:
    (addition,) = lab2b.ops(lab2b.lines("next_h = i2h + h2h")[0])
    (tanh,) = lab2b.ops(lab2b.lines("next_h = next_h.tanh()")[0])
    old = lab2b.called("next_h", addition)
    new = lab2b.called("next_h", tanh)
    assert lab2b.steps[tanh]["inputs"] == [old]
    assert lab2b.steps[tanh]["outputs"] == [new]
    assert old != new
    assert old not in lab2b.named[tanh]


def test_requires_grad_is_contagious(lab2b: Film) -> None:
    (out,) = lab2b.ops(lab2b.lines("out = next_h.sum()")[0])
    held = {name: lab2b.called(name, out) for name in ("Wh", "Wx", "h", "x", "i2h", "h2h", "next_h", "out")}
    flags = {name: lab2b.tensors[tensor]["requires_grad"] for name, tensor in held.items()}
    assert flags == {
        "Wh": True, "Wx": True, "h": False, "x": False, "i2h": True, "h2h": True, "next_h": True, "out": True,
    }  # fmt: skip
    kinds = {name: lab2b.tensors[tensor]["kind"] for name, tensor in held.items()}
    assert {kinds[name] for name in ("Wh", "Wx")} == {"parameter"}
    assert {kinds[name] for name in ("x", "h")} == {"data"}
    assert {kinds[name] for name in ("i2h", "h2h", "next_h", "out")} == {"intermediate"}


def test_the_numbers_are_those_of_the_document(lab2b: Film) -> None:
    (product,) = lab2b.ops(lab2b.lines("i2h = Wx.mm(x)")[0])
    assert lab2b.value(product, lab2b.steps[product]["outputs"][0]) == [
        [pytest.approx(-2.0443, abs=2e-4)], [pytest.approx(0.6522, abs=2e-4)], [pytest.approx(0.5921, abs=2e-4)],
    ]  # fmt: skip
    (out,) = lab2b.ops(lab2b.lines("out = next_h.sum()")[0])
    assert lab2b.value(out, lab2b.steps[out]["outputs"][0]) == pytest.approx(-0.2160, abs=2e-4)


def test_backward_runs_from_out_to_both_leaves(lab2b: Film) -> None:
    first = lab2b.kinds().index("backward_begin")
    end = lab2b.kinds().index("backward_end")
    steps = lab2b.steps[first : end + 1]
    assert [lab2b.nodes[step["node"]]["name"] for step in steps if step["kind"] == "node"] == [
        "SumBackward0", "TanhBackward0", "AddBackward0", "MmBackward0", "MmBackward0",
    ]  # fmt: skip
    assert steps[0]["roots"] == [lab2b.called("out", first)]
    grads = {step["tensor"]: step for step in steps if step["kind"] == "accumulate"}
    assert set(grads) == {lab2b.called("Wh", first), lab2b.called("Wx", first)}
    assert all(step["before"] is None for step in grads.values())
    after = lab2b.data["values"][grads[lab2b.called("Wx", first)]["after"]]["data"]
    (tanh,) = lab2b.ops(lab2b.lines("next_h = next_h.tanh()")[0])
    result = lab2b.value(tanh, lab2b.steps[tanh]["outputs"][0])
    assert after == [[pytest.approx((1 - h * h) * x, rel=1e-3) for x in (-0.8152, 1.6714)] for (h,) in result]
    assert [step["kind"] for step in steps].count("free") == 3
    assert sum(step["bytes"] for step in steps if step["kind"] == "free") == 12 + 12 + 8


def test_gradients_flow_along_the_edges_that_were_recorded(lab2b: Film) -> None:
    for step in lab2b.steps:
        if step["kind"] == "node":
            edges = [tuple(edge) for edge in lab2b.nodes[step["node"]]["edges"]]
            assert {(to, nr) for to, nr, _ in step["outgoing"]} <= set(edges)


def test_the_second_backward_is_an_error_with_both_lines(lab2b: Film) -> None:
    (error,) = [step for step in lab2b.steps if step["kind"] == "error"]
    first, second = lab2b.lines("out.backward()")[:2]
    assert error["type"] == "RuntimeError"
    assert error["at"][1] == second
    lines = {role: line for _, line, role in error["lines"]}
    assert lines == {"raised": second, "recorded": lab2b.lines("next_h = next_h.tanh()")[0], "freed": first}
    assert "ends" not in error


def test_gradients_accumulate_and_are_zeroed(lab2b: Film) -> None:
    """Part C: 0.0099, 0.0197, 0.0296; with zero_() 0.0099 each time."""
    loop = lab2b.lines("for i in range(3):")
    steps = [step for step in lab2b.steps if step["kind"] == "accumulate" and loop[0] < step["at"][1] < loop[1] + 5]
    first = [lab2b.data["values"][step["after"]]["data"][0][0] for step in steps]
    assert first == [pytest.approx(x, abs=1e-4) for x in (0.0099, 0.0197, 0.0296, 0.0099, 0.0099, 0.0099)]
    assert [step["before"] is None for step in steps] == [True] + [False] * 5


def test_each_turn_of_the_loop_is_a_round_and_a_scope(lab2b: Film) -> None:
    line = lab2b.lines("i2h = Wx.mm(x)")[1]
    steps = lab2b.ops(line)
    assert len(steps) == 6
    assert len({lab2b.steps[step]["round"] for step in steps}) == 6
    paths = [lab2b.scopes(step) for step in steps]
    assert [path[2] for path in paths] == [("iteration", str(i)) for i in (0, 1, 2, 0, 1, 2)]
    assert all(path[1] == ("loop", "for i in range(3)") and path[3] == ("function", "forward") for path in paths)


def test_an_assignment_makes_a_new_node(lab2b: Film) -> None:
    """Part D: y = w1*x; y = w2*y: the gradient is that of the last y, 32."""
    old, new = lab2b.ops(lab2b.lines("y = w1 * x")[0])[0], lab2b.ops(lab2b.lines("y = w2 * y")[0])[0]
    assert lab2b.called("y", old) == lab2b.steps[old]["outputs"][0]
    assert lab2b.steps[old]["outputs"][0] not in lab2b.named[new]
    retained = [
        step for step in lab2b.steps if step["kind"] == "accumulate" and step["tensor"] == lab2b.called("y", new)
    ]
    assert [lab2b.data["values"][step["after"]]["data"] for step in retained] == [32]


def test_in_place_is_the_same_tensor_at_a_higher_version(lab2b: Film) -> None:
    mul, sub = lab2b.ops(lab2b.lines("x.mul_(10)")[0])[0], lab2b.ops(lab2b.lines("x -= 10")[0])[0]
    tensor = lab2b.called("x", mul)
    for step, name, version, values in ((mul, "mul_", 1, [120, 50]), (sub, "sub_", 2, [110, 40])):
        about = lab2b.steps[step]
        assert about["name"] == name
        assert about["inplace"]
        assert about["outputs"] == [tensor]
        assert about["versions"] == {str(tensor): version}
        assert lab2b.value(step, tensor) == values


def test_detach_is_a_cut(lab2b: Film) -> None:
    line = lab2b.lines("y = x.detach() ** 2")[0]
    cut, power = lab2b.ops(line)
    assert lab2b.steps[cut]["detached"]
    assert lab2b.steps[cut]["node"] is None
    (alias,) = lab2b.steps[cut]["outputs"]
    source = lab2b.tensors[lab2b.steps[cut]["inputs"][0]]
    assert source["requires_grad"]
    assert not lab2b.tensors[alias]["requires_grad"]
    assert lab2b.tensors[alias]["storage"] == source["storage"]
    assert lab2b.steps[power]["inputs"][0] == alias
    assert lab2b.steps[power]["node"] is None


def test_x_has_no_box_because_no_gradient_is_computed_for_it(odsc: Film) -> None:
    """The article's question: the node of w * x has one edge with a node at its end, that of w."""
    (times,) = [
        step for step in odsc.ops(odsc.lines("yhat = b + w * x_train_tensor")[0]) if odsc.steps[step]["name"] == "mul"
    ]
    node = odsc.nodes[odsc.steps[times]["node"]]
    targets = [None if to is None else odsc.nodes[to] for to, _ in node["edges"]]
    assert targets[1] is None
    assert targets[0]["name"] == "AccumulateGrad"
    assert targets[0]["leaf"] == odsc.called("w", times)
    data = odsc.steps[times]["inputs"][1]
    assert odsc.tensors[data]["kind"] == "data"
    assert data == odsc.called("x_train_tensor", times)


def test_the_if_made_a_second_branch(odsc: Film) -> None:
    condition = odsc.lines("if loss > 0:")[0]
    (compared,) = odsc.ops(condition)
    assert odsc.steps[compared]["name"] == "gt"
    inside = [step for line in range(condition + 1, condition + 5) for step in odsc.ops(line)]
    assert [odsc.steps[step]["name"] for step in inside] == ["mul", "sub", "mean", "add_"]
    total = odsc.steps[inside[-1]]
    assert total["inplace"]
    edges = odsc.nodes[total["node"]]["edges"]
    assert [odsc.nodes[to]["name"] for to, _ in edges] == ["MeanBackward0", "MeanBackward0"]


def test_the_training_loop_is_two_hundred_rounds(odsc: Film) -> None:
    line = odsc.lines("yhat = b + w * x_train_tensor")[1]
    rounds = [odsc.steps[step]["round"] for step in odsc.ops(line, "mul")]
    assert len(rounds) == len(set(rounds)) == 200
    assert all(odsc.data["rounds"][number]["backward"] for number in rounds)
    updates = [step for step in odsc.ops(name="sub_") if odsc.steps[step].get("grad_mode") is False]
    assert len(updates) == 2 + 400
    assert {odsc.steps[step]["round"] for step in updates} == set(rounds) | {0}


def test_the_refused_update_is_recorded_as_an_error(odsc: Film) -> None:
    (error,) = [step for step in odsc.steps if step["kind"] == "error"]
    assert "leaf" in error["message"]
    assert odsc.source[error["at"][1] - 1].strip() == "b -= lr * b.grad"


def test_the_notebook_without_gradients(films: dict[str, Film]) -> None:
    film = films["graph_and_autodiff"]
    assert [film.steps[step]["name"] for step in film.ops()] == ["tensor"] * 3 + [
        "sub",
        "mul",
        "add",
        "empty",
        "normal_",
    ]
    assert film.nodes == []
    total = film.ops(name="add")[0]
    assert film.scopes(total)[-1] == ("function", "compute_s")
    assert film.called("s", total) == film.steps[total]["outputs"][0]
    assert film.value(total, film.called("s", total)) == 3


def test_no_path_of_the_machine_is_in_a_recording(films: dict[str, Film]) -> None:
    for film in films.values():
        for source in film.data["sources"]:
            assert not Path(source["file"]).is_absolute()
