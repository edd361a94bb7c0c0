from dynagrad._core.tensor cimport TensorBase

cdef TensorBase compare(object input, object other, int order, object out=*, bint inplace=*)
cdef TensorBase bitwise_and(object input, object other, object out=*, bint inplace=*)
cdef TensorBase bitwise_or(object input, object other, object out=*, bint inplace=*)
cdef TensorBase bitwise_xor(object input, object other, object out=*, bint inplace=*)
cdef TensorBase bitwise_not(object input, object out=*, bint inplace=*)
cdef TensorBase shift_left(object input, object other, object out=*, bint inplace=*)
cdef TensorBase shift_right(object input, object other, object out=*, bint inplace=*)
