"""Activations and special functions: value, derivative and card of each op."""
import cython

from libc.math cimport NAN

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport Node, begin1, prepare, save_operand, settle, thread_state, unpack, wants_grad
from dynagrad._core.iterate cimport FLOATING, K, binary, unary
from dynagrad._core.kernel_table cimport (
    Params, op_digamma, op_erf, op_erfc, op_erfinv, op_gelu_erf, op_gelu_erf_backward, op_gelu_tanh,
    op_gelu_tanh_backward, op_lgamma, op_logit, op_logsigmoid, op_logsigmoid_backward, op_maximum, op_minimum,
    op_polygamma, op_sigmoid, op_sigmoid_backward, op_silu, op_silu_backward, op_sinc, op_softplus,
    op_softplus_backward)
from dynagrad._core.ops.pointwise cimport KEEP_INPUT, KEEP_RESULT, mul, neg, not_implemented, unary_op
from dynagrad._core.ops.power cimport exp, square
from dynagrad._core.ops.select cimport where
from dynagrad._core.ops.trigonometric cimport cos, sin, tanh
from dynagrad._core.tensor cimport TensorBase, is_tensor
from dynagrad._core.types cimport is_float

cdef double PI = 3.141592653589793
cdef double TWO_OVER_ROOT_PI = 1.1283791670955126
cdef double ROOT_HALF = 0.7071067811865476
cdef double DENSITY = 0.3989422804014327          # 1 / sqrt(2 pi)
cdef double GELU_SLOPE = 0.7978845608028654       # sqrt(2 / pi)
cdef double GELU_CUBIC = 0.044715


# ---- sigmoid ---------------------------------------------------------------------------------------------------------

@cython.final
cdef class SigmoidBackward0(Node):                      # d s(a) = s (1 - s) da
    _pointwise = True
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        cdef TensorBase r = unpack(self, 0)
        if thread_state.grad_enabled:
            return mul(g, mul(1 - r, r))
        return binary(K.binary[op_sigmoid_backward], g, r, None, FLOATING)


cdef TensorBase sigmoid(object input, object out=None, bint inplace=False):
    return unary_op(SigmoidBackward0.__new__(SigmoidBackward0) if wants_grad(input) else None, K.unary[op_sigmoid],
                    input, out, inplace, FLOATING, KEEP_RESULT, 8)


def _sigmoid(input, *, out=None):
    """``1 / (1 + exp(-x))`` of each element.

    >>> import dynagrad
    >>> dynagrad.sigmoid(dynagrad.tensor([0., 1.]))
    tensor([0.5000, 0.7311])
    """
    return sigmoid(input, out)


def _sigmoid_(self):
    """Replaces each element by its sigmoid."""
    return sigmoid(self, self, True)


register(Card("sigmoid", _sigmoid, SigmoidBackward0, "unary", inplace=_sigmoid_))


# ---- erf -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class ErfBackward0(Node):                          # d erf(a) = 2/sqrt(pi) e^(-a^2) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, exp(neg(square(unpack(self, 0)))) * TWO_OVER_ROOT_PI)


