"""``torch.distributed``: not available. What programs ask for first answers so; what would need a process group raises."""

from __future__ import annotations

import enum
from typing import Any, NoReturn

__all__ = [
    "Backend",
    "ReduceOp",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "new_group",
    "recv",
    "reduce",
    "reduce_scatter",
    "scatter",
    "send",
]


def is_available() -> bool:
    """False: a program is one process, or several by ``torch.multiprocessing`` that share memory.

    >>> import dynagrad as torch
    >>> torch.distributed.is_available() and torch.distributed.is_initialized()
    False
    """
    return False


is_initialized = is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available


def is_backend_available(backend: str) -> bool:  # noqa: ARG001  # none is
    """False."""
    return False


class Backend(str):
    """The name of a way to send tensors, in small letters."""

    __slots__ = ()

    UNDEFINED, GLOO, NCCL, MPI = "undefined", "gloo", "nccl", "mpi"

    def __new__(cls, name: str) -> Backend:  # noqa: PYI034, D102
        return super().__new__(cls, name.lower())


class ReduceOp(enum.Enum):
    """How values of several processes become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4


def init_process_group(backend: str | None = None, *_args: Any, **_kwargs: Any) -> NoReturn:
    """RuntimeError: there are no process groups."""
    raise RuntimeError(
        f"Distributed package doesn't have {(backend or 'gloo').upper()} built in. dynagrad has no process groups; "
        "torch.multiprocessing runs processes that share memory, and torch.distributed.is_available() says False"
    )


def _needs_group(*_args: Any, **_kwargs: Any) -> NoReturn:
    """ValueError: there is no process group."""
    raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


get_rank = get_world_size = get_backend = new_group = destroy_process_group = barrier = _needs_group
all_reduce = all_gather = all_gather_object = broadcast = broadcast_object_list = _needs_group
reduce = reduce_scatter = gather = scatter = send = recv = _needs_group
