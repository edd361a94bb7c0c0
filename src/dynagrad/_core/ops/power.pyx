"""Powers, roots, exponentials and logarithms: value, derivative and card of each op."""
import cython

from libc.math cimport log as log_of

from dynagrad._core.card import Card, register
from dynagrad._core.shown import number
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    Node, begin1, keep_number, needs, prepare, save_operand, save_result, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport FLOATING, SAME, K, binary, result_dtype2
from dynagrad._core.kernel_table cimport (
    Params, op_exp, op_exp2, op_expm1, op_log, op_log10, op_log1p, op_log2, op_logaddexp, op_pow, op_rsqrt, op_sqrt,
    op_square_backward, op_xlogy)
from dynagrad._core.ops.copy cimport to_dtype
from dynagrad._core.ops.pointwise cimport (
    KEEP_BOTH, KEEP_INPUT, KEEP_RESULT, binary_op, div, in_dtype, mul, not_implemented, unary_op, zeros_of)
from dynagrad._core.ops.select cimport where
from dynagrad._core.tensor cimport TensorBase, is_tensor
from dynagrad._core.types cimport BOOL, F64, is_float, is_number, scalar_dtype

cdef double LN2 = 0.6931471805599453
cdef double LN10 = 2.302585092994046


# ---- pow -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class PowBackward0(Node):                          # d a^k = k a^(k-1) da
    _pointwise = True
    _saves = ("self",)
    _shows = {"exponent": number}

    cdef object vjp(self, TensorBase g):
        cdef double k = self.scalar
        if k == 2.0 and not thread_state.grad_enabled:
            return binary(K.binary[op_square_backward], g, unpack(self, 0), None, FLOATING)
        return zeros_of(g) if k == 0.0 else mul(g, mul(power(unpack(self, 0), k - 1), k))


@cython.final
cdef class PowBackward1(Node):                          # d a^b = b a^(b-1) da + log(a) a^b db
    _pointwise = True
    _saves = ("self", "exponent", "result")

    cdef object vjp(self, TensorBase g):
        a, b = unpack(self, 0), unpack(self, 1)
        return (where(b == 0, 0, g * (b * power(a, b - 1))) if needs(self, 0) else None,
                where((a == 0) & (b >= 0), 0, g * (unpack(self, 2) * log(a))) if needs(self, 1) else None)


@cython.final
cdef class PowBackward2(Node):                          # d k^b = log(k) k^b db
    _pointwise = True
    _saves = ("exponent", "result")
    _shows = {"self": number}

    cdef object vjp(self, TensorBase g):
        cdef double k = self.scalar
        cdef TensorBase grown = mul(g, mul(unpack(self, 1), log_of(k)))
        return where(unpack(self, 0) >= 0, 0, grown) if k == 0.0 else grown


cdef int _check_pow(object base, object exponent) except -1:
    if is_tensor(exponent) or not is_tensor(base):
        if ((<TensorBase>base).dtype == BOOL if is_tensor(base) else isinstance(base, bool)) \
                and is_tensor(exponent) and (<TensorBase>exponent).dtype == BOOL:
            raise NotImplementedError("\"pow\" not implemented for 'Bool'")
        return 0
    if not is_number(exponent):
        raise TypeError(f"pow(): argument 'exponent' must be Tensor or Number, not {type(exponent).__name__}")
    if not is_float((<TensorBase>base).dtype) and not is_float(scalar_dtype(exponent)) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return 0


cdef TensorBase power(object base, object exponent, object out=None, bint inplace=False):
    cdef Node node = None
    cdef TensorBase result
    cdef Params params
    _check_pow(base, exponent)
    if not is_tensor(base):
        return _exponential(base, exponent, out)
    if is_tensor(exponent):
        return binary_op(PowBackward1.__new__(PowBackward1) if wants_grad(base) or wants_grad(exponent) else None,
                         K.binary[op_pow], base, exponent, out, inplace, SAME, KEEP_BOTH | KEEP_RESULT, 8)
    if out is not None:
        prepare(out, inplace, wants_grad(base))
    if wants_grad(base):
        node = PowBackward0.__new__(PowBackward0)
        begin1(node, <TensorBase>base)
        save_operand(node, 0, base, inplace)
        keep_number(node, exponent)
    params.i = 0            # for a number ±0.5 a root is taken, which is NaN at -inf, where pow is not
    result = binary(K.binary[op_pow], base, exponent, out, SAME, &params, 2)
    settle(node, result, base, None, out, inplace)
    return result


