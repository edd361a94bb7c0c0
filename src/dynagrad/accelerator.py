"""``torch.accelerator``: there is none, and what would need one says so as PyTorch does."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def is_available() -> bool:
    """False: tensors live on the CPU.

    >>> import dynagrad as torch
    >>> torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    'cpu'
    """
    return False


def current_accelerator(check_available: bool = False) -> None:  # there is none, available or not
    """None."""


def device_count() -> int:
    """Zero devices."""
    return 0


def _none(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Raises RuntimeError: this would need a device."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


current_device_index = current_device_idx = set_device_index = set_device_idx = _none
current_stream = set_stream = synchronize = empty_cache = get_memory_info = _none
memory_allocated = max_memory_allocated = memory_reserved = max_memory_reserved = memory_stats = _none
reset_peak_memory_stats = reset_accumulated_memory_stats = _none


class device_index:  # noqa: N801  # PyTorch's name
    """A region on a device: RuntimeError when it is entered, unless the number is None, which changes nothing."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            _none()

    def __exit__(self, *error: object) -> None:
        pass
