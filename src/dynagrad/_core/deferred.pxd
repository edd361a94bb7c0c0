from dynagrad._core.kernel_table cimport Loop, Params
from dynagrad._core.tensor cimport TensorBase

cdef TensorBase defer(Loop loop, TensorBase like, int n, list operands, const Params* params)
cdef int run_deferred() except -1
cdef void drop_deferred() noexcept
