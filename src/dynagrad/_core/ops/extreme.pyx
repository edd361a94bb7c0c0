"""Extremes, their positions, truth and counts: value, derivative and card of each op.

The larger of two tensors, element by element, is `maximum` in `pointwise`; order is in `sort`.
"""
import cython

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.reduce import two_tensors
from dynagrad._core.types import TYPE_NAMES
from dynagrad._core.return_types import aminmax as aminmax_results, max as max_results, min as min_results
from dynagrad._core.shown import folded_dim, folded_dims, keeps_dims

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from dynagrad._core.graph cimport (
    Node, attach_many, prepare, reserve_saved, save, save_result, settle, unpack, wants_grad)
from dynagrad._core.iterate cimport K, contiguous
from dynagrad._core.kernel_table cimport (
    Operand, arg_reduce, red_all, red_amax, red_amin, red_any, red_count_nonzero)
from dynagrad._core.ops.reduce cimport (
    PositionNode, ReduceNode, count_over, delivered, dims_mask, every_dim, first_given, folded, one_dim, record_positions,
    record_reduction, restored, room, same_dtype, settled, spread)
from dynagrad._core.tensor cimport TensorBase, new_alias
from dynagrad._core.types cimport BOOL, I64, U8, DType, compute_of
from dynagrad._core.unlocked cimport Unlocked


# ---- extremes --------------------------------------------------------------------------------------------------------

cdef int _refuse_empty(TensorBase input, uint64_t mask, object dim, str name) except -1:
    """An extreme of nothing does not exist."""
    cdef int i
    if input.numel:
        return 0
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                           "Specify the reduction dim with the 'dim' argument.")
    for i in range(input.ndim):
        if mask >> i & 1 and input.shape[i] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {i} to have non-zero size.")
    return 0


cdef object _shared(ReduceNode self, TensorBase g, TensorBase mask):
    """The gradient in equal parts to the elements of the mask."""
    return spread(self, g) * mask / folded(red_count_nonzero, mask, <uint64_t>self.whole, True, 0, I64)


cdef class _ExtremeNode(ReduceNode):                    # a NaN equals nothing, so its gradient is 0 / 0
    _saves = ("self", "result")
    _shows = {"dim": folded_dims, "keepdim": keeps_dims}

    cdef object vjp(self, TensorBase g):
        return _shared(self, g, unpack(self, 0) == restored(self, unpack(self, 1)))


cdef class _ExtremeOfAllNode(ReduceNode):               # here the NaNs share it
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        x, result = unpack(self, 0), unpack(self, 1)
        return _shared(self, g, x.isnan() if result.isnan().item() else x == result)


@cython.final
cdef class AmaxBackward0(_ExtremeNode):
    pass


@cython.final
cdef class AminBackward0(_ExtremeNode):
    pass


@cython.final
cdef class MaxBackward1(_ExtremeOfAllNode):
    pass


@cython.final
cdef class MinBackward1(_ExtremeOfAllNode):
    pass


cdef TensorBase _extreme(int op, ReduceNode node, TensorBase input, object dim, bint keepdim, object out, str name):
    cdef uint64_t mask = dims_mask(input, dim)
    cdef bint recording = wants_grad(input)
    _refuse_empty(input, mask, dim, name)
    prepare(out, False, recording)
    cdef TensorBase result = folded(op, input, mask, keepdim, compute_of[input.dtype], input.dtype)
    if not recording:
        return settled(None, result, input, out)
    record_reduction(node, input, mask, keepdim, dim)
    save(node, 0, input)
    settle(node, result, input, None, None, False)
    save_result(node, 1, result)
    return result


def _amax(TensorBase input not None, dim=(), bint keepdim=False, *, out=None, axis=None):
    """The largest element over the dimensions ``dim``, all by default. Equal ones share the gradient. NaN propagates.

    >>> import dynagrad
    >>> dynagrad.amax(dynagrad.tensor([[1., 4.], [3., 2.]]), 1)
    tensor([4., 3.])
    """
    dim = _tuple_of(first_given(dim, axis))
    _same_as_input(input, out)
    return _extreme(red_amax, AmaxBackward0.__new__(AmaxBackward0), input, dim, keepdim, out, "amax")


