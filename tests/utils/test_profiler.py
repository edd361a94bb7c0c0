"""What a profile holds: events in the order in which they ran, what ran inside what, and what became of a cycle."""

from __future__ import annotations

import gzip
import itertools
import json
import threading

import pytest

import dynagrad as torch
from dynagrad.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


def names(prof):
    return [event.name for event in prof.events()]


def test_ops_backward_regions_and_steps_of_optimisers_are_events() -> None:
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        with record_function("mine"):
            model(torch.ones(5, 4)).relu().sum().backward()
        optimizer.step()
    found = names(prof)
    assert found[:5] == ["mine", "aten::ones", "aten::linear", "aten::relu", "aten::sum"]
    assert found.count("torch::autograd::AccumulateGrad") == 2
    assert "ReluBackward0" in found
    assert found[-1] == "Optimizer.step#SGD.step"
    mine = prof.events()[0]
    assert mine.cpu_parent is None
    assert {each.cpu_parent for each in mine.cpu_children} == {mine}
    assert mine.cpu_time_total >= sum(each.cpu_time_total for each in mine.cpu_children)
    assert mine.self_cpu_time_total == pytest.approx(
        mine.cpu_time_total - sum(e.cpu_time_total for e in mine.cpu_children)
    )


def test_nothing_is_told_before_and_after() -> None:
    prof = profile()
    torch.ones(1)
    with prof:
        torch.ones(2)
    torch.ones(3)
    assert names(prof) == ["aten::ones"]
    with record_function("outside"):
        pass


def test_shapes_memory_lines_and_operations() -> None:
    a, b = torch.ones(20, 30), torch.ones(30, 40)
    with profile(record_shapes=True, profile_memory=True, with_stack=True, with_flops=True) as prof:
        c = a @ b
        torch.nn.functional.conv2d(torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3), padding=1)
    event = prof.events()[0]
    assert event.input_shapes == [[20, 30], [30, 40]]
    assert event.cpu_memory_usage >= c.numel() * 4
    assert event.flops == 2 * 20 * 30 * 40
    assert "test_profiler.py" in event.stack[0]
    assert "test_shapes_memory_lines_and_operations" in event.stack[0]
    assert prof.events()[-1].flops == 2 * 2 * 4 * 64 * 3 * 9
    grouped = prof.key_averages(group_by_input_shape=True, group_by_stack_n=1)
    assert [each.count for each in grouped] == [1, 2, 1]
    table = grouped.table(sort_by="cpu_memory_usage", row_limit=2)
    assert all(title in table for title in ("CPU Mem", "Input Shapes", "Source Location", "Total "))


def test_the_table() -> None:
    with profile() as prof:
        for _ in range(3):
            torch.ones(2).mul(2)
        torch.ones(300, 300) @ torch.ones(300, 300)
    table = prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=1, header="Here", time_unit="us")
    lines = table.splitlines()
    assert lines[1] == "Here"
    assert lines[3].split("  ")[-1].strip() == "# of Calls"
    assert "aten::matmul" in lines[5]
    assert lines[5].split()[-1] == "1"
    assert lines[7].startswith("Self CPU time total: ")
    assert [each.count for each in prof.key_averages() if each.key == "aten::mul"] == [3]
    assert prof.events().total_average().count == 9
    with pytest.raises(AttributeError, match="nope"):
        prof.key_averages().table(sort_by="nope")
    with pytest.raises(ValueError, match="time_unit"):
        prof.key_averages().table(time_unit="h")


def test_a_schedule_hands_over_each_cycle(tmp_path) -> None:
    ready = []
    when = schedule(wait=1, warmup=1, active=2, repeat=2)
    assert [when(step) for step in (0, 1, 2, 3, 8)] == [
        ProfilerAction.NONE, ProfilerAction.WARMUP, ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE,
        ProfilerAction.NONE,
    ]  # fmt: skip
    with profile(schedule=when, on_trace_ready=lambda p: ready.append((p.step_num, names(p)))) as prof:
        for _ in range(10):
            torch.ones(1)
            prof.step()
    assert ready == [(4, ["ProfilerStep*", "aten::ones"] * 2), (8, ["ProfilerStep*", "aten::ones"] * 2)]
    handler = torch.profiler.tensorboard_trace_handler(str(tmp_path / "logs"), use_gzip=True)
    with profile(on_trace_ready=handler):
        torch.ones(1)
    (file,) = (tmp_path / "logs").iterdir()
    with gzip.open(file) as stream:
        assert any(event["name"] == "aten::ones" for event in json.load(stream)["traceEvents"])


