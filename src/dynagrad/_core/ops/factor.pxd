from dynagrad._core.tensor cimport TensorBase

cdef tuple same_batch(TensorBase A, TensorBase B)
