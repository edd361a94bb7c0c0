from libc.stdint cimport int64_t

from dynagrad._core.kernel_table cimport Kernels, Loop, Params
from dynagrad._core.tensor cimport TensorBase

# How the dtype of a result follows from the promoted dtype of the operands.
cdef enum Rule:
    SAME        # arithmetic: the promoted dtype
    FLOATING    # integers go to the default floating dtype first
    PREDICATE   # computed in the promoted dtype, the result is bool

cdef const Kernels* K
cdef Params plain_params      # alpha and scale 1

cdef TensorBase unary(const Loop* row, object input, object out, int rule, const Params* params=*, int cost=*)
cdef TensorBase binary(const Loop* row, object a, object b, object out, int rule, const Params* params=*, int cost=*)
cdef TensorBase ternary(const Loop* row, object a, object b, object c, object out, int rule,
                        const Params* params=*, int cost=*)
cdef TensorBase where_kernel(TensorBase condition, object a, object b, object out)
cdef TensorBase as_operand(object value, str what)
cdef int result_dtype(list operands) except -1
cdef int result_dtype2(object a, object b) except -1
cdef TensorBase cast(TensorBase t, int dtype)
cdef TensorBase contiguous(TensorBase t)
cdef TensorBase copy_of(TensorBase t)
cdef int copy_into(TensorBase target, TensorBase source) except -1
cdef int fill(TensorBase target, object number) except -1
cdef int broadcast_shape(list tensors, int64_t* shape) except -1
cdef void broadcast_strides(TensorBase t, int ndim, const int64_t* shape, int64_t* strides) noexcept
cdef TensorBase output(object out, int dtype, int ndim, const int64_t* shape, TensorBase like=*)
cdef int resize(TensorBase t, int ndim, const int64_t* shape) except -1
cdef int refuse_out_grad(object out, bint any_requires_grad) except -1
