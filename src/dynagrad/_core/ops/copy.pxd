from dynagrad._core.tensor cimport TensorBase

cdef TensorBase clone(TensorBase input)
cdef TensorBase row_major(TensorBase input)
cdef TensorBase laid_like(TensorBase made, TensorBase like)
cdef TensorBase copy_(TensorBase target, TensorBase source)
cdef TensorBase to_dtype(TensorBase input, int dtype)
cdef TensorBase zero_(TensorBase target)
