"""``torch.types``: names of kinds of values, for annotations and for isinstance."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

from dynagrad import Size, Tensor, device, dtype, memory_format
from dynagrad.storage import TypedStorage, UntypedStorage

__all__ = ["Device", "FileLike", "Number", "Storage"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Storage: TypeAlias = UntypedStorage | TypedStorage

_bool, _dtype, _device, _int, _float, _layout, _size = bool, dtype, device, int, float, Any, Size | Sequence[int]
_qscheme, _TensorOrTensors, _memory_format = Any, Tensor | Sequence[Tensor], memory_format
BoolLikeType: TypeAlias = bool
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
