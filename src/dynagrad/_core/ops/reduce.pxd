from libc.stdint cimport int64_t, uint64_t

from dynagrad._core.graph cimport Node, Output
from dynagrad._core.kernel_table cimport Params
from dynagrad._core.tensor cimport TensorBase

# A set of dimensions is a mask with one bit for each.
cdef uint64_t every_dim(TensorBase t) noexcept
cdef uint64_t dims_mask(TensorBase t, object dim) except? 0xdeadbeef
cdef int wrapped_dim(object given, int ndim) except -1
cdef int one_dim(TensorBase t, object dim) except -1
cdef int refuse_other_than_int(object given, str name) except -1
cdef int64_t count_over(TensorBase t, uint64_t mask) noexcept
cdef object first_given(object dim, object axis)

# whole: the mask of the reduced dimensions; params: None for all of them, else (dim as given, keepdim, ...).
cdef class ReduceNode(Node):
    pass

# whole: the dimension; params: (dim as given, keepdim).
cdef class PositionNode(Node):
    pass

cdef TensorBase folded(int op, TensorBase input, uint64_t mask, bint keepdim, int compute, int dtype,
                       const Params* params=*, TensorBase means=*)
cdef TensorBase sum_to(TensorBase g, int ndim, const int64_t* shape)
cdef TensorBase sum_over(TensorBase input, uint64_t mask, bint keepdim, int dtype)
cdef TensorBase mean_over(TensorBase input, uint64_t mask, bint keepdim, int dtype)
cdef object restored(ReduceNode node, TensorBase t)
cdef object spread(ReduceNode node, TensorBase g)
cdef int record_reduction(ReduceNode node, TensorBase input, uint64_t mask, bint keepdim, object dim,
                          object more=*) except -1
cdef int record_positions(PositionNode node, TensorBase input, TensorBase indices, int dim, bint keepdim,
                          object given) except -1
cdef Output* input_shape(Node node) noexcept
cdef TensorBase delivered(TensorBase result, object out)
cdef TensorBase without_dim(TensorBase t, int dim)
cdef TensorBase room(TensorBase input, uint64_t mask, bint keepdim, int dtype, int64_t* strides)
cdef TensorBase settled(Node node, TensorBase result, TensorBase input, object out)
cdef bint keeps_dims(Node node) except -1
cdef TensorBase converted(TensorBase input, int dtype)
cdef int same_dtype(object out, int dtype) except -1
cdef int sum_dtype(TensorBase input, object dtype, object out) except -1
