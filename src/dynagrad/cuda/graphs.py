"""What records work of a GPU to replay it, and pools of its memory: names that programs mention, none of which can be made."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "CUDAGraph",
    "MemPool",
    "graph",
    "graph_pool_handle",
    "is_current_stream_capturing",
    "make_graphed_callables",
]


class CUDAGraph:
    """RuntimeError: a graph of work on a GPU."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("Tried to instantiate dummy base class CUDAGraph")


class MemPool:
    """RuntimeError: a pool of a GPU's memory."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("Tried to instantiate dummy base class MemPool")


class graph:  # noqa: N801  # PyTorch's name
    """RuntimeError: a region whose work on a stream a graph records."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


def graph_pool_handle() -> NoReturn:
    """RuntimeError: the memory of graphs."""
    raise RuntimeError("Tried to instantiate dummy base class _graph_pool_handle")


def is_current_stream_capturing() -> NoReturn:
    """RuntimeError, as in PyTorch without CUDA: there is no stream to ask."""
    raise RuntimeError("Tried to instantiate dummy base class _cuda_isCurrentStreamCapturing")


def make_graphed_callables(*_args: Any, **_kwargs: Any) -> NoReturn:
    """RuntimeError: it would record graphs."""
    raise RuntimeError("Tried to instantiate dummy base class CUDAGraph")
