"""``torch.utils.benchmark``: what a measurement says of its times, and the table of several."""

from __future__ import annotations

import pytest

import dynagrad as torch
from dynagrad.utils.benchmark import Compare, Measurement, TaskSpec, Timer, select_unit, trim_sigfig, unit_to_english


def measured(times, number=10, **names):
    return Measurement(number, times, TaskSpec("x + y", "pass", **names))


def test_a_measurement() -> None:
    m = measured([1e-5, 2e-5, 3e-5, 1e-4], label="L", sub_label="S", description="D")
    assert m.median == pytest.approx(2.5e-6)
    assert m.mean == pytest.approx(4e-6)
    assert m.iqr == pytest.approx(3e-6)
    assert m.has_warnings
    assert not m.meets_confidence(1.0)
    lines = repr(m).splitlines()
    assert lines[1:3] == ["L: S", "D"]
    assert lines[3:6] == [
        "  Median: 2.50 us",
        "  IQR:    3.00 us (1.75 to 4.75)",
        "  4 measurements, 10 runs per measurement, 1 thread",
    ]
    assert "Interquartile range is 120.0% of the median" in lines[6]
    assert "suggests significant environmental influence" in lines[7]
    assert (m.title, m.as_row_name, m.description) == ("L: S", "S", "D")
    single = repr(measured([1e-5], number=1)).splitlines()
    assert single[1:] == ["x + y", "  10.00 us", "  1 measurement, 1 runs , 1 thread"]
    with pytest.raises(ValueError, match="no times"):
        _ = measured([]).median
    merged = Measurement.merge([m, m, measured([1.0])])
    assert [len(each.times) for each in merged] == [8, 1]


def test_units_and_digits() -> None:
    assert [select_unit(t)[0] for t in (1e-9, 1e-6, 1e-3, 1.0, 5000.0)] == ["ns", "us", "ms", "s", "s"]
    assert unit_to_english("ms") == "millisecond"
    assert [trim_sigfig(123.456, n) for n in (1, 2, 4)] == [100.0, 120.0, 123.5]


def test_the_timer() -> None:
    seen = []
    timer = Timer("seen.append(x)", setup="x = 3", globals={"seen": seen}, timer=lambda: len(seen) * 0.25)
    m = timer.timeit(4)
    assert m.raw_times == [1.0]
    assert m.number_per_run == 4
    assert seen == [3] * (2 + 4)
    told = []
    m = timer.blocked_autorange(callback=lambda number, taken: told.append((number, taken)), min_run_time=2.0)
    assert told == [(1, 0.25)] * 8
    assert m.median == 0.25
    assert len(timer.adaptive_autorange(min_run_time=0.1).raw_times) == 4
    indented = Timer(
        """
        y = torch.ones(2)
        y.add_(1)
        """,
        num_threads=2,
    )
    assert indented.timeit(2).task_spec.stmt == "y = torch.ones(2)\ny.add_(1)"
    assert torch.get_num_threads() > 0


def test_what_a_timer_refuses() -> None:
    with pytest.raises(ValueError, match="Currently only a `str` stmt is supported"):
        Timer(3)
    with pytest.raises(NotImplementedError, match="C\\+\\+"):
        Timer("x", language="c++")
    with pytest.raises(NotImplementedError, match="blocked_autorange"):
        Timer("x").repeat()
    with pytest.raises(NotImplementedError, match="callgrind"):
        Timer("x").collect_callgrind()
    with pytest.raises(ValueError, match="global_setup is C\\+\\+ only"):
        Timer("x", global_setup="y")


def test_the_table(capsys) -> None:
    rows = [
        measured([t * 10] * 5, label="sum", sub_label=name, description=who, num_threads=n)
        for n, name, who, t in (
            (1, "small", "a", 1e-6), (1, "small", "b", 3e-6), (1, "large", "a", 2e-4), (2, "small", "a", 9e-7),
        )
    ]  # fmt: skip
    table = Compare(rows)
    table.print()
    lines = capsys.readouterr().out.splitlines()
    assert "sum" in lines[0]
    assert [part.strip() for part in lines[1].split("|")] == ["", "a", "b"]
    assert lines[2].startswith("1 threads: -")
    assert [part.strip() for part in lines[3].split("|")] == ["small", "1000.0", "3000.0"]
    assert [part.strip() for part in lines[4].split("|")] == ["large", "200000.0", ""]
    assert lines[5].startswith("2 threads: -")
    assert lines[-2] == "Times are in nanoseconds (ns)."
    table.colorize()
    assert str(table).count("\033[92m") == 2
    table.colorize(rowwise=True)
    table.trim_significant_figures()
    table.highlight_warnings()
    assert str(table).count("\033[92m") == 3
    with pytest.raises(ValueError, match="Expected an instance of `Measurement`"):
        Compare([3])
