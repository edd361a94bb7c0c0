"""Choices between elements, and rounding: value, derivative and card of each op."""
import cython

from libc.math cimport INFINITY

from dynagrad._core.card import Card, register
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    Node, begin, begin1, begin_pair, has_saved, link, needs, prepare, reserve_saved, save, save_operand, settle,
    unpack, wants_grad)
from dynagrad._core.iterate cimport FLOATING, PREDICATE, SAME, K, binary, ternary, unary, where_kernel
from dynagrad._core.kernel_table cimport (
    op_ceil, op_clamp, op_copysign, op_div, op_eq, op_floor, op_fmax, op_fmin, op_frac, op_gt, op_is_zero, op_isnan,
    op_maximum, op_minimum, op_mul, op_positive, op_relu, op_relu_backward, op_round, op_trunc)
from dynagrad._core.ops.copy cimport to_dtype
from dynagrad._core.ops.pointwise cimport (
    KEEP_BOTH, KEEP_INPUT, KEEP_NOTHING, KEEP_OTHER, KEEP_RESULT, ONE_EDGE, binary_op, check_fits, mul,
    no_derivative, not_implemented, unary_op, unrecorded, zeros_of)
from dynagrad._core.overlap cimport warn_if_expanded
from dynagrad._core.scalars cimport c_name, check_element
from dynagrad._core.tensor cimport TensorBase, is_tensor
from dynagrad._core.types cimport BF16, BOOL, F16, F32, U8, dtype_object, is_float, is_number


# ---- where -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class WhereBackward0(Node):                        # each gradient goes to the operand that was chosen
    _pointwise = True
    _saves = ("condition",)

    cdef object vjp(self, TensorBase g):
        cdef TensorBase condition = unpack(self, 0)
        return (where(condition, g, 0) if needs(self, 0) else None, where(condition, 0, g) if needs(self, 1) else None)


cdef TensorBase where(object condition, object input, object other, object out=None):
    cdef Node node = None
    cdef TensorBase result
    if not is_tensor(condition):
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    cdef TensorBase chosen = <TensorBase>condition
    if chosen.dtype != BOOL and chosen.dtype != U8:
        raise RuntimeError("where expected condition to be a boolean tensor, but got a tensor with dtype "
                           f"{TYPE_NAMES[chosen.dtype]}")
    if out is not None:
        prepare(out, False, wants_grad(input) or wants_grad(other))
    if wants_grad(input) or wants_grad(other):
        node = WhereBackward0.__new__(WhereBackward0)
        begin_pair(node, input, other)
        save(node, 0, chosen)
    result = where_kernel(chosen, input, other, out)
    settle(node, result, input, other, out, False)
    return result


def _where(condition, input=None, other=None, *, out=None):
    """Elements of ``input`` where ``condition`` holds and of ``other`` elsewhere, with broadcasting.

    With the condition alone: ``nonzero(as_tuple=True)``. Raises RuntimeError unless the condition is bool.

    >>> import dynagrad
    >>> dynagrad.where(dynagrad.tensor([True, False]), 1.0, dynagrad.tensor([5., 6.]))
    tensor([1., 6.])
    """
    if input is None and other is None:
        if not is_tensor(condition):
            raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
        return condition.nonzero(as_tuple=True)
    return where(condition, input, other, out)


def _where_method(TensorBase self not None, condition, other):
    """Elements of the tensor where ``condition`` holds and of ``other`` elsewhere."""
    return where(condition, self, other)


register(Card("where", _where, WhereBackward0, "choice", method=_where_method))


# ---- masked_fill -----------------------------------------------------------------------------------------------------

@cython.final
cdef class MaskedFillBackward0(Node):                   # what was overwritten gets nothing
    _pointwise = True
    _saves = ("mask",)

    cdef object vjp(self, TensorBase g):
        return where(unpack(self, 0), 0, g)


@cython.final
cdef class MaskedFillBackward1(Node):
    _saves = ("mask",)

    cdef object vjp(self, TensorBase g):
        cdef TensorBase mask = unpack(self, 0)
        return (where(mask, 0, g) if needs(self, 0) else None,
                where(mask, g, 0).sum() if needs(self, 1) else None)


