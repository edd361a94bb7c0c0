"""Names of dtypes, NumPy's dtypes beside ours, and numbers from their bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import dynagrad as torch

_SHARED = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()  # noqa: SIM905  # shorter than a list
_CODES = {
    torch.bool: "?",
    torch.int8: "b",
    torch.uint8: "B",
    torch.int16: "h",
    torch.int32: "i",
    torch.int64: "q",
    torch.float16: "e",
    torch.float32: "f",
    torch.float64: "d",
}
dtype_abbrs = {
    torch.bfloat16: "bf16",
    torch.float64: "f64",
    torch.float32: "f32",
    torch.float16: "f16",
    torch.float8_e4m3fn: "f8e4m3fn",
    torch.float8_e5m2: "f8e5m2",
    torch.complex32: "c32",
    torch.complex64: "c64",
    torch.complex128: "c128",
    torch.int8: "i8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.bool: "b8",
    torch.uint8: "u8",
    torch.uint16: "u16",
    torch.uint32: "u32",
    torch.uint64: "u64",
}
# What suites that were written for PyTorch's modules allowed each dtype. `toleranceOverride` is the way now.
dtype2prec_DONTUSE = {torch.float32: 1e-5, torch.float64: 1e-5, torch.float16: 1e-2, torch.bfloat16: 1e-1}


def dtype_name(dtype: torch.dtype) -> str:
    """``int64`` for ``torch.int64``.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import dtype_name
    >>> dtype_name(torch.int64)
    'int64'
    """
    return str(dtype).rpartition(".")[2]


@lru_cache
def numpy_to_torch() -> Mapping[Any, torch.dtype]:
    """NumPy's scalar types and our dtypes; NumPy is imported when this is asked for.

    >>> import numpy
    >>> from dynagrad.testing._internal.utils.dtypes import numpy_to_torch
    >>> numpy_to_torch()[numpy.float32]
    torch.float32
    """
    import numpy as np

    return {np.bool_ if name == "bool" else getattr(np, name): getattr(torch, name) for name in _SHARED}


@lru_cache
def torch_to_numpy() -> Mapping[torch.dtype, Any]:
    """Our dtypes and NumPy's scalar types, float32 for bfloat16, which NumPy lacks.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.utils.dtypes import torch_to_numpy
    >>> torch_to_numpy()[torch.bfloat16].__name__
    'float32'
    """
    import numpy as np

    backwards = {value: key for key, value in numpy_to_torch().items()}
    return backwards | {torch.bfloat16: np.float32, torch.complex32: np.complex64}


def numpy_to_torch_dtype(np_dtype: Any) -> torch.dtype:
    """Our dtype for NumPy's, which is a dtype or a scalar type. KeyError if there is none.

    >>> import numpy
    >>> from dynagrad.testing._internal.common_utils import numpy_to_torch_dtype
    >>> numpy_to_torch_dtype(numpy.dtype("int16"))
    torch.int16
    """
    known = numpy_to_torch()
    return known[np_dtype] if np_dtype in known else known[np_dtype.type]


def has_corresponding_torch_dtype(np_dtype: Any) -> bool:
    """Whether `numpy_to_torch_dtype` knows the dtype.

    >>> import numpy
    >>> from dynagrad.testing._internal.common_utils import has_corresponding_torch_dtype
    >>> has_corresponding_torch_dtype(numpy.dtype("U3"))
    False
    """
    try:
        numpy_to_torch_dtype(np_dtype)
    except KeyError:
        return False
    return True


def bytes_to_scalar(byte_list: Sequence[int], dtype: torch.dtype, device: Any) -> torch.Tensor:
    """The number that bytes stand for in this machine's order, as a tensor without dimensions.

    Raises:
        AssertionError: for bytes that are too many, too few or none.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import bytes_to_scalar
    >>> bytes_to_scalar([1, 1], torch.int16, "cpu")
    tensor(257, dtype=torch.int16)
    """
    code = _CODES[dtype]
    if len(byte_list) != struct.calcsize(code):
        raise AssertionError(f"expected len(byte_list) == {struct.calcsize(code)}, got {len(byte_list)}")
    for byte in byte_list:
        if not 0 <= byte <= 255:
            raise AssertionError(f"byte value out of range: expected 0 <= byte <= 255, got {byte}")
    return torch.tensor(struct.unpack(code, bytes(byte_list))[0], dtype=dtype, device=device)
