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
        if wrap_storage is not None:
            return TypedStorage(wrap_storage, cls.dtype)
        if isinstance(data, int):
            return TypedStorage(UntypedStorage(data * cls.dtype.itemsize), cls.dtype)
        return TypedStorage(dynagrad.tensor(data, dtype=cls.dtype).reshape(-1).untyped_storage(), cls.dtype)

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
