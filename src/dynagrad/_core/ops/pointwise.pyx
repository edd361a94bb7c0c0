"""Element-by-element arithmetic: value, derivative and card of each op. The loops themselves are kernels/pointwise.hpp.

Powers and exponentials are in `power`, circular and hyperbolic functions in `trigonometric`, choices and rounding in
`select`, predicates in `compare`, ops of three operands in `blend`, other functions in `special`; the walk over elements in `iterate`.
"""
import cython

from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.old_orders import scaled_sum
from dynagrad._core.shown import number
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    Node, begin1, begin_pair, keep_number, needs, prepare, reserve_saved, save_operand, save_result, settle,
    thread_state, unpack, unpack_operand, wants_grad)
from dynagrad._core.iterate cimport (
    FLOATING, SAME, K, Loop, binary, cast, copy_into, fill, plain_params, result_dtype2, unary)
from dynagrad._core.kernel_table cimport (
    Params, op_abs, op_abs_backward, op_add, op_div, op_div_floor, op_div_trunc, op_fmod,
    op_mul, op_neg, op_reciprocal, op_remainder, op_sign, op_sub, op_trunc, parallel_threshold)
from dynagrad._core.scalars cimport check_element
from dynagrad._core.tensor cimport TensorBase, is_tensor, new_alias, new_like, new_number, requires_grad, shape_tuple
from dynagrad._core.types cimport (
    BF16, BOOL, F16, F64, I64, U8, compute_dtype, compute_of, is_float, is_number, itemsizes,
    scalar_dtype)


# ---- the common course of an op: check the target, record, save, run the loop, settle --------------------------------

cdef TensorBase unary_op(Node node, const Loop* row, object input, object out, bint inplace, int rule, int keep,
                         int cost=1, const Params* params=NULL):
    """An op of one operand; node is a new one, or None if nothing is to be recorded."""
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, node is not None)
    if node is not None:
        begin1(node, <TensorBase>input)
        if keep & KEEP_INPUT:
            save_operand(node, 0, input, inplace)
    result = unary(row, input, out, rule, params, cost)
    settle(node, result, input, None, out, inplace)
    if node is not None and keep & KEEP_RESULT:
        save_result(node, keep & KEEP_INPUT, result)
    return result


cdef TensorBase binary_op(Node node, const Loop* row, object input, object other, object out, bint inplace, int rule,
                          int keep, int cost=1, const Params* params=NULL):
    """An op of two operands, of which one may be a number."""
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, node is not None)
        if inplace:
            check_fits(out, other)
    if node is not None:
        if keep & ONE_EDGE:
            begin1(node, <TensorBase>input)
        else:
            begin_pair(node, input, other)
        if keep & (KEEP_BOTH | KEEP_RESULT) == KEEP_BOTH | KEEP_RESULT:
            reserve_saved(node, 3)
        if keep & KEEP_INPUT and not (keep & INPUT_FOR_OTHER and not needs(node, 1)):
            save_operand(node, 0, input, inplace)
        if keep & KEEP_OTHER and not (keep & OTHER_FOR_OTHER and not needs(node, 1)):
            save_operand(node, 1, other, False)
    result = binary(row, input, other, out, rule, params, cost)
    settle(node, result, input, other, out, inplace)
    if node is not None and keep & KEEP_RESULT:
        save_result(node, 2 if keep & KEEP_OTHER else keep & KEEP_INPUT, result)
    return result


cdef int check_fits(object target, object other) except -1:
    """An in-place op may broadcast its operand, never its target."""
    if not is_tensor(other) or not is_tensor(target):
        return 0
    cdef TensorBase t = <TensorBase>target
    cdef TensorBase o = <TensorBase>other
    cdef int pad = t.ndim - o.ndim
    cdef int i
    cdef bint fits = pad >= 0
    for i in range(o.ndim if fits else 0):
        fits = fits and (o.shape[i] == 1 or o.shape[i] == t.shape[pad + i] or t.shape[pad + i] != 1)
    if not fits:
        shape, given = shape_tuple(t), shape_tuple(o)
        wide = tuple([max(a, b) for a, b in zip((1,) * -pad + tuple(shape), (1,) * pad + tuple(given))])
        raise RuntimeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(wide)}")
    return 0


