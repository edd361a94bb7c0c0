"""Products of matrices and vectors: values, derivatives and cards of mm, mv, dot, bmm, matmul and trace.

Sums with a product (addmm and its kin) are in `addmm`, what is composed of these in composite/products.py; the
arithmetic is runtime/gemm.hpp.
"""
import cython
from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.shown import input_sizes, sizes
from dynagrad._core.ops.shape import TBackward0
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    HAS_EXTRA, AccumulateGrad, Node, attach, begin1, begin2, has_saved, needs, output_of, prepare, records, records2, save, settle, thread_state,
    unpack)
from dynagrad._core.iterate cimport broadcast_shape, cast, contiguous, copy_into, fill, output
from dynagrad._core.ops.pointwise cimport mul
from dynagrad._core.provenance cimport at_this_line, name_of
from dynagrad._core.scalars cimport c_name
from dynagrad._core.tensor cimport TensorBase, dims_tuple, new_alias, new_tensor, requires_grad, shape_tuple
from dynagrad._core.types cimport BOOL, F32, DType, compute_dtype, compute_of, itemsizes
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/gemm.hpp" namespace "dg" nogil:
    struct Gemm:
        DType type
        bint trans_a
        bint trans_b
        int64_t m
        int64_t n
        int64_t k
        double alpha
        double beta
        int64_t lda
        int64_t ldb
        int64_t ldc
    bint wants_blas(DType type, int64_t m, int64_t n, int64_t k)
    void gemm(const Gemm& g, const void* a, const void* b, void* c)
    void gemm_batch(const Gemm& g, int64_t batch, const void* a, int64_t a_stride, const void* b, int64_t b_stride, void* c,
                    int64_t c_stride)
    void gemv(DType type, bint trans, int64_t m, int64_t n, double alpha, const void* a, int64_t lda, const void* x,
              int64_t x_step, double beta, void* y, int64_t y_step)
    void dot_of "dg::dot"(DType type, int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step, void* out)

cdef extern from "runtime/blas.hpp" namespace "dg" nogil:
    bint blas_load(const char* path)

cdef double WORTH_RELEASING = 1 << 16           # multiply-adds above which other threads may run meanwhile


# ---- BLAS ------------------------------------------------------------------------------------------------------------

cdef bint _blas_sought = False


cdef int seek_blas() except -1:
    """Opens the OpenBLAS in NumPy's wheel, or that of the package scipy-openblas64; without one our own loops serve, only slower."""
    global _blas_sought
    from dynagrad._core.openblas import copies

    _blas_sought = True
    for library in copies():
        if blas_load(bytes(library)):
            return 0
    return 0


cdef inline int _ready(int dtype, double work) except -1:
    if not _blas_sought and wants_blas(<DType>dtype, 1, 1, <int64_t>work):
        seek_blas()
    return 0


# ---- how an operand lies in memory -----------------------------------------------------------------------------------

cdef struct Matrix:
    int64_t rows
    int64_t columns
    int64_t ld          # distance of two rows of the memory,
    bint trans          # which holds the transpose


cdef bint _lies(TensorBase t, int d, Matrix* m) noexcept:
    """Describes dims d and d + 1 of t as BLAS takes a matrix; False where the strides do not allow it."""
    cdef int64_t rows = t.shape[d], columns = t.shape[d + 1]
    cdef int64_t down = t.strides[d], across = t.strides[d + 1]
    m.rows, m.columns = rows, columns
    if rows * columns == 0 or (across == 1 or columns <= 1) and (down >= columns and down > 0 or rows <= 1):
        m.trans = False
        m.ld = max(down if rows > 1 else columns, 1)
        return True
    if (down == 1 or rows <= 1) and (across >= rows and across > 0 or columns <= 1):
        m.trans = True
        m.ld = across if columns > 1 else max(rows, 1)
        return True
    return False


cdef TensorBase _laid(TensorBase t, int d, Matrix* m):
    """t, or a copy of it, as a matrix that BLAS can take."""
    if not _lies(t, d, m):
        t = contiguous(t)
        _lies(t, d, m)
    return t


cdef TensorBase in_compute_type(TensorBase t):
    cdef int wanted = compute_dtype[compute_of[t.dtype]]
    return t if t.dtype == wanted else cast(t, wanted)


