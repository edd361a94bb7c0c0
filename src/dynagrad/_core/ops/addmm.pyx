"""Sums of a tensor and a product: values, derivatives and cards of addmm, addmv, addr, addbmm and baddbmm.

Each is ``beta * input + alpha * product``, with `input` broadcast to the product's shape and not read when beta is 0.
The products themselves are in `linalg`.
"""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.ops.linalg import factor_sizes, factor_strides
from dynagrad._core.shown import size

from dynagrad._core.graph cimport Node, begin, link, needs, prepare, save, settle, thread_state, unpack, wants_grad
from dynagrad._core.iterate cimport broadcast_strides, copy_into, output, result_dtype
from dynagrad._core.ops.copy cimport zero_
from dynagrad._core.ops.linalg cimport (
    added_to_weight, batch_multiply_into, batch_product, bmm, check_dtype, deliver, layout_bits, left_gradient, matrix_vector,
    matrix_vector_into, multiply_into, mv, outer_product, right_gradient, shape_error)
from dynagrad._core.ops.pointwise cimport mul
from dynagrad._core.ops.reduce cimport delivered
from dynagrad._core.scalars cimport c_name
from dynagrad._core.tensor cimport TensorBase, new_alias, new_tensor, requires_grad, shape_tuple
from dynagrad._core.types cimport BOOL, compute_dtype, compute_of, dtype_object, is_float


# ---- what they share -------------------------------------------------------------------------------------------------

cdef object _number(object k):
    """beta or alpha, which must be numbers; a 0-d tensor counts as one, unless its gradient would be lost."""
    if isinstance(k, TensorBase) and ((<TensorBase>k).ndim or requires_grad(<TensorBase>k)):
        raise TypeError("beta and alpha must be Number, not Tensor")
    return k.item() if isinstance(k, TensorBase) else k


cdef TensorBase _times(TensorBase t, object k):
    return t if t is None or k == 1 else mul(t, k)


cdef int _check_input(TensorBase input, TensorBase mat, int ndim, const int64_t* shape, bint inplace) except -1:
    """Whether input broadcasts to the shape of the product; in place, it must have that shape."""
    cdef int i, pad = ndim - input.ndim
    cdef int64_t size
    wanted = [shape[i] for i in range(ndim)]
    if input.dtype != mat.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {c_name(input.dtype)} and {c_name(mat.dtype)}")
    if pad < 0:
        raise shape_error(f"the input has {input.ndim} dimensions, more than the product, whose shape is {wanted}",
                          [input])
    for i in range(ndim):
        size = 1 if i < pad else input.shape[i - pad]
        if size != shape[i] and size != 1:
            raise shape_error(f"The expanded size of the tensor ({shape[i]}) must match the existing size ({size}) at "
                              f"non-singleton dimension {i}.  Target sizes: {wanted}.  "
                              f"Tensor sizes: {list(shape_tuple(input))}", [input])
        if inplace and (pad or size != shape[i]):
            raise shape_error(f"The tensor written to, of shape {list(shape_tuple(input))}, must have the shape of the "
                              f"product: {wanted}", [input])
    return 0


cdef TensorBase _start(TensorBase input, int ndim, const int64_t* shape, double beta):
    """A fresh tensor of the compute type that holds input, broadcast; nothing in particular when beta is 0."""
    cdef int64_t strides[3]
    cdef TensorBase made = new_tensor(compute_dtype[compute_of[input.dtype]], ndim, shape)
    if beta != 0:
        broadcast_strides(input, ndim, shape, strides)
        copy_into(made, new_alias(input, ndim, shape, strides, 0))
    return made


cdef Node _begin(type node_class, TensorBase input, TensorBase a, TensorBase b, object beta, object alpha):
    """A node with its three edges, and each factor saved that the derivative of the other needs; None if not recorded."""
    cdef Node node
    if not (wants_grad(input) or wants_grad(a) or wants_grad(b)):
        return None
    node = <Node>(<object>node_class).__new__(node_class)
    begin(node, 3)
    link(node, 0, input)
    link(node, 1, a)
    link(node, 2, b)
    if needs(node, 2):
        save(node, 0, a)
    if needs(node, 1):
        save(node, 1, b)
    node.params = (beta, alpha)
    return node


