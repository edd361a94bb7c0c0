"""Memory of tensors: what is in use, what is cached, and how to give it back."""

from dynagrad._core.machine import empty_cache as empty_cache
from dynagrad._core.machine import get_cache_limit as get_cache_limit
from dynagrad._core.machine import reset_peak_stats as reset_peak_stats
from dynagrad._core.machine import set_limit as set_cache_limit
from dynagrad._core.machine import stats as stats

__all__ = ["empty_cache", "get_cache_limit", "reset_peak_stats", "set_cache_limit", "stats"]
