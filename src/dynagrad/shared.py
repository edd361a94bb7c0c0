"""Memory that processes share: how a tensor moves there, and how another process finds it.

Note [Shared memory without names], in `utils/data/_utils/transport`, holds here, too: the memory is an anonymous file that
the kernel frees with the last process that has it open or mapped. How tensors travel is in `multiprocessing/reductions`.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any
from weakref import WeakValueDictionary

from dynagrad._core.graph import set_grad_mode
from dynagrad._core.ops.exchange import frombuffer
from dynagrad._core.ops.storage import is_alone, over_bytes, whole_storage
from dynagrad._core.types import BY_NAME
from dynagrad.tensor import Tensor

__all__ = ["SharedMemory", "is_shared", "memory_of", "share", "shared_bytes"]


class SharedMemory(mmap.mmap):
    """A mapping of an anonymous file; ``file`` is the descriptor, by which other processes map it, too."""

    file: int

    def __new__(cls, file: int, nbytes: int) -> SharedMemory:  # noqa: PYI034, D102  # the class says it
        made = super().__new__(cls, file, nbytes)
        made.file = file
        return made

    def __del__(self) -> None:
        os.close(self.file)


_by_address: WeakValueDictionary[int, SharedMemory] = WeakValueDictionary()


def _anonymous_file(nbytes: int) -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("dynagrad_shared", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as named:
            file = os.dup(named.fileno())
    os.ftruncate(file, nbytes)
    return file


def shared_bytes(nbytes: int, file: int | None = None) -> Tensor:
    """A uint8 tensor over shared memory: new and zero, or that of a descriptor, which is taken over.

    >>> from dynagrad.shared import is_shared, shared_bytes
    >>> is_shared(shared_bytes(8))
    True
    """
    memory = SharedMemory(_anonymous_file(max(nbytes, 1)) if file is None else file, max(nbytes, 1))
    made = frombuffer(memory, dtype=BY_NAME["uint8"])
    _by_address[made.data_ptr()] = memory
    return made


def memory_of(tensor: Tensor) -> SharedMemory | None:
    """The shared memory under a tensor; None for ordinary memory."""
    return _by_address.get(whole_storage(tensor).data_ptr())


def is_shared(tensor: Tensor) -> bool:
    """Whether a tensor's memory is seen by the processes that it was handed to, or that were forked since."""
    return memory_of(tensor) is not None


def share(tensor: Tensor) -> Tensor:
    """Moves a tensor's memory into shared memory, and returns the tensor.

    RuntimeError if other tensors show the memory, which would stay behind: views, or what is saved for backward.
    """
    if is_shared(tensor):
        return tensor
    if not is_alone(tensor):
        raise RuntimeError(
            "share_memory_(): other tensors (views, or what is saved for backward) show the memory of this one and would "
            "not follow it into shared memory; share it before they are made, or share a clone()"
        )
    grad_mode = set_grad_mode(False)
    try:
        before = whole_storage(tensor)
        whole = shared_bytes(before.numel())
        whole[: before.numel()].copy_(before)
        layout: Any = tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
        tensor.data = over_bytes(whole, tensor.dtype, *layout)
    finally:
        set_grad_mode(grad_mode)
    return tensor