cdef TensorBase _end(Node node, TensorBase result, TensorBase input, TensorBase a, object out, bint inplace):
    result = deliver(result, input.dtype, out)
    settle(node, result, input, a, out, inplace)
    return result


# ---- addmm -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class AddmmBackward0(Node):                        # d(b C + a A B) = b dC + a (dA B + A dB)
    _saves = ("mat1", "mat2")                           # whole: the layout bits
    _keeps = ("beta", "alpha")
    _shows = {"mat1_sym_sizes": factor_sizes(1, 0), "mat1_sym_strides": factor_strides(1, 0),
              "mat2_sym_sizes": factor_sizes(2, 1), "mat2_sym_strides": factor_strides(2, 1)}

    cdef object vjp(self, TensorBase g):
        beta, alpha = self.params
        cdef TensorBase da = None, db = None
        if needs(self, 1):
            da = left_gradient(g, unpack(self, 1), self.whole & 1)
        if needs(self, 2) and not (alpha == 1 and added_to_weight(self, 2, unpack(self, 0), g)):
            db = right_gradient(unpack(self, 0), g, self.whole & 2)
        return _times(g, beta) if needs(self, 0) else None, _times(da, alpha), _times(db, alpha)


cdef TensorBase _addmm_with(TensorBase input, TensorBase a, TensorBase b, object beta, object alpha, object out,
                            bint inplace):
    cdef int64_t shape[2]
    cdef TensorBase result
    cdef Node node
    beta, alpha = _number(beta), _number(alpha)
    if a.ndim != 2 or b.ndim != 2:
        which, t = ("mat1", a) if a.ndim != 2 else ("mat2", b)
        raise shape_error(f"{which} must be a matrix, got {(<TensorBase>t).ndim}-D tensor", [a, b])
    if a.shape[1] != b.shape[0]:
        raise shape_error(f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and "
                          f"{b.shape[0]}x{b.shape[1]})", [a, b])
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {c_name(a.dtype)} != {c_name(b.dtype)}")
    shape[0], shape[1] = a.shape[0], b.shape[1]
    _check_input(input, b, 2, shape, inplace)
    check_dtype(a, "addmm_impl_cpu_")
    prepare(out, inplace, wants_grad(input) or wants_grad(a) or wants_grad(b))
    node = _begin(AddmmBackward0, input, a, b, beta, alpha)
    if node is not None:
        node.whole = layout_bits(a, b)
    result = _start(input, 2, shape, beta)
    multiply_into(result, a, b, alpha, beta)
    return _end(node, result, input, a, out, inplace)


cdef TensorBase addmm(TensorBase input, TensorBase a, TensorBase b):
    """input + a @ b."""
    return _addmm_with(input, a, b, 1, 1, None, False)


def _addmm(TensorBase input not None, TensorBase mat1 not None, TensorBase mat2 not None, *, beta=1, alpha=1, out=None):
    """``beta * input + alpha * (mat1 @ mat2)`` for two matrices; input broadcasts to the shape of their product.

    >>> import dynagrad
    >>> dynagrad.addmm(dynagrad.tensor([1., 2.]), dynagrad.eye(2), dynagrad.eye(2), alpha=10)
    tensor([[11.,  2.],
            [ 1., 12.]])
    """
    return _addmm_with(input, mat1, mat2, beta, alpha, out, False)


def _addmm_(TensorBase self not None, TensorBase mat1 not None, TensorBase mat2 not None, *, beta=1, alpha=1):
    """`addmm` into the tensor itself."""
    return _addmm_with(self, mat1, mat2, beta, alpha, self, True)


register(Card("addmm", _addmm, AddmmBackward0, "product", inplace=_addmm_))


# ---- addmv -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class AddmvBackward0(Node):                        # d(b y + a A x) = b dy + a (dA x + A dx)
    _saves = ("mat", "vec")
    _keeps = ("beta", "alpha")

    cdef object vjp(self, TensorBase g):
        beta, alpha = self.params
        cdef TensorBase da = None, dx = None
        if needs(self, 1):
            da = mul(g.reshape(-1, 1), unpack(self, 1)) if thread_state.grad_enabled else outer_product(g, unpack(self, 1))
        if needs(self, 2):
            dx = mv(unpack(self, 0).t(), g) if thread_state.grad_enabled else matrix_vector(unpack(self, 0), True, g)
        return _times(g, beta) if needs(self, 0) else None, _times(da, alpha), _times(dx, alpha)