cdef TensorBase _rounded(TensorBase result, int dtype):
    return result if result.dtype == dtype else cast(result, dtype)


cdef TensorBase _stepped(TensorBase x):
    """A vector whose elements do not share memory."""
    return contiguous(x) if x.strides[0] <= 0 and x.numel > 1 else x


# ---- values ----------------------------------------------------------------------------------------------------------

cdef int _run(Gemm* g, TensorBase a, TensorBase b, TensorBase c) except -1:
    cdef Unlocked unlocked
    cdef double work = <double>g.m * <double>g.n * <double>g.k
    _ready(g.type, work)
    if work < WORTH_RELEASING:
        gemm(g[0], a.data, b.data, c.data)
    else:
        unlocked.begin()
        with nogil:
            gemm(g[0], a.data, b.data, c.data)
    return 0


cdef int _describe(Gemm* g, TensorBase c, Matrix* x, bint ta, Matrix* y, bint tb) noexcept:
    g.type = <DType>c.dtype
    g.m = x.columns if ta else x.rows
    g.k = x.rows if ta else x.columns
    g.n = y.rows if tb else y.columns
    g.trans_a, g.trans_b = x.trans != ta, y.trans != tb
    g.lda, g.ldb, g.ldc = x.ld, y.ld, max(g.n, 1)
    g.alpha, g.beta = 1, 0
    return 0


cdef TensorBase product(TensorBase a, bint ta, TensorBase b, bint tb):
    cdef Matrix x, y
    cdef Gemm g
    cdef int64_t shape[2]
    cdef int dtype = a.dtype
    cdef TensorBase c
    a = _laid(in_compute_type(a), 0, &x)
    b = _laid(in_compute_type(b), 0, &y)
    shape[0] = x.columns if ta else x.rows
    shape[1] = y.rows if tb else y.columns
    c = new_tensor(a.dtype, 2, shape)
    _describe(&g, c, &x, ta, &y, tb)
    _run(&g, a, b, c)
    return _rounded(c, dtype)


cdef int multiply_into(TensorBase c, TensorBase a, TensorBase b, double alpha, double beta) except -1:
    """c = alpha a b + beta c, where c is contiguous and of the compute type."""
    cdef Matrix x, y
    cdef Gemm g
    a = _laid(in_compute_type(a), 0, &x)
    b = _laid(in_compute_type(b), 0, &y)
    _describe(&g, c, &x, False, &y, False)
    g.alpha, g.beta = alpha, beta
    return _run(&g, a, b, c)


cdef int _run_batch(Gemm* g, TensorBase a, TensorBase b, TensorBase c) except -1:
    cdef Unlocked unlocked
    cdef int64_t step = g.m * g.n
    _ready(g.type, <double>g.m * <double>g.n * <double>g.k)
    unlocked.begin()
    with nogil:
        gemm_batch(g[0], c.shape[0], a.data, a.strides[0], b.data, b.strides[0], c.data, step)
    return 0


cdef TensorBase batch_product(TensorBase a, bint ta, TensorBase b, bint tb):
    cdef Matrix x, y
    cdef Gemm g
    cdef int64_t shape[3]
    cdef int dtype = a.dtype
    cdef TensorBase c
    a = _laid(in_compute_type(a), 1, &x)
    b = _laid(in_compute_type(b), 1, &y)
    shape[0] = a.shape[0]
    shape[1] = x.columns if ta else x.rows
    shape[2] = y.rows if tb else y.columns
    c = new_tensor(a.dtype, 3, shape)
    _describe(&g, c, &x, ta, &y, tb)
    _run_batch(&g, a, b, c)
    return _rounded(c, dtype)


cdef int batch_multiply_into(TensorBase c, TensorBase a, TensorBase b, double alpha, double beta) except -1:
    """c = alpha a b + beta c for each of a batch, where c is contiguous and of the compute type."""
    cdef Matrix x, y
    cdef Gemm g
    a = _laid(in_compute_type(a), 1, &x)
    b = _laid(in_compute_type(b), 1, &y)
    _describe(&g, c, &x, False, &y, False)
    g.alpha, g.beta = alpha, beta
    return _run_batch(&g, a, b, c)


