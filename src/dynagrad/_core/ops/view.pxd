from libc.stdint cimport int64_t

from dynagrad._core.graph cimport Node
from dynagrad._core.tensor cimport TensorBase

cdef TensorBase viewed(Node node, TensorBase source, int ndim, const int64_t* shape, const int64_t* strides,
                       int64_t offset)
cdef TensorBase expand_to(TensorBase input, object sizes)
cdef TensorBase expand_to_input(Node node, int i, TensorBase g)
cdef TensorBase unsqueeze_at(TensorBase input, int dim)
cdef TensorBase as_strided(TensorBase input, object size, object stride, object storage_offset)
cdef TensorBase detach(TensorBase input)
cdef TensorBase expanded(TensorBase t, int ndim, const int64_t* wanted)

cdef class StridedNode(Node):
    pass
