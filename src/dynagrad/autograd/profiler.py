"""``torch.autograd.profiler``: the older face of ``torch.profiler``, for one region and without steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from dynagrad.profiler.activity import DeviceType, ProfilerActivity, kineto_available
from dynagrad.profiler.collect import Collector, Options, record_function
from dynagrad.profiler.events import EventList, FunctionEvent, FunctionEventAvg, events_of

__all__ = [
    "DeviceType",
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "ProfilerActivity",
    "emit_itt",
    "emit_nvtx",
    "kineto_available",
    "load_nvprof",
    "profile",
    "record_function",
]


class profile:  # noqa: N801  # PyTorch's name
    """Profiles what runs inside; its times are read afterwards.

    Args:
        enabled: False makes the region do nothing.
        use_cuda, use_device, use_kineto, use_cpu, with_modules: accepted; there is the CPU alone.
        record_shapes, with_flops, profile_memory, with_stack: what is kept beside times, see ``torch.profiler.profile``.

    RuntimeError when it is entered twice, and where another profiler is running.

    >>> import dynagrad as torch
    >>> with torch.autograd.profiler.profile() as prof:
    ...     y = torch.ones(2) * 2
    >>> [event.name for event in prof.function_events]
    ['aten::ones', 'aten::mul']
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,  # noqa: ARG002  # of Kineto
        acc_events: bool = False,  # noqa: ARG002  # there is one region
        custom_trace_id_callback: Callable[[], str] | None = None,
    ) -> None:
        self.enabled = enabled
        self.entered = False
        self.use_cuda, self.use_device, self.use_cpu, self.use_kineto = use_cuda, use_device, use_cpu, use_kineto
        self.record_shapes, self.with_flops = record_shapes, with_flops
        self.profile_memory, self.with_stack, self.with_modules = profile_memory, with_stack, with_modules
        self.trace_id = "" if custom_trace_id_callback is None else custom_trace_id_callback()
        self._collector: Collector | None = None
        self._events: EventList | None = None

    def __enter__(self) -> profile | None:
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.entered = True
        self._collector = Collector(
            Options(shapes=self.record_shapes, memory=self.profile_memory, stack=self.with_stack, flops=self.with_flops)
        )
        self._collector.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._collector is None:
            return
        self._collector.stop()
        self._events = events_of(self._collector.spans, self._collector.began, self.profile_memory, self.with_flops)

    @property
    def function_events(self) -> EventList:
        """The events; none before the region has ended."""
        return EventList() if self._events is None else self._events

    def __repr__(self) -> str:
        return repr(self.function_events)

    def __str__(self) -> str:
        return str(self.function_events)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as a table, see ``EventList.table``."""
        return self.function_events.table(
            sort_by, row_limit, max_src_column_width, max_name_column_width, max_shapes_column_width, header,
            top_level_events_only, time_unit,
        )  # fmt: skip

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """The averages of the events, see ``EventList.key_averages``."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        return self.function_events.total_average()

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as a trace for Perfetto or Chrome's ``chrome://tracing``."""
        self.function_events.export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes a line for each stack with its total of ``metric``. AssertionError without ``with_stack=True``."""
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        self.function_events.export_stacks(path, metric)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that all events took by themselves."""
        return self.function_events.self_cpu_time_total


class _Elsewhere:
    """A region that another vendor's profiler would see."""

    _needs = ""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes

    def __enter__(self) -> _Elsewhere:  # noqa: PYI034  # of two classes
        if self.enabled:
            raise RuntimeError(f"{type(self).__name__} needs {self._needs}, which is not part of this build")
        return self

    def __exit__(self, *_: object) -> None:
        pass


class emit_nvtx(_Elsewhere):  # noqa: N801  # PyTorch's name
    """A region whose ops NVIDIA's profiler would see: RuntimeError when it is entered, unless it is not enabled."""

    _needs = "NVTX"


class emit_itt(_Elsewhere):  # noqa: N801  # PyTorch's name
    """A region whose ops Intel's profiler would see: RuntimeError when it is entered, unless it is not enabled."""

    _needs = "ITT"


def load_nvprof(path: str) -> NoReturn:
    """RuntimeError: traces of NVIDIA's profiler are not read."""
    raise RuntimeError(f"load_nvprof: traces of NVIDIA's profiler, such as {path!r}, are not read by dynagrad")
