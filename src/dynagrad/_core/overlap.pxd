from dynagrad._core.tensor cimport TensorBase

cdef int check_apart(TensorBase target, TensorBase source) except -1
