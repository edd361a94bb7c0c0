# cython: wraparound=True
"""LAPACK for tensors: batches of matrices laid out as it wants them, the calls, and the checks that all of them share.

No histories here: the ops with their derivatives are in `factor` and `solve`. The loop over a batch is runtime/lapack.cpp.
"""
from libc.stdint cimport int32_t, int64_t

from dynagrad._core.iterate cimport copy_into
from dynagrad._core.ops.linalg cimport seek_blas
from dynagrad._core.tensor cimport TensorBase, new_alias, new_tensor, shape_tuple
from dynagrad._core.types cimport BF16, BOOL, F16, F32, F64, I32, I64, DType, dtype_object, is_float
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/lapack.hpp" namespace "dg" nogil:
    bint lu_factor(DType type, int64_t batch, int64_t m, int64_t n, void* a, int32_t* pivots, int32_t* info)
    bint lu_solve(DType type, bint trans, int64_t batch, int64_t n, int64_t columns, void* lu, int32_t* pivots, void* b)
    bint cholesky(DType type, bint upper, int64_t batch, int64_t n, void* a, int32_t* info)
    bint triangular_solve(DType type, bint left, bint upper, bint trans, bint unit, int64_t batch, int64_t m, int64_t n,
                          const void* a, void* b)
    bint qr_factor(DType type, int64_t batch, int64_t m, int64_t n, void* a, void* tau)
    bint reflectors_to_q(DType type, int64_t batch, int64_t m, int64_t n, int64_t k, void* a, void* tau)
    bint symmetric_eigen(DType type, bint vectors, bint upper, int64_t batch, int64_t n, void* a, void* values, int32_t* info)
    bint singular_values(DType type, char job, int64_t batch, int64_t m, int64_t n, void* a, void* s, void* u, void* vt,
                         int32_t* info)
    bint least_squares(DType type, char driver, int64_t batch, int64_t m, int64_t n, int64_t columns, void* a, void* b,
                       double rcond, void* s, int64_t* rank, int32_t* info)
    bint symmetric_factor(DType type, int64_t batch, int64_t n, void* a, int32_t* pivots, int32_t* info)
    bint symmetric_solve(DType type, int64_t batch, int64_t n, int64_t columns, void* ld, int32_t* pivots, void* b)
    void pivots_to_order(int64_t batch, int64_t n, int64_t k, const int32_t* pivots, int64_t* order)


class LinAlgError(RuntimeError):
    """A matrix has not the property that the function needs: it is singular, or not positive-definite, …"""


# ---- checks ----------------------------------------------------------------------------------------------------------

_NAMES = {"bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
          "float16": "Half", "bfloat16": "BFloat16"}


cdef int check_matrices(TensorBase A, str name, bint square, str argument="A") except -1:
    """Raises unless A is a batch of matrices of float32 or float64, and of square ones where they must be."""
    if A.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")
    if square and A.shape[A.ndim - 1] != A.shape[A.ndim - 2]:
        raise RuntimeError(f"{name}: {argument} must be batches of square matrices, but they are "
                           f"{A.shape[A.ndim - 2]} by {A.shape[A.ndim - 1]} matrices")
    if A.dtype == F16 or A.dtype == BF16:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {_NAMES[dtype_object(A.dtype).name]}")
    if A.dtype != F32 and A.dtype != F64:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. "
                           f"Got {_NAMES[dtype_object(A.dtype).name]}")
    if A.shape[A.ndim - 1] > 0x7fffffff or A.shape[A.ndim - 2] > 0x7fffffff:
        raise RuntimeError(f"{name}: the matrices are too large, {A.shape[A.ndim - 2]} by {A.shape[A.ndim - 1]}")
    return 0