cdef int matrix_vector_into(TensorBase y, TensorBase a, bint ta, TensorBase x, double alpha, double beta) except -1:
    """y = alpha op(a) x + beta y, where y is contiguous and of the compute type."""
    cdef Unlocked unlocked
    cdef Matrix m
    a = _laid(in_compute_type(a), 0, &m)
    x = _stepped(in_compute_type(x))
    cdef int64_t rows = m.columns if m.trans else m.rows, columns = m.rows if m.trans else m.columns
    cdef int64_t step = max(x.strides[0], 1)
    _ready(y.dtype, <double>rows * <double>columns)
    if rows * columns < WORTH_RELEASING:
        gemv(<DType>y.dtype, m.trans != ta, rows, columns, alpha, a.data, m.ld, x.data, step, beta, y.data, 1)
    else:
        unlocked.begin()
        with nogil:
            gemv(<DType>y.dtype, m.trans != ta, rows, columns, alpha, a.data, m.ld, x.data, step, beta, y.data, 1)
    return 0


cdef TensorBase matrix_vector(TensorBase a, bint ta, TensorBase x):
    cdef TensorBase y = new_tensor(compute_dtype[compute_of[a.dtype]], 1, &a.shape[1 if ta else 0])
    matrix_vector_into(y, a, ta, x, 1, 0)
    return _rounded(y, a.dtype)


cdef TensorBase outer_product(TensorBase x, TensorBase y):
    """The matrix of all x[i] y[j]."""
    cdef Gemm g
    cdef int64_t shape[2]
    cdef int dtype = x.dtype
    cdef TensorBase c
    x, y = _stepped(in_compute_type(x)), _stepped(in_compute_type(y))
    shape[0], shape[1] = x.numel, y.numel
    c = new_tensor(x.dtype, 2, shape)
    g.type, g.m, g.n, g.k, g.alpha, g.beta = <DType>x.dtype, x.numel, y.numel, 1, 1, 0
    g.trans_a, g.trans_b = False, True
    g.lda, g.ldb, g.ldc = max(x.strides[0], 1), max(y.strides[0], 1), max(y.numel, 1)
    _run(&g, x, y, c)
    return _rounded(c, dtype)


cdef TensorBase _dot_product(TensorBase x, TensorBase y):
    cdef int dtype = x.dtype
    cdef TensorBase result = new_tensor(compute_dtype[compute_of[dtype]], 0, NULL)
    x, y = in_compute_type(x), in_compute_type(y)
    _ready(x.dtype, x.numel)
    dot_of(<DType>x.dtype, x.numel, x.data, x.strides[0], y.data, y.strides[0], result.data)
    return _rounded(result, dtype)


cdef TensorBase deliver(TensorBase result, int dtype, object out):
    """The result in its dtype, or `out` after the result was copied into it."""
    cdef TensorBase target
    if out is None:
        return _rounded(result, dtype)
    target = <TensorBase>out
    if target.dtype != dtype:
        raise RuntimeError(f"Expected out tensor to have dtype {c_name(dtype)}, but got {c_name(target.dtype)} instead")
    target = output(out, dtype, result.ndim, result.shape)
    copy_into(target, result)
    return target


# ---- checks ----------------------------------------------------------------------------------------------------------

cdef object shape_error(str text, list tensors):
    """A RuntimeError that goes on with the operands' names and shapes and the user's line."""
    parts = []
    for t in tensors:
        name = name_of(<TensorBase>t)
        parts.append(f"{name or 'a tensor'} of shape {list(shape_tuple(<TensorBase>t))}")
    return RuntimeError(f"{text}\n  the operands are {' and '.join(parts)}{at_this_line()}")


cdef int check_dtype(TensorBase t, str name) except -1:
    if t.dtype == BOOL:
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
    return 0


cdef str _size(TensorBase t):
    return f"{t.shape[0]}x{t.shape[1]}"


cdef int _check_mm(TensorBase a, TensorBase b) except -1:
    if a.ndim != 2 or b.ndim != 2:
        raise shape_error(f"{'self' if a.ndim != 2 else 'mat2'} must be a matrix", [a, b])
    if a.shape[1] != b.shape[0]:
        raise shape_error(f"mat1 and mat2 shapes cannot be multiplied ({_size(a)} and {_size(b)})", [a, b])
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {c_name(a.dtype)} != {c_name(b.dtype)}")
    return check_dtype(a, "addmm_impl_cpu_")


