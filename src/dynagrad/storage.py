"""Storages: the bytes under tensors, as objects of their own. The bytes live in the core (`_core/ops/storage.pyx`)."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad._core.ops.storage import over_bytes, storage_id, whole_storage
from dynagrad._core.types import BY_NAME, TYPE_NAMES
from dynagrad.tensor import Tensor

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """A block of bytes that tensors share.

    >>> import dynagrad
    >>> dynagrad.ones(3).untyped_storage().nbytes()
    12
    """

    def __init__(self, nbytes: int | Sequence[int] | Tensor = 0, *, device: Any = None) -> None:
        """So many bytes, or those of a sequence, on the CPU."""
        if isinstance(nbytes, Tensor):
            self._bytes = nbytes
        elif isinstance(nbytes, int):
            self._bytes = dynagrad.zeros(nbytes, dtype=dynagrad.uint8, device=device)
        else:
            self._bytes = dynagrad.tensor(list(nbytes), dtype=dynagrad.uint8, device=device)

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

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index] = value

    @staticmethod
    def from_buffer(
        buffer: Any, byte_order: str | None = None, count: int = -1, offset: int = 0, *, dtype: dynagrad.dtype
    ) -> UntypedStorage:
        """A copy of the bytes of a buffer, brought to the order of this machine.

        Args:
            buffer: an object with the buffer protocol.
            byte_order: that of the buffer, "native", "little" or "big"; not needed for elements of one byte.
            count: how many elements; all if negative. ValueError if the bytes are no whole number of elements.
            offset: bytes to leave out at the beginning.
            dtype: of the elements. Bytes of ``bool`` other than 0 become 1.
        """
        size = dtype.itemsize
        if byte_order is None and size > 1:
            raise RuntimeError("function missing required argument 'byte_order' (pos 2)")
        if byte_order not in (None, "native", "little", "big"):
            raise ValueError(f"invalid byte_order '{byte_order}' (expected 'big', 'little', or 'native')")
        data = bytearray(memoryview(buffer).cast("B")[offset:])
        if count < 0 and len(data) % size:
            raise ValueError(f"buffer size ({len(data)}) must be a multiple of element size ({size})")
        if count >= 0 and len(data) < count * size:
            raise ValueError(f"buffer has only {len(data)} bytes after the offset, fewer than {count} elements need")
        if count >= 0:
            del data[count * size :]
        made = UntypedStorage(dynagrad.frombuffer(data, dtype=dynagrad.uint8) if data else 0)
        if byte_order not in (None, "native", sys.byteorder):
            made.byteswap(dtype)
        if dtype is dynagrad.bool:
            made._bytes.clamp_(max=1)
        return made

    def byteswap(self, dtype: dynagrad.dtype) -> None:
        """Turns the order of the bytes of each element around, in place."""
        if dtype.itemsize > 1:
            self._bytes.copy_(self._bytes.reshape(-1, dtype.itemsize).flip(1).reshape(-1))

    def fill_(self, value: int) -> UntypedStorage:
        """Writes one byte everywhere."""
        self._bytes.fill_(value)
        return self

    def copy_(self, source: UntypedStorage | TypedStorage, non_blocking: bool | None = None) -> UntypedStorage:  # noqa: ARG002  # there is one device
        """Takes over the bytes of a storage of the same size. RuntimeError for another size."""
        other = source.untyped()
        if other.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {other.nbytes()} bytes"
            )
        self._bytes.copy_(other._bytes)
        return self

    def resize_(self, size: int) -> UntypedStorage:
        """Makes the block longer or shorter, for every tensor over it."""
        self._bytes.resize_(size)
        return self

    def _elements_as(self, dtype: dynagrad.dtype) -> Tensor:
        """A tensor over the bytes, for `tensor`."""
        return tensor_over(self, dtype, 0, (self.nbytes() // dtype.itemsize,), (1,))

    is_cuda = False

    def is_pinned(self, device: Any = None) -> bool:  # noqa: ARG002  # there is no device to pin for
        """False: there is no accelerator that would gain."""
        return False

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

    is_cuda = False

    def __init__(
        self,
        data: int | Sequence[Any] | UntypedStorage = 0,
        dtype: dynagrad.dtype | None = None,
        *,
        wrap_storage: UntypedStorage | None = None,
        device: Any = None,
    ) -> None:
        """So many elements, or those of a sequence; or a storage seen as elements of a dtype."""
        self.dtype = dynagrad.get_default_dtype() if dtype is None else dtype
        given = data if wrap_storage is None else wrap_storage
        if isinstance(given, UntypedStorage):
            self._untyped_storage = given
        elif isinstance(given, int):
            self._untyped_storage = UntypedStorage(given * self.dtype.itemsize, device=device)
        else:
            made = dynagrad.tensor(given, dtype=self.dtype, device=device).reshape(-1)
            self._untyped_storage = made.untyped_storage()

    def _elements_as(self, dtype: dynagrad.dtype) -> Tensor:
        """A tensor over the elements, for `tensor`. RuntimeError for another dtype."""
        if dtype is not self.dtype:
            spoken = dict(zip(BY_NAME.values(), TYPE_NAMES, strict=True))
            raise RuntimeError(
                f"Expected a Storage of type {spoken[dtype]} or an UntypedStorage, but got {spoken[self.dtype]}"
            )
        return self._elements()

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

    def fill_(self, value: Any) -> TypedStorage:
        """Writes one number everywhere."""
        self._elements().fill_(value)
        return self

    def copy_(self, source: TypedStorage, non_blocking: bool | None = None) -> TypedStorage:  # noqa: ARG002  # there is one device
        """Takes over the elements of a storage of as many, converted. RuntimeError for another number."""
        if source.size() != self.size():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        self._elements().copy_(source._elements())
        return self

    def resize_(self, size: int) -> None:
        """Makes the block longer or shorter, for every tensor over it."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)

    def clone(self) -> TypedStorage:
        """A copy."""
        return TypedStorage(self._untyped_storage.clone(), self.dtype)

    def cpu(self) -> TypedStorage:
        """Itself: it lives on the CPU."""
        return self

    def is_pinned(self, device: Any = None) -> bool:  # noqa: ARG002  # there is no device to pin for
        """False: there is no accelerator that would gain."""
        return False

    def type(self, dtype: str | None = None) -> Any:
        """The name of the storage's class; or a copy as one of another class.

        >>> import dynagrad as torch
        >>> torch.ones(2).storage().type()
        'torch.FloatStorage'
        """
        if dtype is None:
            spoken = dict(zip(BY_NAME.values(), TYPE_NAMES, strict=True))
            return f"torch.{spoken[self.dtype]}Storage"
        name = dtype.removeprefix("torch.").removesuffix("Storage")
        return self._converted(dict(zip(TYPE_NAMES, BY_NAME.values(), strict=True))[name])

    def _converted(self, dtype: dynagrad.dtype) -> TypedStorage:
        return TypedStorage(self._elements().to(dtype, copy=True).untyped_storage(), dtype)

    @classmethod
    def from_buffer(cls, *args: Any, dtype: dynagrad.dtype | None = None, **kwargs: Any) -> TypedStorage:
        """A copy of the elements in a buffer; arguments as for ``UntypedStorage.from_buffer``."""
        wanted = dynagrad.get_default_dtype() if dtype is None else dtype
        return TypedStorage(UntypedStorage.from_buffer(*args, dtype=wanted, **kwargs), wanted)

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


def _conversion(name: str, dtype: dynagrad.dtype) -> Any:
    def convert(self: TypedStorage) -> TypedStorage:
        return self._converted(dtype)

    convert.__name__, convert.__doc__ = name, f"A copy with the elements as {dtype}."
    return convert


_CONVERSIONS = {
    "bool": "bool", "byte": "uint8", "char": "int8", "short": "int16", "int": "int32", "long": "int64", "half": "float16",
    "bfloat16": "bfloat16", "float": "float32", "double": "float64",
}  # fmt: skip
for _name, _dtype in _CONVERSIONS.items():
    setattr(TypedStorage, _name, _conversion(_name, BY_NAME[_dtype]))


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
