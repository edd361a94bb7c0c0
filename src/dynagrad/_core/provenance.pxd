from cpython.object cimport PyObject
from libc.stdint cimport int32_t

from dynagrad._core.tensor cimport TensorBase

cdef class Cut:                 # a position, and why something ended there
    cdef PyObject* code
    cdef int32_t position
    cdef readonly str why

cdef void capture(PyObject** code, int32_t* position) noexcept
cdef void note_write(TensorBase t) noexcept
cdef object last_write_of(TensorBase t)
cdef Cut position_here(str why)
cdef object here()
cdef str at_this_line()
cdef str called_here()
cdef object provenance_at(PyObject* code, int position)
cdef str name_of(TensorBase t)
