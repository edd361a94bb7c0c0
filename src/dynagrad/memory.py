"""Memory of tensors: what is in use, what is cached, and how to give it back."""

from dynagrad._core.machine import empty_cache, get_cache_limit, reset_peak_stats, stats
from dynagrad._core.machine import set_limit as set_cache_limit

__all__ = [
    "AcceleratorError",
    "OutOfMemoryError",
    "empty_cache",
    "get_cache_limit",
    "reset_peak_stats",
    "set_cache_limit",
    "stats",
]


class AcceleratorError(RuntimeError):
    """What an accelerator would report; programs catch it, and nothing raises it here."""

    __module__ = "torch"


class OutOfMemoryError(RuntimeError):
    """That an accelerator has no memory left; programs catch it. The CPU's memory ends in a plain RuntimeError, as PyTorch's."""

    __module__ = "torch"
