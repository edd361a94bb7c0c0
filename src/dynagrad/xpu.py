"""``torch.xpu``: Intel's GPUs, of which there is none; what would need one says so as PyTorch does."""

from __future__ import annotations

import collections
from typing import Any, NoReturn

__all__ = [
    "Event",
    "Stream",
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "get_rng_state_all",
    "init",
    "initial_seed",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """False: tensors live on the CPU.

    >>> import dynagrad as torch
    >>> "xpu" if torch.xpu.is_available() else "cpu"
    'cpu'
    """
    return False


is_initialized = is_bf16_supported = is_available


def device_count() -> int:
    """Zero devices."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the generators of no device."""
    int(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Nothing is seeded."""


seed_all = empty_cache = seed


def get_arch_list() -> list[str]:
    """No architectures."""
    return []


def get_rng_state_all() -> list[Any]:
    """No states."""
    return []


def memory_allocated(device: Any = None) -> int:  # noqa: ARG001
    """Zero bytes."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def memory_stats(device: Any = None) -> dict[str, Any]:  # noqa: ARG001
    """No statistics."""
    return collections.OrderedDict()


def _needs_xpu(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Raises AssertionError: this would need a device."""
    raise AssertionError("Torch not compiled with XPU enabled")


init = synchronize = current_device = current_stream = set_device = get_device_name = _needs_xpu
get_device_properties = get_device_capability = get_rng_state = initial_seed = mem_get_info = _needs_xpu


class Stream:
    """RuntimeError: a stream is a queue of a device."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("torch.xpu.Stream requires XPU support")


class Event:
    """RuntimeError: an event is a mark in a stream."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event")
