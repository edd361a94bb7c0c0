from libc.stdint cimport int64_t

from dynagrad._core.tensor cimport TensorBase

cdef struct Part:       # of a tensor: where it lies in the tensor's memory
    int ndim
    int64_t shape[64]
    int64_t strides[64]
    int64_t offset

cdef void select_part(TensorBase t, int dim, int64_t index, Part* part) noexcept
cdef void slice_part(TensorBase t, int dim, int64_t start, int64_t length, int64_t step, Part* part) noexcept
cdef void diagonal_part(TensorBase t, int64_t offset, int dim1, int dim2, Part* part) noexcept
cdef TensorBase piece(TensorBase t, Part* part)
cdef TensorBase strided_slice(TensorBase t, int dim, int64_t start, int64_t length, int64_t step)
cdef TensorBase diagonal_at(TensorBase t, int64_t which)
cdef void clamped(int64_t size, int64_t* start, int64_t* end) noexcept
cdef int64_t select_index(TensorBase t, int dim, object given) except -1
cdef int64_t which_diagonal(TensorBase t, int64_t offset, object dim1, object dim2) except? -1

cdef TensorBase zeros(int dtype, int ndim, const int64_t* shape)
cdef TensorBase selected(TensorBase t, int dim, int64_t index)
cdef TensorBase sliced(TensorBase t, int dim, int64_t start, int64_t end, int64_t step)
cdef tuple unbound(TensorBase t, int dim)
cdef TensorBase joined(list tensors, object dim, object out=*)
cdef TensorBase stacked(list tensors, object dim, object out=*)
