"""CUDA, as scripts ask for it: there is none, no memory is in use, and what would need a device says so as PyTorch does."""

from __future__ import annotations

import collections
from typing import Any, NoReturn

import dynagrad
from dynagrad.memory import AcceleratorError, OutOfMemoryError

__all__ = [
    "AcceleratorError",
    "Event",
    "OutOfMemoryError",
    "Stream",
    "StreamContext",
    "can_device_access_peer",
    "current_blas_handle",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_gencode_flags",
    "get_rng_state",
    "get_rng_state_all",
    "get_sync_debug_mode",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "is_tf32_supported",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state_all",
    "set_sync_debug_mode",
    "stream",
    "synchronize",
]


_OF_GRAPHS = (
    "CUDAGraph",
    "MemPool",
    "graph",
    "graph_pool_handle",
    "is_current_stream_capturing",
    "make_graphed_callables",
)

has_half = True
default_generators: tuple[Any, ...] = ()


def __getattr__(name: str) -> Any:
    """``torch.cuda.amp`` and what is seldom wanted, imported when first asked for."""
    from importlib import import_module

    if name in ("amp", "graphs", "nvtx"):
        return import_module(f"{__name__}.{name}")
    if name in _OF_GRAPHS:
        return getattr(import_module(f"{__name__}.graphs"), name)
    if name.endswith("Tensor"):
        from dynagrad.cuda.tensors import CLASSES

        if name in CLASSES:
            return CLASSES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def is_available() -> bool:
    """False: this build computes on the CPU.

    >>> import dynagrad
    >>> "cuda" if dynagrad.cuda.is_available() else "cpu"
    'cpu'
    """
    return False


def device_count() -> int:
    """Zero devices."""
    return 0


def is_initialized() -> bool:
    """False: there is nothing to initialise."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:  # noqa: ARG001
    """False: no device computes in bfloat16."""
    return False


def is_tf32_supported() -> bool:
    """False."""
    return False


def get_arch_list() -> list[str]:
    """No architectures."""
    return []


# ---- random numbers --------------------------------------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Seeds the generators of all devices, of which there are none; PyTorch, too, ignores it without CUDA."""
    int(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Nothing is seeded."""


seed_all = seed


def get_rng_state_all() -> list[Any]:
    """No states."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Nothing, for the states of no device; AssertionError for more."""
    for _ in new_states:
        _needs_cuda()


# ---- memory ----------------------------------------------------------------------------------------------------------


def empty_cache() -> None:
    """There is no cache."""


def memory_allocated(device: Any = None) -> int:  # noqa: ARG001
    """Zero bytes.

    >>> import dynagrad
    >>> dynagrad.cuda.memory_allocated()
    0
    """
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def memory_stats(device: Any = None) -> dict[str, Any]:  # noqa: ARG001
    """No statistics."""
    return collections.OrderedDict()


# ---- devices and streams ---------------------------------------------------------------------------------------------


def _needs_cuda(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Raises AssertionError: this would need a device."""
    raise AssertionError("Torch not compiled with CUDA enabled")


init = synchronize = ipc_collect = initial_seed = get_rng_state = mem_get_info = reset_peak_memory_stats = _needs_cuda
current_device = get_device_name = get_device_properties = get_device_capability = _needs_cuda
current_stream = default_stream = current_blas_handle = can_device_access_peer = _needs_cuda
get_sync_debug_mode = set_sync_debug_mode = set_per_process_memory_fraction = _needs_cuda


def _index(given: Any) -> int:
    """The number of a device: of an int, a ``torch.device`` or its name. ValueError for one that is not CUDA's."""
    if isinstance(given, int):
        return given
    if not isinstance(given, (str, dynagrad.device)):
        what = f"Expected a torch.device with a specified index or an integer, but got:{given}"
        raise ValueError(what)  # noqa: TRY004  # PyTorch's
    found = dynagrad.device(given)
    if found.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {found}")
    return 0 if found.index is None else found.index


def set_device(device: Any) -> None:
    """AssertionError for any device; nothing for a negative number, which means none."""
    if _index(device) >= 0:
        _needs_cuda()


class device:  # noqa: N801  # PyTorch's name
    """A region on a device: RuntimeError when it is entered, unless the number is negative, which means none."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else _index(device)

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise RuntimeError("PyTorch was compiled without CUDA support")

    def __exit__(self, *error: object) -> None:
        pass


class device_of(device):  # noqa: N801  # PyTorch's name
    """A region on the device of a tensor: nothing changes, for that is the CPU."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def get_gencode_flags() -> str:
    """Nothing: no kernels are compiled for any GPU."""
    return ""


class Stream:
    """RuntimeError: a stream is a queue of a device."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


class Event:
    """RuntimeError: an event is a mark in a stream."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event")


class StreamContext:
    """A region on a stream; with None, which is all that there can be, nothing changes."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


stream = StreamContext
