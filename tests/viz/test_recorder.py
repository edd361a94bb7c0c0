"""What the recorder writes down of programs with loops, functions, classes, exceptions, threads, or no graph at all."""

from __future__ import annotations

import gc
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from dynagrad._core.intercept import listening

import dynagrad as torch
from dynagrad.viz import Recording, record
from tests.viz.watched import Film, recorded, run


def names_at(film: Film, step: int) -> dict[str, int]:
    return {name: tensor for tensor, names in film.named[step].items() for name in names}


def test_results_and_gradients_are_those_of_the_program_unrecorded() -> None:
    def program() -> list[Any]:
        torch.manual_seed(3)
        w = torch.randn(4, 3, requires_grad=True)
        x = torch.randn(2, 4)
        y = torch.einsum("ij,jk->ik", x, w).softmax(dim=1)
        y = torch.cat([y, y[:, :1]], dim=1)
        z = (y.max(dim=1).values + y.std()).prod()
        z.backward()
        return [z.item(), w.grad.tolist()]

    plain = program()
    with record():
        inside = program()
    assert inside == plain == program()


def test_nothing_listens_afterwards_and_nothing_is_kept_alive() -> None:
    import weakref

    def program() -> Any:
        y = torch.ones(3, requires_grad=True) * 2
        y.sum().backward()
        return weakref.ref(y), weakref.ref(y.grad_fn.next_functions[0][0].variable)

    others = listening()
    with record() as rec:
        references = program()
    assert listening() == others
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    before = len(rec)
    torch.ones(3)
    assert len(rec) == before


def test_scopes_of_functions_modules_loops_and_turns() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            for _ in range(2):
                x = self.inner(x).tanh()
            return x

    net = Net()
    with record() as rec:
        for step in range(2):  # noqa: B007
            y = net(torch.ones(1, 2))
    film = Film(rec)
    first = film.ops(name="linear")[0]
    kinds = [(kind, name) for kind, name in film.scopes(first)]
    assert kinds == [
        ("program", "test_recorder.py"),
        ("loop", "for step in range(2)"),
        ("iteration", "0"),
        ("module", "Net"),
        ("loop", "for _ in range(2)"),
        ("iteration", "0"),
        ("module", "inner: Linear"),
    ]
    turns = [[name for kind, name in film.scopes(step) if kind == "iteration"] for step in film.ops(name="tanh")]
    assert turns == [["0", "0"], ["0", "1"], ["1", "0"], ["1", "1"]]
    named = {tensor["name"] for tensor in film.tensors if "name" in tensor}
    assert named == {"inner.weight", "inner.bias"}
    assert y.shape == (1, 2)


def test_a_linear_layer_is_as_quick_as_before_afterwards() -> None:
    net = torch.nn.Linear(2, 2)
    x = torch.ones(1, 2)
    before = net(x).tolist()
    with record() as outer:
        with record():
            pass
        assert net(x).tolist() == before
    assert [step["name"] for step in outer.steps if step["kind"] == "op"] == ["linear"]
    assert net(x).tolist() == before


def test_a_while_loop_counts_its_turns() -> None:
    with record() as rec:
        x = torch.ones(())
        while x < 8:
            x = x * 2
    film = Film(rec)
    turns = [film.scopes(step)[-1] for step in film.ops(name="mul")]
    assert turns == [("iteration", "0"), ("iteration", "1"), ("iteration", "2")]


def test_a_composed_op_is_a_scope_around_its_parts() -> None:
    a, b = torch.ones(2, 3), torch.ones(3, 2)
    with record() as rec:
        torch.einsum("ij,jk->ik", a, b)
    film = Film(rec)
    assert film.ops()
    assert all(film.scopes(step)[-1] == ("function", "einsum") for step in film.ops())