def _amin(TensorBase input not None, dim=(), bint keepdim=False, *, out=None, axis=None):
    """The smallest element over the dimensions ``dim``, all by default. Equal ones share the gradient. NaN propagates.

    >>> import dynagrad
    >>> dynagrad.amin(dynagrad.tensor([[1., 4.], [3., 2.]]), 1)
    tensor([1., 2.])
    """
    dim = _tuple_of(first_given(dim, axis))
    _same_as_input(input, out)
    return _extreme(red_amin, AminBackward0.__new__(AminBackward0), input, dim, keepdim, out, "amin")


cdef int _same_as_input(TensorBase input, object out) except -1:
    if isinstance(out, TensorBase) and (<TensorBase>out).dtype != input.dtype:
        raise RuntimeError(f"Expected the dtype for input and out to match, but got {TYPE_NAMES[input.dtype]} for input's "
                           f"dtype and {TYPE_NAMES[(<TensorBase>out).dtype]} for out's dtype.")
    return 0


cdef object _tuple_of(object dim):
    if dim is None:
        return ()
    return tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)


register(Card("amax", _amax, AmaxBackward0, "reduce"))
register(Card("amin", _amin, AminBackward0, "reduce"))


@cython.final
cdef class MaxBackward0(PositionNode):
    pass


@cython.final
cdef class MinBackward0(PositionNode):
    pass


cdef tuple _positions(TensorBase input, int dim, bint keepdim, bint largest, bint want_values):
    """(values or None, indices) of the extremes along dim."""
    cdef Unlocked unlocked
    cdef int64_t strides[64]
    cdef uint64_t mask = <uint64_t>1 << dim & every_dim(input)
    cdef int compute = compute_of[input.dtype]
    cdef bint done
    cdef bint scalar = input.ndim == 0
    cdef TensorBase values = room(input, mask, keepdim, input.dtype, strides) if want_values else None
    cdef TensorBase indices = room(input, mask, keepdim, I64, strides)
    cdef char* memory = NULL
    if want_values:
        memory = values.data
    cdef Operand v = Operand(memory, &strides[0], <DType>input.dtype)
    cdef Operand x = Operand(indices.data, &strides[0], I64)
    cdef int64_t shape[64]
    cdef int64_t steps[64]
    shape[0] = steps[0] = 1
    if scalar:
        strides[0] = 0
    else:
        memcpy(shape, input.shape, input.ndim * sizeof(int64_t))
        memcpy(steps, input.strides, input.ndim * sizeof(int64_t))
    cdef Operand source = Operand(input.data, &steps[0], <DType>input.dtype)
    unlocked.begin()
    with nogil:
        done = arg_reduce(K.argmax[compute] if largest else K.argmin[compute], compute, 1 if scalar else input.ndim, shape, dim, v, x,
                          source)
    if not done:
        raise MemoryError("out of memory while searching a tensor")
    return values, indices


cdef object _extreme_along(TensorBase input, object dim, bint keepdim, bint largest, object out):
    """max and min along one dimension: values and the positions of the first of them."""
    cdef PositionNode node
    cdef int d = one_dim(input, dim)
    cdef str name = "max" if largest else "min"
    cdef bint recording = wants_grad(input)
    kind = max_results if largest else min_results
    _refuse_empty(input, <uint64_t>1 << d, dim, name)
    if out is not None:
        out = two_tensors(out)
        same_dtype(out[0], input.dtype)
        same_dtype(out[1], I64)
        prepare(out[0], False, recording)
    values, indices = _positions(input, d, keepdim, largest, True)
    if out is not None:
        return kind((delivered(values, out[0]), delivered(indices, out[1])))
    if recording:
        node = MaxBackward0.__new__(MaxBackward0) if largest else MinBackward0.__new__(MinBackward0)
        record_positions(node, input, indices, d, keepdim, dim)
        attach_many(node, [values, indices])
    else:
        settle(None, values, input, None, None, False)
    return kind((values, indices))


