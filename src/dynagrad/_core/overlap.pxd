from dynagrad._core.tensor cimport TensorBase

cdef int check_apart(TensorBase target, TensorBase source) except -1
cdef int warn_if_expanded(TensorBase target, str op) except -1