cdef TensorBase _addmv_with(TensorBase input, TensorBase a, TensorBase x, object beta, object alpha, object out,
                            bint inplace):
    cdef TensorBase result
    cdef Node node
    beta, alpha = _number(beta), _number(alpha)
    if a.ndim != 2 or x.ndim != 1:
        raise shape_error(f"vector + matrix @ vector expected, got {input.ndim}, {a.ndim}, {x.ndim}", [a, x])
    if a.shape[1] != x.shape[0]:
        raise shape_error(f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), vec "
                          f"({x.shape[0]})", [a, x])
    if a.dtype != x.dtype or a.dtype != input.dtype:
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {c_name(a.dtype)}, {c_name(x.dtype)}, "
                           f"and {c_name(input.dtype)}")
    _check_input(input, a, 1, a.shape, inplace)
    check_dtype(a, "addmv_impl_cpu")
    prepare(out, inplace, wants_grad(input) or wants_grad(a) or wants_grad(x))
    node = _begin(AddmvBackward0, input, a, x, beta, alpha)
    result = _start(input, 1, a.shape, beta)
    matrix_vector_into(result, a, False, x, alpha, beta)
    return _end(node, result, input, a, out, inplace)


def _addmv(TensorBase input not None, TensorBase mat not None, TensorBase vec not None, *, beta=1, alpha=1, out=None):
    """``beta * input + alpha * (mat @ vec)``; input broadcasts to the shape of the product.

    >>> import dynagrad
    >>> dynagrad.addmv(dynagrad.tensor([1., 2.]), dynagrad.eye(2), dynagrad.tensor([3., 4.]))
    tensor([4., 6.])
    """
    return _addmv_with(input, mat, vec, beta, alpha, out, False)


def _addmv_(TensorBase self not None, TensorBase mat not None, TensorBase vec not None, *, beta=1, alpha=1):
    """`addmv` into the tensor itself."""
    return _addmv_with(self, mat, vec, beta, alpha, self, True)


register(Card("addmv", _addmv, AddmvBackward0, "product", inplace=_addmv_))


# ---- addr ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class AddrBackward0(Node):                         # d(b C + a x y^T) = b dC + a (dx y^T + x dy^T)
    _saves = ("vec1", "vec2")
    _keeps = ("beta", "alpha")

    cdef object vjp(self, TensorBase g):
        beta, alpha = self.params
        cdef TensorBase dx = None, dy = None
        if needs(self, 1):
            dx = mv(g, unpack(self, 1)) if thread_state.grad_enabled else matrix_vector(g, False, unpack(self, 1))
        if needs(self, 2):
            dy = mv(g.t(), unpack(self, 0)) if thread_state.grad_enabled else matrix_vector(g, True, unpack(self, 0))
        return _times(g, beta) if needs(self, 0) else None, _times(dx, alpha), _times(dy, alpha)


cdef TensorBase _as_matrix(TensorBase x, bint column):
    """A vector as a matrix of one column, or of one row: an alias without a history."""
    cdef int64_t geometry[4]
    cdef int last = 0 if column else 1
    geometry[0] = geometry[1] = geometry[2] = geometry[3] = 1
    geometry[last], geometry[2 + last] = x.numel, x.strides[0]
    return new_alias(x, 2, geometry, geometry + 2, 0)


cdef TensorBase _addr_with(TensorBase input, TensorBase x, TensorBase y, object beta, object alpha, object out,
                           bint inplace):
    cdef int64_t shape[2]
    cdef TensorBase result
    cdef Node node
    beta, alpha = _number(beta), _number(alpha)
    for name, v in (("vec1", x), ("vec2", y)):
        if (<TensorBase>v).ndim != 1:
            raise shape_error(f"addr: Expected 1-D argument {name}, but got {(<TensorBase>v).ndim}-D", [x, y])
    if x.dtype != y.dtype or x.dtype != input.dtype:
        return _addr_promoted(input, x, y, beta, alpha, out, inplace)
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, float) and not is_float(x.dtype):
            raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
        if isinstance(factor, bool) and x.dtype != BOOL:
            raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
    shape[0], shape[1] = x.numel, y.numel
    _check_input(input, y, 2, shape, inplace)
    prepare(out, inplace, wants_grad(input) or wants_grad(x) or wants_grad(y))
    node = _begin(AddrBackward0, input, x, y, beta, alpha)
    if x.dtype == BOOL:
        result = _addr_of_bools(input, x, y, beta != 0, alpha != 0)
    else:
        result = _start(input, 2, shape, beta)
        multiply_into(result, _as_matrix(x, True), _as_matrix(y, False), alpha, beta)
    if out is not None and not inplace:             # which converts, unlike that of the products of matrices
        return delivered(deliver(result, x.dtype, None), out)
    return _end(node, result, input, x, out, inplace)


