"""What the recorder costs: ``python -m benchmarks.recorder``, and ``--instructions`` for its cost while nothing records.

Times are the least of several runs of the same work, recorded and not, in turn: on a busy machine anything else measures
the neighbours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from time import perf_counter, process_time
from typing import Any

import dynagrad
from benchmarks.report import formatted
from benchmarks.workloads import rnn_cell
from dynagrad.viz import record
from dynagrad.viz.page import page_of

OPERATIONS = 20_000
STEPS = (200, 1200)
ROUNDS = 15


def chain(steps: int) -> Any:
    """Lab 2B's cell unrolled: four operations a step, on an input that stays."""
    Wh, Wx = dynagrad.randn(3, 3, requires_grad=True), dynagrad.randn(3, 2, requires_grad=True)
    x, h = dynagrad.randn(2, 1), dynagrad.randn(3, 1)
    for _ in range(steps):
        i2h = Wx.mm(x)
        h2h = Wh.mm(h)
        next_h = i2h + h2h
        h = next_h.tanh()
    return h.sum()


def least(work: Callable[[], float]) -> float:
    """The least of several measurements."""
    return min(work() for _ in range(ROUNDS))


def operation_cost(steps: int = 250) -> float:
    """Seconds that recording adds to one operation."""

    def plain() -> float:
        began = process_time()
        chain(steps)
        return process_time() - began

    def recorded() -> float:
        with record(limit=10**9):
            return plain()

    return (least(recorded) - least(plain)) / (4 * steps)


def node_cost(steps: int = 250) -> float:
    """Seconds that recording adds to one node of a backward."""

    def plain() -> float:
        out = chain(steps)
        began = process_time()
        out.backward()
        return process_time() - began

    def recorded() -> float:
        with record(limit=10**9):
            return plain()

    return (least(recorded) - least(plain)) / (4 * steps)


def large_recording() -> tuple[int, int, float, float]:
    """Bytes of the JSON and of the page of many operations with their backward, and the seconds that each took."""
    with record(limit=10**9) as recording:
        chain(OPERATIONS // 4).backward()
    began = perf_counter()
    text = recording.json()
    written = perf_counter()
    page = page_of(recording.data)
    return len(text.encode()), len(page.encode()), written - began, perf_counter() - written


def instructions(mode: str) -> float:
    """Instructions of one step of the RNN cell in a process that has recorded before ("after"), or has not ("never")."""
    counts = []
    for steps in STEPS:
        command = [sys.executable, "-m", "benchmarks.recorder", "--worker", mode, "--steps", str(steps)]
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        done = subprocess.run([*valgrind, *command], capture_output=True, text=True, check=True)
        collected = next(line for line in done.stderr.splitlines() if "Collected" in line)
        counts.append(int(collected.rpartition(":")[2]))
    return (counts[1] - counts[0]) / (STEPS[1] - STEPS[0])


def run_cell(mode: str, steps: int) -> None:
    """The work that `instructions` counts."""
    if mode == "after":
        with record():
            rnn_cell(dynagrad)()
    step = rnn_cell(dynagrad)
    for _ in range(steps):
        step()


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recorder", description=__doc__)
    parser.add_argument(
        "--instructions", action="store_true", help="count what remains while nothing records (valgrind)"
    )
    parser.add_argument("--worker", choices=("never", "after"), help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=100, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        run_cell(options.worker, options.steps)
        return 0
    if options.instructions:
        never, after = instructions("never"), instructions("after")
        print(f"RNN cell, never recorded       {formatted(never, 'i')}")
        print(f"RNN cell, after a recording    {formatted(after, 'i')}  ({after / never - 1:+.3%})")
        return 0
    print(f"recording an operation         {formatted(operation_cost(), 's')}")
    print(f"recording a node of backward   {formatted(node_cost(), 's')}")
    json_bytes, page_bytes, json_time, page_time = large_recording()
    print(f"{OPERATIONS} operations, as JSON    {formatted(json_bytes, 'B')}, written in {formatted(json_time, 's')}")
    print(f"{OPERATIONS} operations, as a page  {formatted(page_bytes, 'B')}, made in {formatted(page_time, 's')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
