"""Datasets for the tests of loaders; at module level, so that workers started afresh can import them."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any

import numpy as np

import dynagrad as dg
from dynagrad.utils import data


class Noisy(data.Dataset[Any]):
    """Samples that hold a draw from every generator."""

    def __init__(self, lib: Any = dg) -> None:
        self.lib = lib

    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> Any:
        return index, self.lib.rand(2), random.random(), np.random.rand()  # noqa: NPY002


class Large(data.Dataset[Any]):
    """Samples that travel as shared memory."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return {"x": dg.full((300, 300), float(index)), "y": np.full(50_000, index)}


class Failing(data.Dataset[Any]):
    """Goes wrong at one index, in a way of choice."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        if index != 5:
            return index
        if self.how == "raise":
            raise ValueError("sample five is broken")
        if self.how == "key":
            return {}["missing"]
        if self.how == "odd":
            raise Odd(1, 2)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "exit":
            os._exit(3)
        if self.how == "sleep":
            time.sleep(60)
        return lambda: "cannot be pickled"


class Odd(Exception):  # noqa: N818  # the name is the point
    """Cannot be made from a message."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


class Stream(data.IterableDataset[Any]):
    """Streams of different lengths in different workers."""

    def __iter__(self) -> Any:
        info = data.get_worker_info()
        number = info.id if info else 9
        return iter([number * 100 + i for i in range(3 + 2 * number)])


class WhoAmI(data.Dataset[Any]):
    """Samples that say where they were made."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        info = data.get_worker_info()
        assert info is not None
        return info.id, info.num_workers, info.seed, os.getpid(), dg.get_num_threads()


def mark(worker_id: int) -> None:
    os.environ["MARKED"] = str(worker_id)


def fail(worker_id: int) -> None:
    raise RuntimeError(f"worker {worker_id} will not start")


def as_list(batch: Any) -> Any:
    return list(batch)


def plain(value: Any) -> Any:
    """Tensors as lists, all the way down."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value
