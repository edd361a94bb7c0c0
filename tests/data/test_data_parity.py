"""Loaders, samplers and datasets against PyTorch: the same batches in the same order for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import dynagrad as dg
from tests.data.datasets import plain

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def data_of(lib: Any) -> Any:
    return import_module(f"{lib.__name__}.utils.data")


def noisy(lib: Any) -> Any:
    class Noisy(data_of(lib).Dataset):  # type: ignore[misc]  # a class of either library
        def __len__(self) -> int:
            return 11

        def __getitem__(self, index: int) -> Any:
            return index, lib.rand(2), random.random(), np.random.rand()  # noqa: NPY002

    return Noisy()


def stream(lib: Any) -> Any:
    class Stream(data_of(lib).IterableDataset):  # type: ignore[misc]  # a class of either library
        def __iter__(self) -> Any:
            info = data_of(lib).get_worker_info()
            number = info.id if info else 9
            return iter([number * 100 + i for i in range(3 + 2 * number)])

    return Stream()


LOADERS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda lib: data_of(lib).DataLoader(noisy(lib), 4),
    "shuffled": lambda lib: data_of(lib).DataLoader(noisy(lib), 4, shuffle=True),
    "workers": lambda lib: data_of(lib).DataLoader(noisy(lib), 4, shuffle=True, num_workers=2),
    "one worker": lambda lib: data_of(lib).DataLoader(noisy(lib), 4, num_workers=1, prefetch_factor=4),
    "persistent": lambda lib: data_of(lib).DataLoader(
        noisy(lib), 4, shuffle=True, num_workers=2, persistent_workers=True, drop_last=True
    ),
    "generator": lambda lib: data_of(lib).DataLoader(
        noisy(lib), 3, shuffle=True, num_workers=2, generator=lib.Generator().manual_seed(11)
    ),
    "samples": lambda lib: data_of(lib).DataLoader(noisy(lib), None, num_workers=2),
    "batch sampler": lambda lib: data_of(lib).DataLoader(noisy(lib), batch_sampler=[[1, 2], [0], [5, 3, 1]]),
    "weighted": lambda lib: data_of(lib).DataLoader(
        noisy(lib), 2, sampler=data_of(lib).WeightedRandomSampler([0.1 * i for i in range(11)], 7)
    ),
    "stream": lambda lib: data_of(lib).DataLoader(stream(lib), 2),
    "stream workers": lambda lib: data_of(lib).DataLoader(stream(lib), 2, num_workers=3),
    "stream dropped": lambda lib: data_of(lib).DataLoader(stream(lib), 2, num_workers=2, drop_last=True),
    "stream persistent": lambda lib: data_of(lib).DataLoader(stream(lib), 2, num_workers=2, persistent_workers=True),
    "stream samples": lambda lib: data_of(lib).DataLoader(stream(lib), None, num_workers=2),
    "pinned": lambda lib: data_of(lib).DataLoader(noisy(lib), 4, pin_memory=True),
}


def passes(lib: Any, make: Callable[[Any], Any]) -> Any:
    lib.manual_seed(3)
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002  # what the dataset draws from
    loader = make(lib)
    return [plain(list(loader)) for _ in range(2)]


@pytest.mark.parametrize("name", LOADERS)
def test_batches_are_pytorchs(name: str) -> None:
    assert passes(dg, LOADERS[name]) == passes(torch, LOADERS[name])


ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "random": lambda d, _: list(d.RandomSampler(range(9))),
    "more": lambda d, _: list(d.RandomSampler(range(5), num_samples=12)),
    "replaced": lambda d, _: list(d.RandomSampler(range(5), True, 70)),
    "own": lambda d, lib: list(d.RandomSampler(range(5), generator=lib.Generator().manual_seed(4))),
    "subset": lambda d, _: list(d.SubsetRandomSampler([4, 6, 9, 1])),
    "weights": lambda d, _: list(d.WeightedRandomSampler([0.1, 0.5, 0.9], 9)),
    "once": lambda d, _: list(d.WeightedRandomSampler([0.1, 0.5, 0.9], 3, replacement=False)),
    "batches": lambda d, _: [list(d.BatchSampler(range(7), 3, drop)) for drop in (True, False)],
    "split": lambda d, _: [list(part.indices) for part in d.random_split(range(10), [5, 3, 2])],
    "fractions": lambda d, _: [list(part.indices) for part in d.random_split(range(11), [0.5, 0.3, 0.2])],
    "shares": lambda d, _: [
        list(d.DistributedSampler(range(7), n, rank, shuffle, drop_last=drop))
        for n in (1, 3, 9) for rank in range(n) for shuffle in (True, False) for drop in (True, False)
    ],
    "stacked": lambda d, _: d.StackDataset([1, 2], d.Subset([3, 4, 5], [2, 0])).__getitems__([1, 0]),
    "named": lambda d, _: d.StackDataset(a=[1, 2], b=d.Subset([3, 4, 5], [2, 0])).__getitems__([1, 0]),
    "joined": lambda d, _: [d.ConcatDataset([[1, 2], [3], [4, 5]])[i] for i in (0, 2, 4, -1, -5)],
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_orders_are_pytorchs(name: str) -> None:
    found = []
    for lib in (dg, torch):
        lib.manual_seed(9)
        found.append(ORDERS[name](data_of(lib), lib))
    assert found[0] == found[1]


BAD: dict[str, Callable[[Any], Any]] = {
    "empty": lambda d: d.RandomSampler([]),
    "replacement": lambda d: d.RandomSampler([1], replacement=1),
    "samples": lambda d: d.RandomSampler([1], num_samples=-1),
    "weights": lambda d: d.WeightedRandomSampler([[1.0]], 2),
    "count": lambda d: d.WeightedRandomSampler([1.0], 0),
    "batch": lambda d: d.BatchSampler([1], 0, False),
    "drop": lambda d: d.BatchSampler([1], 1, 1),
    "rank": lambda d: d.DistributedSampler([1], 2, 2),
    "no parts": lambda d: d.ConcatDataset([]),
    "no stack": lambda d: d.StackDataset(),
    "uneven": lambda d: d.StackDataset([1], [1, 2]),
    "both": lambda d: d.StackDataset([1], a=[1]),
    "sum": lambda d: d.random_split([1, 2], [1, 4]),
    "share": lambda d: d.random_split([1, 2], [1.5, -0.5]),
    "far": lambda d: d.ConcatDataset([[1]])[-2],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused_as_by_pytorch(name: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011  # whatever PyTorch raises
        BAD[name](data_of(torch))
    with pytest.raises(theirs.type):
        BAD[name](data_of(dg))
