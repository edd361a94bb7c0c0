# cython: wraparound=True
"""Functions of one or two numbers that have no vector loop: value and derivative of each. Their arithmetic is
kernels/functions.cpp; their names, examples and cards are in composite/special.py.
"""
import cython

from dynagrad._core.card import CARDS
from dynagrad._core.types import TYPE_NAMES

from libc.math cimport M_PI, sqrt
from libc.stdint cimport int32_t, int64_t

from dynagrad._core.graph cimport (
    Node, attach_many, begin1, begin2, needs, new_node, prepare, reserve_saved, save, save_operand, save_result, settle,
    unpack, wants_grad)
from dynagrad._core.ops.pointwise cimport check_fits
from dynagrad._core.iterate cimport as_operand, cast, contiguous, copy_into, result_dtype2
from dynagrad._core.tensor cimport TensorBase, new_like
from dynagrad._core.types cimport F16, F32, F64, I32, I64, dtype_code, is_float, itemsizes
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "kernels/functions.hpp" namespace "dg" nogil:
    ctypedef int OfOne "dg::OfOne"
    ctypedef int OfTwo "dg::OfTwo"
    void apply_unary "dg::apply"(OfOne f, bint narrow, int64_t n, const void* x, void* out)
    void apply_binary "dg::apply"(OfTwo f, bint narrow, int64_t n, const void* x, const void* y, void* out)
    void greatest_common_divisors(int64_t n, const int64_t* x, const int64_t* y, int64_t* out)
    void split_exponents(bint narrow, int64_t n, const void* x, void* mantissa, int32_t* exponent)


cdef extern from *:                                     # the codes of the functions
    int one_i0 "int(dg::OfOne::i0)"
    int one_i0e "int(dg::OfOne::i0e)"
    int one_i1 "int(dg::OfOne::i1)"
    int one_i1e "int(dg::OfOne::i1e)"
    int one_bessel_j0 "int(dg::OfOne::bessel_j0)"
    int one_bessel_j1 "int(dg::OfOne::bessel_j1)"
    int one_bessel_y0 "int(dg::OfOne::bessel_y0)"
    int one_bessel_y1 "int(dg::OfOne::bessel_y1)"
    int one_modified_bessel_k0 "int(dg::OfOne::modified_bessel_k0)"
    int one_modified_bessel_k1 "int(dg::OfOne::modified_bessel_k1)"
    int one_scaled_modified_bessel_k0 "int(dg::OfOne::scaled_modified_bessel_k0)"
    int one_scaled_modified_bessel_k1 "int(dg::OfOne::scaled_modified_bessel_k1)"
    int one_spherical_bessel_j0 "int(dg::OfOne::spherical_bessel_j0)"
    int one_airy_ai "int(dg::OfOne::airy_ai)"
    int one_erfcx "int(dg::OfOne::erfcx)"
    int one_log_ndtr "int(dg::OfOne::log_ndtr)"
    int one_ndtri "int(dg::OfOne::ndtri)"
    int one_entr "int(dg::OfOne::entr)"
    int two_igamma "int(dg::OfTwo::igamma)"
    int two_igammac "int(dg::OfTwo::igammac)"
    int two_zeta "int(dg::OfTwo::zeta)"
    int two_nextafter "int(dg::OfTwo::nextafter)"
    int two_nextafter_half "int(dg::OfTwo::nextafter_half)"
    int two_nextafter_bfloat16 "int(dg::OfTwo::nextafter_bfloat16)"
    int two_logaddexp2 "int(dg::OfTwo::logaddexp2)"
    int two_chebyshev_t "int(dg::OfTwo::chebyshev_t)"
    int two_chebyshev_u "int(dg::OfTwo::chebyshev_u)"
    int two_chebyshev_v "int(dg::OfTwo::chebyshev_v)"
    int two_chebyshev_w "int(dg::OfTwo::chebyshev_w)"
    int two_shifted_chebyshev_t "int(dg::OfTwo::shifted_chebyshev_t)"
    int two_shifted_chebyshev_u "int(dg::OfTwo::shifted_chebyshev_u)"
    int two_shifted_chebyshev_v "int(dg::OfTwo::shifted_chebyshev_v)"
    int two_shifted_chebyshev_w "int(dg::OfTwo::shifted_chebyshev_w)"
    int two_hermite_h "int(dg::OfTwo::hermite_h)"
    int two_hermite_he "int(dg::OfTwo::hermite_he)"
    int two_laguerre "int(dg::OfTwo::laguerre)"
    int two_legendre "int(dg::OfTwo::legendre)"


