"""Starts a process for each measurement, peers in turn (A B A B), and keeps the median of each.

Only ratios from one run are worth comparing: absolute times on a shared machine mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.installed import installed_bytes
from benchmarks.peers import PEERS, Peer
from benchmarks.report import Row, as_markdown, put_between_marks
from benchmarks.workloads import LONG_CHAIN, WORKLOADS

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TIME_LIMIT = 600
OTHERS = ("memory", "training_memory", "import", "size")
TRAINING_STEPS = 10
COUNTED = {"rnn_cell": (50, 250), "odsc_epoch": (50, 250), "chain": (1, 3)}
IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
Measure = Callable[[Peer], float | None]


def run_process(command: list[str], threads: int = 1) -> subprocess.CompletedProcess[str]:
    """One process, with every library's thread count set and hashing made repeatable."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"PYTHONHASHSEED": "0"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=TIME_LIMIT, check=False
    )


def worker(peer: Peer, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.worker", peer.name, *arguments]


def last_line(done: subprocess.CompletedProcess[str], what: str) -> str | None:
    """The result, or None with the reason on stderr where a peer failed."""
    if done.returncode == 0:
        return done.stdout.splitlines()[-1]
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    print(f"{what}: {reason}", file=sys.stderr)
    return None


def alternate(peers: list[Peer], rounds: int, measure: Measure) -> dict[str, float]:
    """Medians over the rounds; a peer that does not have the workload is asked once."""
    results: dict[str, list[float]] = {peer.name: [] for peer in peers}
    asked = list(peers)
    for _ in range(rounds):
        for peer in list(asked):
            result = measure(peer)
            if result is None:
                asked.remove(peer)
            else:
                results[peer.name].append(result)
    return {name: statistics.median(values) for name, values in results.items() if values}


def measure_time(workload: str, threads: int, seconds: float) -> Measure:
    def measure(peer: Peer) -> float | None:
        options = ("--threads", str(threads), "--seconds", str(seconds))
        line = last_line(run_process(worker(peer, workload, *options), threads), f"{workload} on {peer.name}")
        return None if line is None else json.loads(line)

    return measure


def measure_peak(workload: str) -> Measure:
    def measure(peer: Peer) -> float | None:
        command = worker(peer, workload, "--peak", str(TRAINING_STEPS))
        line = last_line(run_process(command), f"memory of {workload} on {peer.name}")
        return None if line is None else json.loads(line)

    return measure


def measure_import(peer: Peer) -> float | None:
    line = last_line(run_process([sys.executable, "-c", IMPORT.format(peer.module)]), f"import {peer.module}")
    return None if line is None else float(line)


def count_instructions(workload: str) -> Measure:
    """Instructions of a step: the difference between a short and a longer run, so that start-up cancels."""

    def collected(peer: Peer, steps: int) -> int | None:
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        done = run_process([*valgrind, *worker(peer, workload, "--steps", str(steps))])
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not found or done.stdout.strip() == "null":
            return None
        return int(found[1])

    def measure(peer: Peer) -> float | None:
        few, many = COUNTED[workload]
        short, long = collected(peer, few), collected(peer, many)
        if short is None or long is None:
            return None
        return (long - short) / (many - few) / WORKLOADS[workload].per_step

    return measure


def time_rows(peers: list[Peer], options: argparse.Namespace) -> Iterator[Row]:
    for name in options.only or WORKLOADS:
        if name not in WORKLOADS:
            continue
        workload = WORKLOADS[name]
        for threads in (1, os.cpu_count() or 1) if workload.threaded else (1,):
            rounds = min(options.rounds, 3) if workload.per_step == LONG_CHAIN else options.rounds
            medians = alternate(peers, rounds, measure_time(name, threads, options.seconds))
            yield Row(name, f"{workload.title}, per {workload.unit}", threads, "s", medians)


def other_rows(peers: list[Peer], options: argparse.Namespace) -> Iterator[Row]:
    """Memory, import time and size: no workload's time."""
    wanted = options.only or OTHERS
    graph_peers = [peer for peer in peers if peer.name in ("dynagrad", "torch")]
    modules = list({peer.module: peer for peer in reversed(peers)}.values())[::-1]
    if "memory" in wanted:
        medians = alternate(graph_peers, min(options.rounds, 3), measure_time("live_chain", 1, 0))
        yield Row("memory", "live scalar chain, memory per node", 1, "B", medians)
    if "training_memory" in wanted:
        for name in ("lenet", "gpt"):
            title = f"{WORKLOADS[name].title}, memory of {TRAINING_STEPS} steps at their peak"
            yield Row(
                f"{name}_memory", title, 1, "B", alternate(graph_peers, min(options.rounds, 3), measure_peak(name))
            )
    if "import" in wanted:
        yield Row("import", "import", None, "s", alternate(modules, options.rounds, measure_import))
    if "size" in wanted:
        yield Row("size", "installed size without NumPy", None, "B", alternate(modules, 1, installed_bytes))


def instruction_rows(peers: list[Peer], options: argparse.Namespace) -> Iterator[Row]:
    for name in options.only or COUNTED:
        workload = WORKLOADS[name]
        yield Row(name, f"{workload.title}, per {workload.unit}", 1, "i", alternate(peers, 1, count_instructions(name)))


def choose_peers(names: list[str] | None) -> list[Peer]:
    """The installed peers among ``names``, all of them by default; dynagrad first."""
    unknown = set(names or ()) - set(PEERS)
    if unknown:
        raise SystemExit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return [peer for peer in PEERS.values() if (names is None or peer.name in names) and peer.installed]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = (*WORKLOADS, *OTHERS)
    parser.add_argument("--only", nargs="+", choices=names, help="these rows only")
    parser.add_argument("--peers", nargs="+", help=f"of {', '.join(PEERS)}; default: all that are installed")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each peer and row")
    parser.add_argument("--seconds", type=float, default=0.5, help="sampling time in each process")
    parser.add_argument("--instructions", action="store_true", help="count instructions with valgrind instead of time")
    parser.add_argument("--readme", action="store_true", help="also put the table into README.md")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    peers = choose_peers(options.peers)
    rows: list[Row] = []
    sources = (instruction_rows,) if options.instructions else (time_rows, other_rows)
    for source in sources:
        for row in source(peers, options):
            print(f"measured: {row.title}", file=sys.stderr)
            rows.append(row)
    conditions = f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {options.rounds} processes."
    table = f"{as_markdown(rows)}\n\n{conditions}"
    print(table)
    if options.readme:
        put_between_marks(ROOT / "README.md", table)
    if options.json:
        options.json.write_text(json.dumps([row.as_record() for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0
