"""Other processes, ports, threads, and tests that are tried again."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import Any

ADDRESS_IN_USE = "Address already in use"
CONNECT_TIMEOUT = "connect() timed out."


def find_free_port() -> int:
    """A port of this machine that nobody listens on.

    >>> from dynagrad.testing._internal.common_utils import find_free_port
    >>> 0 < find_free_port() < 65536
    True
    """
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("localhost", 0))
        port: int = listener.getsockname()[1]
        return port


def retry_on_connect_failures(
    func: Callable[..., Any] | None = None, connect_errors: str | Iterable[str] = (ADDRESS_IN_USE,)
) -> Any:
    """Runs a test up to ten times while it ends in a RuntimeError that says one of ``connect_errors``.

    >>> from dynagrad.testing._internal.common_utils import retry_on_connect_failures
    >>> retry_on_connect_failures(lambda: 3)()
    3
    """
    if func is None:
        return partial(retry_on_connect_failures, connect_errors=connect_errors)
    reasons = (connect_errors,) if isinstance(connect_errors, str) else tuple(connect_errors)
    tries = 10

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for attempt in range(1, tries + 1):
            try:
                return func(*args, **kwargs)
            except RuntimeError as error:
                if not any(reason in str(error) for reason in reasons):
                    raise
                if attempt == tries:
                    raise RuntimeError(f"Failing after {tries} retries with error: {error}") from error
                time.sleep(random.random())  # so that two such tests part
        return None

    return wrapper


def retry(
    ExceptionToCheck: Any, tries: int = 3, delay: float = 3, skip_after_retries: bool = False
) -> Callable[[Any], Any]:
    """Runs a test again, after ``delay`` seconds, while it ends in an exception of a type; ``tries`` times in all.

    Args:
        skip_after_retries: whether the test is skipped after the last try, and does not fail.

    >>> from dynagrad.testing._internal.common_utils import retry
    >>> retry(OSError, tries=2, delay=0)(lambda: 3)()
    3
    """

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            for _ in range(tries - 1):
                try:
                    return fn(*args, **kwargs)
                except ExceptionToCheck as error:
                    sys.stdout.write(f"{error}, Retrying in {delay} seconds...\n")
                    time.sleep(delay)
            try:
                return fn(*args, **kwargs)
            except ExceptionToCheck as error:
                if not skip_after_retries:
                    raise
                raise unittest.SkipTest(f"Skipping after {tries} consecutive {error}") from error

        return wrapper

    return decorator


def run_concurrently(
    worker_func: Any,
    num_threads: int | None = None,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> list[Any]:
    """What functions return, run at the same time: several of them, or one in ``num_threads`` threads, with their number.

    Raises:
        Exception: the last one that a thread raised.

    >>> from dynagrad.testing._internal.common_utils import run_concurrently
    >>> run_concurrently(lambda: 3, num_threads=2)
    [3, 3]
    """
    workers = list(worker_func) if isinstance(worker_func, Iterable) else [worker_func] * (num_threads or 1)
    results: list[Any] = [None] * len(workers)
    failures: list[Exception] = []
    together = threading.Barrier(len(workers))

    def work(place: int, function: Callable[..., Any]) -> None:
        together.wait()
        try:
            results[place] = function(*args, **(kwargs or {}))
        except Exception as error:  # noqa: BLE001  # it is raised again, in the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=work, args=each, daemon=True) for each in enumerate(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[-1]
    return results


def wait_for_process(p: subprocess.Popen[Any], timeout: float | None = None) -> int:
    """The exit code of a process; one that is interrupted, or takes too long, is killed.

    Raises:
        subprocess.TimeoutExpired: after ``timeout`` seconds.

    >>> import subprocess, sys
    >>> from dynagrad.testing._internal.common_utils import wait_for_process
    >>> wait_for_process(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]))
    3
    """
    try:
        return p.wait(timeout=timeout)
    except BaseException:
        p.kill()
        p.wait()
        raise


def shell(
    command: list[str],
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    stdout: Any = None,
    stderr: Any = None,
    timeout: float | None = None,
) -> int:
    """The exit code of a command, which is a list of words.

    >>> import sys
    >>> from dynagrad.testing._internal.common_utils import shell
    >>> shell([sys.executable, "-c", "pass"])
    0
    """
    if isinstance(command, str):
        raise AssertionError("Command to shell should be a list or tuple of tokens")
    sys.stdout.flush()
    sys.stderr.flush()
    started = subprocess.Popen(command, text=True, cwd=cwd, env=env, stdout=stdout, stderr=stderr)  # noqa: S603  # the caller's
    return wait_for_process(started, timeout=timeout)


def child_environment() -> dict[str, str]:
    """The variables for a process that is no run of a continuous integration, even if this one is.

    >>> from dynagrad.testing._internal.utils.processes import child_environment
    >>> "CI" in child_environment()
    False
    """
    return {name: value for name, value in os.environ.items() if name not in ("CI", "TEST_SHOWLOCALS")}


def python_command() -> list[str]:
    """The words that start Python on a program as this process runs its own: on dynagrad where ``torch`` means it.

    >>> from dynagrad.testing._internal.utils.processes import python_command
    >>> python_command()[0] == sys.executable
    True
    """
    bound = sys.modules.get("torch") is sys.modules["dynagrad"]
    return [sys.executable, *(["-m", "dynagrad", "run"] if bound else [])]


def download_file(url: str, binary: bool = True) -> str:  # noqa: ARG001  # bytes are written as they come
    """Where a file from the network lies, fetched once into the folder of temporary files.

    Raises:
        unittest.SkipTest: if it cannot be had, with a RuntimeWarning.

    >>> import pathlib, tempfile
    >>> from dynagrad.testing._internal.common_utils import download_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = pathlib.Path(folder, "numbers.txt")
    ...     _ = source.write_text("1 2 3")
    ...     pathlib.Path(download_file(source.as_uri())).read_text()
    '1 2 3'
    """
    from urllib.error import URLError
    from urllib.parse import urlsplit
    from urllib.request import urlopen

    folder = os.path.join(tempfile.gettempdir(), "dynagrad-test-data")
    path = os.path.join(folder, os.path.basename(urlsplit(url).path))
    if os.path.exists(path):
        return path
    try:
        with urlopen(url, timeout=15) as response:  # noqa: S310  # the test says where from
            data = response.read()
    except URLError as error:
        warnings.warn(f"could not download test file '{url}'", RuntimeWarning, stacklevel=2)
        raise unittest.SkipTest(f"could not download test file '{url}'") from error
    os.makedirs(folder, exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path
