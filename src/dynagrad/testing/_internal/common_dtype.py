"""Groups of dtypes for tests to run through: those of PyTorch's names that dynagrad has tensors of.

Where PyTorch's group has complex, quantised, 8-bit floating or large unsigned types, they are left out, and so are they
where a caller adds them: what is instantiated for a group can run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dynagrad as torch

COMPUTABLE = frozenset(
    (
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    )
)


class _dispatch_dtypes(tuple[torch.dtype, ...]):
    """A group, to which tuples can be added."""

    __slots__ = ()

    def __add__(self, other: tuple[torch.dtype, ...]) -> _dispatch_dtypes:
        if not isinstance(other, tuple):
            raise AssertionError(f"Expected other to be a tuple, got {type(other)}")
        return _dispatch_dtypes(tuple.__add__(self, other))


def _validate_dtypes(*dtypes: torch.dtype) -> _dispatch_dtypes:
    for dtype in dtypes:
        if not isinstance(dtype, torch.dtype):
            raise AssertionError(f"Expected dtype to be torch.dtype, got {type(dtype)}")
    return _dispatch_dtypes(dtype for dtype in dtypes if dtype in COMPUTABLE)


Group = Callable[[], _dispatch_dtypes]
GroupAnd = Callable[..., _dispatch_dtypes]


def _group(name: str, members: Iterable[torch.dtype]) -> tuple[Group, GroupAnd]:
    """The function that returns a group, and the one that returns it with more."""
    fixed = _dispatch_dtypes(members)

    def group() -> _dispatch_dtypes:
        return fixed

    def group_and(*dtypes: torch.dtype) -> _dispatch_dtypes:
        return fixed + _validate_dtypes(*dtypes)

    named = ", ".join(map(str, fixed)) or "none that dynagrad has"
    for function, plus in ((group, ""), (group_and, ", and those given")):
        function.__name__ = function.__qualname__ = name + ("_and" if plus else "")
        function.__doc__ = f"The dtypes {named}{plus}."
    return group, group_and


_FLOATS = (torch.float32, torch.float64)
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_HALVES = (torch.float16,)

empty_types, custom_types = _group("empty_types", ())
floating_types, floating_types_and = _group("floating_types", _FLOATS)
floating_types_and_half, _ = _group("floating_types_and_half", _FLOATS + _HALVES)
floating_and_complex_types, floating_and_complex_types_and = _group("floating_and_complex_types", _FLOATS)
double_types, _ = _group("double_types", (torch.float64,))
integral_types, integral_types_and = _group("integral_types", _INTEGERS)
all_types, all_types_and = _group("all_types", _FLOATS + _INTEGERS)
all_types_and_half, _ = _group("all_types_and_half", _FLOATS + _INTEGERS + _HALVES)
complex_types, complex_types_and = _group("complex_types", ())
all_types_and_complex, all_types_and_complex_and = _group("all_types_and_complex", _FLOATS + _INTEGERS)
float8_types, float8_types_and = _group("float8_types", ())
_, all_types_complex_float8_and = _group("all_types_complex_float8", _FLOATS + _INTEGERS)
all_mps_types, all_mps_types_and = _group("all_mps_types", (torch.float32, torch.float16, torch.bfloat16, *_INTEGERS))


def get_all_dtypes(
    include_half: bool = True,
    include_bfloat16: bool = True,
    include_bool: bool = True,
    include_complex: bool = True,
    include_complex32: bool = False,
    include_qint: bool = False,
) -> list[torch.dtype]:
    """All dtypes, as a list. Complex and quantised ones, which may be asked for, are none here.

    >>> from dynagrad.testing._internal.common_dtype import get_all_dtypes
    >>> len(get_all_dtypes()), len(get_all_dtypes(include_half=False, include_bool=False))
    (10, 8)
    """
    found = get_all_int_dtypes() + get_all_fp_dtypes(include_half=include_half, include_bfloat16=include_bfloat16)
    found += [torch.bool] if include_bool else []
    found += get_all_complex_dtypes(include_complex32) if include_complex else []
    return found + (get_all_qint_dtypes() if include_qint else [])


def get_all_math_dtypes(device: str) -> list[torch.dtype]:
    """The dtypes that all of mathematics is there for: integers, float32, float64; on CUDA float16, too.

    >>> from dynagrad.testing._internal.common_dtype import get_all_math_dtypes
    >>> len(get_all_math_dtypes("cpu"))
    7
    """
    halves = device.startswith("cuda")
    return get_all_int_dtypes() + get_all_fp_dtypes(include_half=halves, include_bfloat16=False)


def get_all_int_dtypes() -> list[torch.dtype]:
    """The integers, as a list.

    >>> from dynagrad.testing._internal.common_dtype import get_all_int_dtypes
    >>> get_all_int_dtypes()[0]
    torch.uint8
    """
    return list(_INTEGERS)


def get_all_fp_dtypes(include_half: bool = True, include_bfloat16: bool = True) -> list[torch.dtype]:
    """The floating point types, as a list.

    >>> from dynagrad.testing._internal.common_dtype import get_all_fp_dtypes
    >>> get_all_fp_dtypes(include_half=False)
    [torch.float32, torch.float64, torch.bfloat16]
    """
    return [*_FLOATS, *([torch.float16] if include_half else []), *([torch.bfloat16] if include_bfloat16 else [])]


def get_all_complex_dtypes(include_complex32: bool = False) -> list[torch.dtype]:
    """The complex types that there are tensors of: none, with or without the smallest.

    >>> from dynagrad.testing._internal.common_dtype import get_all_complex_dtypes
    >>> get_all_complex_dtypes()
    []
    """
    asked = [torch.complex32] if include_complex32 else []
    return [dtype for dtype in (*asked, torch.complex64, torch.complex128) if dtype in COMPUTABLE]


def get_all_qint_dtypes() -> list[torch.dtype]:
    """The quantised types: none.

    >>> from dynagrad.testing._internal.common_dtype import get_all_qint_dtypes
    >>> get_all_qint_dtypes()
    []
    """
    return []


def highest_precision_float(device: str | torch.device) -> torch.dtype:
    """The most exact floating point type of a device: float64, on Apple's GPUs float32.

    >>> from dynagrad.testing._internal.common_dtype import highest_precision_float
    >>> highest_precision_float("cpu")
    torch.float64
    """
    return torch.float32 if str(device).partition(":")[0] == "mps" else torch.float64


def highest_precision_complex(device: str | torch.device) -> torch.dtype:
    """The complex type whose parts are `highest_precision_float`.

    >>> from dynagrad.testing._internal.common_dtype import highest_precision_complex
    >>> highest_precision_complex("cpu")
    torch.complex128
    """
    return float_to_corresponding_complex_type_map[highest_precision_float(device)]


float_to_corresponding_complex_type_map = {
    torch.float16: torch.complex32,
    torch.float32: torch.complex64,
    torch.float64: torch.complex128,
}