cdef int _check_fill(TensorBase input, TensorBase mask, object value) except -1:
    cdef int category
    if mask.dtype != BOOL:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype "
                           f"{c_name(mask.dtype)}")
    if is_tensor(value):
        if (<TensorBase>value).ndim:
            raise RuntimeError("masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                               f"{(<TensorBase>value).ndim} dimension(s).")
    elif not is_number(value):
        raise TypeError(f"masked_fill(): argument 'value' must be Number, not {type(value).__name__}")
    return 0


cdef TensorBase masked_fill(TensorBase input, TensorBase mask, object value, bint inplace):
    cdef Node node = None
    cdef TensorBase result
    cdef bint recording = wants_grad(input) or wants_grad(value)
    _check_fill(input, mask, value)
    if inplace:
        prepare(input, True, recording, True)
        warn_if_expanded(input, "masked_fill_")
        check_fits(input, mask)
    if recording:
        node = MaskedFillBackward1.__new__(MaskedFillBackward1) if is_tensor(value) \
            else MaskedFillBackward0.__new__(MaskedFillBackward0)
        begin_pair(node, input, value) if is_tensor(value) else begin1(node, input)
        save(node, 0, mask)
    result = where_kernel(mask, _as_filling(value, input.dtype), input, input if inplace else None)
    settle(node, result, input, None, input if inplace else None, inplace)
    return result


cdef object _as_filling(object value, int dtype):
    """The value in the dtype of what it fills, which is never promoted."""
    if is_tensor(value):
        return to_dtype(unrecorded(value), dtype)
    check_element(value, dtype)
    if is_float(dtype):
        return float(value)
    return bool(value) if dtype == BOOL else int(value)


def _masked_fill(TensorBase input not None, TensorBase mask not None, value):
    """A copy in which every element where ``mask`` holds is ``value``, a number or a 0-d tensor.

    Raises RuntimeError unless the mask is bool.

    >>> import dynagrad
    >>> x = dynagrad.tensor([1., 2.])
    >>> dynagrad.masked_fill(x, x > 1, 0)
    tensor([1., 0.])
    """
    return masked_fill(input, mask, value, False)


def _masked_fill_(TensorBase self not None, TensorBase mask not None, value):
    """Writes ``value`` wherever ``mask`` holds."""
    return masked_fill(self, mask, value, True)


register(Card("masked_fill", _masked_fill, MaskedFillBackward0, "choice", inplace=_masked_fill_))


# ---- maximum, minimum ------------------------------------------------------------------------------------------------

@cython.final
cdef class MaximumBackward0(Node):                      # to the larger; shared equally where both are equal
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        a, b = unpack(self, 0), unpack(self, 1)
        shared = where(a == b, g / 2, g)
        return (where(a < b, 0, shared) if needs(self, 0) else None,
                where(a > b, 0, shared) if needs(self, 1) else None)


@cython.final
cdef class MinimumBackward0(Node):                      # to the smaller; shared equally where both are equal
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        a, b = unpack(self, 0), unpack(self, 1)
        shared = where(a == b, g / 2, g)
        return (where(a > b, 0, shared) if needs(self, 0) else None,
                where(a < b, 0, shared) if needs(self, 1) else None)


cdef TensorBase maximum(TensorBase input, TensorBase other, object out=None):
    return binary_op(MaximumBackward0.__new__(MaximumBackward0) if wants_grad(input) or wants_grad(other) else None,
                     K.binary[op_maximum], input, other, out, False, SAME, KEEP_BOTH)


cdef TensorBase minimum(TensorBase input, TensorBase other, object out=None):
    return binary_op(MinimumBackward0.__new__(MinimumBackward0) if wants_grad(input) or wants_grad(other) else None,
                     K.binary[op_minimum], input, other, out, False, SAME, KEEP_BOTH)


def _maximum(TensorBase input not None, TensorBase other not None, *, out=None):
    """The larger of each pair of elements; NaN if either is NaN.

    >>> import dynagrad
    >>> dynagrad.maximum(dynagrad.tensor([1., 5.]), dynagrad.tensor([3., 2.]))
    tensor([3., 5.])
    """
    return maximum(input, other, out)


def _minimum(TensorBase input not None, TensorBase other not None, *, out=None):
    """The smaller of each pair of elements; NaN if either is NaN.

    >>> import dynagrad
    >>> dynagrad.minimum(dynagrad.tensor([1., 5.]), dynagrad.tensor([3., 2.]))
    tensor([1., 2.])
    """
    return minimum(input, other, out)


register(Card("maximum", _maximum, MaximumBackward0, "binary"))
register(Card("minimum", _minimum, MinimumBackward0, "binary"))


@cython.final
cdef class FmaxBackward0(Node):                         # to the first where it is chosen, else to the second
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        first = (unpack(self, 0) >= unpack(self, 1)) | unpack(self, 1).isnan()
        return where(first, g, 0) if needs(self, 0) else None, where(first, 0, g) if needs(self, 1) else None


@cython.final
cdef class FminBackward0(Node):
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        first = (unpack(self, 0) <= unpack(self, 1)) | unpack(self, 1).isnan()
        return where(first, g, 0) if needs(self, 0) else None, where(first, 0, g) if needs(self, 1) else None


def _fmax(TensorBase input not None, TensorBase other not None, *, out=None):
    """The larger of each pair of elements; the other one if one is NaN.

    >>> import dynagrad
    >>> dynagrad.fmax(dynagrad.tensor([1., float("nan")]), dynagrad.tensor([3., 2.]))
    tensor([3., 2.])
    """
    return binary_op(FmaxBackward0.__new__(FmaxBackward0) if wants_grad(input) or wants_grad(other) else None,
                     K.binary[op_fmax], input, other, out, False, SAME, KEEP_BOTH)


def _fmin(TensorBase input not None, TensorBase other not None, *, out=None):
    """The smaller of each pair of elements; the other one if one is NaN.

    >>> import dynagrad
    >>> dynagrad.fmin(dynagrad.tensor([1., float("nan")]), dynagrad.tensor([3., 2.]))
    tensor([1., 2.])
    """
    return binary_op(FminBackward0.__new__(FminBackward0) if wants_grad(input) or wants_grad(other) else None,
                     K.binary[op_fmin], input, other, out, False, SAME, KEEP_BOTH)


register(Card("fmax", _fmax, FmaxBackward0, "binary"))
register(Card("fmin", _fmin, FminBackward0, "binary"))


# ---- clamp -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class ClampBackward1(Node):                        # nothing outside of the bounds, which are numbers
    _pointwise = True
    _saves = ("self",)
    _keeps = ("min", "max")

    cdef object vjp(self, TensorBase g):
        lo, hi = self.params
        x = unpack(self, 0)
        return where(_within(x, lo, hi), g, 0)


cdef object _within(x, lo, hi):
    if lo is None or hi is None:
        return x <= hi if lo is None else x >= lo
    return (x >= lo) & (x <= hi)


@cython.final
cdef class ClampMinBackward0(Node):
    _pointwise = True
    _saves = ("self",)
    _keeps = ("min",)

    cdef object vjp(self, TensorBase g):
        return where(unpack(self, 0) >= self.params[0], g, 0)


@cython.final
cdef class ClampMaxBackward0(Node):
    _pointwise = True
    _saves = ("self",)
    _keeps = ("max",)

    cdef object vjp(self, TensorBase g):
        return where(unpack(self, 0) <= self.params[0], g, 0)


@cython.final
cdef class ClampBackward0(Node):                        # the bounds are tensors: what they cut off belongs to them
    _saves = ("self", "min", "max")

    cdef object vjp(self, TensorBase g):
        x = unpack(self, 0)
        lo = unpack(self, 1) if has_saved(self, 1) else None
        hi = unpack(self, 2) if has_saved(self, 2) else None
        crossed = None if lo is None or hi is None else lo > hi
        return (where(_within(x, lo, hi), g, 0) if needs(self, 0) else None,
                where((x < lo) if crossed is None else (x < lo) & ~crossed, g, 0) if needs(self, 1) else None,
                where((x > hi) if crossed is None else (x > hi) | crossed, g, 0) if needs(self, 2) else None)


cdef bint _is_bound(object bound):
    return bound is None or is_number(bound)


cdef object _number_of(str name, TensorBase bound):
    """Beside a number, a 0-d tensor without a history counts as one."""
    if bound.ndim or wants_grad(bound):
        raise TypeError(f"clamp(): argument '{name}' must be a Number as the other bound is, not a Tensor")
    return bound.item()


cdef TensorBase clamp(TensorBase input, object lo, object hi, object out, bint inplace):
    if lo is None and hi is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for name, bound in (("min", lo), ("max", hi)):
        if not _is_bound(bound) and not is_tensor(bound):
            raise TypeError(f"clamp(): argument '{name}' must be Tensor or Number, not {type(bound).__name__}")
    if is_number(lo) and is_tensor(hi):
        hi = _number_of("max", <TensorBase>hi)
    elif is_tensor(lo) and is_number(hi):
        lo = _number_of("min", <TensorBase>lo)
    if _is_bound(lo) and _is_bound(hi):
        return _clamp_to(ClampBackward1.__new__(ClampBackward1), (lo, hi), input, lo, hi, out, inplace)
    return _clamp_between(input, lo, hi, out, inplace)


cdef TensorBase _clamp_to(Node node, tuple params, TensorBase input, object lo, object hi, object out, bint inplace):
    """Bounds that are numbers."""
    cdef TensorBase result
    cdef bint recording = wants_grad(input)
    if out is not None:
        prepare(out, inplace, recording)
    if recording:
        node.params = params
        begin1(node, input)
        save_operand(node, 0, input, inplace)
    result = _clamped(input, lo, hi, out)
    settle(node if recording else None, result, input, None, out, inplace)
    return result


cdef TensorBase _clamped(TensorBase input, object lo, object hi, object out):
    if hi is None:
        return binary(K.binary[op_maximum], input, lo, out, SAME)
    if lo is None:
        return binary(K.binary[op_minimum], input, hi, out, SAME)
    return ternary(K.ternary[op_clamp], input, lo, hi, out, SAME)


cdef TensorBase _clamp_between(TensorBase input, object lo, object hi, object out, bint inplace):
    """Bounds of which one at least is a tensor."""
    cdef Node node = None
    cdef TensorBase result
    cdef bint recording = wants_grad(input) or wants_grad(lo) or wants_grad(hi)
    if out is not None:
        prepare(out, inplace, recording)
        if inplace:
            check_fits(out, lo)
            check_fits(out, hi)
    if recording:
        node = ClampBackward0.__new__(ClampBackward0)
        begin(node, 3)
        reserve_saved(node, 3)
        link(node, 0, input)
        save_operand(node, 0, input, inplace)
        _link_bound(node, 1, lo)
        _link_bound(node, 2, hi)
    result = _clamped(input, lo, hi, out)
    settle(node, result, input, lo, out, inplace)
    return result


cdef int _link_bound(Node node, int i, object bound) except -1:
    if is_tensor(bound):
        link(node, i, <TensorBase>bound)
        save(node, i, <TensorBase>bound)
    return 0


def _clamp(TensorBase input not None, min=None, max=None, *, out=None):
    """Each element moved to the nearest point of [min, max]; a bound may be a number, a tensor or None. NaN stays.

    Raises RuntimeError if there is no bound at all.

    >>> import dynagrad
    >>> dynagrad.clamp(dynagrad.tensor([-2., 0.5, 3.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return clamp(input, min, max, out, False)


def _clamp_(TensorBase self not None, min=None, max=None):
    """Moves each element of the tensor itself to the nearest point of [min, max]."""
    return clamp(self, min, max, self, True)


register(Card("clamp", _clamp, ClampBackward1, "unary", inplace=_clamp_, aliases=("clip",), samples="clamp"))


@cython.final
cdef class ClampMinBackward1(Node):                     # the bound is a tensor, and gets what it raised
    _saves = ("self", "min")

    cdef object vjp(self, TensorBase g):
        kept = unpack(self, 0) >= unpack(self, 1)
        return where(kept, g, 0) if needs(self, 0) else None, where(kept, 0, g) if needs(self, 1) else None


@cython.final
cdef class ClampMaxBackward1(Node):
    _saves = ("self", "max")

    cdef object vjp(self, TensorBase g):
        kept = unpack(self, 0) <= unpack(self, 1)
        return where(kept, g, 0) if needs(self, 0) else None, where(kept, 0, g) if needs(self, 1) else None


cdef TensorBase _clamp_min_op(TensorBase input, object lo, object out, bint inplace):
    if not is_number(lo):
        return binary_op(ClampMinBackward1.__new__(ClampMinBackward1) if wants_grad(input) or wants_grad(lo) else None,
                         K.binary[op_maximum], input, <TensorBase?>lo, out, inplace, SAME, KEEP_BOTH)
    return _clamp_to(ClampMinBackward0.__new__(ClampMinBackward0), (lo,), input, lo, None, out, inplace)


cdef TensorBase _clamp_max_op(TensorBase input, object hi, object out, bint inplace):
    if not is_number(hi):
        return binary_op(ClampMaxBackward1.__new__(ClampMaxBackward1) if wants_grad(input) or wants_grad(hi) else None,
                         K.binary[op_minimum], input, <TensorBase?>hi, out, inplace, SAME, KEEP_BOTH)
    return _clamp_to(ClampMaxBackward0.__new__(ClampMaxBackward0), (hi,), input, None, hi, out, inplace)


def _clamp_min(TensorBase input not None, min, *, out=None):
    """Each element, or ``min`` if that is larger.

    >>> import dynagrad
    >>> dynagrad.clamp_min(dynagrad.tensor([-2., 3.]), 0)
    tensor([0., 3.])
    """
    return _clamp_min_op(input, min, out, False)


def _clamp_min_(TensorBase self not None, min):
    """Raises each element of the tensor itself to at least ``min``."""
    return _clamp_min_op(self, min, self, True)


def _clamp_max(TensorBase input not None, max, *, out=None):
    """Each element, or ``max`` if that is smaller.

    >>> import dynagrad
    >>> dynagrad.clamp_max(dynagrad.tensor([-2., 3.]), 0)
    tensor([-2.,  0.])
    """
    return _clamp_max_op(input, max, out, False)


def _clamp_max_(TensorBase self not None, max):
    """Lowers each element of the tensor itself to at most ``max``."""
    return _clamp_max_op(self, max, self, True)


register(Card("clamp_min", _clamp_min, ClampMinBackward0, "unary", inplace=_clamp_min_, samples="bound"))
register(Card("clamp_max", _clamp_max, ClampMaxBackward0, "unary", inplace=_clamp_max_, samples="bound"))


# ---- relu ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class ThresholdBackwardBackward0(Node):            # linear in g; constant in what it is compared with
    _saves = ("grad_output", "self")

    cdef object vjp(self, TensorBase g):
        return (_relu_backward(g, unpack(self, 1)) if needs(self, 0) else None,
                zeros_of(g) if needs(self, 1) else None)


cdef TensorBase _relu_backward(TensorBase g, TensorBase result):
    return binary_op(ThresholdBackwardBackward0.__new__(ThresholdBackwardBackward0)
                     if wants_grad(g) or wants_grad(result) else None,
                     K.binary[op_relu_backward], g, result, None, False, FLOATING, KEEP_OTHER)


@cython.final
cdef class ReluBackward0(Node):                         # d relu(a) = da where the result is positive
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return _relu_backward(g, unpack(self, 0))


cdef TensorBase relu(object input, bint inplace=False):
    if is_tensor(input) and (<TensorBase>input).dtype == BOOL:
        raise RuntimeError("Boolean inputs not supported for relu")
    return unary_op(ReluBackward0.__new__(ReluBackward0) if wants_grad(input) else None, K.unary[op_relu], input,
                    input if inplace else None, inplace, SAME, KEEP_RESULT)


def _relu(input):
    """Each element, or zero if it is negative.

    >>> import dynagrad
    >>> dynagrad.relu(dynagrad.tensor([-2., 3.]))
    tensor([0., 3.])
    """
    return relu(input)


def _relu_(self):
    """Replaces negative elements by zero."""
    return relu(self, True)


register(Card("relu", _relu, ReluBackward0, "unary", inplace=_relu_))


# ---- floor -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class FloorBackward0(Node):                        # a step function
    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


cdef TensorBase floor(object input, object out=None, bint inplace=False):
    if is_tensor(input) and (<TensorBase>input).dtype == BOOL:
        raise not_implemented("floor_vml", <TensorBase>input)
    return unary_op(FloorBackward0.__new__(FloorBackward0) if wants_grad(input) else None, K.unary[op_floor], input,
                    out, inplace, SAME, KEEP_NOTHING)


def _floor(input, *, out=None):
    """Each element rounded down to a whole number.

    >>> import dynagrad
    >>> dynagrad.floor(dynagrad.tensor([1.5, -1.5]))
    tensor([ 1., -2.])
    """
    return floor(input, out)


def _floor_(self):
    """Rounds each element down."""
    return floor(self, self, True)


register(Card("floor", _floor, FloorBackward0, "unary", inplace=_floor_, domain=(0.1, 0.9)))


# ---- ceil ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class CeilBackward0(Node):                         # a step function
    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


cdef TensorBase ceil(object input, object out=None, bint inplace=False):
    if is_tensor(input) and (<TensorBase>input).dtype == BOOL:
        raise not_implemented("ceil_vml", <TensorBase>input)
    return unary_op(CeilBackward0.__new__(CeilBackward0) if wants_grad(input) else None, K.unary[op_ceil], input,
                    out, inplace, SAME, KEEP_NOTHING)


def _ceil(input, *, out=None):
    """Each element rounded up to a whole number.

    >>> import dynagrad
    >>> dynagrad.ceil(dynagrad.tensor([1.5, -1.5]))
    tensor([ 2., -1.])
    """
    return ceil(input, out)


def _ceil_(self):
    """Rounds each element up."""
    return ceil(self, self, True)


register(Card("ceil", _ceil, CeilBackward0, "unary", inplace=_ceil_, domain=(0.1, 0.9)))


# ---- trunc -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class TruncBackward0(Node):                        # a step function
    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


cdef TensorBase trunc(object input, object out=None, bint inplace=False):
    if is_tensor(input) and (<TensorBase>input).dtype == BOOL:
        raise not_implemented("trunc_vml", <TensorBase>input)
    return unary_op(TruncBackward0.__new__(TruncBackward0) if wants_grad(input) else None, K.unary[op_trunc], input,
                    out, inplace, SAME, KEEP_NOTHING)


def _trunc(input, *, out=None):
    """Each element rounded towards zero to a whole number.

    >>> import dynagrad
    >>> dynagrad.trunc(dynagrad.tensor([1.5, -1.5]))
    tensor([ 1., -1.])
    """
    return trunc(input, out)


def _trunc_(self):
    """Rounds each element towards zero."""
    return trunc(self, self, True)


register(Card("trunc", _trunc, TruncBackward0, "unary", inplace=_trunc_, aliases=("fix",), domain=(0.1, 0.9)))


# ---- frac ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class FracBackward0(Node):                         # d (a - trunc(a)) = da
    cdef object vjp(self, TensorBase g):
        return g


cdef TensorBase frac(object input, object out=None, bint inplace=False):
    if is_tensor(input) and not is_float((<TensorBase>input).dtype):
        raise not_implemented("frac", <TensorBase>input)
    return unary_op(FracBackward0.__new__(FracBackward0) if wants_grad(input) else None, K.unary[op_frac], input,
                    out, inplace, SAME, KEEP_NOTHING)


def _frac(input, *, out=None):
    """What is left of each element after rounding towards zero. Raises NotImplementedError for integers.

    >>> import dynagrad
    >>> dynagrad.frac(dynagrad.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    return frac(input, out)


def _frac_(self):
    """Replaces each element by its fraction."""
    return frac(self, self, True)


register(Card("frac", _frac, FracBackward0, "unary", inplace=_frac_, domain=(0.1, 0.9)))


# ---- round -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class RoundBackward0(Node):                        # a step function
    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


@cython.final
cdef class RoundBackward1(Node):                        # of a call that says to how many decimals

    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


cdef TensorBase _round_op(TensorBase input, object given, object out, bint inplace):
    cdef Node node = None
    cdef int decimals = 0 if given is ... else given
    cdef TensorBase result
    cdef double scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    if input.dtype == BOOL or decimals and not is_float(input.dtype):
        raise not_implemented("round_vml", input)
    if decimals == 0:
        if wants_grad(input):
            node = RoundBackward0.__new__(RoundBackward0) if given is ... else RoundBackward1.__new__(RoundBackward1)
        return unary_op(node, K.unary[op_round], input, out, inplace, SAME, KEEP_NOTHING)
    if out is not None:
        prepare(out, inplace, wants_grad(input))
    if wants_grad(input):
        node = RoundBackward1.__new__(RoundBackward1)
        begin1(node, input)
    result = binary(K.binary[op_mul if decimals > 0 else op_div], input, scale, None, SAME)
    result = unary(K.unary[op_round], result, None, SAME)
    result = binary(K.binary[op_div if decimals > 0 else op_mul], result, scale, out, SAME)
    settle(node, result, input, None, out, inplace)
    return result


def _round(TensorBase input not None, *, decimals=..., out=None):
    """Each element rounded to the nearest number with that many decimals, halves to the even one.

    >>> import dynagrad
    >>> dynagrad.round(dynagrad.tensor([0.5, 1.5, -2.4]))
    tensor([ 0.,  2., -2.])
    """
    return _round_op(input, decimals, out, False)


def _round_(TensorBase self not None, *, decimals=...):
    """Rounds each element of the tensor itself."""
    return _round_op(self, decimals, self, True)


register(Card("round", _round, RoundBackward0, "unary", inplace=_round_, domain=(0.6, 1.4)))


# ---- copysign --------------------------------------------------------------------------------------------------------

cdef object _copysign_slope(TensorBase g, TensorBase a, TensorBase result):
    return where(a == 0, 0, g * (result / a))


@cython.final
cdef class CopysignBackward0(Node):                     # d copysign(a, b) = (result / a) da, 0 at zero
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        return (_copysign_slope(g, unpack(self, 0), unpack(self, 1)) if needs(self, 0) else None,
                zeros_of(g) if needs(self, 1) else None)


@cython.final
cdef class CopysignBackward1(Node):
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        return _copysign_slope(g, unpack(self, 0), unpack(self, 1))


cdef TensorBase _copysign_op(TensorBase input, object other, object out, bint inplace):
    cdef Node node = None
    if wants_grad(input) or wants_grad(other):
        node = CopysignBackward0.__new__(CopysignBackward0) if is_tensor(other) \
            else CopysignBackward1.__new__(CopysignBackward1)
    return binary_op(node, K.binary[op_copysign], input, other, out, inplace, FLOATING,
                     KEEP_INPUT | KEEP_RESULT | (0 if is_tensor(other) else ONE_EDGE))


def _copysign(TensorBase input not None, other, *, out=None):
    """The magnitude of each element of ``input`` with the sign of ``other``.

    >>> import dynagrad
    >>> dynagrad.copysign(dynagrad.tensor([1., 2.]), -0.0)
    tensor([-1., -2.])
    """
    return _copysign_op(input, other, out, False)


def _copysign_(TensorBase self not None, other):
    """Gives each element of the tensor itself the sign of ``other``."""
    return _copysign_op(self, other, self, True)


register(Card("copysign", _copysign, CopysignBackward0, "binary", inplace=_copysign_, domain=(0.1, 4)))


# ---- heaviside -------------------------------------------------------------------------------------------------------

cdef TensorBase _heaviside_op(TensorBase input, TensorBase values, object out, bint inplace):
    cdef Node node = None
    cdef TensorBase result
    if input.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    if out is not None:
        prepare(out, inplace, wants_grad(input) or wants_grad(values))
        if inplace:
            check_fits(out, values)
    if wants_grad(input) or wants_grad(values):
        node = no_derivative("heaviside")
        begin_pair(node, input, values)
    step = _steps(input)
    result = where_kernel(_is_zero(input), values, step, out)
    settle(node, result, input, values, out, inplace)
    return result


cdef TensorBase _is_zero(TensorBase input):
    return unary(K.test[op_is_zero], input, None, PREDICATE)


cdef TensorBase _steps(TensorBase input):
    """1 where positive, else 0, in the input's dtype."""
    return to_dtype(binary(K.compare[op_gt], input, 0, None, PREDICATE), input.dtype)


def _heaviside(TensorBase input not None, TensorBase values not None, *, out=None):
    """0 for negative elements, 1 for positive ones, and the element of ``values`` at zero.

    Raises RuntimeError for different dtypes.

    >>> import dynagrad
    >>> dynagrad.heaviside(dynagrad.tensor([-1., 0., 2.]), dynagrad.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _heaviside_op(input, values, out, False)


def _heaviside_(TensorBase self not None, TensorBase values not None):
    """Replaces each element by its step."""
    return _heaviside_op(self, values, self, True)


register(Card("heaviside", _heaviside, None, "binary", inplace=_heaviside_))


# ---- nan_to_num ------------------------------------------------------------------------------------------------------

@cython.final
cdef class NanToNumBackward0(Node):                     # nothing where the element was replaced
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, unpack(self, 0).isfinite())


cdef double _greatest(int dtype) noexcept:
    if dtype == F16:
        return 65504.0
    if dtype == BF16:
        return 3.3895313892515355e38
    return 3.4028234663852886e38 if dtype == F32 else 1.7976931348623157e308


cdef TensorBase _nan_to_num_op(TensorBase input, object nan, object posinf, object neginf, object out, bint inplace):
    cdef Node node = None
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, wants_grad(input))
    if wants_grad(input):
        node = NanToNumBackward0.__new__(NanToNumBackward0)
        begin1(node, input)
        save_operand(node, 0, input, inplace)
    result = input
    if is_float(input.dtype):
        result = where_kernel(unary(K.test[op_isnan], result, None, PREDICATE), 0.0 if nan is None else float(nan),
                              result, None)
        result = where_kernel(binary(K.compare[op_eq], input, INFINITY, None, PREDICATE),
                              _greatest(input.dtype) if posinf is None else float(posinf), result, None)
        result = where_kernel(binary(K.compare[op_eq], input, -INFINITY, None, PREDICATE),
                              -_greatest(input.dtype) if neginf is None else float(neginf), result, None)
    result = unary(K.unary[op_positive], result, out, SAME)
    settle(node, result, input, None, out, inplace)
    return result


def _nan_to_num(TensorBase input not None, nan=None, posinf=None, neginf=None, *, out=None):
    """A copy in which NaN is ``nan`` (zero if not given), and infinities are the given or the greatest finite numbers.

    >>> import dynagrad
    >>> dynagrad.nan_to_num(dynagrad.tensor([1., float("nan")]), nan=2.0)
    tensor([1., 2.])
    """
    return _nan_to_num_op(input, nan, posinf, neginf, out, False)


def _nan_to_num_(TensorBase self not None, nan=None, posinf=None, neginf=None):
    """Replaces NaN and infinities in the tensor itself."""
    return _nan_to_num_op(self, nan, posinf, neginf, self, True)


register(Card("nan_to_num", _nan_to_num, NanToNumBackward0, "unary", inplace=_nan_to_num_))