def test_names_follow_rebinding_deletion_and_returning() -> None:
    def inner(a: Any) -> Any:
        b = a + 1
        c = b * 2
        return c - 1

    with record() as rec:
        x = torch.ones(2)
        y = inner(x)
        x = torch.zeros(2)
        del y
        z = x + 1
    film = Film(rec)
    sub, zeros, add = film.ops(name="sub")[0], film.ops(name="zeros")[0], film.ops(name="add")[-1]
    inside = names_at(film, film.ops(name="mul")[0])
    assert {"a", "b", "c", "x"} <= set(inside)
    assert inside["a"] == inside["x"]
    after = names_at(film, sub)
    assert "b" not in after
    assert after["y"] == film.steps[sub]["outputs"][0]
    assert names_at(film, zeros)["x"] == film.steps[zeros]["outputs"][0]
    assert "y" not in names_at(film, zeros)
    assert names_at(film, add)["z"] == film.steps[add]["outputs"][0]
    assert z.shape == x.shape


def test_names_of_what_lists_dicts_and_self_hold() -> None:
    class Cell:
        def __init__(self) -> None:
            self.w = torch.ones(2, requires_grad=True)

        def run(self, x: Any) -> Any:
            return self.w * x

    cell = Cell()
    with record() as rec:
        parts = [torch.ones(2), torch.ones(2)]
        cache = {"k": torch.zeros(2)}
        cell.run(parts[0])
        cell.run(cache["k"])
    film = Film(rec)
    product = film.ops(name="mul")[0]
    held = {name for step in range(product + 1) for name in names_at(film, step)}
    assert {"parts[0]", "parts[1]", "cache['k']", "self.w"} <= held


def test_without_any_graph(tmp_path: Path) -> None:
    recording, done = recorded("print('hello')\n", tmp_path)
    assert done.stdout == "hello\n"
    assert recording.steps == []
    assert recording.data["rounds"] == [{"id": 0, "forward": None, "backward": None}]
    assert "0 steps" in recording.text()
    assert recording.mermaid() == "flowchart TD\n"
    recording, _ = recorded("import torch\nx = torch.ones(2) + 1\n", tmp_path)
    assert [step["kind"] for step in recording.steps] == ["op", "op"]
    assert recording.data["nodes"] == []


def test_a_large_tensor_is_kept_as_statistics_and_a_thumbnail() -> None:
    with record() as rec:
        x = torch.arange(1_000_000, dtype=torch.float32).reshape(1000, 1000)
        torch.full((70,), float("nan"))
    values = rec.data["values"]
    (value,) = [one for one in values if one["shape"] == [1000, 1000]]
    assert value["data"] is None
    assert value["stats"]["min"] == 0
    assert value["stats"]["max"] == pytest.approx(999_999, rel=1e-4)
    assert value["stats"]["mean"] == pytest.approx(499_999.5, rel=1e-3)
    assert value["stats"]["norm"] == pytest.approx(float((x.double() ** 2).sum().sqrt()), rel=1e-3)
    assert len(value["thumbnail"]) <= 12
    assert len(json.dumps({**rec.data, "sources": []})) < 10_000
    assert values[-1]["stats"] == {
        "min": None,
        "max": None,
        "mean": None,
        "std": None,
        "norm": None,
        "nan": 70,
        "inf": 0,
    }


def test_numbers_that_json_has_no_word_for() -> None:
    with record() as rec:
        torch.tensor([float("nan"), float("inf"), -float("inf"), 1.5])
    value = json.loads(rec.json())["values"][0]
    assert value["data"] == ["nan", "inf", "-inf", 1.5]
    assert (value["stats"]["nan"], value["stats"]["inf"], value["stats"]["max"]) == (1, 2, 1.5)


def test_an_op_that_raises_is_an_error_step_and_the_program_goes_on() -> None:
    with record() as rec:
        x = torch.ones(2, 3)
        with pytest.raises(RuntimeError):
            x.mm(x)
        y = x + 1
    film = Film(rec)
    assert film.kinds() == ["op", "error", "op"]
    assert film.steps[1]["name"] == "mm"
    assert film.steps[1]["inputs"] == [film.called("x", 0)] * 2
    assert "cannot be multiplied" in film.steps[1]["message"]
    assert y.shape == (2, 3)


