"""``torch.cpu``: the one device. Ops run in the calling thread and are done when they return, so streams mean nothing."""

from __future__ import annotations

import os
from typing import Any

from dynagrad._core.machine import instruction_set

__all__ = [
    "Event",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "device_count",
    "get_capabilities",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def __getattr__(name: str) -> Any:
    """``torch.cpu.amp``, imported when first asked for."""
    if name != "amp":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.amp")


def is_available() -> bool:
    """True.

    >>> import dynagrad as torch
    >>> torch.cpu.is_available(), torch.cpu.device_count(), torch.cpu.current_device()
    (True, 1, 'cpu')
    """
    return True


def is_initialized() -> bool:
    """True: it needs no initialising."""
    return True


def device_count() -> int:
    """One."""
    return 1


def current_device() -> str:
    """``cpu``."""
    return "cpu"


def set_device(device: Any) -> None:
    """There is one to choose."""


def synchronize(device: Any = None) -> None:
    """Everything that was called is done already."""


def get_capabilities() -> dict[str, Any]:
    """The architecture, the processors, and the instruction sets that the kernels may use.

    >>> import dynagrad as torch
    >>> sorted(torch.cpu.get_capabilities())
    ['architecture', 'avx2', 'avx512_f', 'num_logical_cores']
    """
    import platform

    name = str(instruction_set())
    return {
        "architecture": platform.machine(),
        "num_logical_cores": os.cpu_count(),
        "avx2": name in ("avx2", "avx512"),
        "avx512_f": name == "avx512",
    }


class Stream:
    """A queue of work, of which there is one: the program."""

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def wait_stream(self, stream: Stream) -> None:
        """What was called before is done."""

    def record_event(self, event: Event | None = None) -> Event:
        """An event, which has happened."""
        return Event() if event is None else event

    def wait_event(self, event: Event) -> None:
        """It has happened."""

    def synchronize(self) -> None:
        """Everything is done."""


class Event:
    """A mark in a stream, which is reached as soon as it is made."""

    def query(self) -> bool:
        """True: it has happened."""
        return True

    def record(self, stream: Stream | None = None) -> None:
        """It happens now."""

    def synchronize(self) -> None:
        """It has happened."""

    def wait(self, stream: Stream | None = None) -> None:
        """It has happened."""


_streams = [Stream()]


def current_stream(device: Any = None) -> Stream:  # noqa: ARG001  # there is one
    """The stream of the innermost ``stream`` region, or the program's own."""
    return _streams[-1]


class StreamContext:
    """A region whose ``current_stream()`` is the one given; with None nothing changes."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            _streams.append(self.stream)

    def __exit__(self, *error: object) -> None:
        if self.stream is not None:
            _streams.pop()


def stream(stream: Stream | None) -> StreamContext:
    """A region on a stream."""
    return StreamContext(stream)
