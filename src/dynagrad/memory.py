"""Memory of tensors: what is in use, what is cached, and how to give it back."""

from dynagrad._core.machine import empty_cache, get_cache_limit, reset_peak_stats, stats
from dynagrad._core.machine import set_limit as set_cache_limit

__all__ = ["empty_cache", "get_cache_limit", "reset_peak_stats", "set_cache_limit", "stats"]
