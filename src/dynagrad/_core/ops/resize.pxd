from dynagrad._core.tensor cimport TensorBase

cdef int take_memory(TensorBase t, TensorBase source) except -1
