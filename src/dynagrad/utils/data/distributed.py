"""The share of one process in the samples of a dataset, where several train together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import dynagrad
from dynagrad.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[Any]):
    """Every ``num_replicas``-th index, from ``rank`` on, of a permutation that all processes draw alike.

    Args:
        dataset: with a length.
        num_replicas, rank: how many processes there are and which this one is. RuntimeError if they are not given:
            there are no process groups to ask.
        shuffle: permutes, seeded by ``seed`` plus the epoch that ``set_epoch`` sets.
        drop_last: gives every process as many samples by leaving some out, instead of giving some twice.

    ValueError for a rank out of range.

    >>> from dynagrad.utils.data.distributed import DistributedSampler
    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError("Requires distributed package to be available; or give num_replicas and rank")
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch = 0
        self.shuffle, self.seed, self.drop_last = shuffle, seed, drop_last
        n = len(dataset)
        left_out = drop_last and n % num_replicas != 0
        self.num_samples = math.ceil((n - num_replicas if left_out else n) / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        indices = list(range(n))
        if self.shuffle:
            generator = dynagrad.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = dynagrad.randperm(n, generator=generator).tolist()
        if not self.drop_last and indices:
            indices = indices * math.ceil(self.total_size / n)
        return iter(indices[: self.total_size][self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Chooses another permutation; call it ahead of every pass."""
        self.epoch = epoch
