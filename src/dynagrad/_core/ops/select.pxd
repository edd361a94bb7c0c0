from dynagrad._core.tensor cimport TensorBase

cdef TensorBase where(object condition, object input, object other, object out=*)
cdef TensorBase masked_fill(TensorBase input, TensorBase mask, object value, bint inplace)
cdef TensorBase maximum(TensorBase input, TensorBase other, object out=*)
cdef TensorBase minimum(TensorBase input, TensorBase other, object out=*)
cdef TensorBase relu(object input, bint inplace=*)