cdef object saved_of(Node node, int i):
    return unpack(node, i)


# ---- of one number ---------------------------------------------------------------------------------------------------

cdef class _OneNode(Node):                                # saved: the input, the result
    _saves = ("self", "result")


@cython.final
cdef class I0Backward0(_OneNode):                         # d i0(a) = i1(a) da
    _saves = ("self", "_result")

    cdef object vjp(self, TensorBase g):
        return (g * unary("i1", unpack(self, 0)),)


@cython.final
cdef class SpecialI0EBackward0(_OneNode):
    cdef object vjp(self, TensorBase g):
        x = saved_of(self, 0)
        return (g * (unary("i1e", x) - x.sgn() * saved_of(self, 1)),)


@cython.final
cdef class SpecialI1Backward0(_OneNode):                  # d i1(a) = (i0(a) - i1(a) / a) da, a half at 0
    cdef object vjp(self, TensorBase g):
        x = saved_of(self, 0)
        return (g * _at_zero(x, unary("i0", x) - saved_of(self, 1) / x),)


@cython.final
cdef class SpecialI1EBackward0(_OneNode):
    cdef object vjp(self, TensorBase g):
        x = saved_of(self, 0)
        return (g * _at_zero(x, unary("i0e", x) - saved_of(self, 1) * (x.sgn() + x.reciprocal())),)


cdef object _at_zero(object x, object slope):
    return slope.masked_fill(x == 0, 0.5)


@cython.final
cdef class SpecialEntrBackward0(_OneNode):                # d(-a ln a) = -(1 + ln a) da
    _saves = ("self", "_result")

    cdef object vjp(self, TensorBase g):
        return (g * -(1 + saved_of(self, 0).log()),)


@cython.final
cdef class SpecialErfcxBackward0(_OneNode):
    cdef object vjp(self, TensorBase g):
        return (g * (2 * saved_of(self, 0) * saved_of(self, 1) - 2 / sqrt(M_PI)),)


@cython.final
cdef class SpecialLogNdtrBackward0(_OneNode):
    cdef object vjp(self, TensorBase g):
        return (g / unary("erfcx", saved_of(self, 0) * -sqrt(0.5)) * sqrt(2 / M_PI),)


@cython.final
cdef class SpecialNdtriBackward0(_OneNode):
    _saves = ("_self", "result")

    cdef object vjp(self, TensorBase g):
        return (g * sqrt(2 * M_PI) * (saved_of(self, 1).square() / 2).exp(),)


cdef dict ONE = {
    "i0": (one_i0, I0Backward0), "i0e": (one_i0e, SpecialI0EBackward0),
    "i1": (one_i1, SpecialI1Backward0), "i1e": (one_i1e, SpecialI1EBackward0),
    "bessel_j0": (one_bessel_j0, None), "bessel_j1": (one_bessel_j1, None),
    "bessel_y0": (one_bessel_y0, None), "bessel_y1": (one_bessel_y1, None),
    "modified_bessel_i0": (one_i0, None), "modified_bessel_i1": (one_i1, None),
    "modified_bessel_k0": (one_modified_bessel_k0, None),
    "modified_bessel_k1": (one_modified_bessel_k1, None),
    "scaled_modified_bessel_k0": (one_scaled_modified_bessel_k0, None),
    "scaled_modified_bessel_k1": (one_scaled_modified_bessel_k1, None),
    "spherical_bessel_j0": (one_spherical_bessel_j0, None), "airy_ai": (one_airy_ai, None),
    "erfcx": (one_erfcx, SpecialErfcxBackward0), "log_ndtr": (one_log_ndtr, SpecialLogNdtrBackward0),
    "ndtri": (one_ndtri, SpecialNdtriBackward0), "entr": (one_entr, SpecialEntrBackward0),
}