cdef int _check_mv(TensorBase a, TensorBase x) except -1:
    if a.ndim != 2 or x.ndim != 1:
        raise shape_error(f"vector + matrix @ vector expected, got 1, {a.ndim}, {x.ndim}", [a, x])
    if a.shape[1] != x.shape[0]:
        raise shape_error(f"size mismatch, got input ({a.shape[0]}), mat ({_size(a)}), vec ({x.shape[0]})", [a, x])
    if a.dtype != x.dtype:
        raise RuntimeError("addmv input tensors must have the same dtype, but got the matrix in "
                           f"{c_name(a.dtype)} and the vector in {c_name(x.dtype)}")
    return check_dtype(a, "addmv_impl_cpu")


cdef int _check_dot(TensorBase x, TensorBase y) except -1:
    if x.ndim != 1 or y.ndim != 1:
        raise shape_error(f"1D tensors expected, but got {x.ndim}D and {y.ndim}D tensors", [x, y])
    if x.dtype != y.dtype:
        raise RuntimeError("dot : expected both vectors to have same dtype, but found "
                           f"{TYPE_NAMES[x.dtype]} and {TYPE_NAMES[y.dtype]}")
    if x.numel != y.numel:
        raise shape_error(f"inconsistent tensor size, expected tensor [{x.numel}] and src [{y.numel}] to have the same "
                          f"number of elements, but got {x.numel} and {y.numel} elements respectively", [x, y])
    return check_dtype(x, "dot")


cdef int _check_bmm(TensorBase a, TensorBase b) except -1:
    if a.ndim != 3 or b.ndim != 3:
        raise shape_error(f"{'batch1' if a.ndim != 3 else 'batch2'} must be a 3D tensor", [a, b])
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise shape_error(f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[2]}] "
                          f"but got: [{b.shape[0]}, {b.shape[1]}].", [a, b])
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected both batches to have the same dtype, but got: {c_name(a.dtype)} != {c_name(b.dtype)}")
    return check_dtype(a, "bmm")


# ---- mm --------------------------------------------------------------------------------------------------------------

cdef inline bint _is_column_major(TensorBase t) noexcept:
    return t.strides[0] == 1 and t.strides[1] == t.shape[0]


cdef int layout_bits(TensorBase a, TensorBase b) noexcept:
    return _is_column_major(a) | _is_column_major(b) << 1


cdef TensorBase _flipped(TensorBase t):
    cdef int64_t geometry[4]
    geometry[0], geometry[1], geometry[2], geometry[3] = t.shape[1], t.shape[0], t.strides[1], t.strides[0]
    return new_alias(t, 2, geometry, geometry + 2, 0)


cdef TensorBase left_gradient(TensorBase g, TensorBase b, bint column_major):
    """What reaches a through a b: g b^T."""
    if thread_state.grad_enabled:
        return mm(b, g.t()).t() if column_major else mm(g, b.t())
    return _flipped(product(b, False, g, True)) if column_major else product(g, False, b, True)


cdef TensorBase right_gradient(TensorBase a, TensorBase g, bint column_major):
    """What reaches b through a b: a^T g."""
    if thread_state.grad_enabled:
        return mm(g.t(), a).t() if column_major else mm(a.t(), g)
    return _flipped(product(g, True, a, False)) if column_major else product(a, True, g, False)


def factor_sizes(int edge, int slot):
    """Shows the sizes of a factor, from the node that made it, else from the tensor saved."""
    known = sizes(edge)
    def found(Node node):
        return known(node) or (shape_tuple(unpack(node, slot)) if has_saved(node, slot) else ())
    return found


def factor_strides(int edge, int slot):
    """Shows the strides of a factor that needs a gradient: those of the tensor saved, else what the layout bits tell."""
    known = sizes(edge)
    def found(Node node):
        cdef TensorBase saved
        if not needs(node, edge):
            return ()
        if has_saved(node, slot):
            saved = unpack(node, slot)
            return dims_tuple(saved.ndim, saved.strides)
        rows, columns = known(node)
        return (1, rows) if node.whole >> slot & 1 else (columns, 1)
    return found


# Note [Sums of weight gradients]
# A layer that runs often in one graph, such as a recurrent cell, gives its weight one product g^T a after another, which
# backward would add up. Where one already waits at the leaf, in memory that nobody else sees, the next is multiplied
# right into it: the matrix is passed over once instead of three times. The graph stays as it is; the leaf's hooks see
# the sum.