cdef int raise_at(TensorBase info, str name, str text) except -1:
    """Raises LinAlgError for the first matrix whose info is not zero; `{}` in the text stands for the number."""
    cdef int64_t i
    cdef int32_t* values = <int32_t*>info.data
    for i in range(info.numel):
        if values[i]:
            where = f"(Batch element {i}): " if info.ndim else ""
            raise LinAlgError(f"{name}: {where}{text.format(values[i])}")
    return 0


cdef bint _sought = False


cdef inline int _ready() except -1:
    global _sought
    if not _sought:
        seek_blas()
        _sought = True
    return 0


cdef int _served(bint found) except -1:
    if not found:
        raise RuntimeError("factorisations need LAPACK, which comes with the wheels of NumPy: pip install scipy-openblas64")
    return 0


# ---- memory ----------------------------------------------------------------------------------------------------------

cdef tuple batch_of(TensorBase A):
    return shape_tuple(A)[:-2]


cdef TensorBase new_plain(int dtype, tuple sizes):
    cdef int64_t shape[64]
    cdef int i
    if len(sizes) > 64:
        raise RuntimeError(f"tensors have at most 64 dimensions, but {len(sizes)} were asked for")
    for i in range(len(sizes)):
        shape[i] = sizes[i]
    return new_tensor(dtype, <int>len(sizes), shape)