def test_the_lines_of_a_modified_saved_tensor() -> None:
    with record() as rec:
        x = torch.ones(2, requires_grad=True)
        y = x.exp()
        z = y.sum()
        y.mul_(2)
        with pytest.raises(RuntimeError):
            z.backward()
    film = Film(rec)
    (error,) = [step for step in film.steps if step["kind"] == "error"]
    lines = {role: film.source[line - 1].strip() for _, line, role in error["lines"]}
    assert lines == {"raised": "z.backward()", "saved": "y = x.exp()", "written": "y.mul_(2)"}
    assert film.kinds()[-1] == "error"
    assert "backward_end" not in film.kinds()


def test_the_recording_of_a_program_that_raises_ends_at_the_error(tmp_path: Path) -> None:
    text = "import torch\ndef f(a):\n    b = a * 2\n    raise KeyError('lost')\nf(torch.ones(2))\n"
    recording, done = recorded(text, tmp_path)
    assert done.returncode == 1
    last = recording.step(-1)
    assert (last["kind"], last["type"], last["at"], last["ends"]) == ("error", "KeyError", [0, 4], True)
    plain = run_plain(tmp_path / "program.py")
    assert "".join(line + "\n" for line in done.stderr.splitlines() if not line.startswith("dynagrad run:")) == plain


def run_plain(script: Path) -> str:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "dynagrad", "run", str(script)], capture_output=True, text=True, check=False,
        cwd=script.parent,
    )  # fmt: skip
    return done.stderr


@pytest.mark.parametrize(("code", "status"), [("raise SystemExit(3)", 3), ("import sys; sys.exit()", 0), ("1/0", 1)])
def test_the_exit_code_is_the_programs(tmp_path: Path, code: str, status: int) -> None:
    recording, done = recorded(f"import torch\nx = torch.ones(1)\n{code}\n", tmp_path)
    assert done.returncode == status
    assert recording.step(-1)["kind"] == ("error" if status == 1 else "op")