def _max(TensorBase input not None, dim=None, bint keepdim=False, *, other=None, out=None, axis=None):
    """The largest element; with ``dim``, (values, indices) along it; with a second tensor, the larger of each pair.

    Over all elements, equal largest ones share the gradient; along a dimension the first one gets it.

    >>> import dynagrad
    >>> dynagrad.max(dynagrad.tensor([1., 3., 2.]))
    tensor(3.)
    """
    if axis is not None:
        dim = axis
    if other is not None or isinstance(dim, TensorBase):
        return CARDS["maximum"].op(input, dim if other is None else other, out=out)
    if dim is None:
        return _extreme(red_amax, MaxBackward1.__new__(MaxBackward1), input, None, False, out, "max")
    return _extreme_along(input, dim, keepdim, True, out)


def _min(TensorBase input not None, dim=None, bint keepdim=False, *, other=None, out=None, axis=None):
    """The smallest element; with ``dim``, (values, indices) along it; with a second tensor, the smaller of each pair.

    >>> import dynagrad
    >>> dynagrad.min(dynagrad.tensor([2., 1., 3.]), 0).indices
    tensor(1)
    """
    if axis is not None:
        dim = axis
    if other is not None or isinstance(dim, TensorBase):
        return CARDS["minimum"].op(input, dim if other is None else other, out=out)
    if dim is None:
        return _extreme(red_amin, MinBackward1.__new__(MinBackward1), input, None, False, out, "min")
    return _extreme_along(input, dim, keepdim, False, out)


register(Card("max", _max, MaxBackward1, "reduce"))
register(Card("min", _min, MinBackward1, "reduce"))


@cython.final
cdef class AminmaxBackward0(ReduceNode):                # each extreme shares its gradient as in amin and amax
    _saves = ("self", "min", "max")
    _shows = {"dim": folded_dim, "keepdim": keeps_dims}

    cdef object vjp_many(self, list gradients):
        cdef TensorBase x = unpack(self, 0)
        total = None
        for i in range(2):
            if gradients[i] is not None:
                part = _shared(self, <TensorBase>gradients[i], x == restored(self, unpack(self, i + 1)))
                total = part if total is None else total + part
        return total


def _aminmax(TensorBase input not None, *, dim=None, bint keepdim=False, out=None):
    """(min, max) of all elements, or along the dimension ``dim``.

    >>> import dynagrad
    >>> dynagrad.aminmax(dynagrad.tensor([2., 1., 3.])).max
    tensor(3.)
    """
    cdef AminmaxBackward0 node
    cdef uint64_t mask = every_dim(input) if dim is None else <uint64_t>1 << one_dim(input, dim) & every_dim(input)
    if input.numel == 0 and dim is not None:
        _refuse_empty(input, mask, dim, "aminmax")
    elif input.numel == 0:
        raise RuntimeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
    cdef int compute = compute_of[input.dtype]
    cdef TensorBase low = folded(red_amin, input, mask, keepdim, compute, input.dtype)
    cdef TensorBase high = folded(red_amax, input, mask, keepdim, compute, input.dtype)
    if out is not None:
        out = two_tensors(out)
        same_dtype(out[0], input.dtype)
        same_dtype(out[1], input.dtype)
        return aminmax_results((delivered(low, out[0]), delivered(high, out[1])))
    if wants_grad(input):
        node = AminmaxBackward0.__new__(AminmaxBackward0)
        record_reduction(node, input, mask, keepdim, dim)
        reserve_saved(node, 3)
        save(node, 0, input)
        attach_many(node, [low, high])
        save_result(node, 1, low, 0)
        save_result(node, 2, high, 1)
    else:
        settle(None, low, input, None, None, False)
        settle(None, high, input, None, None, False)
    return aminmax_results((low, high))


