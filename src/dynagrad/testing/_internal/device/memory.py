"""Tests that need much memory, and tests without some of a device's libraries."""

from __future__ import annotations

import os
import unittest
from collections.abc import Callable
from functools import wraps
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils.settings import IS_WINDOWS, TEST_WITH_ASAN, TEST_WITH_TSAN, TEST_WITH_UBSAN


def available_memory() -> int:
    """The bytes that programs could take now, as the system says; without a word of it, all that the machine has.

    >>> from dynagrad.testing._internal.device.memory import available_memory
    >>> available_memory() > 0
    True
    """
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0


def _has_sufficient_memory(device: Any, size: int) -> bool:
    if torch.device(device).type != "cpu":
        raise unittest.SkipTest("Unknown device type")
    # Sanitisers keep a shadow of all memory, and Windows does not lend what is not there.
    if TEST_WITH_ASAN or TEST_WITH_TSAN or TEST_WITH_UBSAN or IS_WINDOWS:
        return size < 4 * 1024**3
    return available_memory() >= size


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
