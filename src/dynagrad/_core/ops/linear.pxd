from dynagrad._core.tensor cimport TensorBase

cdef TensorBase linear_of(TensorBase input, TensorBase weight, TensorBase bias)
