"""Tests that need much memory, and tests without some of a device's libraries."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from functools import wraps
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils.settings import TEST_WITH_ASAN, TEST_WITH_TSAN, TEST_WITH_UBSAN

_CONTROL_GROUP = "/sys/fs/cgroup"


def available_memory() -> int | None:
    """The bytes that this process could take now, as the system or psutil says; None if neither says anything.

    >>> from dynagrad.testing._internal.device.memory import available_memory
    >>> (available_memory() or 1) > 0
    True
    """
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        free = int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return _told_by_psutil()
    limit, used = (_number(f"{_CONTROL_GROUP}/memory.{name}") for name in ("max", "current"))
    return free if limit is None or used is None else min(free, limit - used)


def _number(path: str) -> int | None:
    """The number in a file; None for a file that is not there, or says "max"."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _told_by_psutil() -> int | None:
    try:
        import psutil
    except ModuleNotFoundError:
        return None
    return int(psutil.virtual_memory().available)


def _has_sufficient_memory(device: Any, size: int) -> bool:
    if torch.device(device).type != "cpu":
        raise unittest.SkipTest("Unknown device type")
    free = available_memory()
    if free is None:
        raise unittest.SkipTest("Need psutil to determine if memory is sufficient")
    # Sanitisers keep notes on all memory.
    return free >= size * (10 if TEST_WITH_ASAN or TEST_WITH_TSAN or TEST_WITH_UBSAN else 1)


def largeTensorTest(
    size: int | str | Callable[..., int],
    device: Any = None,
    inductor: bool = False,  # noqa: ARG001  # what PyTorch's compiler adds
) -> Callable[[Any], Any]:
    """Skips a test where the memory is too small.

    Args:
        size: bytes, a text like ``"12 GB"``, or a function of the test and its arguments that returns bytes.
        device: whose memory; that of the test's class if None.

    >>> from dynagrad.testing._internal.common_device_type import largeTensorTest
    >>> largeTensorTest(1000, device="cpu")(lambda self: 3)(None)
    3
    """
    if isinstance(size, str):
        if not size.endswith(("GB", "gb")):
            raise AssertionError(f"only bytes or GB supported, got {size!r}")
        size = 1024**3 * int(size[:-2])

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            needed = size(self, *args, **kwargs) if callable(size) else size
            where = device
            if where is None:
                where = self.get_primary_device() if hasattr(self, "get_primary_device") else self.device
            if not _has_sufficient_memory(where, needed):
                raise unittest.SkipTest(f"Insufficient {where} memory")
            return fn(self, *args, **kwargs)

        return wrapper

    return decorator


def disablecuDNN(fn: Any) -> Any:
    """A test without NVIDIA's library of layers, which no test here has: as it is.

    >>> from dynagrad.testing._internal.common_device_type import disablecuDNN
    >>> disablecuDNN(len) is len
    True
    """
    return fn


def disableMkldnn(fn: Any) -> Any:
    """A test without Intel's library of layers, which no test here has: as it is.

    >>> from dynagrad.testing._internal.common_device_type import disableMkldnn
    >>> disableMkldnn(len) is len
    True
    """
    return fn