cdef GradientPlace _gradient_place = NULL


cdef void use_gradient_place(GradientPlace place) noexcept:
    """Tells the products where the running backward keeps its sums."""
    global _gradient_place
    _gradient_place = place


cdef bint added_to_weight(Node node, int edge, TensorBase a, TensorBase g) except -1:
    """Adds g^T a to what waits for the leaf w, the factor of `node` at `edge` being w.t(); False if it cannot be done."""
    cdef Node turn, leaf
    cdef PyObject** place
    cdef TensorBase have
    if _gradient_place == NULL or thread_state.grad_enabled or thread_state.anomaly or a.dtype < F32:
        return False
    turn = <Node>node.edges[edge].node
    if (<PyObject*>turn).ob_type != <PyTypeObject*>TBackward0 or turn.flags & HAS_EXTRA or turn.edges[0].node == NULL:
        return False
    leaf = <Node>turn.edges[0].node
    place = _gradient_place(node, turn)
    if not isinstance(leaf, AccumulateGrad) or place == NULL or place[0] != NULL:
        return False
    place = _gradient_place(node, leaf)
    if place == NULL or place[0] == NULL or place[0].ob_refcnt != 1:
        return False
    have = <TensorBase>place[0]
    if (have.storage.references != 2 or have.storage != have.counter or not have.contiguous or have.base is not None
            or have.dtype != a.dtype or g.dtype != a.dtype or have.ndim != 2 or have.shape[0] != g.shape[1]
            or have.shape[1] != a.shape[1]):
        return False
    multiply_into(have, _flipped(g), a, 1, 1)
    return True


@cython.final
cdef class MmBackward0(Node):                           # d(A B) = dA B + A dB
    _saves = ("self", "mat2")                           # whole: the layout bits
    _shows = {"self_sym_sizes": factor_sizes(0, 0), "self_sym_strides": factor_strides(0, 0),
              "mat2_sym_sizes": factor_sizes(1, 1), "mat2_sym_strides": factor_strides(1, 1)}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase da = None, db = None
        if needs(self, 0):
            da = left_gradient(g, unpack(self, 1), self.whole & 1)
        if needs(self, 1) and not added_to_weight(self, 1, unpack(self, 0), g):
            db = right_gradient(unpack(self, 0), g, self.whole & 2)
        return da, db


cdef int _record(Node node, TensorBase a, TensorBase b) except -1:
    """Links both factors, and saves each one that the derivative of the other needs."""
    begin2(node, a, b)
    if needs(node, 1):
        save(node, 0, a)
    if needs(node, 0):
        save(node, 1, b)
    return 0


cdef TensorBase mm(TensorBase input, TensorBase mat2, object out=None):
    cdef Node node = None
    cdef bint recording = records2(input, mat2)
    cdef TensorBase result
    _check_mm(input, mat2)
    if out is not None:
        prepare(out, False, recording)
    if recording:
        node = MmBackward0.__new__(MmBackward0)
        _record(node, input, mat2)
        node.whole = layout_bits(input, mat2)
    result = product(input, False, mat2, False)
    if out is not None:
        result = deliver(result, input.dtype, out)
    settle(node, result, input, mat2, out, False)
    return result


def _mm(TensorBase input not None, TensorBase mat2 not None, *, out=None):
    """The product of two matrices, (n, m) by (m, p), of the same dtype. No broadcasting: see `matmul`.

    Raises RuntimeError for other shapes or mixed dtypes.

    >>> import dynagrad
    >>> dynagrad.mm(dynagrad.tensor([[1., 2.]]), dynagrad.tensor([[3.], [4.]]))
    tensor([[11.]])
    """
    return mm(input, mat2, out)


register(Card("mm", _mm, MmBackward0, "product"))


# ---- mv --------------------------------------------------------------------------------------------------------------

@cython.final
cdef class MvBackward0(Node):                           # d(A x) = dA x + A dx
    _saves = ("self", "vec")

    cdef object vjp(self, TensorBase g):
        cdef TensorBase da = None, dx = None
        if needs(self, 0):
            da = mul(g.reshape(-1, 1), unpack(self, 1)) if thread_state.grad_enabled else outer_product(g, unpack(self, 1))
        if needs(self, 1):
            dx = mv(unpack(self, 0).t(), g) if thread_state.grad_enabled else matrix_vector(unpack(self, 0), True, g)
        return da, dx


