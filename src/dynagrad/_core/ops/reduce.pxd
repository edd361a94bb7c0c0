from libc.stdint cimport int64_t

from dynagrad._core.tensor cimport TensorBase

cdef TensorBase sum_to(TensorBase g, int ndim, const int64_t* shape)
cdef TensorBase sum_over(TensorBase input, const bint* reduced, bint keepdim, int dtype)
