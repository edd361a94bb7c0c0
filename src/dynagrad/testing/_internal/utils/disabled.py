"""Tests that lists from outside disable or call slow, and the command that repeats a failure."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import unittest
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils import options, settings

_NUMBERS = {str(value).rpartition(".")[2] for value in vars(torch).values() if isinstance(value, torch.dtype)}
_PLATFORMS = {
    "mac": settings.IS_MACOS,
    "macos": settings.IS_MACOS,
    "win": settings.IS_WINDOWS,
    "windows": settings.IS_WINDOWS,
    "linux": settings.IS_LINUX,
    "rocm": settings.TEST_WITH_ROCM,
    "xpu": settings.TEST_XPU,
    "asan": settings.TEST_WITH_ASAN,
    "dynamo": settings.TEST_WITH_TORCHDYNAMO,
    "dynamo_wrapped": settings.TEST_WITH_TORCHDYNAMO,
    "inductor": settings.TEST_WITH_TORCHINDUCTOR,
    "slow": settings.TEST_WITH_SLOW,
}


def remove_device_and_dtype_suffixes(test_name: str) -> str:
    """A test's name before it was made for a device and a dtype.

    >>> from dynagrad.testing._internal.common_utils import remove_device_and_dtype_suffixes
    >>> remove_device_and_dtype_suffixes("test_add_cpu_float32")
    'test_add'
    """
    stem, _, last = test_name.rpartition("_")
    return stem.removesuffix("_cpu") if last in _NUMBERS else test_name


def check_if_enable(test: unittest.TestCase) -> None:
    """Raises SkipTest for a test that a list disables here, that is slow or that is fast, where such are not wanted.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import check_if_enable
    >>> check_if_enable(unittest.FunctionTestCase(print))
    """
    name = test._testMethodName
    # A function of the test's class, or what stands in its place on the object.
    method = getattr(test, name, None)
    slow = getattr(method, "slow_test", False)
    if _named(test, options.slow_tests_dict):
        slow = True
        if not settings.TEST_WITH_SLOW:
            raise unittest.SkipTest("test is slow; run with PYTORCH_TEST_WITH_SLOW to enable test")
    if not settings.IS_SANDCASTLE:
        reason = _reason_to_skip(test)
        if reason and not options.RERUN_DISABLED_TESTS:
            raise unittest.SkipTest(reason)
        if not reason and options.RERUN_DISABLED_TESTS:
            raise unittest.SkipTest(
                "Test is enabled but --rerun-disabled-tests verification mode is set, so only disabled tests are run"
            )
    if settings.TEST_SKIP_FAST and not slow:
        raise unittest.SkipTest("test is fast; we disabled it with PYTORCH_TEST_SKIP_FAST")


def _named(test: unittest.TestCase, known: Iterable[str]) -> list[str]:
    """Those entries, ``test_name (module.TestClass)``, that mean a test, or all the variants of which it is one."""
    names = (test._testMethodName, remove_device_and_dtype_suffixes(test._testMethodName))
    found = []
    for entry in known:
        name, _, place = entry.partition(" ")
        written = place.strip()[1:-1].rpartition(".")[2]
        if written and name in names and type(test).__name__.startswith(written):
            found.append(entry)
    return found


def _reason_to_skip(test: unittest.TestCase) -> str:
    for entry in _named(test, options.disabled_tests_dict):
        url, platforms = options.disabled_tests_dict[entry]
        known = [platform for platform in platforms if platform in _PLATFORMS]
        for platform in platforms:
            if platform not in _PLATFORMS:
                sys.stdout.write(f"Test {entry} is disabled for an unrecognized platform: {platform}\n")
        if not known or any(_PLATFORMS[platform] for platform in known):
            where = "all platforms" if not known else f"platform(s) {', '.join(known)}"
            return f"Test is disabled because an issue exists disabling it: {url} for {where}. "
    return ""


def maybe_load_json(filename: str) -> dict[str, Any]:
    """What a JSON file holds; nothing, with a warning, if there is no such file.

    >>> import warnings
    >>> from dynagrad.testing._internal.common_utils import maybe_load_json
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     maybe_load_json("no such file")
    {}
    """
    if not os.path.isfile(filename):
        warnings.warn(f"Attempted to load json file '{filename}' but it does not exist.", stacklevel=2)
        return {}
    with open(filename, encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
        return loaded


@contextlib.contextmanager
def print_repro_on_failure(repro_parts: Iterable[str]) -> Iterator[None]:
    """Adds to an exception of the block the command that repeats it.

    >>> from dynagrad.testing._internal.common_utils import print_repro_on_failure
    >>> try:
    ...     with print_repro_on_failure(["python suite.py Test.test_it"]):
    ...         raise ValueError("wrong")
    ... except ValueError as error:
    ...     print(str(error).splitlines()[3].strip())
    python suite.py Test.test_it
    """
    try:
        yield
    except unittest.SkipTest:
        raise
    except Exception as error:
        if error.args:
            command = " ".join(part for part in repro_parts if part)
            text = (
                f"{error.args[0]}\n\nTo execute this test, run the following from the base repo dir:\n    {command}\n\n"
                "This message can be suppressed by setting PYTORCH_PRINT_REPRO_ON_FAILURE=0"
            )
            error.args = (text, *error.args[1:])
        raise
