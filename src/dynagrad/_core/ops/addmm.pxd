from dynagrad._core.tensor cimport TensorBase

cdef TensorBase addmm(TensorBase input, TensorBase a, TensorBase b)
