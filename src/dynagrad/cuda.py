"""CUDA, as scripts ask for it: there is none. Whatever would need a device is missing here, not a stub."""

from __future__ import annotations

__all__ = ["device_count", "is_available", "is_initialized", "manual_seed", "manual_seed_all"]


def is_available() -> bool:
    """False: this build computes on the CPU.

    >>> import dynagrad
    >>> "cuda" if dynagrad.cuda.is_available() else "cpu"
    'cpu'
    """
    return False


def device_count() -> int:
    """Zero devices."""
    return 0


def is_initialized() -> bool:
    """False: there is nothing to initialise."""
    return False


def manual_seed(seed: int) -> None:
    """Seeds the generators of all devices, of which there are none; PyTorch, too, ignores it without CUDA."""


manual_seed_all = manual_seed
