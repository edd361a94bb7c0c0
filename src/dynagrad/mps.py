"""``torch.mps``: Apple's GPUs, of which there is none; what would need one says so as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "Event",
    "compile_shader",
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "recommended_max_memory",
    "seed",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """False: this build has no Metal.

    >>> import dynagrad as torch
    >>> torch.mps.is_available(), torch.mps.device_count()
    (False, 0)
    """
    return False


def device_count() -> int:
    """Zero devices."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the generator of no device; PyTorch, too, ignores it without Metal."""
    int(seed)


def _needs(what: str) -> Callable[..., NoReturn]:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise RuntimeError(f"Cannot execute {what}() without MPS backend.")

    refuse.__doc__ = f"RuntimeError: {what} would need a device."
    return refuse


synchronize = _needs("deviceSynchronize")
empty_cache = _needs("emptyCache")
seed = get_rng_state = set_rng_state = _needs("getDefaultGenerator")
current_allocated_memory = _needs("getCurrentAllocatedMemory")
driver_allocated_memory = _needs("getDriverAllocatedMemory")
recommended_max_memory = _needs("recommendedMaxMemory")
set_per_process_memory_fraction = _needs("setMemoryFraction")
compile_shader = _needs("compileShader")


class Event:
    """RuntimeError: an event is a mark in a device's queue."""

    def __init__(self, enable_timing: bool = False) -> None:  # noqa: ARG002
        raise RuntimeError("Cannot execute acquireEvent() without MPS backend.")
