from libc.stdint cimport int64_t, uint64_t

from dynagrad._core.tensor cimport TensorBase

# Work on the rows of a contiguous [rows, n] matrix, split over the cores.
ctypedef void (*RowBody)(int64_t begin, int64_t end, void* context) noexcept nogil

cdef TensorBase dims_last(TensorBase t, uint64_t mask)
cdef TensorBase dims_back(TensorBase t, uint64_t mask)
cdef int over_rows(RowBody body, void* context, int64_t rows, int64_t work) except -1
