"""Random programs: the same on PyTorch, step by step (parity), and never a crash or a leak without it."""

from __future__ import annotations

import gc
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dynagrad
from tests.programs.program import KINDS, Machine

STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 20), st.integers(0, 20), st.integers(0, 50)),
    min_size=2,
    max_size=14,
)
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
LONG = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def close(ours: Any, theirs: Any) -> bool:
    """Equal up to rounding, nested lists included; NaN equals NaN."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(close, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return (
            (math.isnan(ours) and math.isnan(theirs))
            or ours == theirs
            or math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
        )
    return bool(ours == theirs)


@QUICK
@given(STEPS)
def test_a_program_gives_the_same_twice(steps: list[tuple[str, int, int, int]]) -> None:
    first, second = Machine(dynagrad), Machine(dynagrad)
    for step in steps:
        assert first.step(*step) == second.step(*step)
    assert close([list(seen.values()) for seen in first.report()], [list(seen.values()) for seen in second.report()])


def test_programs_leave_nothing_behind() -> None:
    steps = [(kind, i * 7, i * 5 + 1, i * 3 + n) for n in range(40) for i, kind in enumerate(KINDS)]

    def run() -> None:
        machine = Machine(dynagrad)
        for step in steps:
            machine.step(*step)

    run()
    gc.collect()
    before = dynagrad.memory.stats()["live_count"]
    for _ in range(3):
        run()
    gc.collect()
    assert dynagrad.memory.stats()["live_count"] == before


@pytest.mark.parity
@LONG
@given(STEPS)
def test_a_program_gives_what_pytorch_gives(steps: list[tuple[str, int, int, int]]) -> None:
    import torch

    ours, theirs = Machine(dynagrad), Machine(torch)
    for done, step in enumerate(steps):
        raised, expected = ours.step(*step), theirs.step(*step)
        assert bool(raised) == bool(expected), f"step {done} {step}: raised {raised!r}, PyTorch {expected!r}"
        for i, (mine, its) in enumerate(zip(ours.report(), theirs.report(), strict=True)):
            for what in its:
                assert close(mine[what], its[what]), (
                    f"after step {done} {step}, tensor {i}: {what} is {mine[what]}, PyTorch says {its[what]}"
                )
