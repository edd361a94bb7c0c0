"""Marks for NVIDIA's profiler, which need its library: RuntimeError, as in PyTorch without CUDA."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]


def _needs_the_library(*_args: Any, **_kwargs: Any) -> NoReturn:
    """RuntimeError: there is no such profiler."""
    raise RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build?")


mark = range = range_end = range_pop = range_push = range_start = _needs_the_library