cdef TensorBase _addr_promoted(TensorBase input, TensorBase x, TensorBase y, object beta, object alpha, object out,
                               bint inplace):
    """Where the dtypes differ: all three in the one that they promote to; in place, the vectors in the tensor's own."""
    cdef int common = result_dtype([input, x, y])
    if inplace:
        output(input, common, input.ndim, input.shape)
        common = input.dtype
    wanted = dtype_object(common)
    return _addr_with(input if inplace else input.to(wanted), x.to(wanted), y.to(wanted), beta, alpha, out, inplace)


cdef TensorBase _addr_of_bools(TensorBase input, TensorBase x, TensorBase y, bint with_input, bint with_product):
    """The same with "and" for products and "or" for sums."""
    cdef TensorBase made = x.unsqueeze(1) & y
    if not with_product:
        made = zero_(made)
    return made | input if with_input else made


def _addr(TensorBase input not None, TensorBase vec1 not None, TensorBase vec2 not None, *, beta=1, alpha=1, out=None):
    """``beta * input + alpha * outer(vec1, vec2)``; input broadcasts to the shape of the product.

    >>> import dynagrad
    >>> dynagrad.addr(dynagrad.zeros(2, 2), dynagrad.tensor([1., 2.]), dynagrad.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return _addr_with(input, vec1, vec2, beta, alpha, out, False)


def _addr_(TensorBase self not None, TensorBase vec1 not None, TensorBase vec2 not None, *, beta=1, alpha=1):
    """`addr` into the tensor itself."""
    return _addr_with(self, vec1, vec2, beta, alpha, self, True)


register(Card("addr", _addr, AddrBackward0, "product", inplace=_addr_))


# ---- baddbmm and addbmm ----------------------------------------------------------------------------------------------

cdef int _check_batches(TensorBase a, TensorBase b, bint summed) except -1:
    if a.ndim != 3 or b.ndim != 3:
        raise shape_error(f"{'batch1' if a.ndim != 3 else 'batch2'} must be a 3D tensor", [a, b])
    if summed and a.shape[0] != b.shape[0]:
        raise shape_error(f"batch1 and batch2 must have same number of batches, got {a.shape[0]} and {b.shape[0]}", [a, b])
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise shape_error(f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[2]}] "
                          f"but got: [{b.shape[0]}, {b.shape[1]}].", [a, b])
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected both batches to have the same dtype, but got: {c_name(a.dtype)} != {c_name(b.dtype)}")
    return check_dtype(a, "baddbmm")


cdef tuple _batch_gradients(Node node, TensorBase g):
    """What reaches the two factors when g, a batch of matrices, reaches their product."""
    cdef TensorBase da = None, db = None
    alpha = node.params[1]
    if needs(node, 1):
        da = bmm(g, unpack(node, 1).transpose(1, 2)) if thread_state.grad_enabled \
            else batch_product(g, False, unpack(node, 1), True)
    if needs(node, 2):
        db = bmm(unpack(node, 0).transpose(1, 2), g) if thread_state.grad_enabled \
            else batch_product(unpack(node, 0), True, g, False)
    return _times(da, alpha), _times(db, alpha)


@cython.final
cdef class BaddbmmBackward0(Node):                      # as addmm, for each matrix of the batch
    _saves = ("batch1", "batch2")
    _keeps = ("beta", "alpha")

    cdef object vjp(self, TensorBase g):
        return (_times(g, self.params[0]) if needs(self, 0) else None, *_batch_gradients(self, g))


@cython.final
cdef class AddbmmBackward0(Node):                       # the sum over the batch spreads its gradient to all of it
    _saves = ("batch1", "batch2")
    _keeps = ("beta", "alpha")
    _shows = {"batch1_sym_argsize_0": size(1, 0), "batch1_sym_argsize_1": size(1, 1),
              "batch2_sym_argsize_2": size(2, 2)}

    cdef object vjp(self, TensorBase g):
        cdef tuple factors = (None, None)
        if needs(self, 1) or needs(self, 2):
            factors = _batch_gradients(self, g.unsqueeze(0).expand(self.whole, -1, -1))
        return (_times(g, self.params[0]) if needs(self, 0) else None, *factors)


cdef TensorBase _baddbmm_with(TensorBase input, TensorBase a, TensorBase b, object beta, object alpha, object out,
                              bint inplace):
    cdef int64_t shape[3]
    cdef TensorBase result
    cdef Node node
    beta, alpha = _number(beta), _number(alpha)
    _check_batches(a, b, False)
    shape[0], shape[1], shape[2] = a.shape[0], a.shape[1], b.shape[2]
    _check_input(input, b, 3, shape, inplace)
    prepare(out, inplace, wants_grad(input) or wants_grad(a) or wants_grad(b))
    node = _begin(BaddbmmBackward0, input, a, b, beta, alpha)
    result = _start(input, 3, shape, beta)
    batch_multiply_into(result, a, b, alpha, beta)
    return _end(node, result, input, a, out, inplace)


cdef TensorBase _addbmm_with(TensorBase input, TensorBase a, TensorBase b, object beta, object alpha, object out,
                             bint inplace):
    cdef int64_t shape[2]
    cdef int64_t i
    cdef TensorBase result
    cdef Node node
    beta, alpha = _number(beta), _number(alpha)
    _check_batches(a, b, True)
    shape[0], shape[1] = a.shape[1], b.shape[2]
    _check_input(input, b, 2, shape, inplace)
    prepare(out, inplace, wants_grad(input) or wants_grad(a) or wants_grad(b))
    node = _begin(AddbmmBackward0, input, a, b, beta, alpha)
    if node is not None:
        node.whole = a.shape[0]
    result = _start(input, 2, shape, beta)
    for i in range(a.shape[0]):
        multiply_into(result, _of_batch(a, i), _of_batch(b, i), alpha, beta if i == 0 else 1)
    if a.shape[0] == 0:
        result = mul(result, beta) if beta != 0 else result.zero_()
    return _end(node, result, input, a, out, inplace)


cdef TensorBase _of_batch(TensorBase t, int64_t i):
    return new_alias(t, 2, t.shape + 1, t.strides + 1, i * t.strides[0])


def _baddbmm(TensorBase input not None, TensorBase batch1 not None, TensorBase batch2 not None, *, beta=1, alpha=1,
             out=None):
    """``beta * input + alpha * (batch1 @ batch2)`` for batches of matrices; input broadcasts.

    >>> import dynagrad
    >>> dynagrad.baddbmm(dynagrad.ones(1), dynagrad.ones(1, 1, 2), dynagrad.ones(1, 2, 1))
    tensor([[[3.]]])
    """
    return _baddbmm_with(input, batch1, batch2, beta, alpha, out, False)


def _baddbmm_(TensorBase self not None, TensorBase batch1 not None, TensorBase batch2 not None, *, beta=1, alpha=1):
    """`baddbmm` into the tensor itself."""
    return _baddbmm_with(self, batch1, batch2, beta, alpha, self, True)


def _addbmm(TensorBase input not None, TensorBase batch1 not None, TensorBase batch2 not None, *, beta=1, alpha=1,
            out=None):
    """``beta * input + alpha * (batch1 @ batch2).sum(0)``; input broadcasts to one matrix.

    >>> import dynagrad
    >>> dynagrad.addbmm(dynagrad.ones(1), dynagrad.ones(2, 1, 2), dynagrad.ones(2, 2, 1))
    tensor([[5.]])
    """
    return _addbmm_with(input, batch1, batch2, beta, alpha, out, False)


def _addbmm_(TensorBase self not None, TensorBase batch1 not None, TensorBase batch2 not None, *, beta=1, alpha=1):
    """`addbmm` into the tensor itself."""
    return _addbmm_with(self, batch1, batch2, beta, alpha, self, True)


register(Card("baddbmm", _baddbmm, BaddbmmBackward0, "product", inplace=_baddbmm_))
register(Card("addbmm", _addbmm, AddbmmBackward0, "product", inplace=_addbmm_))
