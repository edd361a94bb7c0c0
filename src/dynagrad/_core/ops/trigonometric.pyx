"""Circular and hyperbolic functions, their inverses, and angles: value, derivative and card of each op."""
import cython

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport Node, needs, thread_state, unpack, wants_grad
from dynagrad._core.iterate cimport FLOATING, K, binary
from dynagrad._core.kernel_table cimport (
    op_acos, op_acosh, op_asin, op_asinh, op_atan, op_atan2, op_atanh, op_cos, op_cosh, op_hypot, op_mul,
    op_sin, op_sinh, op_tan, op_tanh, op_tanh_backward)
from dynagrad._core.ops.pointwise cimport (
    KEEP_BOTH, KEEP_INPUT, KEEP_RESULT, ONE_EDGE, OTHER_FOR_OTHER, add, binary_op, mul, neg, not_implemented, unary_op)
from dynagrad._core.ops.power cimport rsqrt, square
from dynagrad._core.ops.select cimport where
from dynagrad._core.tensor cimport TensorBase
from dynagrad._core.types cimport is_float


# ---- sin -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class SinBackward0(Node):                          # d sin(a) = cos(a) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, cos(unpack(self, 0)))


cdef TensorBase sin(object input, object out=None, bint inplace=False):
    return unary_op(SinBackward0.__new__(SinBackward0) if wants_grad(input) else None, K.unary[op_sin], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _sin(input, *, out=None):
    """The sine of each angle in radians.

    >>> import dynagrad
    >>> dynagrad.sin(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 0.8415])
    """
    return sin(input, out)


def _sin_(self):
    """Replaces each element by its sine."""
    return sin(self, self, True)


register(Card("sin", _sin, SinBackward0, "unary", inplace=_sin_))


# ---- cos -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class CosBackward0(Node):                          # d cos(a) = -sin(a) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, neg(sin(unpack(self, 0))))


cdef TensorBase cos(object input, object out=None, bint inplace=False):
    return unary_op(CosBackward0.__new__(CosBackward0) if wants_grad(input) else None, K.unary[op_cos], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _cos(input, *, out=None):
    """The cosine of each angle in radians.

    >>> import dynagrad
    >>> dynagrad.cos(dynagrad.tensor([0., 1.]))
    tensor([1.0000, 0.5403])
    """
    return cos(input, out)


def _cos_(self):
    """Replaces each element by its cosine."""
    return cos(self, self, True)


register(Card("cos", _cos, CosBackward0, "unary", inplace=_cos_))


# ---- tan -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class TanBackward0(Node):                          # d tan(a) = (1 + tan(a)^2) da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return g * (square(unpack(self, 0)) + 1)


cdef TensorBase tan(object input, object out=None, bint inplace=False):
    return unary_op(TanBackward0.__new__(TanBackward0) if wants_grad(input) else None, K.unary[op_tan], input,
                    out, inplace, FLOATING, KEEP_RESULT, 8)


def _tan(input, *, out=None):
    """The tangent of each angle in radians.

    >>> import dynagrad
    >>> dynagrad.tan(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 1.5574])
    """
    return tan(input, out)


def _tan_(self):
    """Replaces each element by its tangent."""
    return tan(self, self, True)


register(Card("tan", _tan, TanBackward0, "unary", inplace=_tan_, domain=(-1.2, 1.2)))


# ---- asin ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class AsinBackward0(Node):                         # d asin(a) = da / sqrt(1 - a^2)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return g * rsqrt(1 - square(unpack(self, 0)))


cdef TensorBase asin(object input, object out=None, bint inplace=False):
    return unary_op(AsinBackward0.__new__(AsinBackward0) if wants_grad(input) else None, K.unary[op_asin], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _asin(input, *, out=None):
    """The angle in [-pi/2, pi/2] whose sine each element is; NaN outside of [-1, 1].

    >>> import dynagrad
    >>> dynagrad.asin(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 1.5708])
    """
    return asin(input, out)


def _asin_(self):
    """Replaces each element by its inverse sine."""
    return asin(self, self, True)


register(Card("asin", _asin, AsinBackward0, "unary", inplace=_asin_, aliases=("arcsin",), domain=(-0.9, 0.9)))


# ---- acos ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class AcosBackward0(Node):                         # d acos(a) = -da / sqrt(1 - a^2)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return g * -rsqrt(1 - square(unpack(self, 0)))


cdef TensorBase acos(object input, object out=None, bint inplace=False):
    return unary_op(AcosBackward0.__new__(AcosBackward0) if wants_grad(input) else None, K.unary[op_acos], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _acos(input, *, out=None):
    """The angle in [0, pi] whose cosine each element is; NaN outside of [-1, 1].

    >>> import dynagrad
    >>> dynagrad.acos(dynagrad.tensor([0., 1.]))
    tensor([1.5708, 0.0000])
    """
    return acos(input, out)


def _acos_(self):
    """Replaces each element by its inverse cosine."""
    return acos(self, self, True)


register(Card("acos", _acos, AcosBackward0, "unary", inplace=_acos_, aliases=("arccos",), domain=(-0.9, 0.9)))


# ---- atan ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class AtanBackward0(Node):                         # d atan(a) = da / (1 + a^2)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return g / (square(unpack(self, 0)) + 1)


cdef TensorBase atan(object input, object out=None, bint inplace=False):
    return unary_op(AtanBackward0.__new__(AtanBackward0) if wants_grad(input) else None, K.unary[op_atan], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _atan(input, *, out=None):
    """The angle in (-pi/2, pi/2) whose tangent each element is.

    >>> import dynagrad
    >>> dynagrad.atan(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 0.7854])
    """
    return atan(input, out)


def _atan_(self):
    """Replaces each element by its inverse tangent."""
    return atan(self, self, True)


register(Card("atan", _atan, AtanBackward0, "unary", inplace=_atan_, aliases=("arctan",)))


# ---- sinh ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class SinhBackward0(Node):                         # d sinh(a) = cosh(a) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, cosh(unpack(self, 0)))


cdef TensorBase sinh(object input, object out=None, bint inplace=False):
    return unary_op(SinhBackward0.__new__(SinhBackward0) if wants_grad(input) else None, K.unary[op_sinh], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _sinh(input, *, out=None):
    """The hyperbolic sine of each element.

    >>> import dynagrad
    >>> dynagrad.sinh(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 1.1752])
    """
    return sinh(input, out)


def _sinh_(self):
    """Replaces each element by its hyperbolic sine."""
    return sinh(self, self, True)


register(Card("sinh", _sinh, SinhBackward0, "unary", inplace=_sinh_))


# ---- cosh ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class CoshBackward0(Node):                         # d cosh(a) = sinh(a) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, sinh(unpack(self, 0)))


cdef TensorBase cosh(object input, object out=None, bint inplace=False):
    return unary_op(CoshBackward0.__new__(CoshBackward0) if wants_grad(input) else None, K.unary[op_cosh], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _cosh(input, *, out=None):
    """The hyperbolic cosine of each element.

    >>> import dynagrad
    >>> dynagrad.cosh(dynagrad.tensor([0., 1.]))
    tensor([1.0000, 1.5431])
    """
    return cosh(input, out)


def _cosh_(self):
    """Replaces each element by its hyperbolic cosine."""
    return cosh(self, self, True)


register(Card("cosh", _cosh, CoshBackward0, "unary", inplace=_cosh_))


# ---- tanh ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class TanhBackward0(Node):                         # d tanh(a) = (1 - tanh(a)^2) da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        cdef TensorBase r = unpack(self, 0)
        if thread_state.grad_enabled:
            return mul(g, add(neg(mul(r, r)), 1, None))
        return binary(K.binary[op_tanh_backward], g, r, None, FLOATING)


cdef TensorBase tanh(object input, object out=None, bint inplace=False):
    return unary_op(TanhBackward0.__new__(TanhBackward0) if wants_grad(input) else None, K.unary[op_tanh], input, out,
                    inplace, FLOATING, KEEP_RESULT, 8)


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


# ---- asinh -----------------------------------------------------------------------------------------------------------

cdef class AsinhBackward0(Node):                        # d asinh(a) = da / sqrt(a^2 + 1)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return g * rsqrt(square(unpack(self, 0)) + 1)


@cython.final
cdef class AsinhBackward1(AsinhBackward0):              # of asinh_, where PyTorch has no derivative
    _saves = ("_self",)


cdef TensorBase asinh(object input, object out=None, bint inplace=False):
    cdef Node node = None
    if wants_grad(input):
        node = AsinhBackward1.__new__(AsinhBackward1) if inplace else AsinhBackward0.__new__(AsinhBackward0)
    return unary_op(node, K.unary[op_asinh], input, out, inplace, FLOATING, KEEP_INPUT, 8)


def _asinh(input, *, out=None):
    """The number whose hyperbolic sine each element is.

    >>> import dynagrad
    >>> dynagrad.asinh(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 0.8814])
    """
    return asinh(input, out)


def _asinh_(self):
    """Replaces each element by its inverse hyperbolic sine."""
    return asinh(self, self, True)


register(Card("asinh", _asinh, AsinhBackward0, "unary", inplace=_asinh_, aliases=("arcsinh",)))


# ---- acosh -----------------------------------------------------------------------------------------------------------

cdef class AcoshBackward0(Node):                        # d acosh(a) = da / sqrt(a^2 - 1)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return g * rsqrt(square(unpack(self, 0)) - 1)


@cython.final
cdef class AcoshBackward1(AcoshBackward0):              # of acosh_, where PyTorch has no derivative
    _saves = ("_self",)


cdef TensorBase acosh(object input, object out=None, bint inplace=False):
    cdef Node node = None
    if wants_grad(input):
        node = AcoshBackward1.__new__(AcoshBackward1) if inplace else AcoshBackward0.__new__(AcoshBackward0)
    return unary_op(node, K.unary[op_acosh], input, out, inplace, FLOATING, KEEP_INPUT, 8)


def _acosh(input, *, out=None):
    """The number from 0 up whose hyperbolic cosine each element is; NaN below 1.

    >>> import dynagrad
    >>> dynagrad.acosh(dynagrad.tensor([1., 2.]))
    tensor([0.0000, 1.3170])
    """
    return acosh(input, out)


def _acosh_(self):
    """Replaces each element by its inverse hyperbolic cosine."""
    return acosh(self, self, True)


register(Card("acosh", _acosh, AcoshBackward0, "unary", inplace=_acosh_, aliases=("arccosh",), domain=(1.2, 4)))


# ---- atanh -----------------------------------------------------------------------------------------------------------

cdef class AtanhBackward0(Node):                        # d atanh(a) = da / (1 - a^2)
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return g / (1 - square(unpack(self, 0)))


@cython.final
cdef class AtanhBackward1(AtanhBackward0):              # of atanh_, where PyTorch has no derivative
    _saves = ("_self",)


cdef TensorBase atanh(object input, object out=None, bint inplace=False):
    cdef Node node = None
    if wants_grad(input):
        node = AtanhBackward1.__new__(AtanhBackward1) if inplace else AtanhBackward0.__new__(AtanhBackward0)
    return unary_op(node, K.unary[op_atanh], input, out, inplace, FLOATING, KEEP_INPUT, 8)


def _atanh(input, *, out=None):
    """The number whose hyperbolic tangent each element is; NaN outside of [-1, 1].

    >>> import dynagrad
    >>> dynagrad.atanh(dynagrad.tensor([0., 0.5]))
    tensor([0.0000, 0.5493])
    """
    return atanh(input, out)


def _atanh_(self):
    """Replaces each element by its inverse hyperbolic tangent."""
    return atanh(self, self, True)


register(Card("atanh", _atanh, AtanhBackward0, "unary", inplace=_atanh_, aliases=("arctanh",), domain=(-0.9, 0.9)))


# ---- atan2, hypot ----------------------------------------------------------------------------------------------------

@cython.final
cdef class Atan2Backward0(Node):                        # d atan2(y, x) = (x dy - y dx) / (x^2 + y^2), 0 at the origin
    _pointwise = True
    _saves = ("self", "other")

    cdef object vjp(self, TensorBase g):
        y, x = unpack(self, 0), unpack(self, 1)
        squares = square(x) + square(y)
        scale = where(squares == 0, 0, 1 / squares)
        return (g * (x * scale) if needs(self, 0) else None, g * (-y * scale) if needs(self, 1) else None)


cdef TensorBase atan2(TensorBase input, TensorBase other, object out, bint inplace):
    return binary_op(Atan2Backward0.__new__(Atan2Backward0) if wants_grad(input) or wants_grad(other) else None,
                     K.binary[op_atan2], input, other, out, inplace, FLOATING, KEEP_BOTH, 8)


def _atan2(TensorBase input not None, TensorBase other not None, *, out=None):
    """The angle in (-pi, pi] of the point with ordinate ``input`` and abscissa ``other``.

    >>> import dynagrad
    >>> dynagrad.atan2(dynagrad.tensor([0., 1.]), dynagrad.tensor([-1., 1.]))
    tensor([3.1416, 0.7854])
    """
    return atan2(input, other, out, False)


def _atan2_(TensorBase self not None, TensorBase other not None):
    """Replaces each element by the angle of the point (``other``, element)."""
    return atan2(self, other, self, True)


register(Card("atan2", _atan2, Atan2Backward0, "binary", inplace=_atan2_, aliases=("arctan2",), domain=(0.2, 4)))


@cython.final
cdef class HypotBackward0(Node):                        # d hypot(a, b) = (a da + b db) / hypot(a, b)
    _pointwise = True
    _saves = ("self", "other", "result")

    cdef object vjp(self, TensorBase g):
        r = unpack(self, 2)
        return (g * (unpack(self, 0) / r) if needs(self, 0) else None,
                g * (unpack(self, 1) / r) if needs(self, 1) else None)


cdef TensorBase hypot(TensorBase input, TensorBase other, object out, bint inplace):
    if not is_float(input.dtype) and not is_float(other.dtype):
        raise not_implemented("hypot", input)
    return binary_op(HypotBackward0.__new__(HypotBackward0) if wants_grad(input) or wants_grad(other) else None,
                     K.binary[op_hypot], input, other, out, inplace, FLOATING,
                     KEEP_BOTH | KEEP_RESULT | OTHER_FOR_OTHER, 4)


def _hypot(TensorBase input not None, TensorBase other not None, *, out=None):
    """The hypotenuse of the right triangle with the given legs. Raises NotImplementedError for integers.

    >>> import dynagrad
    >>> dynagrad.hypot(dynagrad.tensor([3.]), dynagrad.tensor([4.]))
    tensor([5.])
    """
    return hypot(input, other, out, False)


def _hypot_(TensorBase self not None, TensorBase other not None):
    """Replaces each element by the hypotenuse of it and ``other``."""
    return hypot(self, other, self, True)


register(Card("hypot", _hypot, HypotBackward0, "binary", inplace=_hypot_, domain=(0.2, 4)))


# ---- degrees and radians ---------------------------------------------------------------------------------------------

cdef double _degree = 0.017453292519943295


@cython.final
cdef class Deg2RadBackward0(Node):
    _pointwise = True
    cdef object vjp(self, TensorBase g):
        return mul(g, _degree)


@cython.final
cdef class Rad2DegBackward0(Node):
    _pointwise = True
    cdef object vjp(self, TensorBase g):
        return mul(g, 1 / _degree)


cdef TensorBase _deg2rad_op(TensorBase input, object out, bint inplace):
    return _scaled(Deg2RadBackward0.__new__(Deg2RadBackward0) if wants_grad(input) else None, input, _degree, out,
                   inplace)


cdef TensorBase _rad2deg_op(TensorBase input, object out, bint inplace):
    return _scaled(Rad2DegBackward0.__new__(Rad2DegBackward0) if wants_grad(input) else None, input, 1 / _degree, out,
                   inplace)


cdef TensorBase _scaled(Node node, TensorBase input, double factor, object out, bint inplace):
    return binary_op(node, K.binary[op_mul], input, factor, out, inplace, FLOATING, ONE_EDGE)


def _deg2rad(TensorBase input not None, *, out=None):
    """Degrees converted to radians.

    >>> import dynagrad
    >>> dynagrad.deg2rad(dynagrad.tensor([180.]))
    tensor([3.1416])
    """
    return _deg2rad_op(input, out, False)


def _deg2rad_(TensorBase self not None):
    """Converts the tensor itself from degrees to radians."""
    return _deg2rad_op(self, self, True)


def _rad2deg(TensorBase input not None, *, out=None):
    """Radians converted to degrees.

    >>> import dynagrad
    >>> dynagrad.rad2deg(dynagrad.tensor([1.]))
    tensor([57.2958])
    """
    return _rad2deg_op(input, out, False)


def _rad2deg_(TensorBase self not None):
    """Converts the tensor itself from radians to degrees."""
    return _rad2deg_op(self, self, True)


register(Card("deg2rad", _deg2rad, Deg2RadBackward0, "unary", inplace=_deg2rad_))
register(Card("rad2deg", _rad2deg, Rad2DegBackward0, "unary", inplace=_rad2deg_))
