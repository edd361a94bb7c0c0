"""``spawn``: one function in several processes, whose errors arrive where they are joined."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "spawn",
    "start_processes",
]


class ProcessException(Exception):  # noqa: N818  # PyTorch's name
    """A process ended otherwise than it should have."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """The function raised in a process; the message holds its traceback."""

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process was ended by a signal, or left with an exit code."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], index: int, args: tuple[Any, ...], error_file: str) -> None:
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted, too, and reports it
    except Exception:  # noqa: BLE001  # whatever the function raises goes to the parent
        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """The processes that ``start_processes`` started."""

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        self.processes, self.error_files = processes, error_files
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their numbers."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits for a process to end. True if all have ended well, False if some are still running.

        ProcessRaisedException or ProcessExitedException for one that has not ended well; the others are ended then.

        Args:
            timeout: how many seconds it waits; for the next process to end if not given.
            grace_period: how many seconds the others have to end by themselves before they are killed.
        """
        if not self.sentinels:
            return True
        failed = None
        for sentinel in connection.wait(self.sentinels, timeout):
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                failed = index
                break
        if failed is None:
            return not self.sentinels
        self._end_others(grace_period)
        raise self._error(failed)

    def _end_others(self, grace_period: float | None) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        until = time.monotonic() + (30 if grace_period is None else grace_period)
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                warnings.warn(f"process {process.pid} did not end in time and is killed", stacklevel=3)
                process.kill()
                process.join()

    def _error(self, index: int) -> ProcessException:
        process, file = self.processes[index], self.error_files[index]
        if os.path.exists(file) and os.path.getsize(file):
            with open(file, "rb") as stream:
                text = pickle.load(stream)  # noqa: S301  # our own process wrote it
            message = f"\n\n-- Process {index} terminated with the following error:\n{text}"
            return ProcessRaisedException(message, index, process.pid)
        code = process.exitcode
        if code < 0:
            name = _signal_name(-code)
            return ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        return ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)

    def __del__(self) -> None:
        for file in getattr(self, "error_files", ()):
            if os.path.exists(file):
                os.remove(file)


class SpawnContext(ProcessContext):
    """The processes that ``spawn`` started."""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"<Unknown signal {number}>"


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
    numa_options: Any = None,
) -> ProcessContext | None:
    """Calls ``fn(i, *args)`` in process ``i`` of ``nprocs``.

    Args:
        fn: a function that pickles by its name, unless ``start_method`` is "fork".
        join: whether to wait for all; a ``ProcessContext`` is returned otherwise.
        daemon: whether they end with this process.
        start_method: "spawn", "fork" or "forkserver".
        numa_options: NotImplementedError unless None: processes are not bound to parts of the machine.

    ProcessRaisedException with the traceback if one raises.
    """
    if numa_options is not None:
        raise NotImplementedError(
            "start_processes: dynagrad binds no process to a part of the machine; numa_options=None"
        )
    return _started(ProcessContext, fn, args, nprocs, join, daemon, start_method)


def _started(
    kind: type[ProcessContext], fn: Any, args: tuple[Any, ...], nprocs: int, join: bool, daemon: bool, method: str
) -> ProcessContext | None:
    context: Any = multiprocessing.get_context(method)
    processes, files = [], []
    for index in range(nprocs):
        handle, file = tempfile.mkstemp(prefix="dynagrad-errorfile-", suffix=".pickle")
        os.close(handle)
        process = context.Process(target=_run, args=(fn, index, args, file), daemon=daemon)
        process.start()
        processes.append(process)
        files.append(file)
    made = kind(processes, files)
    if not join:
        return made
    while not made.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> SpawnContext | None:
    """Calls ``fn(i, *args)`` in process ``i`` of ``nprocs``, see ``start_processes``, by the start method "spawn".

    Another ``start_method`` is not taken, as by PyTorch: a warning says so.
    """
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\n"
            "To use a different start_method use:\n\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return _started(SpawnContext, fn, args, nprocs, join, daemon, "spawn")  # type: ignore[return-value]  # of its kind