cdef TensorBase _exponential(object base, object exponent, object out):
    """A number to the power of a tensor."""
    cdef Node node = None
    cdef TensorBase result
    if out is not None:
        prepare(out, False, wants_grad(exponent))
    if wants_grad(exponent):
        node = PowBackward2.__new__(PowBackward2)
        begin1(node, <TensorBase>exponent)
        save_operand(node, 0, exponent, False)
        keep_number(node, base)
    result = binary(K.binary[op_pow], in_dtype(base, exponent), exponent, out, SAME, NULL, 8)
    settle(node, result, exponent, None, out, False)
    if node is not None:
        save_result(node, 1, result)
    return result


def _pow(input, exponent, *, out=None):
    """``input`` to the power of ``exponent``, element by element, with broadcasting; either may be a number.

    Raises RuntimeError for integers to a negative integer power.

    >>> import dynagrad
    >>> dynagrad.pow(dynagrad.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    return power(input, exponent, out)


def _pow_(self, exponent):
    """Replaces each element by its power."""
    return power(self, exponent, self, True)


register(Card("pow", _pow, PowBackward0, "binary", inplace=_pow_, samples="power"))


cdef object _double(object operand):
    if not is_tensor(operand):
        if not is_number(operand):
            raise TypeError(f"float_power(): expected a Tensor or a Number, not {type(operand).__name__}")
        return float(operand)
    return to_dtype(<TensorBase>operand, F64)


def _float_power(input, exponent, *, out=None):
    """``pow`` computed in float64 whatever the dtypes are.

    >>> import dynagrad
    >>> dynagrad.float_power(dynagrad.tensor([1, 2]), -1)
    tensor([1.0000, 0.5000], dtype=torch.float64)
    """
    if is_tensor(out) and (<TensorBase>out).dtype != F64:
        raise RuntimeError(f"the output given to float_power has dtype {TYPE_NAMES[(<TensorBase>out).dtype]} but "
                           "the operation's result requires dtype Double")
    return power(_double(input), _double(exponent), out)


def _float_power_(TensorBase self not None, exponent):
    """Replaces each element by its power. Raises RuntimeError unless the tensor is float64."""
    if self.dtype != F64:
        raise RuntimeError(f"the base given to float_power_ has dtype {TYPE_NAMES[self.dtype]} but the "
                           "operation's result requires dtype Double")
    return power(self, _double(exponent), self, True)


register(Card("float_power", _float_power, PowBackward0, "binary", inplace=_float_power_, samples="power"))


# ---- square ----------------------------------------------------------------------------------------------------------

cdef TensorBase square(object input, object out=None, bint inplace=False):
    return power(<TensorBase?>input, 2, out, inplace)


def _square(TensorBase input not None, *, out=None):
    """The square of each element.

    >>> import dynagrad
    >>> dynagrad.square(dynagrad.tensor([2., -3.]))
    tensor([4., 9.])
    """
    return square(input, out)


def _square_(TensorBase self not None):
    """Squares the tensor itself."""
    return square(self, self, True)


register(Card("square", _square, PowBackward0, "unary", inplace=_square_))


# ---- sqrt ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class SqrtBackward0(Node):                         # d sqrt(a) = da / (2 sqrt(a))
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return div(g, mul(unpack(self, 0), 2))


cdef TensorBase sqrt(object input, object out=None, bint inplace=False):
    return unary_op(SqrtBackward0.__new__(SqrtBackward0) if wants_grad(input) else None, K.unary[op_sqrt], input,
                    out, inplace, FLOATING, KEEP_RESULT)


def _sqrt(input, *, out=None):
    """The square root of each element; NaN below zero.

    >>> import dynagrad
    >>> dynagrad.sqrt(dynagrad.tensor([4., 2.]))
    tensor([2.0000, 1.4142])
    """
    return sqrt(input, out)


def _sqrt_(self):
    """Replaces each element by its square root."""
    return sqrt(self, self, True)


register(Card("sqrt", _sqrt, SqrtBackward0, "unary", inplace=_sqrt_, domain=(0.2, 4)))


# ---- rsqrt -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class RsqrtBackward0(Node):                        # d a^(-1/2) = -a^(-3/2) / 2 da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return mul(mul(g, -0.5), power(unpack(self, 0), 3))


cdef TensorBase rsqrt(object input, object out=None, bint inplace=False):
    return unary_op(RsqrtBackward0.__new__(RsqrtBackward0) if wants_grad(input) else None, K.unary[op_rsqrt], input,
                    out, inplace, FLOATING, KEEP_RESULT)


def _rsqrt(input, *, out=None):
    """One divided by the square root of each element.

    >>> import dynagrad
    >>> dynagrad.rsqrt(dynagrad.tensor([4., 2.]))
    tensor([0.5000, 0.7071])
    """
    return rsqrt(input, out)


def _rsqrt_(self):
    """Replaces each element by its reciprocal square root."""
    return rsqrt(self, self, True)


register(Card("rsqrt", _rsqrt, RsqrtBackward0, "unary", inplace=_rsqrt_, domain=(0.2, 4)))


# ---- exp -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class ExpBackward0(Node):                          # d e^a = e^a da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return mul(g, unpack(self, 0))


cdef TensorBase exp(object input, object out=None, bint inplace=False):
    return unary_op(ExpBackward0.__new__(ExpBackward0) if wants_grad(input) else None, K.unary[op_exp], input,
                    out, inplace, FLOATING, KEEP_RESULT, 8)


def _exp(input, *, out=None):
    """e to the power of each element.

    >>> import dynagrad
    >>> dynagrad.exp(dynagrad.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """
    return exp(input, out)


def _exp_(self):
    """Replaces each element by its exponential."""
    return exp(self, self, True)


register(Card("exp", _exp, ExpBackward0, "unary", inplace=_exp_))


# ---- exp2 ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class Exp2Backward0(Node):                         # d 2^a = ln(2) 2^a da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return mul(g, mul(unpack(self, 0), LN2))


cdef TensorBase exp2(object input, object out=None, bint inplace=False):
    return unary_op(Exp2Backward0.__new__(Exp2Backward0) if wants_grad(input) else None, K.unary[op_exp2], input,
                    out, inplace, FLOATING, KEEP_RESULT, 8)


def _exp2(input, *, out=None):
    """2 to the power of each element.

    >>> import dynagrad
    >>> dynagrad.exp2(dynagrad.tensor([0., 3.]))
    tensor([1., 8.])
    """
    return exp2(input, out)


def _exp2_(self):
    """Replaces each element by 2 to its power."""
    return exp2(self, self, True)


register(Card("exp2", _exp2, Exp2Backward0, "unary", inplace=_exp2_))


# ---- expm1 -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class Expm1Backward0(Node):                        # d (e^a - 1) = (result + 1) da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return g * (unpack(self, 0) + 1)


cdef TensorBase expm1(object input, object out=None, bint inplace=False):
    return unary_op(Expm1Backward0.__new__(Expm1Backward0) if wants_grad(input) else None, K.unary[op_expm1], input,
                    out, inplace, FLOATING, KEEP_RESULT, 8)


def _expm1(input, *, out=None):
    """e to the power of each element, minus 1, precise near zero.

    >>> import dynagrad
    >>> dynagrad.expm1(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 1.7183])
    """
    return expm1(input, out)


def _expm1_(self):
    """Replaces each element by its exponential minus 1."""
    return expm1(self, self, True)


register(Card("expm1", _expm1, Expm1Backward0, "unary", inplace=_expm1_))


# ---- log -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class LogBackward0(Node):                          # d ln(a) = da / a
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return div(g, unpack(self, 0))


cdef TensorBase log(object input, object out=None, bint inplace=False):
    return unary_op(LogBackward0.__new__(LogBackward0) if wants_grad(input) else None, K.unary[op_log], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _log(input, *, out=None):
    """The natural logarithm of each element; -inf at zero, NaN below.

    >>> import dynagrad
    >>> dynagrad.log(dynagrad.tensor([1., 2.]))
    tensor([0.0000, 0.6931])
    """
    return log(input, out)


def _log_(self):
    """Replaces each element by its natural logarithm."""
    return log(self, self, True)


register(Card("log", _log, LogBackward0, "unary", inplace=_log_, domain=(0.2, 4)))


# ---- log2 ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class Log2Backward0(Node):                         # d log2(a) = da / (a ln 2)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return div(g, mul(unpack(self, 0), LN2))


cdef TensorBase log2(object input, object out=None, bint inplace=False):
    return unary_op(Log2Backward0.__new__(Log2Backward0) if wants_grad(input) else None, K.unary[op_log2], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _log2(input, *, out=None):
    """The logarithm to base 2 of each element.

    >>> import dynagrad
    >>> dynagrad.log2(dynagrad.tensor([1., 8.]))
    tensor([0., 3.])
    """
    return log2(input, out)


def _log2_(self):
    """Replaces each element by its logarithm to base 2."""
    return log2(self, self, True)


register(Card("log2", _log2, Log2Backward0, "unary", inplace=_log2_, domain=(0.2, 4)))


# ---- log10 -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class Log10Backward0(Node):                        # d log10(a) = da / (a ln 10)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return div(g, mul(unpack(self, 0), LN10))


cdef TensorBase log10(object input, object out=None, bint inplace=False):
    return unary_op(Log10Backward0.__new__(Log10Backward0) if wants_grad(input) else None, K.unary[op_log10], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _log10(input, *, out=None):
    """The logarithm to base 10 of each element.

    >>> import dynagrad
    >>> dynagrad.log10(dynagrad.tensor([1., 100.]))
    tensor([0., 2.])
    """
    return log10(input, out)


def _log10_(self):
    """Replaces each element by its logarithm to base 10."""
    return log10(self, self, True)


register(Card("log10", _log10, Log10Backward0, "unary", inplace=_log10_, domain=(0.2, 4)))


# ---- log1p -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class Log1PBackward0(Node):                        # d ln(1 + a) = da / (1 + a)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return g / (unpack(self, 0) + 1)


cdef TensorBase log1p(object input, object out=None, bint inplace=False):
    return unary_op(Log1PBackward0.__new__(Log1PBackward0) if wants_grad(input) else None, K.unary[op_log1p], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _log1p(input, *, out=None):
    """The natural logarithm of one plus each element, precise near zero.

    >>> import dynagrad
    >>> dynagrad.log1p(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 0.6931])
    """
    return log1p(input, out)


def _log1p_(self):
    """Replaces each element by the logarithm of one plus it."""
    return log1p(self, self, True)


register(Card("log1p", _log1p, Log1PBackward0, "unary", inplace=_log1p_, domain=(-0.8, 4)))


# ---- xlogy, logaddexp ------------------------------------------------------------------------------------------------

@cython.final
cdef class XlogyBackward0(Node):                        # d (a log b) = log(b) da + a/b db
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        a, b = unpack(self, 0), unpack(self, 1)
        return (where((a == 0) & (b <= 0), 0, xlogy(g, b)) if needs(self, 0) else None,
                g * a / b if needs(self, 1) else None)


@cython.final
cdef class XlogyBackward1(Node):                        # d (k log b) = k/b db
    _pointwise = True
    _saves = ("other",)
    _shows = {"self": number}

    cdef object vjp(self, TensorBase g):
        cdef double k = self.scalar
        return g * k / unpack(self, 0)


@cython.final
cdef class XlogyBackward2(Node):                        # d (a log k) = log(k) da, 0 where both are 0
    _pointwise = True
    _saves = ("self",)
    _shows = {"other": number}

    cdef object vjp(self, TensorBase g):
        cdef double k = self.scalar
        if k <= 0.0:
            return where(unpack(self, 0) == 0, 0, xlogy(g, k))
        return mul(g, log_of(k))


cdef TensorBase xlogy(object input, object other, object out=None, bint inplace=False):
    cdef Node node = None
    cdef bint recording = wants_grad(input) or wants_grad(other)
    cdef TensorBase result
    if is_tensor(input) and is_tensor(other) or not recording:
        return binary_op(XlogyBackward0.__new__(XlogyBackward0) if recording else None, K.binary[op_xlogy], input,
                         other, out, inplace, FLOATING, KEEP_BOTH, 8)
    if out is not None:
        prepare(out, inplace, recording)
    if is_tensor(other):
        node = XlogyBackward1.__new__(XlogyBackward1)
        keep_number(node, input)
    else:
        node = XlogyBackward2.__new__(XlogyBackward2)
        keep_number(node, other)
    begin1(node, <TensorBase>(other if is_tensor(other) else input))
    save_operand(node, 0, other if is_tensor(other) else input, inplace)
    result = binary(K.binary[op_xlogy], input, other, out, FLOATING, NULL, 8)
    settle(node, result, input, other, out, inplace)
    return result


def _xlogy(input, other, *, out=None):
    """``input * log(other)``, and zero where ``input`` is zero unless ``other`` is NaN.

    >>> import dynagrad
    >>> dynagrad.xlogy(dynagrad.tensor([0., 1.]), dynagrad.tensor([0., 2.]))
    tensor([0.0000, 0.6931])
    """
    return xlogy(input, other, out)


def _xlogy_(self, other):
    """Multiplies the tensor itself by the logarithm of ``other``."""
    return xlogy(self, other, self, True)


register(Card("xlogy", _xlogy, XlogyBackward0, "binary", inplace=_xlogy_, domain=(0.2, 4)))


@cython.final
cdef class LogaddexpBackward0(Node):                    # the shares of e^a and e^b in their sum
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        a, b = unpack(self, 0), unpack(self, 1)
        return (g / (1 + exp(b - a)) if needs(self, 0) else None, g / (1 + exp(a - b)) if needs(self, 1) else None)


def _logaddexp(TensorBase input not None, TensorBase other not None, *, out=None):
    """``log(exp(input) + exp(other))`` without overflow. Raises NotImplementedError for integers.

    >>> import dynagrad
    >>> dynagrad.logaddexp(dynagrad.tensor([0., 1000.]), dynagrad.tensor([0., 1000.]))
    tensor([6.9315e-01, 1.0007e+03])
    """
    if not is_float(result_dtype2(input, other)):
        raise not_implemented("logaddexp", input)
    return binary_op(LogaddexpBackward0.__new__(LogaddexpBackward0) if wants_grad(input) or wants_grad(other) else None,
                     K.binary[op_logaddexp], input, other, out, False, FLOATING, KEEP_BOTH, 16)


register(Card("logaddexp", _logaddexp, LogaddexpBackward0, "binary"))