cdef TensorBase zeros_of(TensorBase t):
    """Zeros shaped like t: the gradient of a step function."""
    cdef TensorBase made = new_like(t, t.dtype)
    fill(made, 0)
    return made


cdef TensorBase unrecorded(object tensor):
    """The same elements without their history, for formulas in which they are constants."""
    cdef TensorBase t = <TensorBase?>tensor
    return new_alias(t, t.ndim, t.shape, t.strides, 0)


cdef object as_number(object value):
    """A factor given as a 0-d tensor, as the number it holds; one that requires grad stands for no number."""
    return value.item() if is_tensor(value) and (<TensorBase>value).ndim == 0 and not requires_grad(<TensorBase>value) else value


cdef object in_dtype(object number, object tensor):
    """A number as the narrow dtype of a tensor holds it, where an op could tell the difference."""
    cdef int dtype
    if is_tensor(number) or not is_tensor(tensor):
        return number
    dtype = (<TensorBase>tensor).dtype
    if _is_half(dtype):
        return cast(new_number(number, F64), dtype) if is_number(number) else number
    if BOOL < dtype < I64 and type(number) is int and not -128 <= number < 128:
        return cast(new_number(number, I64), dtype)
    return cast(new_number(number, I64), dtype) if dtype == U8 and type(number) is int and number < 0 else number


cdef inline bint _is_half(int dtype) noexcept:
    return dtype == F16 or dtype == BF16


cdef object not_implemented(str op, TensorBase t):
    return NotImplementedError(f"\"{op}{'' if op.endswith('Impl') else '_cpu'}\" not implemented for '{TYPE_NAMES[t.dtype]}'")


cdef int _set_alpha(Params* params, object alpha, object input, object other, str op) except -1:
    alpha = as_number(alpha)
    if not is_number(alpha):
        raise TypeError(f"{op}(): argument 'alpha' must be Number, not {type(alpha).__name__}")
    cdef int dtype = result_dtype2(input, other)
    if not is_float(dtype) and is_float(scalar_dtype(alpha)):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if dtype != BOOL and alpha is True or alpha is False and dtype != BOOL:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    check_element(alpha, dtype)
    params.a = cast(new_number(alpha, F64), dtype).item() if _is_half(dtype) else alpha
    if not is_float(dtype):
        params.i = alpha
    return 0


# ---- add -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class AddBackward0(Node):                          # d(a + k b) = da + k db
    _pointwise = True
    _shows = {"alpha": number}

    cdef object vjp(self, TensorBase g):
        return (g if needs(self, 0) else None,
                None if not needs(self, 1) else g if self.scalar == 1.0 else mul(g, self.scalar))


cdef TensorBase add(object input, object other, object alpha, object out=None, bint inplace=False):
    cdef AddBackward0 node = None
    cdef Params params
    if alpha is not None:
        _set_alpha(&params, alpha, input, other, "add")
    if wants_grad(input) or wants_grad(other):
        node = AddBackward0.__new__(AddBackward0)
        node.scalar = 1
        if alpha is not None:
            keep_number(node, as_number(alpha))
    input, other = in_dtype(input, other), in_dtype(other, input)
    return binary_op(node, K.binary[op_add], input, other, out, inplace, SAME, KEEP_NOTHING, 1, &params)


