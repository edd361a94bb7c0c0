"""Whether a Python number can be an operand, and whether it fits an element of a dtype; what C++ calls the dtypes.

What the number becomes is written by `tensor.new_number` and `iterate.fill`; which dtype it promotes like says `types`.
"""
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_Check
from libc.math cimport fabs, isfinite
from libc.stdint cimport int64_t

from dynagrad._core.types import C_NAMES

from dynagrad._core.types cimport BF16, BOOL, F16, F32, F64, U8, is_float, itemsizes


# C++'s names of the types in the order of DType, as PyTorch's errors have them, and the largest number of the floating ones.
_NAMES = ("bool", "uint8_t", "int8_t", "int16_t", "int", "int64_t", "c10::Half", "c10::BFloat16", "float", "double")


cdef str c_name(int dtype):
    """What C++ calls the type itself, as other errors of PyTorch's have it."""
    return C_NAMES[dtype]


cdef double _largest(int dtype) noexcept:
    if dtype == F16:
        return 65504.0
    return 3.3895313892515355e38 if dtype == BF16 else 3.4028234663852886e38


cdef object _overflow(object number, int dtype):
    return RuntimeError(f"value cannot be converted to type {_NAMES[dtype]} without overflow: {number}")


cdef int check_scalar(object number) except -1:
    """Refuses an integer outside of [-2^63, 2^64), which no operand can be: OverflowError."""
    cdef int overflow = 0
    if not PyLong_Check(number):
        return 0
    PyLong_AsLongLongAndOverflow(number, &overflow)
    if overflow > 0 and number >= 2 ** 64:
        raise OverflowError(f"int too big to convert: {number} does not fit in 64 bits")
    if overflow < 0:
        raise OverflowError(f"can't convert negative int to unsigned: {number} does not fit in 64 bits")
    return 0


cdef int check_element(object number, int dtype) except -1:
    """Refuses a number that an element cannot hold: RuntimeError, or OverflowError for what fits in no 64 bits.

    Negative numbers down to -255 wrap in uint8, infinities and NaN are refused by integers only, and bool takes everything.
    """
    cdef int overflow = 0
    cdef int64_t whole = 0
    cdef int64_t top
    cdef double real
    check_scalar(number)
    if dtype == BOOL or dtype == F64:
        return 0
    if not PyLong_Check(number):
        real = PyFloat_AS_DOUBLE(number) if PyFloat_Check(number) else float(number)
        if is_float(dtype):
            if isfinite(real) and fabs(real) > _largest(dtype):
                raise _overflow(number, dtype)
            return 0
        if not isfinite(real) or not -9223372036854775808.0 <= real < 9223372036854775808.0:
            raise _overflow(number, dtype)
        whole = <int64_t>real
    elif is_float(dtype):
        if dtype == F16 and not -65504 <= number <= 65504:
            raise _overflow(number, dtype)
        return 0
    else:
        whole = PyLong_AsLongLongAndOverflow(number, &overflow)
        if overflow:
            raise _overflow(number, dtype)
    if itemsizes[dtype] == 8:
        return 0
    top = <int64_t>1 << (itemsizes[dtype] * 8 - 1)
    if not (-255 <= whole <= 255 if dtype == U8 else -top <= whole < top):
        raise _overflow(number, dtype)
    return 0
