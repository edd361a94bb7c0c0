"""``profile``: collects in the steps that a schedule says, and hands each cycle over when it is complete."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from dynagrad.profiler.activity import ProfilerAction, ProfilerActivity
from dynagrad.profiler.collect import Collector, Options, Span, record_function
from dynagrad.profiler.events import EventList, events_of
from dynagrad.profiler.trace import write_trace

__all__ = ["profile", "tensorboard_trace_handler"]

_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def _always(_step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


class profile:  # noqa: N801  # PyTorch's name
    """Profiles what runs inside, as a context manager or between ``start`` and ``stop``.

    Args:
        activities: of which the CPU is what there is; CUDA and others add nothing. AssertionError for none.
        schedule: from the number of a step to what is done in it, see ``torch.profiler.schedule``; ``step()`` says
            that a step has ended. Everything is recorded if not given.
        on_trace_ready: called with the profiler at the end of a cycle.
        record_shapes: whether the sizes of arguments are kept.
        profile_memory: whether the bytes that ops take and give back are counted.
        with_stack: whether the program's lines are kept.
        with_flops: whether operations are counted, of products, convolutions, sums and multiplications.
        with_modules: accepted; it concerns scripted modules, of which there are none.
        acc_events: whether the events of all cycles are kept; those of the last one otherwise.
        custom_trace_id_callback: names the trace.

    ValueError for ``experimental_config`` and ``execution_trace_observer``, which belong to PyTorch's recorder.

    >>> import dynagrad as torch
    >>> with torch.profiler.profile(record_shapes=True) as prof:
    ...     y = torch.ones(2, 3) @ torch.ones(3, 1)
    >>> prof.events()[-1].name, prof.events()[-1].input_shapes
    ('aten::matmul', [[2, 3], [3, 1]])
    >>> print(prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=1))  # doctest: +ELLIPSIS
    -------...Self CPU time total: ...
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        if experimental_config is not None or execution_trace_observer is not None:
            raise ValueError(
                "experimental_config and execution_trace_observer configure Kineto, which dynagrad has not"
            )
        self.activities = {ProfilerActivity.CPU} if activities is None else set(activities)
        if not self.activities:
            raise AssertionError("No valid profiler activities found")
        if use_cuda is not None:
            warnings.warn("`use_cuda` is deprecated, use `activities` argument instead", FutureWarning, stacklevel=2)
        self.schedule = schedule or _always
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops, self.with_modules = with_stack, with_flops, with_modules
        self.acc_events = acc_events
        self.custom_trace_id_callback = custom_trace_id_callback
        self.post_processing_timeout_s = post_processing_timeout_s
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.step_rec_fn: record_function | None = None
        self.profiler: Collector | None = None
        self._collecting = False
        self._kept: list[Span] = []
        self._metadata: dict[str, Any] = {}

    # ---- on and off --------------------------------------------------------------------------------------------------

    def __enter__(self) -> profile:  # noqa: PYI034  # PyTorch's is no generic
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins, with step 0."""
        if self.current_action in _RECORDING:
            self._begin()
        self._begin_step()

    def stop(self) -> None:
        """Ends; what is being recorded is handed over."""
        self._end_step()
        if self._collecting:
            self._finish()
            self._hand_over()

    def step(self) -> None:
        """Says that the next step begins."""
        self._end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self.schedule(self.step_num)
        complete = before is ProfilerAction.RECORD_AND_SAVE
        if self._collecting and (complete or self.current_action not in _RECORDING):
            if not complete:
                warnings.warn("Incorrect schedule: RECORD followed by NONE", stacklevel=2)
            self._finish()
            if complete:
                self._hand_over()
        if self.current_action in _RECORDING and (complete or before not in _RECORDING):
            self._begin()
        self._begin_step()

    def _begin(self) -> None:
        options = Options(
            shapes=self.record_shapes, memory=self.profile_memory, stack=self.with_stack, flops=self.with_flops
        )
        collector = Collector(options)
        collector.start()
        self.profiler, self._collecting = collector, True
        self._clock = time.time_ns()
        if not self.acc_events:
            self._kept = []
        elif not self._kept:
            self._origin = collector.began

    def _finish(self) -> None:
        assert self.profiler is not None
        self.profiler.stop()
        self._collecting = False
        self._kept += self.profiler.spans

    def _hand_over(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _begin_step(self) -> None:
        if self.record_steps:
            self.step_rec_fn = record_function(f"ProfilerStep#{self.step_num}")
            self.step_rec_fn.__enter__()

    def _end_step(self) -> None:
        if self.step_rec_fn is not None:
            self.step_rec_fn.__exit__(None, None, None)
            self.step_rec_fn = None

    # ---- what was collected ------------------------------------------------------------------------------------------

    def _initialized(self, what: str) -> Collector:
        if self.profiler is None:
            raise AssertionError(f"Profiler must be initialized before {what}")
        return self.profiler

    def events(self) -> EventList:
        """The events of the last cycle, of all with ``acc_events``, in the order in which they began."""
        collector = self._initialized("accessing events")
        origin = self._origin if self.acc_events else collector.began
        return events_of(self._kept, origin, self.profile_memory, self.with_flops)

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """The averages of the events, see ``EventList.key_averages``."""
        self._initialized("getting key averages")
        return self.events().key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as a trace for Perfetto or Chrome's ``chrome://tracing``; compressed if it ends in ``.gz``."""
        self._initialized("exporting chrome trace")
        write_trace(path, self.events(), self._clock // 1000, {"trace_id": self.get_trace_id() or "", **self._metadata})

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes a line for each stack with its total of ``metric``, as tools for flame graphs read it."""
        self._initialized("exporting stacks")
        self.events().export_stacks(path, metric)

    def export_memory_timeline(self, path: str, device: str | None = None) -> None:
        """NotImplementedError: what a byte is used for is not kept; ``profile_memory`` says which op took it."""
        raise NotImplementedError(
            "export_memory_timeline: dynagrad's profiler counts the bytes that each op takes (profile_memory=True), and "
            "not what they are for"
        )

    # ---- about the trace ---------------------------------------------------------------------------------------------

    def add_metadata(self, key: str, value: str) -> None:
        """Adds a text to the trace file."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Adds a value, given as JSON, to the trace file."""
        import json

        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json

    def set_custom_trace_id_callback(self, callback: Callable[[], str]) -> None:
        """Sets what names the trace."""
        self.custom_trace_id_callback = callback

    def get_trace_id(self) -> str | None:
        """The name of the trace, None without a callback that gives one."""
        return None if self.custom_trace_id_callback is None else self.custom_trace_id_callback()


def tensorboard_trace_handler(
    dir_name: str,
    worker_name: str | None = None,
    use_gzip: bool = False,
    use_python_export: bool = False,  # noqa: ARG001  # there is one exporter
) -> Callable[[profile], None]:
    """An ``on_trace_ready`` that writes each cycle as ``dir_name/worker.time.pt.trace.json``, ``.gz`` if compressed.

    The worker is called after the machine and the process if not named. RuntimeError where the folder cannot be made.

    >>> import dynagrad as torch, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with torch.profiler.profile(on_trace_ready=torch.profiler.tensorboard_trace_handler(folder, "me")):
    ...         y = torch.ones(2)
    ...     print([name.split(".")[0] for name in os.listdir(folder)])
    ['me']
    """

    def write(prof: profile) -> None:
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Can't create directory: {dir_name}") from error
        worker = worker_name
        if worker is None:
            import socket

            worker = f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return write