cdef TensorBase _turned(TensorBase t):
    """The same memory with the last two dimensions swapped."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int i
    for i in range(t.ndim):
        shape[i], strides[i] = t.shape[i], t.strides[i]
    shape[t.ndim - 1], shape[t.ndim - 2] = t.shape[t.ndim - 2], t.shape[t.ndim - 1]
    strides[t.ndim - 1], strides[t.ndim - 2] = t.strides[t.ndim - 2], t.strides[t.ndim - 1]
    return new_alias(t, t.ndim, shape, strides, 0)


cdef TensorBase new_columns(int dtype, tuple batch, int64_t rows, int64_t columns):
    return _turned(new_plain(dtype, batch + (columns, rows)))


cdef TensorBase by_columns(TensorBase A):
    """A fresh copy, column by column. Raises RuntimeError for what LAPACK does not take."""
    if A.ndim < 2:
        raise RuntimeError(f"expected matrices, but got a tensor of {A.ndim} dimensions")
    if A.dtype != F32 and A.dtype != F64:
        raise RuntimeError(f"expected a tensor of dtype float32 or float64, but got {dtype_object(A.dtype)}")
    cdef TensorBase made = new_columns(A.dtype, batch_of(A), A.shape[A.ndim - 2], A.shape[A.ndim - 1])
    copy_into(made, A)
    return made


cdef int64_t _count(TensorBase A) noexcept nogil:
    """How many matrices there are."""
    cdef int64_t n = 1
    cdef int i
    for i in range(A.ndim - 2):
        n *= A.shape[i]
    return n


cdef inline int64_t _rows(TensorBase A) noexcept nogil:
    return A.shape[A.ndim - 2]


cdef inline int64_t _columns(TensorBase A) noexcept nogil:
    return A.shape[A.ndim - 1]


cdef TensorBase _no_info(TensorBase A):
    cdef TensorBase info = new_plain(I32, batch_of(A))
    cdef int64_t i
    for i in range(info.numel):
        (<int32_t*>info.data)[i] = 0
    return info


# ---- what LAPACK itself takes on trust -------------------------------------------------------------------------------

cdef int _check_alike(TensorBase A, TensorBase B, int64_t order, int64_t size) except -1:
    """Refuses a system whose sides differ in dtype, batch or size."""
    if A.dtype != B.dtype:
        raise RuntimeError(f"Expected both sides to have the same dtype, but found {dtype_object(A.dtype)} and "
                           f"{dtype_object(B.dtype)} instead")
    if B.ndim < 2 or order != size or batch_of(A) != batch_of(B):
        raise RuntimeError(f"Incompatible shapes of A and B: {list(shape_tuple(A))} and {list(shape_tuple(B))}")
    return 0


cdef int _check_square(TensorBase A) except -1:
    if A.ndim < 2 or _rows(A) != _columns(A):
        raise RuntimeError(f"A must be batches of square matrices, but its shape is {list(shape_tuple(A))}")
    return 0


cdef TensorBase _checked_pivots(TensorBase pivots, int64_t sets, int64_t each, int64_t n, bint signed):
    """A plain int32 copy of pivots that stay within n rows; `signed` ones may be negative, as those of L D L^T."""
    cdef TensorBase places = new_plain(I32, shape_tuple(pivots))
    cdef int32_t* values
    cdef int64_t i, place
    if is_float(pivots.dtype) or pivots.dtype == BOOL or pivots.numel != sets * each:
        raise RuntimeError(f"pivots must be {each} integers for each matrix, but got a tensor of shape "
                           f"{list(shape_tuple(pivots))} and dtype {dtype_object(pivots.dtype)}")
    copy_into(places, pivots)
    values = <int32_t*>places.data
    for i in range(places.numel):
        place = -<int64_t>values[i] if signed and values[i] < 0 else values[i]
        if place < 1 or place > n:
            raise RuntimeError(f"pivots must lie in 1 … {n}, but element {i} is {values[i]}")
    return places


# ---- calls -----------------------------------------------------------------------------------------------------------

cdef tuple cholesky_values(TensorBase A, bint upper):
    """(the factor, with what LAPACK left in the other triangle; info)"""
    cdef Unlocked unlocked
    cdef TensorBase L = by_columns(A), info = _no_info(A)
    cdef int64_t count = _count(A)
    cdef bint found = True
    _ready()
    if A.numel:
        unlocked.begin()
        with nogil:
            found = cholesky(<DType>A.dtype, upper, count, _rows(A), L.data, <int32_t*>info.data)
    _served(found)
    return L, info


cdef tuple lu_values(TensorBase A):
    """(L and U in one, pivots from 1, info)"""
    cdef Unlocked unlocked
    cdef TensorBase LU = by_columns(A), info = _no_info(A)
    cdef TensorBase pivots = new_plain(I32, batch_of(A) + (min(_rows(A), _columns(A)),))
    cdef int64_t count = _count(A)
    cdef bint found = True
    _ready()
    if A.numel:
        unlocked.begin()
        with nogil:
            found = lu_factor(<DType>A.dtype, count, _rows(A), _columns(A), LU.data, <int32_t*>pivots.data,
                              <int32_t*>info.data)
    _served(found)
    return LU, pivots, info


cdef TensorBase order_values(TensorBase pivots, int64_t n):
    """The order of n rows after the exchanges that the int32 pivots say."""
    if pivots.ndim == 0:
        raise RuntimeError("pivots must have at least one dimension, but got a number")
    cdef int64_t k = pivots.shape[pivots.ndim - 1]
    cdef TensorBase order = new_plain(I64, shape_tuple(pivots)[:-1] + (n,))
    cdef TensorBase places = _checked_pivots(pivots, pivots.numel // k if k else 0, k, n, False)
    pivots_to_order(order.numel // n if n else 0, n, k, <int32_t*>places.data, <int64_t*>order.data)
    return order


cdef TensorBase lu_solve_values(TensorBase LU, TensorBase pivots, TensorBase B, bint adjoint):
    """The solution of op(P L U) X = B; the batches are the same."""
    cdef Unlocked unlocked
    cdef TensorBase factors = by_columns(LU), X = by_columns(B), places
    cdef int64_t count = _count(B)
    cdef bint found = True
    _check_square(LU)
    _check_alike(LU, B, _columns(LU), _rows(B))
    places = _checked_pivots(pivots, count, _rows(LU), _rows(LU), False)
    _ready()
    if B.numel:
        unlocked.begin()
        with nogil:
            found = lu_solve(<DType>LU.dtype, adjoint, count, _rows(B), _columns(B), factors.data, <int32_t*>places.data,
                             X.data)
    _served(found)
    return X


cdef TensorBase triangular_values(TensorBase A, TensorBase B, bint upper, bint left, bint unit):
    """X with A X = B, or X A = B; the batches are the same."""
    cdef Unlocked unlocked
    cdef TensorBase factors = by_columns(A), X = by_columns(B)
    cdef int64_t count = _count(B)
    cdef bint found = True
    _check_square(A)
    _check_alike(A, B, _columns(A), _rows(B) if left else _columns(B))
    _ready()
    if B.numel:
        unlocked.begin()
        with nogil:
            found = triangular_solve(<DType>A.dtype, left, upper, False, unit, count, _rows(B), _columns(B), factors.data,
                                     X.data)
    _served(found)
    return X


cdef tuple qr_values(TensorBase A):
    """(R above the reflectors, tau)"""
    cdef Unlocked unlocked
    cdef TensorBase a = by_columns(A), tau = new_plain(A.dtype, batch_of(A) + (min(_rows(A), _columns(A)),))
    cdef int64_t count = _count(A)
    cdef bint found = True
    _ready()
    if A.numel:
        unlocked.begin()
        with nogil:
            found = qr_factor(<DType>A.dtype, count, _rows(A), _columns(A), a.data, tau.data)
    _served(found)
    return a, tau


cdef TensorBase q_values(TensorBase reflectors, TensorBase tau, int64_t columns):
    """The first columns of the product of the reflectors."""
    cdef Unlocked unlocked
    cdef TensorBase q = new_columns(reflectors.dtype, batch_of(reflectors), _rows(reflectors), columns)
    cdef TensorBase factors = new_plain(tau.dtype, shape_tuple(tau))
    cdef int64_t count = _count(reflectors), taken = min(columns, <int64_t>_columns(reflectors))
    cdef int64_t k = tau.shape[tau.ndim - 1] if tau.ndim else 0
    cdef bint found = True
    if tau.dtype != q.dtype or tau.ndim == 0 or shape_tuple(tau)[:-1] != batch_of(q) or k > taken:
        raise RuntimeError(f"the factors of the reflectors have shape {list(shape_tuple(tau))} and dtype "
                           f"{dtype_object(tau.dtype)}, which does not fit reflectors of shape {list(shape_tuple(reflectors))}")
    copy_into(factors, tau)
    copy_into(q.narrow(-1, 0, taken), reflectors.narrow(-1, 0, taken))
    _ready()
    if q.numel:
        unlocked.begin()
        with nogil:
            found = reflectors_to_q(<DType>q.dtype, count, _rows(q), columns, k, q.data, factors.data)
    _served(found)
    return q


cdef tuple eigh_values(TensorBase A, bint upper, bint vectors):
    """(values in rising order, vectors, info)"""
    cdef Unlocked unlocked
    cdef TensorBase V = by_columns(A), info = _no_info(A), values = new_plain(A.dtype, shape_tuple(A)[:-1])
    cdef int64_t count = _count(A)
    cdef bint found = True
    _ready()
    if A.numel:
        unlocked.begin()
        with nogil:
            found = symmetric_eigen(<DType>A.dtype, vectors, upper, count, _rows(A), V.data, values.data,
                                    <int32_t*>info.data)
    _served(found)
    return values, V, info


cdef tuple svd_values(TensorBase A, bint full, bint vectors):
    """(U, S, the transposed V, info); without vectors the first and third are None."""
    cdef Unlocked unlocked
    cdef TensorBase a = by_columns(A), info = _no_info(A), U = None, V = None
    cdef int64_t k = min(_rows(A), _columns(A)), count = _count(A)
    cdef TensorBase S = new_plain(A.dtype, batch_of(A) + (k,))
    cdef bint found = True
    cdef char* u = NULL
    cdef char* v = NULL
    if vectors:
        U = new_columns(A.dtype, batch_of(A), _rows(A), _rows(A) if full else k)
        V = new_columns(A.dtype, batch_of(A), _columns(A) if full else k, _columns(A))
        u, v = U.data, V.data
    _ready()
    if A.numel:
        unlocked.begin()
        with nogil:
            found = singular_values(<DType>A.dtype, c"A" if full and vectors else c"S" if vectors else c"N", count, _rows(A),
                                    _columns(A), a.data, S.data, u, v, <int32_t*>info.data)
    elif vectors:  # LAPACK leaves the vectors of an empty matrix unwritten
        _identity(U)
        _identity(V)
    _served(found)
    return U, S, V, info


cdef int _identity(TensorBase t) except -1:
    t.zero_()
    t.diagonal(0, -2, -1).fill_(1)
    return 0


cdef tuple lstsq_values(TensorBase A, TensorBase B, double rcond, str driver):
    """(max(m, n) rows of solution and remainder, ranks, singular values, info)"""
    cdef Unlocked unlocked
    cdef int64_t m = _rows(A), n = _columns(A), count = _count(A)
    cdef TensorBase a = by_columns(A), info = _no_info(A), ranks = new_plain(I64, batch_of(A))
    cdef TensorBase X = new_columns(A.dtype, batch_of(A), max(m, n), _columns(B))
    cdef TensorBase S = new_plain(A.dtype, batch_of(A) + (min(m, n) if driver in ("gelsd", "gelss") else 0,))
    cdef char letter = ord("l" if driver == "gels" else driver[-1])
    cdef bint found = True
    _check_alike(A, B, m, _rows(B))
    X.zero_()
    ranks.zero_()
    copy_into(X.narrow(-2, 0, m), B)
    _ready()
    if A.numel and B.numel:
        unlocked.begin()
        with nogil:
            found = least_squares(<DType>A.dtype, letter, count, m, n, _columns(B), a.data, X.data, rcond,
                                  S.data, <int64_t*>ranks.data, <int32_t*>info.data)
    _served(found)
    return X, ranks, S, info


def ldl_factor_values(TensorBase A not None):
    """(L and D in one, pivots, info) of the lower triangles."""
    cdef Unlocked unlocked
    cdef TensorBase LD = by_columns(A), info = _no_info(A), pivots = new_plain(I32, shape_tuple(A)[:-1])
    cdef int64_t count = _count(A)
    cdef bint found = True
    check_matrices(A, "torch.linalg.ldl_factor_ex", True)
    _ready()
    if A.numel:
        unlocked.begin()
        with nogil:
            found = symmetric_factor(<DType>A.dtype, count, _rows(A), LD.data, <int32_t*>pivots.data, <int32_t*>info.data)
    _served(found)
    return LD, pivots, info


def ldl_solve_values(TensorBase LD not None, TensorBase pivots not None, TensorBase B not None):
    """The solution of (L D L^T) X = B; the batches are the same."""
    cdef Unlocked unlocked
    cdef TensorBase factors = by_columns(LD), X = by_columns(B), places
    cdef int64_t count = _count(B)
    cdef bint found = True
    _check_square(LD)
    _check_alike(LD, B, _columns(LD), _rows(B))
    places = _checked_pivots(pivots, count, _rows(LD), _rows(LD), True)
    _ready()
    if B.numel:
        unlocked.begin()
        with nogil:
            found = symmetric_solve(<DType>LD.dtype, count, _rows(B), _columns(B), factors.data, <int32_t*>places.data,
                                    X.data)
    _served(found)
    return X


def check(TensorBase A not None, str name, bint square, str argument="A"):
    """`check_matrices` for what is composed in Python."""
    check_matrices(A, name, square, argument)


def raise_singular(TensorBase info not None, str name):
    """Raises LinAlgError where a factor U has a zero on its diagonal."""
    raise_at(info, name, "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want "
                         "to perform the factorization, consider calling linalg.lu(A, pivot) or "
                         "linalg.lu_factor_ex(A, pivot)")