cdef TensorBase mv(TensorBase input, TensorBase vec, object out=None):
    cdef Node node = None
    cdef bint recording = records2(input, vec)
    cdef TensorBase result
    _check_mv(input, vec)
    if out is not None:
        prepare(out, False, recording)
    if recording:
        node = MvBackward0.__new__(MvBackward0)
        _record(node, input, vec)
    result = matrix_vector(input, False, vec)
    if out is not None:
        result = deliver(result, input.dtype, out)
    settle(node, result, input, vec, out, False)
    return result


def _mv(TensorBase input not None, TensorBase vec not None, *, out=None):
    """The product of a matrix, (n, m), and a vector, (m).

    >>> import dynagrad
    >>> dynagrad.mv(dynagrad.tensor([[1., 2.], [0., 1.]]), dynagrad.tensor([3., 4.]))
    tensor([11.,  4.])
    """
    return mv(input, vec, out)


register(Card("mv", _mv, MvBackward0, "product"))


# ---- dot -------------------------------------------------------------------------------------------------------------

cdef tuple _dot_gradients(Node node, TensorBase g):
    return (mul(g, unpack(node, 1)) if needs(node, 0) else None, mul(g, unpack(node, 0)) if needs(node, 1) else None)


@cython.final
cdef class DotBackward0(Node):                          # d(x . y) = y . dx + x . dy
    _saves = ("self", "tensor")

    cdef object vjp(self, TensorBase g):
        return _dot_gradients(self, g)


@cython.final
cdef class VdotBackward0(Node):                         # without complex numbers, as dot
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        return _dot_gradients(self, g)


cdef TensorBase _dot_with(type node_class, TensorBase input, TensorBase other, object out):
    cdef Node node = None
    cdef bint recording = records2(input, other)
    cdef TensorBase result
    _check_dot(input, other)
    if out is not None:
        prepare(out, False, recording)
    if recording:
        node = <Node>(<object>node_class).__new__(node_class)
        _record(node, input, other)
    result = _dot_product(input, other)
    if out is not None:
        result = deliver(result, input.dtype, out)
    settle(node, result, input, other, out, False)
    return result


cdef TensorBase dot(TensorBase input, TensorBase tensor, object out=None):
    return _dot_with(DotBackward0, input, tensor, out)


def _dot(TensorBase input not None, TensorBase tensor not None, *, out=None):
    """The sum of the products of the elements of two vectors of one length, as a 0-d tensor.

    >>> import dynagrad
    >>> dynagrad.dot(dynagrad.tensor([1., 2.]), dynagrad.tensor([3., 4.]))
    tensor(11.)
    """
    return dot(input, tensor, out)


def _vdot(TensorBase input not None, TensorBase other not None, *, out=None):
    """As `dot`: the two differ for complex numbers only.

    >>> import dynagrad
    >>> dynagrad.vdot(dynagrad.tensor([1., 2.]), dynagrad.tensor([3., 4.]))
    tensor(11.)
    """
    return _dot_with(VdotBackward0, input, other, out)


register(Card("dot", _dot, DotBackward0, "product"))
register(Card("vdot", _vdot, VdotBackward0, "product"))


# ---- bmm -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class BmmBackward0(Node):                          # as mm, for each matrix of the batch
    _saves = ("self", "mat2")

    cdef object vjp(self, TensorBase g):
        cdef TensorBase da = None, db = None
        if thread_state.grad_enabled:
            da = bmm(g, unpack(self, 1).transpose(1, 2)) if needs(self, 0) else None
            db = bmm(unpack(self, 0).transpose(1, 2), g) if needs(self, 1) else None
        else:
            da = batch_product(g, False, unpack(self, 1), True) if needs(self, 0) else None
            db = batch_product(unpack(self, 0), True, g, False) if needs(self, 1) else None
        return da, db


cdef TensorBase bmm(TensorBase input, TensorBase mat2, object out=None):
    cdef Node node = None
    cdef bint recording = records2(input, mat2)
    cdef TensorBase result
    _check_bmm(input, mat2)
    if out is not None:
        prepare(out, False, recording)
    if recording:
        node = BmmBackward0.__new__(BmmBackward0)
        _record(node, input, mat2)
    result = batch_product(input, False, mat2, False)
    if out is not None:
        result = deliver(result, input.dtype, out)
    settle(node, result, input, mat2, out, False)
    return result


