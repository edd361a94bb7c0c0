from libc.stdint cimport int64_t, uint8_t

cdef extern from "kernels/table.hpp" namespace "dg" nogil:
    ctypedef enum DType:
        BOOL, U8, I8, I16, I32, I64, F16, BF16, F32, F64, N_DTYPES
    enum Compute:
        C_I64, C_F32, C_F64, N_COMPUTE

cdef class dtype:
    cdef readonly int code
    cdef readonly str name
    cdef readonly int itemsize
    cdef readonly bint is_floating_point

cdef class device:
    cdef readonly str type
    cdef readonly object index

cdef class memory_format:
    cdef readonly str name

cdef class layout:
    cdef readonly str name

cdef extern from * nogil:
    """
    static const int dg_itemsize[10] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
    // The type in which a dtype is computed, as an index into the kernel table.
    static const int dg_compute[10] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 2};
    static const int dg_compute_dtype[3] = {5, 8, 9};
    // 0 bool, 1 integral, 2 floating: the categories of type promotion.
    static const int dg_category[10] = {0, 1, 1, 1, 1, 1, 2, 2, 2, 2};
    """
    const int* itemsizes "dg_itemsize"
    const int* compute_of "dg_compute"
    const int* compute_dtype "dg_compute_dtype"
    const int* category "dg_category"

cdef inline bint is_float(int code) noexcept nogil:
    return code >= F16

cdef int default_dtype
cdef list dtype_objects
cdef device cpu

cdef dtype dtype_object(int code)
cdef int dtype_code(object given) except -1
cdef int scalar_dtype(object number) except -1
cdef int promote_types_code(int a, int b) noexcept nogil
cdef int check_device(object given) except -1
cdef bint is_number(object value) noexcept
