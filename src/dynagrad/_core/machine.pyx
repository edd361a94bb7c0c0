"""What this process uses of the machine: memory, threads, the instruction set of the kernels."""
from libc.stdint cimport int64_t

from dynagrad._core.kernel_table cimport kernels

cdef extern from "runtime/memory.hpp" namespace "dg":
    struct MemoryStats:
        int64_t live_bytes
        int64_t peak_bytes
        int64_t cached_bytes
        int64_t reserved_bytes
        int64_t live_count
        int64_t allocations
        int64_t system_calls
    MemoryStats memory_stats()
    void reset_peak()
    void trim()
    int64_t cache_limit()
    void set_cache_limit(int64_t bytes)

cdef extern from "runtime/threads.hpp" namespace "dg":
    int num_threads()
    void set_threads "dg::set_num_threads"(int n)


def stats():
    """Bytes and buffers of tensor storage, as a dict.

    ``live_bytes`` and ``live_count`` are in use, ``peak_bytes`` is the most that was, ``cached_bytes`` wait to be used
    again, ``reserved_bytes`` is what the process took from the system in all; ``allocations`` counts requests,
    ``system_calls`` those of them that had to ask the system.

    >>> import dynagrad
    >>> before = dynagrad.memory.stats()["live_bytes"]
    >>> x = dynagrad.zeros(1000, 1000)
    >>> dynagrad.memory.stats()["live_bytes"] - before >= 4_000_000
    True
    """
    return dict(memory_stats())


def reset_peak_stats():
    """Makes the bytes in use now the peak."""
    reset_peak()


def empty_cache():
    """Gives the buffers that wait to be used again back to the system."""
    trim()


def get_cache_limit():
    """The most bytes that may wait to be used again."""
    return cache_limit()


def set_limit(bytes):
    """Sets the most bytes that may wait to be used again. Raises ValueError for a negative number."""
    if bytes < 0:
        raise ValueError(f"the limit is a number of bytes, not {bytes}")
    set_cache_limit(bytes)


def get_num_threads():
    """How many threads a large kernel uses, the calling one included."""
    return num_threads()


def set_num_threads(int n):
    """Sets how many threads a large kernel uses. Raises RuntimeError for less than one.

    Matrix products run in the OpenBLAS that NumPy's wheel carries, so that NumPy's products use as many from then on.

    >>> import dynagrad
    >>> before = dynagrad.get_num_threads()
    >>> dynagrad.set_num_threads(1)
    >>> dynagrad.get_num_threads()
    1
    >>> dynagrad.set_num_threads(before)
    """
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n}")
    set_threads(n)


def instruction_set():
    """The instruction set for which the kernels in use were compiled, such as ``avx2``."""
    return kernels().isa.decode()
