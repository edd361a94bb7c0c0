"""Storages: the bytes under tensors, as objects of their own. The bytes live in the core (`_core/ops/storage.pyx`)."""

from __future__ import annotations

import mmap
import os
from typing import Any

import dynagrad
from dynagrad._core.ops.storage import over_bytes, storage_id, whole_storage
from dynagrad.tensor import Tensor

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """A block of bytes that tensors share.

    >>> import dynagrad
    >>> dynagrad.ones(3).untyped_storage().nbytes()
    12
    """

    def __init__(self, nbytes: int | Tensor = 0) -> None:
        whole = nbytes if isinstance(nbytes, Tensor) else dynagrad.zeros(nbytes, dtype=dynagrad.uint8)
        self._bytes = whole

    @property
    def device(self) -> dynagrad.device:
        """Where the bytes are."""
        return self._bytes.device

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._bytes.numel()

    size = nbytes
    __len__ = nbytes

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    @staticmethod
    def from_file(filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first ``nbytes`` bytes of a file, mapped into memory.

        Args:
            filename: the file. RuntimeError if it is shorter, unless it is shared.
            shared: whether what is written goes to the file, which is made and lengthened if need be; else what is
                written stays here.
            nbytes: how many bytes.
        """
        if shared:
            with open(filename, "ab") as file:
                file.truncate(max(nbytes, file.tell()))
        with open(filename, "r+b" if shared else "rb") as file:
            there = os.fstat(file.fileno()).st_size
            if there < nbytes:
                raise RuntimeError(
                    f"file <{filename}> has only {there} bytes, which is smaller than the {nbytes} bytes requested"
                )
            if not nbytes:
                return UntypedStorage(0)
            access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
            mapped = mmap.mmap(file.fileno(), nbytes, access=access)
        return UntypedStorage(dynagrad.frombuffer(mapped, dtype=dynagrad.uint8))

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._bytes.data_ptr()

    def __getitem__(self, index: Any) -> Any:
        found = self._bytes[index]
        return found.item() if found.dim() == 0 else UntypedStorage(found.clone())

    def tolist(self) -> list[int]:
        """The bytes as numbers."""
        return self._bytes.tolist()

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def element_size(self) -> int:
        """The bytes of an element, which is one byte."""
        return 1

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage(self._bytes.clone())

    def share_memory_(self) -> UntypedStorage:
        """Moves the bytes to where processes share them. RuntimeError if a tensor shows them: share the tensor then."""
        self._bytes.share_memory_()
        return self

    def is_shared(self) -> bool:
        """Whether the bytes are shared between processes."""
        return self._bytes.is_shared()

    def cpu(self) -> UntypedStorage:
        """Itself: it lives on the CPU."""
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and storage_id(self._bytes) == storage_id(other._bytes)

    def __hash__(self) -> int:
        return storage_id(self._bytes)

    def __repr__(self) -> str:
        return f"{self.tolist()}\n[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"


class TypedStorage:
    """A block of bytes as elements of one dtype: what ``Tensor.storage()`` gives.

    >>> import dynagrad
    >>> list(dynagrad.arange(4).storage())
    [0, 1, 2, 3]
    """

    def __init__(self, untyped: UntypedStorage, dtype: dynagrad.dtype) -> None:
        self._untyped_storage, self.dtype = untyped, dtype

    def _elements(self) -> Tensor:
        return tensor_over(self._untyped_storage, self.dtype, 0, (self.size(),), (1,))

    @property
    def device(self) -> dynagrad.device:
        """Where the elements are."""
        return self._untyped_storage.device

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return self._untyped_storage

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._untyped_storage.nbytes()

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    def element_size(self) -> int:
        """The bytes of an element."""
        return self.dtype.itemsize

    def size(self) -> int:
        """The number of elements."""
        return self.nbytes() // self.dtype.itemsize

    __len__ = size

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped_storage.data_ptr()

    def tolist(self) -> list[Any]:
        """The elements as numbers."""
        return self._elements().tolist()

    def __getitem__(self, index: int) -> Any:
        return self._elements()[index].item()

    def share_memory_(self) -> TypedStorage:
        """Moves the elements to where processes share them. RuntimeError if a tensor shows them."""
        self._untyped_storage.share_memory_()
        return self

    def is_shared(self) -> bool:
        """Whether the elements are shared between processes."""
        return self._untyped_storage.is_shared()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements()[index] = value

    def __repr__(self) -> str:
        lines = "\n".join(f" {each}" for each in self.tolist())
        return f"{lines}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


def storage_of(tensor: Tensor) -> UntypedStorage:
    """The storage of a tensor.

    >>> import dynagrad
    >>> from dynagrad.storage import storage_of
    >>> x = dynagrad.ones(3)
    >>> storage_of(x) == storage_of(x[1:])
    True
    """
    return UntypedStorage(whole_storage(tensor))


def tensor_over(
    storage: UntypedStorage,
    dtype: dynagrad.dtype,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool = False,
) -> Tensor:
    """A tensor over a storage; everything in elements. ValueError where it would reach outside.

    >>> import dynagrad
    >>> from dynagrad.storage import UntypedStorage, tensor_over
    >>> tensor_over(UntypedStorage(8), dynagrad.float32, 0, (2,), (1,))
    tensor([0., 0.])
    """
    return over_bytes(storage._bytes, dtype, offset, tuple(size), tuple(stride), requires_grad)
