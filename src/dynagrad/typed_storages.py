"""The old names of storages of one dtype, such as ``FloatStorage``: constructors, and answers to isinstance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad.storage import TypedStorage, UntypedStorage

__all__ = [
    "BFloat16Storage",
    "BoolStorage",
    "ByteStorage",
    "CharStorage",
    "DoubleStorage",
    "FloatStorage",
    "HalfStorage",
    "IntStorage",
    "LongStorage",
    "ShortStorage",
    "Storage",
]


class _OfOneDtype(type):
    """Makes a TypedStorage of its dtype: of so many elements, or of those of a sequence."""

    dtype: dynagrad.dtype

    def __call__(cls, data: int | Sequence[Any] = 0, *, wrap_storage: UntypedStorage | None = None) -> TypedStorage:
        return TypedStorage(data, cls.dtype, wrap_storage=wrap_storage)

    def from_buffer(cls, *args: Any, **kwargs: Any) -> TypedStorage:
        """A copy of the elements in a buffer; arguments as for ``UntypedStorage.from_buffer``, but for the dtype."""
        return TypedStorage.from_buffer(*args, dtype=cls.dtype, **kwargs)

    def from_file(cls, filename: str, shared: bool = False, size: int = 0) -> TypedStorage:
        """The first ``size`` elements of a file, mapped into memory; as ``UntypedStorage.from_file``."""
        return TypedStorage(UntypedStorage.from_file(filename, shared, size * cls.dtype.itemsize), cls.dtype)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, TypedStorage) and value.dtype is cls.dtype


def _named(name: str, dtype: dynagrad.dtype) -> _OfOneDtype:
    doc = f"A storage of {dtype}, by its old name: a constructor, and an answer to isinstance."
    return _OfOneDtype(name, (), {"dtype": dtype, "__doc__": doc, "__module__": "torch"})


BoolStorage = _named("BoolStorage", dynagrad.bool)
ByteStorage = _named("ByteStorage", dynagrad.uint8)
CharStorage = _named("CharStorage", dynagrad.int8)
ShortStorage = _named("ShortStorage", dynagrad.int16)
IntStorage = _named("IntStorage", dynagrad.int32)
LongStorage = _named("LongStorage", dynagrad.int64)
HalfStorage = _named("HalfStorage", dynagrad.float16)
BFloat16Storage = _named("BFloat16Storage", dynagrad.bfloat16)
Storage = FloatStorage = _named("FloatStorage", dynagrad.float32)
DoubleStorage = _named("DoubleStorage", dynagrad.float64)
