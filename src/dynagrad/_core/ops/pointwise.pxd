from dynagrad._core.tensor cimport TensorBase

cdef TensorBase add(object input, object other, object alpha, object out=*, bint inplace=*)
cdef TensorBase mul(object input, object other, object out=*, bint inplace=*)
cdef TensorBase neg(object input, object out=*, bint inplace=*)
cdef TensorBase tanh(object input, object out=*, bint inplace=*)
cdef bint add_into(TensorBase target, TensorBase other) except -1
