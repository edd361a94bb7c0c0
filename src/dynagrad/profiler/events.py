"""Events of a profile: single ones, averages of those with one key, and lists of either."""

from __future__ import annotations

from typing import Any

from dynagrad.profiler.activity import DeviceType
from dynagrad.profiler.collect import Span

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval"]


class Interval:
    """From when to when, in microseconds since the profile began."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long that is."""
        return self.end - self.start


class _Times:
    """What single events and averages answer alike. There is one device, the CPU: times of others are 0."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    device_type = DeviceType.CPU
    device_time_total = self_device_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0
    is_async = is_remote = is_legacy = False
    node_id = -1

    @property
    def cpu_time(self) -> float:
        """Microseconds of one call on average, with what ran inside."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        """Zero: nothing ran on another device."""
        return 0.0

    cuda_time = device_time

    @property
    def cpu_time_total_str(self) -> str:
        """The total time with its unit."""
        return format_time(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        """The total time without what ran inside, with its unit."""
        return format_time(self.self_cpu_time_total)

    @property
    def cpu_time_str(self) -> str:
        """The average time with its unit."""
        return format_time(self.cpu_time)


def format_time(microseconds: float, unit: str | None = None) -> str:
    """A time in seconds, milliseconds or microseconds, whichever fits unless one is asked for.

    >>> from dynagrad.profiler.events import format_time
    >>> format_time(1500.0)
    '1.500ms'
    """
    scales = {"s": 1e6, "ms": 1e3, "us": 1.0}
    if unit is None:
        unit = "s" if microseconds >= 1e6 else "ms" if microseconds >= 1e3 else "us"
    if unit not in scales:
        raise ValueError(f"time_unit is one of 's', 'ms' and 'us', not {unit!r}")
    return f"{microseconds / scales[unit]:.3f}{unit}"


class FunctionEvent(_Times):
    """One call: of an op, of a node in backward, or of a region that the program named."""

    def __init__(self, span: Span, number: int, origin: int) -> None:
        self.id = number
        self.trace_name = span.name
        self.name = "ProfilerStep*" if span.name.startswith("ProfilerStep#") else span.name
        self.kind = span.kind
        self.is_user_annotation = span.kind == "user_annotation"
        self.time_range = Interval((span.began - origin) / 1e3, (span.ended - origin) / 1e3)
        self.thread = self.fwd_thread = span.thread
        self.input_shapes, self.input_types = span.shapes, span.types
        self.stack, self.flops, self.cpu_memory_usage = span.stack, span.flops, span.allocated
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None
        self.count = 1

    @property
    def key(self) -> str:
        """What events are grouped by."""
        return self.name

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]  # read alone
        """Microseconds, with what ran inside."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]  # read alone
        """Microseconds, without what ran inside."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes in use after it more than before, without what ran inside."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} device_type={self.device_type} node_id={self.node_id} "
            f"cpu_time={self.cpu_time_str} start_us={self.time_range.start} end_us={self.time_range.end} "
            f"cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class FunctionEventAvg(_Times):
    """All calls with one key together."""

    def __init__(self) -> None:
        self.key = ""
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = self.flops = 0
        self.input_shapes: Any = None
        self.stack: list[str] = []
        self.is_user_annotation = False
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Adds an event, or another average, to this one."""
        if not self.count:
            self.key, self.input_shapes, self.stack = other.key, other.input_shapes, other.stack
            self.cpu_parent, self.cpu_children = other.cpu_parent, other.cpu_children
            self.is_user_annotation = other.is_user_annotation
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list[Any]):
    """Events, or averages of them.

    >>> import dynagrad as torch
    >>> with torch.profiler.profile() as prof:
    ...     y = torch.ones(2) * 2 * 3
    >>> [(each.key, each.count) for each in prof.key_averages()]
    [('aten::ones', 1), ('aten::mul', 2)]
    """

    def __init__(self, events: Any = (), *, profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self._profile_memory, self._with_flops = profile_memory, with_flops

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that all events took by themselves."""
        return float(sum(event.self_cpu_time_total for event in self))

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,  # noqa: ARG002  # ops have none here
    ) -> EventList:
        """An average for each key; for each key and shapes, or innermost lines of the program, if asked for.

        Ops have no overloads by name, which ``group_by_overload_name`` would separate.
        """
        groups: dict[Any, FunctionEventAvg] = {}
        for event in self:
            key = (
                event.key,
                str(event.input_shapes) if group_by_input_shape else "",
                tuple(event.stack[:group_by_stack_n]),
            )
            groups.setdefault(key, FunctionEventAvg()).add(event)
        for average in groups.values():
            average.stack = average.stack[:group_by_stack_n]
            if not group_by_input_shape:
                average.input_shapes = ""
        return EventList(groups.values(), profile_memory=self._profile_memory, with_flops=self._with_flops)

    def total_average(self) -> FunctionEventAvg:
        """All events as one, with the key "Total"."""
        total = FunctionEventAvg()
        for event in self:
            total += event
        total.key = "Total"
        return total

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
        """The list as a table of text.

        Args:
            sort_by: the attribute that puts the largest first, such as "self_cpu_time_total" or "cpu_memory_usage"; the
                order in which things ran if not given. AttributeError for what events have not.
            row_limit: the most rows; -1 for all.
            max_src_column_width, max_name_column_width, max_shapes_column_width: what is longer is cut.
            header: a line above the table.
            top_level_events_only: whether what ran inside something else is left out.
            time_unit: "s", "ms" or "us"; whichever fits if not given.
        """
        from dynagrad.profiler.table import table_of

        widths = max_name_column_width, max_shapes_column_width, max_src_column_width
        return table_of(
            self, sort_by, row_limit, widths, header, top_level_events_only, time_unit,
            memory=self._profile_memory, flops=self._with_flops,
        )  # fmt: skip

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as a trace for Perfetto or Chrome's ``chrome://tracing``; compressed if it ends in ``.gz``."""
        from dynagrad.profiler.trace import write_trace

        write_trace(path, self, 0, {})

    def export_stacks(self, path: str, metric: str) -> None:
        """Writes a line for each stack with its total of ``metric``, as tools for flame graphs read it."""
        from dynagrad.profiler.trace import write_stacks

        write_stacks(path, self, metric)


def events_of(spans: list[Span], origin: int, memory: bool, flops: bool) -> EventList:
    """The events of what a collector has collected, each with what ran inside it.

    >>> from dynagrad.profiler.events import events_of
    >>> events_of([], 0, False, False)
    []
    """
    made = {id(span): FunctionEvent(span, number, origin) for number, span in enumerate(spans)}
    for span in spans:
        if span.parent is not None:
            event, parent = made[id(span)], made[id(span.parent)]
            event.cpu_parent = parent
            parent.cpu_children.append(event)
    return EventList(made.values(), profile_memory=memory, with_flops=flops)