cdef TensorBase erf(object input, object out=None, bint inplace=False):
    return unary_op(ErfBackward0.__new__(ErfBackward0) if wants_grad(input) else None, K.unary[op_erf], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _erf(input, *, out=None):
    """The error function of each element.

    >>> import dynagrad
    >>> dynagrad.erf(dynagrad.tensor([0., 1.]))
    tensor([0.0000, 0.8427])
    """
    return erf(input, out)


def _erf_(self):
    """Replaces each element by its error function."""
    return erf(self, self, True)


register(Card("erf", _erf, ErfBackward0, "unary", inplace=_erf_))


# ---- erfc ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class ErfcBackward0(Node):                         # d erfc(a) = -2/sqrt(pi) e^(-a^2) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, exp(neg(square(unpack(self, 0)))) * -TWO_OVER_ROOT_PI)


cdef TensorBase erfc(object input, object out=None, bint inplace=False):
    return unary_op(ErfcBackward0.__new__(ErfcBackward0) if wants_grad(input) else None, K.unary[op_erfc], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _erfc(input, *, out=None):
    """One minus the error function of each element, precise far out.

    >>> import dynagrad
    >>> dynagrad.erfc(dynagrad.tensor([0., 1.]))
    tensor([1.0000, 0.1573])
    """
    return erfc(input, out)


def _erfc_(self):
    """Replaces each element by its complementary error function."""
    return erfc(self, self, True)


register(Card("erfc", _erfc, ErfcBackward0, "unary", inplace=_erfc_))


# ---- erfinv ----------------------------------------------------------------------------------------------------------

@cython.final
cdef class ErfinvBackward0(Node):                       # d erfinv(a) = sqrt(pi)/2 e^(erfinv(a)^2) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, exp(square(erfinv(unpack(self, 0)))) / TWO_OVER_ROOT_PI)


cdef TensorBase erfinv(object input, object out=None, bint inplace=False):
    return unary_op(ErfinvBackward0.__new__(ErfinvBackward0) if wants_grad(input) else None, K.unary[op_erfinv], input,
                    out, inplace, FLOATING, KEEP_INPUT, 32)


def _erfinv(input, *, out=None):
    """The number whose error function each element is; NaN outside of [-1, 1].

    >>> import dynagrad
    >>> dynagrad.erfinv(dynagrad.tensor([0., 0.5]))
    tensor([0.0000, 0.4769])
    """
    return erfinv(input, out)


def _erfinv_(self):
    """Replaces each element by its inverse error function."""
    return erfinv(self, self, True)


register(Card("erfinv", _erfinv, ErfinvBackward0, "unary", inplace=_erfinv_, domain=(-0.9, 0.9)))


# ---- lgamma ----------------------------------------------------------------------------------------------------------

@cython.final
cdef class LgammaBackward0(Node):                       # d ln|G(a)| = psi(a) da
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, digamma(unpack(self, 0)))


cdef TensorBase lgamma(object input, object out=None, bint inplace=False):
    return unary_op(LgammaBackward0.__new__(LgammaBackward0) if wants_grad(input) else None, K.unary[op_lgamma], input,
                    out, inplace, FLOATING, KEEP_INPUT, 32)


def _lgamma(input, *, out=None):
    """The logarithm of the magnitude of the gamma function at each element.

    >>> import dynagrad
    >>> dynagrad.lgamma(dynagrad.tensor([1., 4.]))
    tensor([0.0000, 1.7918])
    """
    return lgamma(input, out)


def _lgamma_(self):
    """Replaces each element by the logarithm of its gamma function."""
    return lgamma(self, self, True)


register(Card("lgamma", _lgamma, LgammaBackward0, "unary", inplace=_lgamma_, domain=(0.5, 4)))


# ---- digamma ---------------------------------------------------------------------------------------------------------

@cython.final
cdef class DigammaBackward0(Node):                      # d psi(a) = psi'(a) da
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return mul(g, polygamma(1, unpack(self, 0)))


cdef TensorBase digamma(object input, object out=None, bint inplace=False):
    return unary_op(DigammaBackward0.__new__(DigammaBackward0) if wants_grad(input) else None, K.unary[op_digamma],
                    input, out, inplace, FLOATING, KEEP_INPUT, 32)


def _digamma(input, *, out=None):
    """The logarithmic derivative of the gamma function at each element.

    >>> import dynagrad
    >>> dynagrad.digamma(dynagrad.tensor([1., 2.]))
    tensor([-0.5772,  0.4228])
    """
    return digamma(input, out)


def _digamma_(self):
    """Replaces each element by its digamma."""
    return digamma(self, self, True)


register(Card("digamma", _digamma, DigammaBackward0, "unary", inplace=_digamma_, domain=(0.5, 4)))


# ---- polygamma -------------------------------------------------------------------------------------------------------

cdef class PolygammaBackward0(Node):                    # each is the derivative of the one before
    _saves = ("self",)
    _whole = "n"

    cdef object vjp(self, TensorBase g):
        return mul(g, polygamma(self.whole + 1, unpack(self, 0)))


@cython.final
cdef class PolygammaBackward1(PolygammaBackward0):      # of polygamma_
    pass


cdef TensorBase polygamma(int n, TensorBase input, object out=None, bint inplace=False):
    cdef PolygammaBackward0 node = None
    cdef Params params
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    params.i = n
    if wants_grad(input):
        node = PolygammaBackward1.__new__(PolygammaBackward1) if inplace else PolygammaBackward0.__new__(PolygammaBackward0)
        node.whole = n
    return unary_op(node, K.unary[op_polygamma if n else op_digamma], input, out, inplace, FLOATING, KEEP_INPUT, 32, &params)


def _polygamma(n, input, *, out=None):
    """The n-th derivative of the digamma function at each element. Raises RuntimeError for negative n.

    >>> import dynagrad
    >>> dynagrad.polygamma(1, dynagrad.tensor([1.]))
    tensor([1.6449])
    """
    if is_tensor(n):
        n, input = input, n
    if isinstance(n, float):
        raise TypeError(f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    return polygamma(n, <TensorBase?>input, out)


def _polygamma_(TensorBase self not None, int n):
    """Replaces each element by the n-th derivative of the digamma function at it."""
    return polygamma(n, self, self, True)


register(Card("polygamma", _polygamma, PolygammaBackward0, "unary", inplace=_polygamma_, samples="polygamma",
              domain=(0.5, 4)))


# ---- sinc ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class SincBackward0(Node):                         # d sinc(a) = (cos(pi a) - sinc(a)) / a da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        x = unpack(self, 0)
        angle = x * PI
        square = angle * x                              # which is 0 before x is
        return where(square == 0, 0, g * ((angle * cos(angle) - sin(angle)) / square))


cdef TensorBase sinc(object input, object out=None, bint inplace=False):
    return unary_op(SincBackward0.__new__(SincBackward0) if wants_grad(input) else None, K.unary[op_sinc], input,
                    out, inplace, FLOATING, KEEP_INPUT, 8)


def _sinc(input, *, out=None):
    """``sin(pi x) / (pi x)`` of each element, and 1 at zero.

    >>> import dynagrad
    >>> dynagrad.sinc(dynagrad.tensor([0., 0.5]))
    tensor([1.0000, 0.6366])
    """
    return sinc(input, out)


def _sinc_(self):
    """Replaces each element by its normalised sinc."""
    return sinc(self, self, True)


register(Card("sinc", _sinc, SincBackward0, "unary", inplace=_sinc_))


# ---- logit -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class LogitBackward0(Node):                        # d log(a / (1 - a)) = da / (a (1 - a)), nothing where clamped
    _pointwise = True
    _saves = ("self",)
    _keeps = ("eps",)

    cdef object vjp(self, TensorBase g):
        x, eps = unpack(self, 0), self.params[0]
        slope = g / (x * (1 - x))
        if eps is None:
            return where((x < 0) | (x > 1), NAN, slope)
        return where((x < eps) | (x > 1 - eps), 0, slope)


cdef TensorBase logit(TensorBase input, object eps, object out, bint inplace):
    cdef LogitBackward0 node = None
    cdef TensorBase x, result
    if out is not None:
        prepare(out, inplace, wants_grad(input))
    if wants_grad(input):
        node = LogitBackward0.__new__(LogitBackward0)
        node.params = (eps,)
        begin1(node, input)
        save_operand(node, 0, input, inplace)
    x = input
    if eps is not None:
        x = binary(K.binary[op_maximum], input, float(eps), None, FLOATING)
        x = binary(K.binary[op_minimum], x, 1 - float(eps), None, FLOATING)
    result = unary(K.unary[op_logit], x, out, FLOATING, NULL, 8)
    settle(node, result, input, None, out, inplace)
    return result


def _logit(TensorBase input not None, eps=None, *, out=None):
    """``log(x / (1 - x))`` of each element, clamped to [eps, 1 - eps] before if ``eps`` is given.

    >>> import dynagrad
    >>> dynagrad.logit(dynagrad.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    return logit(input, eps, out, False)


def _logit_(TensorBase self not None, eps=None):
    """Replaces each element by its logit."""
    return logit(self, eps, self, True)


register(Card("logit", _logit, LogitBackward0, "unary", inplace=_logit_, domain=(0.1, 0.9)))


# ---- softplus, logsigmoid --------------------------------------------------------------------------------------------

@cython.final
cdef class SoftplusBackward0(Node):                     # d log(1 + e^(ka))/k = s(ka) da
    _pointwise = True
    _saves = ("self",)
    _keeps = ("beta", "threshold")

    cdef object vjp(self, TensorBase g):
        beta, threshold = self.params
        cdef Params params
        x = unpack(self, 0)
        if thread_state.grad_enabled:
            return where(x * beta > threshold, g, g * sigmoid(x * beta))
        params.a, params.b = beta, threshold
        return binary(K.binary[op_softplus_backward], g, x, None, FLOATING, &params, 8)


def _softplus(TensorBase input not None, beta=1, threshold=20, *, out=None):
    """``log(1 + exp(beta * x)) / beta``, a smooth relu; x itself where ``beta * x`` passes the threshold.

    Raises NotImplementedError for integers.
    """
    cdef Params params
    cdef SoftplusBackward0 node = None
    if not is_float(input.dtype):
        raise not_implemented("softplus", input)
    params.a, params.b = beta, threshold
    if wants_grad(input):
        node = SoftplusBackward0.__new__(SoftplusBackward0)
        node.params = (beta, threshold)
    return unary_op(node, K.unary[op_softplus], input, out, False, FLOATING, KEEP_INPUT, 16, &params)


register(Card("softplus", _softplus, SoftplusBackward0, "unary", method=False, function=False))


def _falling(Node node):
    """e^-|a|, which PyTorch keeps beside a."""
    return unpack(node, 0).detach().abs().neg().exp()


@cython.final
cdef class LogSigmoidBackward0(Node):                   # d log s(a) = s(-a) da
    _pointwise = True
    _saves = ("self",)
    _shows = {"buffer": _falling}

    cdef object vjp(self, TensorBase g):
        x = unpack(self, 0)
        if thread_state.grad_enabled:
            return g * sigmoid(-x)
        return binary(K.binary[op_logsigmoid_backward], g, x, None, FLOATING, NULL, 8)


def _logsigmoid(TensorBase input not None, *, out=None):
    """``log(1 / (1 + exp(-x)))`` without overflow. Raises NotImplementedError for integers."""
    if not is_float(input.dtype):
        raise not_implemented("log_sigmoid", input)
    return unary_op(LogSigmoidBackward0.__new__(LogSigmoidBackward0) if wants_grad(input) else None,
                    K.unary[op_logsigmoid], input, out, False, FLOATING, KEEP_INPUT, 16)


register(Card("logsigmoid", _logsigmoid, LogSigmoidBackward0, "unary", method=False, function=False))


# ---- silu, gelu ------------------------------------------------------------------------------------------------------

@cython.final
cdef class SiluBackward0(Node):                         # d (a s(a)) = s (1 + a (1 - s)) da
    _pointwise = True
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        x = unpack(self, 0)
        if thread_state.grad_enabled:
            s = sigmoid(x)
            return g * (s * (1 + x * (1 - s)))
        return binary(K.binary[op_silu_backward], g, x, None, FLOATING, NULL, 8)


def _silu(TensorBase input not None, inplace=False):
    """``x * sigmoid(x)`` of each element. Raises NotImplementedError for integers."""
    if not is_float(input.dtype):
        raise not_implemented("silu", input)
    return unary_op(SiluBackward0.__new__(SiluBackward0) if wants_grad(input) else None, K.unary[op_silu], input,
                    input if inplace else None, inplace, FLOATING, KEEP_INPUT, 8)


register(Card("silu", _silu, SiluBackward0, "unary", method=False, function=False))


@cython.final
cdef class GeluBackward0(Node):                         # d (a P(a)) = (P(a) + a p(a)) da, P the normal distribution
    _pointwise = True
    _saves = ("self",)
    _keeps = ("approximate",)

    cdef object vjp(self, TensorBase g):
        x = unpack(self, 0)
        cdef bint curved = self.params[0] == "tanh"
        cdef int op = op_gelu_tanh_backward if curved else op_gelu_erf_backward
        if thread_state.grad_enabled:
            return g * (_gelu_tanh_slope(x) if curved else _gelu_slope(x))
        return binary(K.binary[op], g, x, None, FLOATING, NULL, 16)


cdef TensorBase _gelu_slope(TensorBase x):
    return (erf(x * ROOT_HALF) + 1) * 0.5 + x * (exp(square(x) * -0.5) * DENSITY)


cdef TensorBase _gelu_tanh_slope(TensorBase x):
    t = tanh((x + x * square(x) * GELU_CUBIC) * GELU_SLOPE)
    inner = (square(x) * (3 * GELU_CUBIC) + 1) * GELU_SLOPE
    return ((t + 1) + x * (1 - square(t)) * inner) * 0.5


def _gelu(TensorBase input not None, *, approximate="none", out=None):
    """Each element times the normal distribution function at it, exact or with the "tanh" approximation.

    Raises RuntimeError for another approximation, NotImplementedError for integers.
    """
    cdef GeluBackward0 node = None
    cdef int op = op_gelu_erf if approximate == "none" else op_gelu_tanh
    if approximate != "none" and approximate != "tanh":
        raise RuntimeError(f"approximate argument must be either none or tanh, not {approximate}.")
    if not is_float(input.dtype):
        raise not_implemented("GeluKernelImpl", input)
    if wants_grad(input):
        node = GeluBackward0.__new__(GeluBackward0)
        node.params = (approximate,)
    return unary_op(node, K.unary[op], input, out, False, FLOATING, KEEP_INPUT, 16)


register(Card("gelu", _gelu, GeluBackward0, "unary", method=False, function=False))