def test_threads_are_recorded_each_in_its_scope() -> None:
    def work(number: int, results: list[Any]) -> None:
        w = torch.full((3,), float(number), requires_grad=True)
        for _ in range(20):
            loss = (w * w).sum()
            loss.backward()
        results.append((number, w.grad.tolist()))

    results: list[Any] = []
    with record() as rec:
        threads = [threading.Thread(target=work, args=(i, results), name=f"worker {i}") for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [(i, [20.0 * 2 * i] * 3) for i in range(4)]
    film = Film(rec)
    by_thread: dict[str, int] = {}
    for step in film.ops(name="mul"):
        scopes = film.scopes(step)
        name = next(name for kind, name in scopes if kind == "thread")
        by_thread[name] = by_thread.get(name, 0) + 1
    assert by_thread == {f"worker {i}": 20 for i in range(4)}
    assert film.kinds().count("backward_end") == 80
    for i, step in enumerate(film.steps):
        if step["kind"] == "accumulate":
            assert step["after"] is not None, i


def test_the_limit_ends_the_recording_with_a_note() -> None:
    others = listening()
    with record(limit=5) as rec:
        x = torch.ones(2)
        for _ in range(50):
            x = x + 1
        assert listening() == others
    assert x.tolist() == [51.0, 51.0]
    assert [step["kind"] for step in rec.steps] == ["op"] * 5 + ["limit"]
    assert "limit of 5 steps" in rec.step(-1)["message"]
    assert rec.data["notes"] == [rec.step(-1)["message"]]
    with pytest.raises(ValueError, match="at least 1"):
        record(limit=0)


def test_the_limit_inside_a_backward() -> None:
    x = torch.ones(2, requires_grad=True)
    with record(limit=6) as rec:
        y = ((x * 2) * 3).sum()
        y.backward()
    assert x.grad.tolist() == [6.0, 6.0]
    assert rec.step(-1)["kind"] == "limit"


def test_hooks_sums_and_what_they_replace() -> None:
    x = torch.ones(2, requires_grad=True)
    with record() as rec:
        y = x * 3

        def double(g: Any) -> Any:
            return g * 2

        y.register_hook(double)
        (y + x).sum().backward()
    film = Film(rec)
    (hook,) = [step for step in film.steps if step["kind"] == "hook"]
    assert (hook["hook"], hook["name"], hook["replaced"]) == ("tensor", "double", True)
    assert film.nodes[hook["node"]]["name"] == "MulBackward0"
    product = next(step for step in film.steps if step["kind"] == "node" and step["node"] == hook["node"])
    assert film.data["values"][product["incoming"][0]]["data"] == [2, 2]
    assert [film.nodes[node]["name"] for node in product["summed"]] == ["AccumulateGrad"]
    (added,) = [step for step in film.steps if step["kind"] == "accumulate"]
    assert film.data["values"][added["after"]]["data"] == [7, 7]
    assert x.grad.tolist() == [7.0, 7.0]


def test_flags_that_are_set_are_notes() -> None:
    with record() as rec:
        w = torch.ones(2)
        w.requires_grad_()
        y = w * 2
        y.retain_grad()
        y.sum().backward()
        w.grad = None
    film = Film(rec)
    notes = [(step["what"], step["tensor"]) for step in film.steps if step["kind"] == "note"]
    assert notes == [("requires_grad_", 0), ("retain_grad", 1), ("grad=", 0)]
    assert film.tensors[0]["kind"] == "parameter"
    assert [step["tensor"] for step in film.steps if step["kind"] == "accumulate"] == [1, 0]


def test_gradients_that_a_program_touches_say_whose_they_are() -> None:
    w = torch.ones(2, requires_grad=True)
    with record() as rec:
        (w * 2).sum().backward()
        w.grad.zero_()
    film = Film(rec)
    (zeroed,) = film.ops(name="zero_")
    about = film.tensors[film.steps[zeroed]["outputs"][0]]
    assert (about["kind"], about["of"]) == ("gradient", film.called("w", 0))


def test_optimizers_are_one_step_for_all_their_parameters() -> None:
    net = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(net.parameters())
    with record() as rec:
        net(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    film = Film(rec)
    (step,) = film.ops(name="Adam.step")
    about = film.steps[step]
    assert [film.tensors[tensor]["name"] for tensor in about["outputs"]] == ["weight", "bias"]
    assert about["inplace"]
    assert about["grad_mode"] is False


def test_a_function_of_the_user_is_one_op() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(_ctx: Any, g: Any) -> Any:
            return g * 2

    x = torch.ones(2, requires_grad=True)
    with record() as rec:
        Double.apply(x).sum().backward()
    film = Film(rec)
    assert [film.steps[step]["name"] for step in film.ops()] == ["Double", "sum"]
    applied = film.steps[film.ops(name="Double")[0]]
    node = film.nodes[applied["node"]]
    assert node["name"] == "DoubleBackward"
    assert [saved["tensor"] for saved in node["saved"]] == applied["inputs"] == [film.called("x", 0)]


def test_pack_hooks_are_not_run_by_recording() -> None:
    unpacked = []

    def unpack(kept: Any) -> Any:
        unpacked.append(1)
        return kept

    x = torch.ones(2, requires_grad=True)
    with record() as rec, torch.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
        y = x.exp() * x
    assert y.requires_grad
    assert unpacked == []
    assert all(saved.get("packed") for node in rec.data["nodes"] for saved in node["saved"])


def test_double_backward_finds_the_nodes_that_backward_recorded() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    with record() as rec:
        (first,) = torch.autograd.grad(x**3, x, create_graph=True)
        first.backward()
    assert x.grad.item() == 12.0
    film = Film(rec)
    assert film.kinds().count("backward_begin") == 2
    ran = {step["node"] for step in film.steps if step["kind"] == "node"}
    assert ran <= {node["id"] for node in film.nodes}
    for node in film.nodes:
        assert all(to is None or 0 <= to < len(film.nodes) for to, _ in node["edges"])


def test_a_graph_made_before_the_recording_is_still_seen() -> None:
    x = torch.ones(2, requires_grad=True)
    y = (x * 2).sum()
    with record() as rec:
        y.backward()
    film = Film(rec)
    assert [film.nodes[step["node"]]["name"] for step in film.steps if step["kind"] == "node"] == [
        "SumBackward0", "MulBackward0",
    ]  # fmt: skip
    assert film.nodes[0]["op"] is None


def test_printing_and_reading_numbers_are_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with record() as rec:
        x = torch.ones(2, requires_grad=True)
        print(x, x.sum().item(), x.tolist(), x.shape)  # noqa: T201
    assert "tensor" in capsys.readouterr().out
    assert [step["name"] for step in rec.steps] == ["ones", "sum"]


def test_nested_recordings_both_see_what_runs_inside() -> None:
    with record() as outer:
        a = torch.ones(2)
        with record() as inner:
            b = a + 1
        c = b * 2
    assert [step["name"] for step in outer.steps if step["kind"] == "op"] == ["ones", "add", "mul"]
    assert [step["name"] for step in inner.steps if step["kind"] == "op"] == ["add"]
    assert c.tolist() == [4.0, 4.0]


def test_an_error_leaves_the_block_with_its_own_traceback() -> None:
    def program() -> None:
        torch.ones(2, 3).mm(torch.ones(2, 3))

    with pytest.raises(RuntimeError) as caught, record() as rec:
        program()
    assert not {"recorder.py", "intercept.pyx"} & {Path(str(entry.path)).name for entry in caught.traceback}
    assert rec.step(-1)["ends"]


def test_ids_and_versions_are_consistent(tmp_path: Path) -> None:
    text = (
        "import torch\nnet = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for i in range(3):\n    x = torch.randn(4, 3)\n    loss = net(x).pow(2).mean()\n    opt.zero_grad()\n"
        "    loss.backward()\n    opt.step()\n    x[0] = 0\n    y = x.T[1:]\n"
    )
    recording, done = recorded(text, tmp_path)
    assert done.returncode == 0, done.stderr
    data = recording.data
    for collection in ("tensors", "nodes", "values", "scopes", "rounds"):
        assert [one["id"] for one in data[collection]] == list(range(len(data[collection])))
    for index, step in enumerate(data["steps"]):
        assert 0 <= step["scope"] < len(data["scopes"])
        assert 0 <= step["round"] < len(data["rounds"])
        if step["kind"] == "op":
            assert step["op"] == index
            tensors = [one for one in step["inputs"] if isinstance(one, int)] + step["outputs"]
            assert all(0 <= tensor < len(data["tensors"]) for tensor in tensors)
            assert all(0 <= value < len(data["values"]) for value in step["values"].values())
    assert len([one for one in data["rounds"] if one["backward"]]) == 3
    assert Recording(data).json() == recording.json()
    assert run(tmp_path / "program.py", record=tmp_path / "film.txt", cwd=tmp_path).returncode == 0
    assert "backward begins at loss" in (tmp_path / "film.txt").read_text(encoding="utf-8")


def test_what_the_recorder_cannot_read_does_not_stop_the_program() -> None:
    w = torch.ones(2, 2, requires_grad=True)
    with record() as rec, torch.no_grad():
        row = w[0]
        row += 1
    assert w.tolist() == [[2.0, 2.0], [1.0, 1.0]]
    assert [step["name"] for step in rec.steps if step["kind"] == "op"] == ["__getitem__", "add_"]
    assert rec.data["notes"] == []


def test_a_fault_of_the_recorder_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    from dynagrad.viz.ledger import Ledger

    def fails(*_: Any) -> None:
        raise LookupError("broken")

    x = torch.ones(2, requires_grad=True)
    with record() as rec:
        monkeypatch.setattr(Ledger, "changed", fails)
        y = (x * 2).sum()
        y.backward()
    assert x.grad.tolist() == [2.0, 2.0]
    assert "could not be recorded: LookupError: broken" in rec.data["notes"][0]
    assert len(rec.data["notes"]) <= 20