cdef int _refuse(str name) except -1:
    raise NotImplementedError(f"the derivative for '{name}' is not implemented.")


cdef TensorBase _computed(TensorBase t, int dtype):
    """t in float32 or float64, row by row and without a history."""
    return contiguous(cast(t.detach(), F64 if dtype == F64 else F32))


cdef int _floating(int dtype) except -1:
    return dtype if is_float(dtype) else dtype_code(CARDS["zeros"].op(0).dtype)


cdef TensorBase _delivered(TensorBase made, TensorBase target, bint inplace):
    """What was made, or the target that it was written to."""
    if not inplace:
        return made
    copy_into(target, made)
    return target


def unary(str name, TensorBase input not None, bint inplace=False):
    """The function of this name, element by element; integers become the default floating dtype."""
    cdef Unlocked unlocked
    cdef Node node = None
    cdef int code = ONE[name][0]
    cdef int dtype = _floating(input.dtype)
    cdef TensorBase x = _computed(input, dtype), made = new_like(x, x.dtype)
    if inplace:
        prepare(input, True, wants_grad(input))
    if wants_grad(input) and ONE[name][1] is not None:
        node = new_node(ONE[name][1])
        begin1(node, input)
        reserve_saved(node, 2)
        save_operand(node, 0, input, inplace)
    unlocked.begin()
    with nogil:
        apply_unary(<OfOne>code, x.dtype == F32, x.numel, x.data, made.data)
    made = _delivered(cast(made, dtype), input, inplace)
    settle(node, made, input, None, input if inplace else None, inplace)
    if node is not None:
        save_result(node, 1, made)
    return made


# ---- of two numbers --------------------------------------------------------------------------------------------------

cdef class _TwoNode(Node):
    _saves = ("self", "other")


cdef object _gamma_density(Node node):
    """x^(a-1) e^-x / Gamma(a)"""
    a, x = saved_of(node, 0), saved_of(node, 1)
    return ((a - 1) * x.log() - x - a.lgamma()).exp()


@cython.final
cdef class IgammaBackward0(_TwoNode):
    cdef object vjp(self, TensorBase g):
        if needs(self, 0):
            _refuse("igamma: input")
        return None, g * _gamma_density(self)


@cython.final
cdef class IgammacBackward0(_TwoNode):
    cdef object vjp(self, TensorBase g):
        if needs(self, 0):
            _refuse("igammac: input")
        return None, -(g * _gamma_density(self))


@cython.final
cdef class SpecialZetaBackward0(_TwoNode):
    cdef object vjp(self, TensorBase g):
        if needs(self, 0):
            _refuse("zeta")
        x, q = saved_of(self, 0), saved_of(self, 1)
        return None, g * -x * binary("zeta", x + 1, q)


@cython.final
cdef class Logaddexp2Backward0(_TwoNode):
    cdef object vjp(self, TensorBase g):
        a, b = saved_of(self, 0), saved_of(self, 1)
        return g / (1 + (b - a).exp2()), g / (1 + (a - b).exp2())


@cython.final
cdef class NextafterBackward0(_TwoNode):                # input moved by the least amount, or other where they are equal
    cdef object vjp(self, TensorBase g):
        a, b = saved_of(self, 0), saved_of(self, 1)
        return g * (a != b).to((<object>g).dtype), g.new_zeros(b.shape)


cdef dict TWO = {
    "igamma": (two_igamma, IgammaBackward0), "igammac": (two_igammac, IgammacBackward0),
    "zeta": (two_zeta, SpecialZetaBackward0), "nextafter": (two_nextafter, NextafterBackward0),
    "logaddexp2": (two_logaddexp2, Logaddexp2Backward0),
    "chebyshev_polynomial_t": (two_chebyshev_t, None), "chebyshev_polynomial_u": (two_chebyshev_u, None),
    "chebyshev_polynomial_v": (two_chebyshev_v, None), "chebyshev_polynomial_w": (two_chebyshev_w, None),
    "shifted_chebyshev_polynomial_t": (two_shifted_chebyshev_t, None),
    "shifted_chebyshev_polynomial_u": (two_shifted_chebyshev_u, None),
    "shifted_chebyshev_polynomial_v": (two_shifted_chebyshev_v, None),
    "shifted_chebyshev_polynomial_w": (two_shifted_chebyshev_w, None),
    "hermite_polynomial_h": (two_hermite_h, None), "hermite_polynomial_he": (two_hermite_he, None),
    "laguerre_polynomial_l": (two_laguerre, None), "legendre_polynomial_p": (two_legendre, None),
}


