"""``torch.mtia``: Meta's accelerators, of which there is none; what would need one says so as PyTorch does."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "current_device",
    "current_stream",
    "default_stream",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_properties",
    "init",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """False: tensors live on the CPU.

    >>> import dynagrad as torch
    >>> torch.mtia.is_available()
    False
    """
    return False


is_initialized = is_available


def device_count() -> int:
    """Zero devices."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the generators of no device."""
    int(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Nothing is seeded."""


seed_all = seed


def memory_allocated(device: Any = None) -> int:  # noqa: ARG001
    """Zero bytes."""
    return 0


max_memory_allocated = memory_allocated


def memory_stats(device: Any = None) -> dict[str, Any]:  # noqa: ARG001
    """No statistics."""
    return {}


def init() -> NoReturn:
    """AssertionError: there is nothing to initialise."""
    raise AssertionError("Torch not compiled with MTIA enabled")


def _needs_mtia(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Raises RuntimeError: this would need a device."""
    raise RuntimeError("Cannot execute getCurrentDevice() without MTIA backend.")


current_device = current_stream = default_stream = synchronize = set_device = _needs_mtia
get_device_capability = get_device_properties = empty_cache = _needs_mtia
