"""Measures one workload on one peer in this process and prints a JSON line; ``runner`` starts it.

Nothing here compares. The collector stays on, as it is in the programs that the workloads stand for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers import PEERS
from benchmarks.workloads import LONG_CHAIN, WORKLOADS, Step

SAMPLE_SECONDS = 0.01
LONG_STEP_SECONDS = 1.0
WARM_UP_SECONDS = 0.1


def time_steps(step: Step, count: int) -> float:
    """Seconds per step, over ``count`` of them."""
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def calibrate(step: Step) -> int:
    """Warms up, and returns how many steps make a sample long enough for the clock."""
    count, spent = 1, 0.0
    while True:
        seconds = time_steps(step, count)
        spent += seconds * count
        if spent >= WARM_UP_SECONDS:
            return max(1, round(SAMPLE_SECONDS / seconds))
        count *= 2


def sample(step: Step, seconds: float) -> float:
    """The median time of a step over samples that fill ``seconds``; at least three, but one of a long step."""
    if time_steps(step, 1) > LONG_STEP_SECONDS:
        return time_steps(step, 1)
    count = calibrate(step)
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while len(samples) < 3 or time.perf_counter() < end:
        samples.append(time_steps(step, count))
    return statistics.median(samples)


def resident_bytes() -> int:
    """The resident set of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bytes_per_node(build_chain: Step) -> float:
    """Growth of the resident set over a live chain of a million nodes."""
    before = resident_bytes()
    alive = build_chain()
    grown = resident_bytes() - before
    del alive
    return grown / LONG_CHAIN


def peak_growth(builder: Callable[[], Step], steps: int) -> int:
    """How far the resident set rises, at its highest, above where it stood before the workload was built."""
    before = resident_bytes()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak of the imports
    step = builder()
    for _ in range(steps):
        step()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024 - before


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("workload", choices=[*WORKLOADS, "live_chain"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--steps", type=int, help="run this many steps, measure nothing: for instruction counts")
    parser.add_argument("--peak", type=int, help="run this many steps and print the growth of the peak resident set")
    arguments = parser.parse_args()
    if arguments.threads == 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # for peers that take no thread count
    builder = PEERS[arguments.peer].load(arguments.threads).get(arguments.workload)
    if builder is None:
        print(json.dumps(None))
        return 0
    if arguments.peak is not None:
        print(json.dumps(peak_growth(builder, arguments.peak)))
        return 0
    step = builder()
    if arguments.steps is not None:
        for _ in range(arguments.steps):
            step()
    elif arguments.workload == "live_chain":
        print(json.dumps(bytes_per_node(step)))
    else:
        print(json.dumps(sample(step, arguments.seconds) / WORKLOADS[arguments.workload].per_step))
    return 0


if __name__ == "__main__":
    sys.exit(main())