def binary(str name, input, other, bint inplace=False):
    """The function of this name of two tensors or numbers, with broadcasting."""
    cdef Unlocked unlocked
    cdef Node node = None
    cdef int code = TWO[name][0]
    cdef int dtype = _floating(result_dtype2(input, other))
    cdef TensorBase a = as_operand(input, f"{name}(): argument 'input'"), b = as_operand(other, f"{name}(): argument 'other'")
    cdef TensorBase x, y, made
    if not is_float(result_dtype2(input, other)) and name in ("nextafter", "logaddexp2"):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{TYPE_NAMES[result_dtype2(input, other)]}'")
    if code == two_nextafter and itemsizes[dtype] == 2:         # whose steps are others than of the type computed in
        code = two_nextafter_half if dtype == F16 else two_nextafter_bfloat16
    if inplace:
        prepare(a, True, wants_grad(a) or wants_grad(b))
        check_fits(a, b)
    if TWO[name][1] is not None and (wants_grad(a) or wants_grad(b)):
        node = new_node(TWO[name][1])
        begin2(node, a, b)
        reserve_saved(node, 2)
        save_operand(node, 0, a, inplace)
        save(node, 1, b)
    x, y = CARDS["broadcast_tensors"].op(a.detach(), b.detach())
    x, y = _computed(x, dtype), _computed(y, dtype)
    made = new_like(x, x.dtype)
    unlocked.begin()
    with nogil:
        apply_binary(<OfTwo>code, x.dtype == F32, x.numel, x.data, y.data, made.data)
    made = _delivered(cast(made, dtype), a, inplace)
    settle(node, made, a, b, a if inplace else None, inplace)
    return made


# ---- whole numbers and exponents -------------------------------------------------------------------------------------

def common_divisors(TensorBase input not None, TensorBase other not None, str name):
    """The greatest common divisors of integers, with broadcasting."""
    cdef Unlocked unlocked
    cdef int dtype = result_dtype2(input, other)
    cdef TensorBase x, y, made
    if is_float(dtype) or dtype == 0:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{TYPE_NAMES[dtype]}'")
    x, y = CARDS["broadcast_tensors"].op(input, other)
    x, y = contiguous(cast(x, I64)), contiguous(cast(y, I64))
    made = new_like(x, I64)
    unlocked.begin()
    with nogil:
        greatest_common_divisors(x.numel, <int64_t*>x.data, <int64_t*>y.data, <int64_t*>made.data)
    return cast(made, dtype)


@cython.final
cdef class FrexpBackward0(Node):
    _saves = ("exponent",)

    cdef object vjp_many(self, list gradients):         # x = mantissa 2^exponent
        g = gradients[0]
        return (None if g is None else g / saved_of(self, 0).to(g.dtype).exp2(),)


def frexp(TensorBase input not None):
    """(mantissas from a half to one, exponents of two)"""
    cdef Unlocked unlocked
    cdef Node node = None
    cdef TensorBase x, mantissa, exponent
    if not is_float(input.dtype):
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    x = _computed(input, input.dtype)
    mantissa, exponent = new_like(x, x.dtype), new_like(x, I32)
    unlocked.begin()
    with nogil:
        split_exponents(x.dtype == F32, x.numel, x.data, mantissa.data, <int32_t*>exponent.data)
    mantissa = cast(mantissa, input.dtype)
    if wants_grad(input):
        node = FrexpBackward0.__new__(FrexpBackward0)
        begin1(node, input)
        save(node, 0, exponent)
        attach_many(node, [mantissa, exponent])
    else:
        settle(None, mantissa, input, None, None, False)
    return mantissa, exponent
