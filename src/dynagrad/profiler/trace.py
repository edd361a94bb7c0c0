"""A profile as files: traces for Perfetto and Chrome, and folded stacks for flame graphs."""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

__all__ = ["write_stacks", "write_trace"]

_METRICS = ("self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total", "self_privateuse1_time_total")


def write_trace(path: str, events: Any, origin: int, metadata: dict[str, Any]) -> None:
    """Writes events in the Trace Event Format.

    Args:
        path: of the file; compressed if it ends in ``.gz``.
        events: single ones. RuntimeError for averages, which have no time at which they ran.
        origin: microseconds of the system's clock at which the profile began.
        metadata: further entries of the file.

    >>> import dynagrad as torch, json, tempfile
    >>> with torch.profiler.profile() as prof:
    ...     y = torch.ones(2)
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     prof.export_chrome_trace(file.name)
    ...     print([event["name"] for event in json.load(file)["traceEvents"] if event["ph"] == "X"])
    ['aten::ones']
    """
    process = os.getpid()
    found: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "ts": origin, "args": {"name": "python"}}
    ]
    for event in events:
        if not hasattr(event, "time_range"):
            raise RuntimeError("a trace is made of single events: export those of the profile, not its averages")
        about: dict[str, Any] = {"External id": event.id}
        if event.input_shapes:
            about["Input Dims"], about["Input type"] = event.input_shapes, event.input_types
        if event.stack:
            about["Call stack"] = ";".join(event.stack)
        if event.cpu_memory_usage:
            about["Bytes"] = event.cpu_memory_usage
        found.append({
            "ph": "X", "cat": event.kind, "name": event.trace_name, "pid": process, "tid": event.thread,
            "ts": origin + event.time_range.start, "dur": event.cpu_time_total, "args": about,
        })  # fmt: skip
    whole = {"schemaVersion": 1, "deviceProperties": [], **metadata, "traceEvents": found, "traceName": path}
    opened: Any = gzip.open(path, "wt", encoding="utf-8") if path.endswith(".gz") else open(path, "w", encoding="utf-8")  # noqa: SIM115
    with opened as file:
        json.dump(whole, file)


def write_stacks(path: str, events: Any, metric: str) -> None:
    """Writes ``outer;inner number`` for every stack: the microseconds, rounded, of the events that it led to.

    ValueError for a metric other than the self times, of which all but the CPU's are 0. Needs ``with_stack=True``.

    >>> import dynagrad as torch
    >>> torch.profiler.profile().profiler is None
    True
    """
    if metric not in _METRICS:
        raise ValueError(f"metric should be one of: {list(_METRICS)}")
    totals: dict[str, float] = {}
    for event in events:
        if event.stack:
            key = ";".join(frame.translate(str.maketrans(" ;\t\n", "____")) for frame in reversed(event.stack))
            totals[key] = totals.get(key, 0.0) + (event.self_cpu_time_total if metric == _METRICS[0] else 0.0)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{stack} {int(value)}\n" for stack, value in totals.items() if int(value) > 0)
