from libc.stdint cimport int64_t

from dynagrad._core.tensor cimport TensorBase

cdef object suggested(TensorBase t)
cdef bint lies_in(TensorBase t, object memory_format) except -1
cdef TensorBase new_in(object memory_format, int dtype, int ndim, const int64_t* shape)