register(Card("aminmax", _aminmax, AminmaxBackward0, "reduce"))


# ---- positions, truth, counts ----------------------------------------------------------------------------------------

cdef TensorBase _arg_extreme(TensorBase input, object dim, bint keepdim, bint largest, object out):
    cdef str name = "argmax" if largest else "argmin"
    cdef int64_t numel = input.numel
    cdef int64_t ones[64]
    cdef int i
    cdef TensorBase indices
    if input.dtype == BOOL:
        raise RuntimeError(f"{name}(): does not support bool input")
    same_dtype(out, I64)
    if dim is None:
        if numel == 0:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        indices = _positions(new_alias(contiguous(input), 1, &numel, NULL, 0), 0, False, largest, False)[1]
        for i in range(input.ndim):
            ones[i] = 1
        indices = new_alias(indices, input.ndim if keepdim else 0, ones, NULL, 0)
    else:
        i = one_dim(input, dim)
        _refuse_empty(input, <uint64_t>1 << i, dim, name)
        indices = _positions(input, i, keepdim, largest, False)[1]
    return settled(None, indices, input, out)


def _argmax(TensorBase input not None, dim=None, bint keepdim=False, *, out=None, axis=None):
    """The position of the first largest element: in the flattened tensor, or along ``dim``.

    >>> import dynagrad
    >>> dynagrad.argmax(dynagrad.tensor([1., 3., 2.]))
    tensor(1)
    """
    return _arg_extreme(input, first_given(dim, axis), keepdim, True, out)


def _argmin(TensorBase input not None, dim=None, bint keepdim=False, *, out=None, axis=None):
    """The position of the first smallest element: in the flattened tensor, or along ``dim``.

    >>> import dynagrad
    >>> dynagrad.argmin(dynagrad.tensor([2., 1., 3.]))
    tensor(1)
    """
    return _arg_extreme(input, first_given(dim, axis), keepdim, False, out)


register(Card("argmax", _argmax, None, "reduce"))
register(Card("argmin", _argmin, None, "reduce"))


cdef TensorBase _truth(int op, TensorBase input, object dim, bint keepdim, object out, str name):
    cdef int dtype = U8 if input.dtype == U8 else BOOL
    if isinstance(out, TensorBase):
        if (<TensorBase>out).dtype != BOOL and (<TensorBase>out).dtype != U8:
            raise RuntimeError(f"{name} only supports bool tensor for result, got: {TYPE_NAMES[(<TensorBase>out).dtype]}")
        dtype = (<TensorBase>out).dtype
    return settled(None, folded(op, input, dims_mask(input, dim), keepdim, compute_of[input.dtype], dtype), input, out)


def _any(TensorBase input not None, dim=None, bint keepdim=False, *, out=None, axis=None):
    """Whether any element is not zero.

    >>> import dynagrad
    >>> dynagrad.any(dynagrad.tensor([[0, 1], [0, 0]]), 1)
    tensor([ True, False])
    """
    return _truth(red_any, input, first_given(dim, axis), keepdim, out, "any")


def _all(TensorBase input not None, dim=None, bint keepdim=False, *, out=None, axis=None):
    """Whether no element is zero.

    >>> import dynagrad
    >>> dynagrad.all(dynagrad.tensor([[0, 1], [1, 1]]), 1)
    tensor([False,  True])
    """
    return _truth(red_all, input, first_given(dim, axis), keepdim, out, "all")


def _count_nonzero(TensorBase input not None, dim=None):
    """The number of elements that are not zero, as int64.

    >>> import dynagrad
    >>> dynagrad.count_nonzero(dynagrad.tensor([0, 1, 2]))
    tensor(2)
    """
    cdef uint64_t mask = dims_mask(input, dim)
    return settled(None, folded(red_count_nonzero, input, mask, False, compute_of[input.dtype], I64), input, None)


register(Card("any", _any, None, "reduce"))
register(Card("all", _all, None, "reduce"))
register(Card("count_nonzero", _count_nonzero, None, "reduce"))