def _add(input, other, _third=None, *, alpha=None, out=None):
    """Adds ``alpha * other`` to ``input``, element by element, with broadcasting.

    >>> import dynagrad
    >>> dynagrad.add(dynagrad.tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    if _third is not None: other, alpha = scaled_sum("add", other, _third, alpha)
    return add(input, other, alpha, out)


def _add_(self, other, _third=None, *, alpha=None):
    """Adds ``alpha * other`` to the tensor itself."""
    if _third is not None: other, alpha = scaled_sum("add_", other, _third, alpha)
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


# ---- sub, rsub -------------------------------------------------------------------------------------------------------

@cython.final
cdef class SubBackward0(Node):                          # d(a - k b) = da - k db
    _pointwise = True
    _shows = {"alpha": number}

    cdef object vjp(self, TensorBase g):
        return g if needs(self, 0) else None, _scaled(g, -self.scalar) if needs(self, 1) else None


cdef TensorBase _scaled(TensorBase g, double factor):
    return neg(g) if factor == -1.0 else mul(g, factor)


cdef inline bint _is_bool(object operand) noexcept:
    return (<TensorBase>operand).dtype == BOOL if is_tensor(operand) else isinstance(operand, bool)


cdef int _refuse_bool(object input, object other) except -1:
    if _is_bool(input) and _is_bool(other):
        raise RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                           "`logical_xor()` operator instead.")
    if _is_bool(input) or _is_bool(other):
        raise RuntimeError("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
                           "invert a mask, use the `~` or `logical_not()` operator instead.")
    return 0


cdef TensorBase sub(object input, object other, object alpha, object out=None, bint inplace=False):
    cdef SubBackward0 node = None
    cdef Params params
    _refuse_bool(input, other)
    if alpha is not None:
        _set_alpha(&params, alpha, input, other, "sub")
    if wants_grad(input) or wants_grad(other):
        node = SubBackward0.__new__(SubBackward0)
        node.scalar = 1
        if alpha is not None:
            keep_number(node, as_number(alpha))
    input, other = in_dtype(input, other), in_dtype(other, input)
    if params.a == 1.0:
        return binary_op(node, K.binary[op_sub], input, other, out, inplace, SAME, KEEP_NOTHING)
    params.a, params.i = -params.a, -params.i
    return binary_op(node, K.binary[op_add], input, other, out, inplace, SAME, KEEP_NOTHING, 1, &params)


def _sub(input, other, _third=None, *, alpha=None, out=None):
    """Subtracts ``alpha * other`` from ``input``, element by element, with broadcasting. RuntimeError for bools.

    >>> import dynagrad
    >>> dynagrad.sub(dynagrad.tensor([1., 2.]), 10)
    tensor([-9., -8.])
    """
    if _third is not None: other, alpha = scaled_sum("sub", other, _third, alpha)
    return sub(input, other, alpha, out)


def _sub_(self, other, _third=None, *, alpha=None):
    """Subtracts ``alpha * other`` from the tensor itself."""
    if _third is not None: other, alpha = scaled_sum("sub_", other, _third, alpha)
    return sub(self, other, alpha, self, True)


register(Card("sub", _sub, SubBackward0, "binary", inplace=_sub_, aliases=("subtract",)))


@cython.final
cdef class RsubBackward0(Node):                         # d(b - k a) = db - k da
    _pointwise = True
    _shows = {"alpha": number}

    cdef object vjp(self, TensorBase g):
        return _scaled(g, -self.scalar) if needs(self, 0) else None, g if needs(self, 1) else None


@cython.final
cdef class RsubBackward1(Node):
    _pointwise = True
    _shows = {"alpha": number}

    cdef object vjp(self, TensorBase g):
        return _scaled(g, -self.scalar)


cdef TensorBase rsub(object input, object other, object alpha):
    cdef Node node = None
    cdef Params params
    cdef TensorBase result
    _refuse_bool(input, other)
    if alpha is not None:
        _set_alpha(&params, alpha, input, other, "rsub")
    if wants_grad(input) or wants_grad(other):
        if is_tensor(other):
            node = RsubBackward0.__new__(RsubBackward0)
            begin_pair(node, input, other)
        else:
            node = RsubBackward1.__new__(RsubBackward1)
            begin1(node, <TensorBase>input)
        node.scalar = 1
        if alpha is not None:
            keep_number(node, as_number(alpha))
    other = in_dtype(other, input)
    if params.a == 1.0:
        result = binary(K.binary[op_sub], other, input, None, SAME)
    else:
        params.a, params.i = -params.a, -params.i
        result = binary(K.binary[op_add], other, input, None, SAME, &params)
    settle(node, result, input, other, None, False)
    return result


def _rsub(TensorBase input not None, other, *, alpha=None):
    """``other - alpha * input``, element by element, with broadcasting.

    >>> import dynagrad
    >>> dynagrad.rsub(dynagrad.tensor([1., 2.]), 10)
    tensor([9., 8.])
    """
    return rsub(input, other, alpha)


register(Card("rsub", _rsub, RsubBackward0, "binary", method=False))


# ---- mul -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class MulBackward0(Node):                          # d(ab) = b da + a db
    _pointwise = True
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
        if inplace:
            check_fits(out, other)
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


# ---- div -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class DivBackward0(Node):                          # d(a/b) = da / b - (a/b) / b db
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        return _quotient_vjp(self, g)


cdef tuple _quotient_vjp(Node node, TensorBase g):
    b = unpack_operand(node, 1)
    return (div(g, b) if needs(node, 0) else None,
            mul(neg(g), div(div(unpack_operand(node, 0), b), b)) if needs(node, 1) else None)


cdef TensorBase div(object input, object other, object out=None, bint inplace=False):
    cdef Node node = None
    cdef bint recording = wants_grad(input) or wants_grad(other)
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, recording)
        if inplace:
            check_fits(out, other)
    if recording:
        node = DivBackward0.__new__(DivBackward0)
        begin_pair(node, input, other)
        save_operand(node, 1, other, False)
        if needs(node, 1):
            save_operand(node, 0, input, inplace)
    result = binary(K.binary[op_div], input, other, out, FLOATING)
    settle(node, result, input, other, out, inplace)
    return result


@cython.final
cdef class DivBackward2(Node):                          # of a mode, None among them; a rounded quotient is a step function
    _pointwise = True
    _saves = ("self", "other")
    _keeps = ("rounding_mode",)

    cdef object vjp(self, TensorBase g):
        if self.params[0] is None:
            return _quotient_vjp(self, g)
        return zeros_of(g) if needs(self, 0) else None, zeros_of(g) if needs(self, 1) else None


cdef TensorBase _div_rounded(object input, object other, object mode, object out, bint inplace):
    cdef DivBackward2 node = None
    if mode is not None and mode != "floor" and mode != "trunc":
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode}'")
    if wants_grad(input) or wants_grad(other):
        node = DivBackward2.__new__(DivBackward2)
        node.params = (mode,)
    if mode is None:
        return binary_op(node, K.binary[op_div], input, other, out, inplace, FLOATING, KEEP_BOTH | INPUT_FOR_OTHER)
    return _whole_quotient(node, op_div_floor if mode == "floor" else op_div_trunc, "div_" + mode, input, other, out, inplace,
                           KEEP_BOTH | INPUT_FOR_OTHER)


cdef TensorBase _whole_quotient(Node node, int op, str name, object input, object other, object out, bint inplace, int keep):
    if is_number(other) and is_tensor(input) and _is_half((<TensorBase>input).dtype):    # the divisor stays as exact as it is
        return binary_op(node, K.binary[op], input, other, out, inplace, SAME, keep, 4)
    cdef TensorBase quotient = None
    if op == op_div_trunc and is_tensor(other) and _is_half(result_dtype2(input, other)):    # rounded before it is cut
        quotient = unary(K.unary[op_trunc], binary(K.binary[op_div], input, other, None, SAME), None, SAME)
    cdef TensorBase result = _checked(node, K.binary[op], name, input, other, out, inplace, keep)
    if quotient is not None:
        copy_into(result, quotient)
    return result


cdef TensorBase _checked(Node node, const Loop* row, str op, object input, object other, object out, bint inplace,
                         int keep):
    """A division that keeps the dtype, and raises where an integer divisor is zero."""
    cdef Params params
    cdef int by_zero = 0
    if _is_bool(input) and _is_bool(other):
        raise not_implemented(op, <TensorBase>(input if is_tensor(input) else other))
    input, other = in_dtype(input, other), in_dtype(other, input)
    params.flag = &by_zero
    cdef TensorBase result = binary_op(node, row, input, other, out, inplace, SAME, keep, 4, &params)
    if by_zero:
        raise RuntimeError("ZeroDivisionError")
    return result


def _div(input, other, *, rounding_mode=..., out=None):
    """Divides ``input`` by ``other``, element by element, with broadcasting; integers give floating results.

    ``rounding_mode`` "trunc" rounds the quotient towards zero and "floor" downwards, and both keep integer dtypes.
    Raises RuntimeError for another mode, and for a rounded division of integers by zero.

    >>> import dynagrad
    >>> dynagrad.div(dynagrad.tensor([1, 2]), 4)
    tensor([0.2500, 0.5000])
    >>> dynagrad.div(dynagrad.tensor([-7, 7]), 2, rounding_mode="floor")
    tensor([-4,  3])
    """
    return div(input, other, out) if rounding_mode is ... else _div_rounded(input, other, rounding_mode, out, False)


def _div_(self, other, *, rounding_mode=...):
    """Divides the tensor itself by ``other``."""
    return (div(self, other, self, True) if rounding_mode is ...
            else _div_rounded(self, other, rounding_mode, self, True))


register(Card("div", _div, DivBackward0, "binary", inplace=_div_, aliases=("divide",), samples="division"))


def _true_divide(input, other, *, out=None):
    """``div`` without rounding.

    >>> import dynagrad
    >>> dynagrad.true_divide(dynagrad.tensor([3]), 2)
    tensor([1.5000])
    """
    return div(input, other, out)


def _true_divide_(self, other):
    """Divides the tensor itself by ``other``."""
    return div(self, other, self, True)


register(Card("true_divide", _true_divide, DivBackward0, "binary", inplace=_true_divide_, samples="division"))


@cython.final
cdef class NotImplemented(Node):                        # the name that PyTorch shows for an op without a formula
    _keeps = ("",)                                      # which op
    _namespace = "torch::autograd::"

    cdef object vjp(self, TensorBase g):
        raise RuntimeError(f"derivative for aten::{self.params[0]} is not implemented")


cdef Node no_derivative(str op):
    """The node of an op whose derivative is not defined."""
    cdef NotImplemented node = NotImplemented.__new__(NotImplemented)
    node.params = (op,)
    return node


cdef TensorBase floor_divide(object input, object other, object out=None, bint inplace=False):
    cdef Node node = no_derivative("floor_divide") if wants_grad(input) or wants_grad(other) else None
    return _whole_quotient(node, op_div_floor, "div_floor", input, other, out, inplace, KEEP_NOTHING)


def _floor_divide(input, other, *, out=None):
    """The quotient rounded downwards. Raises RuntimeError for integers divided by zero.

    >>> import dynagrad
    >>> dynagrad.floor_divide(dynagrad.tensor([-7., 7.]), 2)
    tensor([-4.,  3.])
    """
    return floor_divide(input, other, out)


def _floor_divide_(self, other):
    """Divides the tensor itself by ``other`` and rounds downwards."""
    return floor_divide(self, other, self, True)


register(Card("floor_divide", _floor_divide, NotImplemented, "binary", inplace=_floor_divide_, samples="division"))


# ---- reciprocal ------------------------------------------------------------------------------------------------------

@cython.final
cdef class ReciprocalBackward0(Node):                   # d(1/a) = -(1/a)^2 da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        cdef TensorBase r = unpack(self, 0)
        return mul(neg(g), mul(r, r))


cdef TensorBase reciprocal(object input, object out=None, bint inplace=False):
    return unary_op(ReciprocalBackward0.__new__(ReciprocalBackward0) if wants_grad(input) else None,
                    K.unary[op_reciprocal], input, out, inplace, FLOATING, KEEP_RESULT)


def _reciprocal(input, *, out=None):
    """One divided by each element.

    >>> import dynagrad
    >>> dynagrad.reciprocal(dynagrad.tensor([2., 4.]))
    tensor([0.5000, 0.2500])
    """
    return reciprocal(input, out)


def _reciprocal_(self):
    """Replaces each element by its reciprocal."""
    return reciprocal(self, self, True)


register(Card("reciprocal", _reciprocal, ReciprocalBackward0, "unary", inplace=_reciprocal_, domain=(0.2, 4)))


# ---- remainder, fmod -------------------------------------------------------------------------------------------------

@cython.final
cdef class RemainderBackward0(Node):                    # d(a mod k) = da
    _pointwise = True
    cdef object vjp(self, TensorBase g):
        return g


@cython.final
cdef class RemainderBackward1(Node):                    # d(a mod b) = da - floor(a/b) db
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        return (g if needs(self, 0) else None,
                mul(neg(g), _div_rounded(unpack(self, 0), unpack(self, 1), "floor", None, False))
                if needs(self, 1) else None)


cdef TensorBase remainder(object input, object other, object out=None, bint inplace=False):
    cdef Node node = None
    cdef bint pair = is_tensor(input) and is_tensor(other)
    if wants_grad(input) or wants_grad(other):
        if not is_tensor(input):
            node = no_derivative("remainder")
        else:
            node = RemainderBackward1.__new__(RemainderBackward1) if pair \
                else RemainderBackward0.__new__(RemainderBackward0)
    return _checked(node, K.binary[op_remainder], "remainder", input, other, out, inplace,
                    KEEP_BOTH | INPUT_FOR_OTHER | OTHER_FOR_OTHER if pair else ONE_EDGE if is_tensor(input) else KEEP_NOTHING)


def _remainder(input, other, *, out=None):
    """What is left of ``input`` after division by ``other``, with the sign of ``other``, as Python's ``%``.

    >>> import dynagrad
    >>> dynagrad.remainder(dynagrad.tensor([-3., 3.]), 2)
    tensor([1., 1.])
    """
    return remainder(input, other, out)


def _remainder_(self, other):
    """Replaces each element by its remainder."""
    return remainder(self, other, self, True)


register(Card("remainder", _remainder, RemainderBackward1, "binary", inplace=_remainder_, samples="division"))


@cython.final
cdef class FmodBackward0(Node):
    _pointwise = True
    cdef object vjp(self, TensorBase g):
        return g


@cython.final
cdef class FmodBackward1(Node):                         # d(fmod(a, b)) = da - trunc(a/b) db
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        return (g if needs(self, 0) else None,
                mul(neg(g), _div_rounded(unpack(self, 0), unpack(self, 1), "trunc", None, False))
                if needs(self, 1) else None)


cdef TensorBase fmod(object input, object other, object out, bint inplace):
    cdef Node node = None
    cdef bint pair = is_tensor(other)
    if wants_grad(input) or wants_grad(other):
        node = FmodBackward1.__new__(FmodBackward1) if pair else FmodBackward0.__new__(FmodBackward0)
    return _checked(node, K.binary[op_fmod], "fmod", input, other, out, inplace,
                    KEEP_BOTH | INPUT_FOR_OTHER | OTHER_FOR_OTHER if pair else ONE_EDGE)


def _fmod(TensorBase input not None, other, *, out=None):
    """What is left of ``input`` after division by ``other``, with the sign of ``input``, as C's ``fmod``.

    >>> import dynagrad
    >>> dynagrad.fmod(dynagrad.tensor([-3., 3.]), 2)
    tensor([-1.,  1.])
    """
    return fmod(input, other, out, False)


def _fmod_(self, other):
    """Replaces each element by its remainder."""
    return fmod(self, other, self, True)


register(Card("fmod", _fmod, FmodBackward1, "binary", inplace=_fmod_, samples="division"))


# ---- neg, positive ---------------------------------------------------------------------------------------------------

@cython.final
cdef class NegBackward0(Node):                          # d(-a) = -da
    _pointwise = True
    cdef object vjp(self, TensorBase g):
        return neg(g)


cdef TensorBase neg(object input, object out=None, bint inplace=False):
    if _is_bool(input):
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
                           "a mask, use the `~` or `logical_not()` operator instead.")
    return unary_op(NegBackward0.__new__(NegBackward0) if wants_grad(input) else None, K.unary[op_neg], input, out,
                    inplace, SAME, KEEP_NOTHING)


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


def _positive(TensorBase input not None):
    """The tensor itself. Raises RuntimeError for bool tensors.

    >>> import dynagrad
    >>> dynagrad.positive(dynagrad.tensor([-1.]))
    tensor([-1.])
    """
    if input.dtype == BOOL:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


register(Card("positive", _positive, None, "view"))


# ---- abs, sign, sgn --------------------------------------------------------------------------------------------------

@cython.final
cdef class AbsBackward0(Node):                          # d|a| = sign(a) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        if thread_state.grad_enabled:
            return mul(g, sgn(unpack(self, 0)))
        return binary(K.binary[op_abs_backward], g, unpack(self, 0), None, FLOATING)


cdef TensorBase abs_(object input, object out=None, bint inplace=False):
    if _is_bool(input):
        raise not_implemented("abs", <TensorBase?>input)
    return unary_op(AbsBackward0.__new__(AbsBackward0) if wants_grad(input) else None, K.unary[op_abs], input, out,
                    inplace, SAME, KEEP_INPUT)


def _abs(input, *, out=None):
    """The magnitude of each element.

    >>> import dynagrad
    >>> dynagrad.abs(dynagrad.tensor([1., -2.]))
    tensor([1., 2.])
    """
    return abs_(input, out)


def _abs_(self):
    """Replaces each element by its magnitude."""
    return abs_(self, self, True)


register(Card("abs", _abs, AbsBackward0, "unary", inplace=_abs_, aliases=("absolute",), domain=(0.1, 4)))


@cython.final
cdef class SignBackward0(Node):                         # a step function
    _pointwise = True
    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


@cython.final
cdef class SgnBackward0(Node):
    _pointwise = True
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        return zeros_of(g)


cdef TensorBase sgn(object input, object out=None, bint inplace=False):
    return unary_op(SgnBackward0.__new__(SgnBackward0) if wants_grad(input) else None, K.unary[op_sign], input, out,
                    inplace, SAME, KEEP_INPUT | KEEP_RESULT)


cdef TensorBase _sign_op(object input, object out, bint inplace):
    return unary_op(SignBackward0.__new__(SignBackward0) if wants_grad(input) else None, K.unary[op_sign], input, out,
                    inplace, SAME, KEEP_NOTHING)


def _sign(input, *, out=None):
    """-1, 0 or 1 with the sign of each element; 0 for NaN.

    >>> import dynagrad
    >>> dynagrad.sign(dynagrad.tensor([0., 5., -2.]))
    tensor([ 0.,  1., -1.])
    """
    return _sign_op(input, out, False)


def _sign_(self):
    """Replaces each element by its sign."""
    return _sign_op(self, self, True)


def _sgn(input, *, out=None):
    """``sign``, under the name that it shares with complex numbers.

    >>> import dynagrad
    >>> dynagrad.sgn(dynagrad.tensor([-2., 0.]))
    tensor([-1.,  0.])
    """
    return sgn(input, out)


def _sgn_(self):
    """Replaces each element by its sign."""
    return sgn(self, self, True)


register(Card("sign", _sign, SignBackward0, "unary", inplace=_sign_, domain=(0.1, 4)))
register(Card("sgn", _sgn, SgnBackward0, "unary", inplace=_sgn_, domain=(0.1, 4)))