def _bmm(TensorBase input not None, TensorBase mat2 not None, *, out=None):
    """The products of two batches of matrices, (b, n, m) by (b, m, p). No broadcasting: see `matmul`.

    >>> import dynagrad
    >>> dynagrad.bmm(dynagrad.ones(2, 1, 3), dynagrad.ones(2, 3, 1)).flatten()
    tensor([3., 3.])
    """
    return bmm(input, mat2, out)


register(Card("bmm", _bmm, BmmBackward0, "product"))


# ---- matmul ----------------------------------------------------------------------------------------------------------

_unsafe_view_node = None


cpdef TensorBase unsafe_view(TensorBase t, tuple sizes):
    """A fresh result under another shape: not counted as a view, for nothing else is to see its memory.

    t is contiguous, or the shapes differ only by dimensions of size 1.
    """
    global _unsafe_view_node
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int i, d = 0
    cdef TensorBase made
    cdef Node node
    if len(sizes) > 64:
        raise RuntimeError(f"tensors have at most 64 dimensions, but {len(sizes)} were asked for")
    for i in range(len(sizes)):
        shape[i] = sizes[i]
        while d < t.ndim and t.shape[d] == 1:
            d += 1
        strides[i] = 1
        if shape[i] != 1 and d < t.ndim:
            strides[i] = t.strides[d]
            d += 1
    made = new_alias(t, len(sizes), shape, strides, 0) if not t.contiguous else new_alias(t, len(sizes), shape, NULL, 0)
    made.cut = t.cut
    if records(t):
        if _unsafe_view_node is None:
            from dynagrad._core.ops.shape import UnsafeViewBackward0
            _unsafe_view_node = UnsafeViewBackward0
        node = <Node>_unsafe_view_node.__new__(_unsafe_view_node)
        begin1(node, t)
        attach(node, made)
    return made


cdef bint _folds(TensorBase large, TensorBase small, bint swapped) noexcept:
    """Whether the batch of the larger operand can be folded into its rows, which makes one large product of many.

    It pays when the fold needs no copy, or when the smaller operand needs a gradient, which is then one product too.
    """
    cdef int i
    if requires_grad(small):
        return True
    if swapped and small.ndim == 2:
        return False
    if large.numel == 0:
        return True
    for i in range(large.ndim - 2):
        if large.strides[i] != large.strides[i + 1] * large.shape[i + 1]:
            return False
    return True


cdef tuple _leading(TensorBase t, int dropped):
    """The shape without the last `dropped` dimensions."""
    return dims_tuple(max(t.ndim - dropped, 0), t.shape)


cdef TensorBase _folded(TensorBase large, TensorBase small, bint swapped):
    """large @ small as one product, large having a batch and small none; transposed throughout if swapped."""
    cdef tuple sizes = _leading(large, 1)
    cdef int64_t rows = 1
    cdef TensorBase made
    for size in sizes:
        rows *= size
    flat = large.reshape(rows, large.shape[large.ndim - 1])
    if small.ndim == 1:
        return unsafe_view(mv(flat, small), sizes)
    made = unsafe_view(mm(flat, small), sizes + (small.shape[1],))
    return made.transpose(made.ndim - 2, made.ndim - 1).contiguous() if swapped else made


cdef TensorBase _batched(TensorBase a, TensorBase b):
    """a @ b with batch dimensions broadcast against each other."""
    cdef int64_t total = 1
    cdef TensorBase x, y
    rows = (a.shape[a.ndim - 2],) if a.ndim > 1 else ()
    columns = (b.shape[b.ndim - 1],) if b.ndim > 1 else ()
    batch = _common_batch(a, b, _leading(a, 2), _leading(b, 2))
    for size in batch:
        total *= size
    common = a.shape[a.ndim - 1]
    x = a.expand(batch + (rows or (1,)) + (common,)).reshape(total, rows[0] if rows else 1, common)
    if b.ndim == 1:
        b = b.unsqueeze(1)
    inner, outer = b.shape[b.ndim - 2], b.shape[b.ndim - 1]
    y = b.expand(batch + (inner, outer)).reshape(total, inner, outer)
    return unsafe_view(bmm(x, y), batch + rows + columns)


