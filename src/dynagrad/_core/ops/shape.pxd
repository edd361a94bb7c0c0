from libc.stdint cimport int64_t

from dynagrad._core.graph cimport Node, Output
from dynagrad._core.tensor cimport TensorBase

cdef int read_ints(tuple given, int64_t* values, str name) except -1
cdef int read_dims(object given, int ndim, int* dims) except -1
cdef object ints(const int64_t* values, int n)
cdef Output* input_of(Node node, int i=*) noexcept
cdef TensorBase view_from(TensorBase source, int ndim, const int64_t* shape, const int64_t* strides, int64_t offset,
                          Node node)
cdef TensorBase reshaped(TensorBase t, int ndim, const int64_t* shape)
cdef TensorBase transposed(TensorBase t, int dim0, int dim1)
cdef TensorBase permuted(TensorBase t, const int* order, tuple given=*)
cdef TensorBase reversed_dims(TensorBase t)
cdef TensorBase matrix_transpose(TensorBase t, str name)
cdef TensorBase alias_of(TensorBase t)

cdef class ViewNode(Node):
    pass
