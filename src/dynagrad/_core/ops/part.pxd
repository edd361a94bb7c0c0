from libc.stdint cimport int64_t

from dynagrad._core.tensor cimport TensorBase

cdef TensorBase zeros(int dtype, int ndim, const int64_t* shape)
cdef TensorBase selected(TensorBase t, int dim, int64_t index)
cdef TensorBase sliced(TensorBase t, int dim, int64_t start, int64_t end, int64_t step)
cdef tuple unbound(TensorBase t, int dim)
cdef TensorBase joined(list tensors, object dim, object out=*)
cdef TensorBase stacked(list tensors, object dim, object out=*)
