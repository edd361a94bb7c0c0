"""class DataLoader: batches of a dataset, in this process or from workers."""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.context
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import dynagrad
from dynagrad.utils.data import _utils
from dynagrad.utils.data._utils.collate import default_collate, default_convert
from dynagrad.utils.data._utils.fetch import fetcher_of
from dynagrad.utils.data._utils.pool import WorkerPool, warn_of_many_workers
from dynagrad.utils.data._utils.worker import get_worker_info
from dynagrad.utils.data.dataset import Dataset, IterableDataset
from dynagrad.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)


class _InfiniteConstantSampler(Sampler[None]):
    """Stands in for the sampler of a stream, which has no indices."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[_T_co]):
    """Batches of a dataset: an iterable that gives the same ones as PyTorch's for the same seed.

    Args:
        dataset: by index or, as an `IterableDataset`, a stream.
        batch_size: samples of a batch; None gives single samples.
        shuffle: a new random order in every pass.
        sampler: gives indices, instead of ``shuffle``.
        batch_sampler: gives lists of indices, instead of ``batch_size``, ``shuffle``, ``sampler`` and ``drop_last``.
        num_workers: processes that fetch; none fetches here.
        collate_fn: makes a batch of a list of samples.
        pin_memory: accepted; there is no accelerator whose copies it would speed up, and a warning says so.
        drop_last: leaves out a last batch that is smaller.
        timeout: seconds to wait for a batch of a worker; 0 waits for ever. RuntimeError after it.
        worker_init_fn: called with the number of each worker in it, after it was seeded.
        multiprocessing_context: how workers are started, by name or as a context.
        generator: of the order and of the workers' seeds.
        prefetch_factor: batches that each worker is ahead; 2 if there are workers.
        persistent_workers: keeps the workers from pass to pass.
        in_order: False gives batches as they come.

    ValueError for options that contradict one another. A worker that raises is reported with its traceback and the same
    type of exception; one that dies is a RuntimeError.

    >>> from dynagrad.utils.data import DataLoader
    >>> list(DataLoader(range(5), batch_size=2))
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    __initialized = False
    _iterator: _Pass | None = None

    def __init__(
        self,
        dataset: Dataset[_T_co] | Iterable[_T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset: Any = dataset
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.multiprocessing_context = multiprocessing_context
        self.in_order, self.generator = in_order, generator
        self._is_stream = isinstance(dataset, IterableDataset)
        if self._is_stream:
            _check_stream(shuffle, sampler, batch_sampler)
        batch_size, drop_last = _check_batches(batch_size, bool(shuffle), sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle))
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        collates = default_collate if self._auto_collation else default_convert
        self.collate_fn = collates if collate_fn is None else collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._IterableDataset_len_called: int | None = None
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle: bool) -> Sampler[Any]:
        if self._is_stream:
            return _InfiniteConstantSampler()
        return RandomSampler(self.dataset, generator=self.generator) if shuffle else SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
        if self.__initialized and name in fixed:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        """How workers are started: a context of ``multiprocessing``, or None for its default."""
        return self._multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                        f"multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self._multiprocessing_context = context

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def auto_collation(self) -> bool:
        """Whether samples are joined into batches."""
        return self._auto_collation

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __iter__(self) -> _Pass:
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self) -> _Pass:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    def __len__(self) -> int:
        if not self._is_stream:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warns where there are more workers than processors."""
        if self.num_workers:
            warn_of_many_workers(self.num_workers)


class _Pass:
    """One pass over a loader."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._loader = loader
        self._index_sampler = loader._index_sampler
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be "
                "used.",
                stacklevel=4,
            )
        self._sampler_iter = iter(self._index_sampler)
        seed = dynagrad.empty((), dtype=dynagrad.int64).random_(generator=loader.generator)
        self._base_seed = int(seed.item())
        self._num_yielded = 0
        self._promised = loader._IterableDataset_len_called

    def _reset(self, loader: DataLoader[Any]) -> None:
        self._loader = loader
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._promised = loader._IterableDataset_len_called  # a length asked for later, as list() does, is no promise

    def __iter__(self) -> _Pass:
        return self

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        if self._loader._is_stream and self._promised is not None and self._num_yielded > self._promised:
            self._warn_of_length(self._promised)
        return data

    def _next_data(self) -> Any:
        raise NotImplementedError

    def _warn_of_length(self, promised: int) -> None:
        message = (
            f"Length of IterableDataset {self._loader.dataset} was reported to be {promised}(when accessing "
            f"len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._loader.num_workers > 0:
            message += (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset replica at each worker."
            )
        warnings.warn(message, stacklevel=3)

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _SingleProcessDataLoaderIter(_Pass):
    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if loader.timeout != 0:
            raise AssertionError("a timeout needs num_workers > 0: without workers there is nothing to wait for")
        self._dataset_fetcher = fetcher_of(loader, loader.dataset)

    def _next_data(self) -> Any:
        return self._dataset_fetcher.fetch(next(self._sampler_iter))


class _MultiProcessingDataLoaderIter(_Pass):
    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._pool = WorkerPool(loader, self._base_seed)
        self._workers = self._pool.processes
        self._reset(loader)

    def _reset(self, loader: DataLoader[Any]) -> None:
        super()._reset(loader)
        self._pool.begin(self._sampler_iter)

    def _next_data(self) -> Any:
        if self._pool.closed:
            raise StopIteration
        try:
            return self._pool.next()
        except StopIteration:
            if not self._loader.persistent_workers:
                self._pool.shut_down()
            raise
        except KeyboardInterrupt:
            self._pool.shut_down()
            raise

    def _shutdown_workers(self) -> None:
        self._pool.shut_down()

    def __del__(self) -> None:
        if hasattr(self, "_pool") and not sys.is_finalizing():
            self._pool.shut_down()


def _check_workers(workers: int, timeout: float, prefetch_factor: int | None, persistent: bool) -> None:
    if workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor <= 0:
        raise ValueError("prefetch_factor option should be positive")
    if persistent and workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_stream(shuffle: bool | None, sampler: Any, batch_sampler: Any) -> None:
    for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def _check_batches(
    batch_size: int | None, shuffle: bool, sampler: Any, batch_sampler: Any, drop_last: bool
) -> tuple[int | None, bool]:
    """The options of batches as they count, or ValueError."""
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
        return None, False
    if batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
    return batch_size, drop_last


_BaseDataLoaderIter = _Pass
_utils.worker.WorkerInfo.__module__ = "dynagrad.utils.data"