cdef tuple _common_batch(TensorBase a, TensorBase b, tuple batch_a, tuple batch_b):
    n = max(len(batch_a), len(batch_b))
    padded_a, padded_b = (1,) * (n - len(batch_a)) + batch_a, (1,) * (n - len(batch_b)) + batch_b
    for i, (x, y) in enumerate(zip(padded_a, padded_b)):
        if x != y and x != 1 and y != 1:
            raise shape_error(f"The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton "
                              f"dimension {i}", [a, b])
    return tuple([y if x == 1 else x for x, y in zip(padded_a, padded_b)])


cdef TensorBase _matmul_many(TensorBase a, TensorBase b):
    """The cases of matmul with a batch."""
    cdef bint swapped = a.ndim < b.ndim
    if a.ndim == 3 and b.ndim == 3 and (a.shape[0] == 1) != (b.shape[0] == 1):
        # A batch of one matrix is a matrix; worth it where its gradient would be summed over the other batch.
        if b.shape[0] == 1 and requires_grad(b):
            return _matmul_many(a, b.squeeze(0))
        if a.shape[0] == 1 and requires_grad(a):
            return _matmul_many(a.squeeze(0), b)
    if min(a.ndim, b.ndim) <= 2:
        large = b.transpose(b.ndim - 2, b.ndim - 1) if swapped else a
        small = (a.t() if a.ndim == 2 else a) if swapped else b
        if _folds(large, a if swapped else b, swapped):
            return _folded(large, small, swapped)
    return _batched(a, b)


cdef TensorBase matmul(TensorBase input, TensorBase other, object out=None):
    cdef TensorBase result
    if input.ndim == 2 and other.ndim == 2:
        return mm(input, other, out)
    if input.ndim == 0 or other.ndim == 0:
        raise shape_error("both arguments to matmul need to be at least 1D, but they are "
                          f"{input.ndim}D and {other.ndim}D", [input, other])
    if out is not None:
        prepare(out, False, records2(input, other))
    if input.ndim == 1 and other.ndim == 1:
        result = dot(input, other)
    elif input.ndim == 2 and other.ndim == 1:
        result = mv(input, other)
    elif input.ndim == 1 and other.ndim == 2:
        result = mm(input.unsqueeze(0), other).squeeze_(0)
    else:
        result = _matmul_many(input, other)
    if out is None:
        return result
    result = deliver(result, input.dtype, out)
    settle(None, result, input, other, out, False)
    return result


def _matmul(TensorBase input not None, TensorBase other not None, *, out=None):
    """The product of vectors, matrices and batches of matrices, by the number of dimensions.

    Two vectors give their dot product; a matrix and a vector their product; with more dimensions, the last two are
    those of the matrices, and the others are a batch and broadcast. A vector on the left counts as a row, on the right
    as a column, and that dimension is dropped from the result.

    >>> import dynagrad
    >>> dynagrad.matmul(dynagrad.ones(5, 1, 2, 3), dynagrad.ones(4, 3, 2)).shape
    torch.Size([5, 4, 2, 2])
    """
    return matmul(input, other, out)


register(Card("matmul", _matmul, None, "product", samples="matmul"))


# ---- trace -----------------------------------------------------------------------------------------------------------

cdef TensorBase _diagonal(TensorBase t):
    cdef int64_t n = min(t.shape[0], t.shape[1]), step = t.strides[0] + t.strides[1]
    return new_alias(t, 1, &n, &step, 0)


@cython.final
cdef class TraceBackward0(Node):                        # d tr(A) = tr(dA): g on the diagonal
    _shows = {"self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase mask = new_tensor(g.dtype, 2, output_of(<Node>self.edges[0].node, self.edges[0].nr).shape)
        fill(mask, 0)
        fill(_diagonal(mask), 1)
        return mul(g, mask)


def _trace(TensorBase input not None):
    """The sum of the diagonal of a matrix.

    >>> import dynagrad
    >>> dynagrad.trace(dynagrad.tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    cdef Node node = None
    cdef TensorBase result
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if records(input):
        node = TraceBackward0.__new__(TraceBackward0)
        begin1(node, input)
    result = _diagonal(input).sum()
    settle(node, result, input, None, None, False)
    return result


register(Card("trace", _trace, TraceBackward0, "product", samples="matrix"))