def test_accumulated_events_of_all_cycles() -> None:
    with profile(schedule=schedule(wait=0, warmup=1, active=1), acc_events=True) as prof:
        for _ in range(4):
            torch.ones(1)
            prof.step()
    assert names(prof) == ["ProfilerStep*", "aten::ones"] * 2


def test_the_trace_and_the_stacks(tmp_path) -> None:
    with profile(with_stack=True, record_shapes=True) as prof:
        torch.ones(500, 500).exp().sum()
    prof.add_metadata("who", "me")
    prof.add_metadata_json("how", '{"much": 3}')
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    trace = json.loads((tmp_path / "trace.json").read_text())
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert [event["name"] for event in complete] == ["aten::ones", "aten::exp", "aten::sum"]
    assert complete[1]["args"]["Input Dims"] == [[500, 500]]
    assert (trace["who"], trace["how"]) == ("me", {"much": 3})
    assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in itertools.pairwise(complete))
    prof.export_stacks(str(tmp_path / "stacks.txt"))
    stack, _, number = (tmp_path / "stacks.txt").read_text().splitlines()[0].rpartition(" ")
    assert int(number) > 0
    assert "test_the_trace_and_the_stacks" in stack.rpartition(";")[2]
    with pytest.raises(ValueError, match="metric should be one of"):
        prof.export_stacks(str(tmp_path / "stacks.txt"), "nope")


def test_events_of_threads_nest_apart() -> None:
    def work():
        with record_function("thread"):
            torch.ones(2).exp()

    with profile() as prof, record_function("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    by_name = {event.name: event for event in prof.events()}
    assert by_name["aten::exp"].cpu_parent is by_name["thread"]
    assert by_name["thread"].cpu_parent is None
    assert by_name["thread"].thread != by_name["main"].thread


def test_errors_close_what_they_leave() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: 1 / 0)
    with profile() as prof:
        with pytest.raises(ZeroDivisionError):
            (y * y).sum().backward()
        with pytest.raises(RuntimeError, match="size"):
            torch.ones(2) + torch.ones(3)
        torch.ones(1)
    last = prof.events()[-1]
    assert last.name == "aten::ones"
    assert last.cpu_parent is None


def test_one_profiler_at_a_time_and_the_older_face() -> None:
    with torch.autograd.profiler.profile() as outer:
        torch.ones(2)
        with pytest.raises(RuntimeError, match="already enabled"), profile():
            pass
        with pytest.raises(RuntimeError, match="not reentrant"):
            outer.__enter__()
    assert [event.name for event in outer.function_events] == ["aten::ones"]
    assert "aten::ones" in str(outer)
    assert outer.self_cpu_time_total > 0
    with torch.autograd.profiler.profile(enabled=False) as off:
        torch.ones(2)
    assert off is None
    assert torch.autograd.profiler.profile().table() == ""
    with pytest.raises(RuntimeError, match="NVTX"), torch.autograd.profiler.emit_nvtx():
        pass


def test_what_is_refused() -> None:
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        profile(activities=[])
    with pytest.raises(AssertionError, match="must be initialized"):
        profile().key_averages()
    with pytest.raises(AssertionError, match="Invalid profiler schedule arguments"):
        schedule(wait=0, warmup=0, active=0)
    with pytest.raises(NotImplementedError, match="memory_timeline"):
        profile().export_memory_timeline("x.html")


def test_a_recording_and_a_profile_at_once() -> None:
    from dynagrad.viz.session import record

    x = torch.ones(2, requires_grad=True)
    model = torch.nn.Linear(2, 1)
    with record() as recording, profile() as prof:
        model(x * 2).sum().backward()
    kinds = [step["name"] for step in recording.data["steps"] if step["kind"] == "op"]
    assert "linear" in kinds
    assert any(step["kind"] == "backward" or "node" in step for step in recording.data["steps"])
    assert "aten::linear" in names(prof)
    assert "MulBackward0" in names(prof)


@record_function("decorated")
def decorated():
    """Adds."""
    return torch.ones(1) + 1


def test_a_decorated_function() -> None:
    with profile() as prof:
        assert decorated().item() == 2
    assert decorated.__doc__ == "Adds."
    assert names(prof) == ["decorated", "aten::ones", "aten::add", "aten::item"]
