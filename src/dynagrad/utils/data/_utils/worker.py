"""A worker process of a loader: seeds itself, fetches what it is asked for, and says how it failed."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import dynagrad
from dynagrad.utils.data._utils import transport
from dynagrad.utils.data._utils.fetch import fetcher_of

CHECK_INTERVAL = 5.0  # seconds between looks at whether the other side is still there


class WorkerInfo(NamedTuple):
    """What ``get_worker_info`` says: number of this worker, number of workers, seed, and this worker's dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a loader, which one it is; None in the main process.

    >>> from dynagrad.utils.data import get_worker_info
    >>> get_worker_info() is None
    True
    """
    return _worker_info


class Job(NamedTuple):
    """What a worker needs to know of its loader."""

    dataset: Any
    auto_collation: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    base_seed: int
    init_fn: Callable[[int], Any] | None
    num_workers: int


class Ended(NamedTuple):
    """Says that a worker's stream has ended."""

    worker_id: int


class Resumed(NamedTuple):
    """Asks a worker to begin anew; it answers with the same."""


class ExceptionWrapper:
    """An exception on its way to another process: its type, and its traceback as text."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        kind, error, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))
        self.where = where

    def reraise(self) -> None:
        """Raises an exception of the same type with the traceback in its message, or RuntimeError if that fails."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        text: Any = _Readable(message) if self.exc_type is KeyError else message
        try:
            error = self.exc_type(message=text) if getattr(self.exc_type, "message", None) else self.exc_type(text)
        except Exception:  # noqa: BLE001  # whatever the user's constructor raises
            raise RuntimeError(message) from None
        raise error


class _Readable(str):
    """KeyError shows the repr of its argument, which would put a traceback on one line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def seed_everything(base_seed: int, worker_id: int) -> int:
    """Seeds the generators of Python, this library and NumPy, if that is installed, as PyTorch's workers do."""
    seed = base_seed + worker_id
    random.seed(seed)
    dynagrad.manual_seed(seed)
    try:
        import numpy as np
    except ModuleNotFoundError:
        return seed
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))  # noqa: NPY002  # what datasets use
    return seed


def _worker_loop(job: Job, worker_id: int, pipe: Connection) -> None:
    """The whole life of a worker."""
    # When the main process was stopped, or has gone, it reports; this one only ends.
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError, EOFError, ConnectionResetError):
        _Worker(job, worker_id, pipe).run()


class _Worker:
    def __init__(self, job: Job, worker_id: int, pipe: Connection) -> None:
        self.job, self.worker_id, self.pipe = job, worker_id, pipe
        self.parent = os.getppid()
        self.asked: deque[Any] = deque()
        self.done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.failure: ExceptionWrapper | None = None
        self.ended = False
        self.fetcher: Any = None

    def run(self) -> None:
        global _worker_info
        dynagrad.set_num_threads(1)
        seed = seed_everything(self.job.base_seed, self.worker_id)
        _worker_info = WorkerInfo(self.worker_id, self.job.num_workers, seed, self.job.dataset)
        threading.Thread(target=self._send_all, daemon=True).start()
        self._begin(first=True)
        while (task := self._next_task()) is not None:
            self._answer(task)

    def _begin(self, first: bool) -> None:
        self.ended = False
        try:
            if first and self.job.init_fn is not None:
                self.job.init_fn(self.worker_id)
            self.fetcher = fetcher_of(self.job, self.job.dataset)
        except Exception:  # noqa: BLE001  # whatever the user's code raises goes to the main process
            self.failure = self._wrapped()

    def _next_task(self) -> Any:
        """The next thing asked for; None if this is the end, whatever was asked for before."""
        while not self.asked:
            if self.pipe.poll(CHECK_INTERVAL):
                self.asked.append(self.pipe.recv())
            elif os.getppid() != self.parent:
                return None
        while self.pipe.poll(0):
            self.asked.append(self.pipe.recv())
        return None if None in self.asked else self.asked.popleft()

    def _answer(self, task: Any) -> None:
        run, number, index = task
        if isinstance(index, Resumed):
            self._begin(first=False)
            found: Any = index
        elif self.ended:
            found = Ended(self.worker_id)
        else:
            found = self._fetch(index)
        try:
            packed = transport.pack(found)
        except Exception:  # noqa: BLE001  # a sample that cannot be pickled must not be waited for
            packed = transport.pack(self._wrapped())
        self.done.put(((run, number), *packed))

    def _fetch(self, index: Any) -> Any:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            return failure
        try:
            return self.fetcher.fetch(index)
        except StopIteration:
            if not hasattr(self.fetcher, "samples"):
                return self._wrapped()
            self.ended = True
            return Ended(self.worker_id)
        except Exception:  # noqa: BLE001  # whatever the user's code raises goes to the main process
            return self._wrapped()

    def _wrapped(self) -> ExceptionWrapper:
        return ExceptionWrapper(where=f"in DataLoader worker process {self.worker_id}")

    def _send_all(self) -> None:
        """Sends what is done from a thread of its own, so that fetching does not wait for the main process."""
        try:
            while True:
                transport.send(self.pipe, *self.done.get())
        except (OSError, ValueError):
            return  # the main process has gone or does not listen any more
