from dynagrad._core.tensor cimport TensorBase

cdef TensorBase sin(object input, object out=*, bint inplace=*)
cdef TensorBase cos(object input, object out=*, bint inplace=*)
cdef TensorBase tanh(object input, object out=*, bint inplace=*)
