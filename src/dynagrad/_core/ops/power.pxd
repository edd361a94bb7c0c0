from dynagrad._core.tensor cimport TensorBase

cdef TensorBase power(object base, object exponent, object out=*, bint inplace=*)
cdef TensorBase square(object input, object out=*, bint inplace=*)
cdef TensorBase sqrt(object input, object out=*, bint inplace=*)
cdef TensorBase rsqrt(object input, object out=*, bint inplace=*)
cdef TensorBase exp(object input, object out=*, bint inplace=*)
cdef TensorBase log(object input, object out=*, bint inplace=*)
cdef TensorBase xlogy(object input, object other, object out=*, bint inplace=*)
