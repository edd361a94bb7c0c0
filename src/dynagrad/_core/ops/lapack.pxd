from libc.stdint cimport int64_t

from dynagrad._core.tensor cimport TensorBase

# Checks of the public functions, and values alone: what is given is fresh, column by column, and without a history.
cdef int check_matrices(TensorBase A, str name, bint square, str argument=*) except -1
cdef int raise_at(TensorBase info, str name, str text) except -1
cdef tuple batch_of(TensorBase A)
cdef TensorBase by_columns(TensorBase A)
cdef TensorBase new_columns(int dtype, tuple batch, int64_t rows, int64_t columns)
cdef TensorBase new_plain(int dtype, tuple sizes)

cdef tuple cholesky_values(TensorBase A, bint upper)
cdef tuple lu_values(TensorBase A)
cdef TensorBase lu_solve_values(TensorBase LU, TensorBase pivots, TensorBase B, bint adjoint)
cdef TensorBase triangular_values(TensorBase A, TensorBase B, bint upper, bint left, bint unit)
cdef tuple qr_values(TensorBase A)
cdef TensorBase q_values(TensorBase reflectors, TensorBase tau, int64_t columns)
cdef tuple eigh_values(TensorBase A, bint upper, bint vectors)
cdef tuple svd_values(TensorBase A, bint full, bint vectors)
cdef tuple lstsq_values(TensorBase A, TensorBase B, double rcond, str driver)
cdef TensorBase order_values(TensorBase pivots, int64_t n)
