"""Element-by-element arithmetic: value, derivative and card of each op. The loops themselves are kernels/pointwise.hpp.

Comparisons and logic are in `compare`; the walk over elements in `iterate`.
"""
import cython

from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport (
    Node, attach, begin1, begin_pair, has_saved, needs, prepare, save, save_operand, save_result, settle, thread_state,
    unpack, unpack_operand, wants_grad)
from dynagrad._core.iterate cimport FLOATING, SAME, K, Loop, binary, plain_params, unary
from dynagrad._core.kernel_table cimport Params, op_add, op_mul, op_neg, op_tanh, op_tanh_backward, parallel_threshold
from dynagrad._core.tensor cimport TensorBase
from dynagrad._core.types cimport F16, F32, F64, I64, compute_dtype, compute_of, itemsizes


# ---- add -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class AddBackward0(Node):                          # d(a + k b) = da + k db
    _scalar = "alpha"

    cdef object vjp(self, TensorBase g):
        return (g if needs(self, 0) else None,
                None if not needs(self, 1) else g if self.scalar == 1.0 else mul(g, self.scalar))


cdef TensorBase add(object input, object other, object alpha, object out=None, bint inplace=False):
    cdef Node node = None
    cdef Params params
    cdef bint recording = wants_grad(input) or wants_grad(other)
    cdef TensorBase result
    if alpha is not None:
        params.a = alpha
        params.i = alpha
    if out is not None:
        prepare(out, inplace, recording)
    if recording:
        node = AddBackward0.__new__(AddBackward0)
        begin_pair(node, input, other)
        node.scalar = params.a
    result = binary(K.binary[op_add], input, other, out, SAME, &params)
    settle(node, result, input, other, out, inplace)
    return result


def _add(input, other, *, alpha=None, out=None):
    """Adds ``alpha * other`` to ``input``, element by element, with broadcasting.

    >>> import dynagrad
    >>> dynagrad.add(dynagrad.tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    return add(input, other, alpha, out)


def _add_(self, other, *, alpha=None):
    """Adds ``alpha * other`` to the tensor itself."""
    return add(self, other, alpha, self, True)


register(Card("add", _add, AddBackward0, "binary", inplace=_add_))


cdef bint add_into(TensorBase target, TensorBase other) except -1:
    """target += other without a record, if both are contiguous and alike; False, and nothing done, if they are not."""
    cdef char* data[3]
    cdef int64_t strides[3]
    cdef int i
    if target.dtype != other.dtype or not target.contiguous or target.ndim != other.ndim \
            or target.dtype != compute_dtype[compute_of[target.dtype]]:
        return False
    for i in range(target.ndim):
        if target.shape[i] != other.shape[i]:
            return False
    if target.numel >= parallel_threshold or not other.contiguous:
        binary(K.binary[op_add], target, other, target, SAME)
        return True
    data[0], data[1], data[2] = target.data, target.data, other.data
    strides[0] = strides[1] = strides[2] = itemsizes[target.dtype]
    K.binary[op_add][compute_of[target.dtype]](data, strides, target.numel, &plain_params)
    return True


# ---- mul -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class MulBackward0(Node):                          # d(ab) = b da + a db
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        return (mul(g, unpack_operand(self, 1)) if needs(self, 0) else None,
                mul(g, unpack_operand(self, 0)) if needs(self, 1) else None)


cdef TensorBase mul(object input, object other, object out=None, bint inplace=False):
    cdef Node node = None
    cdef bint recording = wants_grad(input) or wants_grad(other)
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, recording)
    if recording:
        node = MulBackward0.__new__(MulBackward0)
        begin_pair(node, input, other)
        if needs(node, 0):
            save_operand(node, 1, other, False)
        if needs(node, 1):
            save_operand(node, 0, input, inplace)
    result = binary(K.binary[op_mul], input, other, out, SAME)
    settle(node, result, input, other, out, inplace)
    return result


def _mul(input, other, *, out=None):
    """Multiplies ``input`` by ``other``, element by element, with broadcasting.

    >>> import dynagrad
    >>> dynagrad.mul(dynagrad.tensor([1., 2.]), dynagrad.tensor([3., 4.]))
    tensor([3., 8.])
    """
    return mul(input, other, out)


def _mul_(self, other):
    """Multiplies the tensor itself by ``other``."""
    return mul(self, other, self, True)


register(Card("mul", _mul, MulBackward0, "binary", inplace=_mul_, aliases=("multiply",)))


# ---- neg -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class NegBackward0(Node):                          # d(-a) = -da
    cdef object vjp(self, TensorBase g):
        return neg(g)


cdef TensorBase neg(object input, object out=None, bint inplace=False):
    return _unary(NegBackward0, K.unary[op_neg], input, out, inplace, SAME, KEEP_NOTHING)


def _neg(input, *, out=None):
    """The negative of each element. Raises RuntimeError for bool tensors.

    >>> import dynagrad
    >>> dynagrad.neg(dynagrad.tensor([1., -2.]))
    tensor([-1.,  2.])
    """
    return neg(input, out)


def _neg_(self):
    """Negates the tensor itself."""
    return neg(self, self, True)


register(Card("neg", _neg, NegBackward0, "unary", inplace=_neg_, aliases=("negative",)))


# ---- ops of one operand ----------------------------------------------------------------------------------------------

cdef enum Keep:
    KEEP_NOTHING
    KEEP_INPUT
    KEEP_RESULT


cdef TensorBase _unary(type node_class, const Loop* row, object input, object out, bint inplace, int rule, Keep keep,
                       int cost=1):
    """The common course of an op of one operand: record, save what the derivative needs, run the loop."""
    cdef Node node = None
    cdef bint recording = wants_grad(input)
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, recording)
    if recording:
        node = <Node>(<object>node_class).__new__(node_class)
        begin1(node, <TensorBase>input)
        if keep == KEEP_INPUT:
            save_operand(node, 0, input, inplace)
    result = unary(row, input, out, rule, NULL, cost)
    settle(node, result, input, None, out, inplace)
    if node is not None and keep == KEEP_RESULT:
        save_result(node, 0, result)
    return result


# ---- tanh ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class TanhBackward0(Node):                         # d tanh(a) = (1 - tanh(a)^2) da
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        cdef TensorBase r = unpack(self, 0)
        if thread_state.grad_enabled:
            return mul(g, add(neg(mul(r, r)), 1, None))
        return binary(K.binary[op_tanh_backward], g, r, None, FLOATING)


cdef TensorBase tanh(object input, object out=None, bint inplace=False):
    return _unary(TanhBackward0, K.unary[op_tanh], input, out, inplace, FLOATING, KEEP_RESULT, 8)


def _tanh(input, *, out=None):
    """The hyperbolic tangent of each element.

    >>> import dynagrad
    >>> dynagrad.tanh(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    return tanh(input, out)


def _tanh_(self):
    """Replaces each element by its hyperbolic tangent."""
    return tanh(self, self, True)


register(Card("tanh", _tanh, TanhBackward0, "unary", inplace=_tanh_))
