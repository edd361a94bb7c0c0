"""How tensors travel between processes: their memory moves to shared memory, of which the other process maps a descriptor."""

from __future__ import annotations

from multiprocessing import reduction
from typing import Any

from dynagrad._core.ops.storage import is_alone, whole_storage
from dynagrad.nn.parameter import Parameter
from dynagrad.shared import memory_of, share, shared_bytes
from dynagrad.storage import TypedStorage, UntypedStorage, tensor_over
from dynagrad.tensor import Tensor, user_attributes

__all__ = ["ForkingPickler", "init_reductions", "reduce_storage", "reduce_tensor"]

ForkingPickler = reduction.ForkingPickler


def _received(handle: Any, nbytes: int) -> Tensor:
    """The bytes of a storage that another process has sent."""
    return shared_bytes(nbytes, handle.detach())


def _rebuilt(cls: type, whole: Tensor, dtype: Any, layout: tuple[Any, ...], requires_grad: bool, state: Any) -> Tensor:
    made = tensor_over(UntypedStorage(whole), dtype, *layout)
    if cls is Parameter:
        made = Parameter(made, requires_grad)
    else:
        made.requires_grad_(requires_grad)
    if state:
        made.__setstate__(state)
    return made


class _Bytes:
    """The whole storage of a tensor on its way: its shared memory's descriptor, or a copy if it cannot move there."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __reduce__(self) -> tuple[Any, ...]:
        memory = memory_of(self.tensor)
        assert memory is not None
        return _received, (reduction.DupFd(memory.file), whole_storage(self.tensor).numel())


def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """What a pickle for another process says of a tensor, whose memory is shared from here on.

    A tensor whose memory others show is sent as a copy: they could not follow it. RuntimeError for one with a history.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing "
            "process boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing "
            "(e.g., putting it on the queue)."
        )
    sent = tensor if memory_of(tensor) is not None or is_alone(tensor) else tensor.detach().clone()
    share(sent)
    layout = sent.storage_offset(), tuple(sent.shape), sent.stride()
    arguments = type(tensor), _Bytes(sent), tensor.dtype, layout, tensor.requires_grad, user_attributes(tensor)
    return _rebuilt, arguments


def _storage_over(whole: Tensor) -> UntypedStorage:
    return UntypedStorage(whole)


def reduce_storage(storage: UntypedStorage) -> tuple[Any, ...]:
    """What a pickle for another process says of a storage: as of a tensor that shows it."""
    whole = storage._bytes  # noqa: SLF001  # what a storage is made of
    sent = whole if memory_of(whole) is not None or is_alone(whole) else whole.clone()
    return _storage_over, (_Bytes(share(sent)),)


def _reduce_typed(storage: TypedStorage) -> tuple[Any, ...]:
    return TypedStorage, (storage.untyped(), storage.dtype)


REDUCERS: dict[type, Any] = {
    Tensor: reduce_tensor,
    Parameter: reduce_tensor,
    UntypedStorage: reduce_storage,
    TypedStorage: _reduce_typed,
}


def init_reductions() -> None:
    """Has the pickles that Python's ``multiprocessing`` makes for other processes hand tensors over as shared memory."""
    for kind, reducer in REDUCERS.items():
        ForkingPickler.register(kind, reducer)
