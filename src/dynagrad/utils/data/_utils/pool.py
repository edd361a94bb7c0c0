"""The main process's side of a loader with workers: hands out indices, puts batches in order, notices who died."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import time
import warnings
from multiprocessing import connection
from typing import Any

from dynagrad.utils.data._utils import transport
from dynagrad.utils.data._utils.worker import CHECK_INTERVAL, Ended, ExceptionWrapper, Job, Resumed, _worker_loop

_NOTHING = object()


class WorkerPool:
    """The workers of one loader.

    Args:
        loader: whose options count.
        base_seed: of the workers' seeds.
    """

    def __init__(self, loader: Any, base_seed: int) -> None:
        self.loader = loader
        self.stream = loader._is_stream
        self.processes: list[Any] = []
        self.pipes: list[connection.Connection] = []
        self.closed = False
        self.owner = os.getpid()
        self.run = 0
        context = loader.multiprocessing_context or multiprocessing
        job = Job(
            loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last, base_seed,
            loader.worker_init_fn, loader.num_workers,
        )  # fmt: skip
        try:
            for worker_id in range(loader.num_workers):
                self._start(context, job, worker_id)
        except BaseException:
            self.shut_down()
            raise

    def _start(self, context: Any, job: Job, worker_id: int) -> None:
        mine, theirs = context.Pipe(duplex=True)
        process = context.Process(target=_worker_loop, args=(job, worker_id, theirs), daemon=True)
        try:
            process.start()
        finally:
            theirs.close()
        self.pipes.append(mine)
        self.processes.append(process)

    def begin(self, indices: Any) -> None:
        """Starts a pass over what a sampler gives."""
        self.indices = indices
        self.sent = self.wanted = 0
        self.outstanding: dict[int, int] = {}  # task -> worker
        self.arrived: dict[int, Any] = {}
        self.working = [True] * len(self.processes)
        self.loads = [0] * len(self.processes)
        self.turns = itertools.cycle(range(len(self.processes)))
        self.run += 1
        if self.run > 1:
            self._resume()
        for _ in range(self.loader.prefetch_factor * len(self.processes)):
            self._ask()

    def _resume(self) -> None:
        for worker_id in range(len(self.pipes)):
            self._tell(worker_id, (self.run, -1, Resumed()))
        waiting = len(self.pipes)
        while waiting:
            number, value = self._receive()
            waiting -= isinstance(value, Resumed) and number == -1

    def _tell(self, worker_id: int, task: Any) -> None:
        try:
            self.pipes[worker_id].send(task)
        except OSError as error:
            raise self._death([worker_id]) from error

    def _ask(self) -> None:
        """Hands the next indices to the worker whose turn it is; nothing if there are no more of either."""
        index = next(self.indices, _NOTHING)
        if index is _NOTHING:
            return
        for _ in range(len(self.pipes)):
            worker_id = next(self.turns)
            most = self.loader.prefetch_factor * len(self.pipes) // max(1, sum(self.working))
            if self.working[worker_id] and (self.loader.in_order or self.loads[worker_id] < most):
                break
        else:
            return
        self._tell(worker_id, (self.run, self.sent, index))
        self.outstanding[self.sent] = worker_id
        self.loads[worker_id] += 1
        self.sent += 1

    def next(self) -> Any:
        """The next batch. StopIteration at the end; RuntimeError if a worker died or took too long."""
        while True:
            if self.wanted in self.arrived:
                self.wanted += 1
                return self._delivered(self.arrived.pop(self.wanted - 1))
            if not self.outstanding:
                remaining = sorted(self.arrived)
                if not remaining:
                    raise StopIteration
                self.wanted = remaining[0]
                continue
            number, value = self._receive()
            worker_id = self.outstanding.pop(number)
            self.loads[worker_id] -= 1
            if isinstance(value, Ended):
                self._end(value.worker_id)
                self._skip()
            elif not self.loader.in_order:
                return self._delivered(value)
            else:
                self.arrived[number] = value

    def _end(self, worker_id: int) -> None:
        """A worker's stream is over: it is asked for nothing more, and another is asked in its place."""
        self.working[worker_id] = False
        self._ask()

    def _skip(self) -> None:
        """Moves past tasks that ended workers never answered with a batch."""
        while self.wanted < self.sent and self.wanted not in self.outstanding and self.wanted not in self.arrived:
            self.wanted += 1

    def _delivered(self, value: Any) -> Any:
        self._ask()
        self._skip()
        if isinstance(value, ExceptionWrapper):
            value.reraise()
        return value

    def _receive(self) -> tuple[int, Any]:
        """(task, answer) of this pass from whichever worker has one."""
        timeout = self.loader.timeout
        deadline = time.monotonic() + timeout if timeout > 0 else None
        while True:
            wait = CHECK_INTERVAL if deadline is None else max(0.0, deadline - time.monotonic())
            ready = connection.wait([*self.pipes, *(process.sentinel for process in self.processes)], wait)
            for worker_id, pipe in enumerate(self.pipes):
                if pipe in ready:
                    found = self._take(worker_id)
                    if found is not None:
                        return found
            dead = [i for i, process in enumerate(self.processes) if process.sentinel in ready]
            if dead and not any(self.pipes[i].poll(0) for i in dead):
                raise self._death(dead)
            if deadline is not None and time.monotonic() >= deadline:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")

    def _take(self, worker_id: int) -> tuple[int, Any] | None:
        try:
            (run, number), value = transport.receive(self.pipes[worker_id])
        except (EOFError, OSError) as error:
            raise self._death([worker_id]) from error
        return (number, value) if run == self.run else None

    def _death(self, dead: list[int]) -> RuntimeError:
        ends = []
        for worker_id in dead:
            process = self.processes[worker_id]
            process.join(timeout=1)
            ends.append(f"DataLoader worker (pid {process.pid}) {_end(process.exitcode)}")
        pids = ", ".join(str(self.processes[worker_id].pid) for worker_id in dead)
        self.shut_down()
        return RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly: {' '.join(ends)}")

    def shut_down(self) -> None:
        """Ends the workers: asks them to, waits a moment, and then makes them.

        A copy of the pool that a forked process inherited does nothing: the workers are not its own.
        """
        if self.closed or os.getpid() != self.owner:
            return
        self.closed = True
        for pipe in self.pipes:
            try:
                pipe.send(None)
            except (OSError, ValueError):
                continue
        limit = time.monotonic() + 0.5
        for process in self.processes:
            process.join(timeout=max(0.0, limit - time.monotonic()))
        for process in self.processes:
            if process.is_alive():
                process.terminate()
                process.join(timeout=CHECK_INTERVAL)
            if process.is_alive():
                process.kill()
        for pipe in self.pipes:
            pipe.close()


def warn_of_many_workers(workers: int) -> None:
    """Warns where there are more workers than processors to run them."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if processors is not None and workers > processors:
        warnings.warn(
            f"This DataLoader will create {workers} worker processes in total. Our suggested max number of worker in "
            f"current system is {processors}, which is smaller than what this DataLoader is going to create. Please be "
            "aware that excessive worker creation might get DataLoader running slow or even freeze, lower the worker "
            "number to avoid potential slowness/freeze if necessary.",
            stacklevel=4,
        )


def _end(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"exited unexpectedly with exit code {code}."
    return f"is killed by signal: {signal.strsignal(-code)}."
