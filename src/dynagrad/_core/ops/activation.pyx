"""Activations with parameters: value, derivative and card of each. Those that are also methods of a tensor, such as relu
and sigmoid, are with the pointwise ops; softplus, silu and gelu are in `special`.

The loops are kernels/activation.hpp.
"""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import CARDS, Card, register

from dynagrad._core.graph cimport (
    Node, begin1, begin2, needs, prepare, save, save_operand, save_result, settle, thread_state, unpack,
    wants_grad)
from dynagrad._core.iterate cimport cast, contiguous, copy_into, output
from dynagrad._core.layer_kernels cimport (
    Activate, ActivateBackward, LayerKernels, act_elu, act_hardshrink, act_hardsigmoid, act_hardswish, act_hardtanh,
    act_leaky_relu, act_mish, act_softshrink, act_threshold, layer_kernels)
from dynagrad._core.ops.lines cimport over_rows
from dynagrad._core.ops.pointwise cimport as_number, not_implemented
from dynagrad._core.ops.select cimport where
from dynagrad._core.tensor cimport TensorBase, new_like, new_number, new_tensor, shape_tuple
from dynagrad._core.types cimport BF16, BOOL, F16, F32, F64, U8, compute_dtype, compute_of, is_float, itemsizes

cdef const LayerKernels* L = layer_kernels()


# ---- running a loop --------------------------------------------------------------------------------------------------

cdef struct Job:
    Activate forward
    ActivateBackward backward
    char* out
    const char* g
    const char* x
    int64_t itemsize
    double p[3]


cdef void _body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef Job* job = <Job*>context
    cdef int64_t at = begin * job.itemsize
    if job.backward != NULL:
        job.backward(job.out + at, job.g + at, job.x + at, end - begin, job.p)
    else:
        job.forward(job.out + at, job.x + at, end - begin, job.p)


cdef TensorBase _run(int which, TensorBase g, TensorBase x, const double* p):
    """The value at x, or g times the slope there. The operands may have any layout and floating dtype."""
    cdef Job job
    cdef int compute = compute_dtype[compute_of[x.dtype]]
    cdef int dtype = x.dtype
    x = contiguous(cast(x, compute))
    cdef TensorBase out = new_tensor(compute, x.ndim, x.shape)
    cdef int kind = 1 if compute == F64 else 0
    job.forward = L.activate[kind][which]
    job.backward = NULL
    if g is not None:
        g = contiguous(cast(g, compute))
        job.backward = L.activate_backward[kind][which]
        job.g = g.data
    job.out, job.x, job.itemsize = out.data, x.data, itemsizes[compute]
    job.p[0], job.p[1], job.p[2] = p[0], p[1], p[2]
    over_rows(_body, &job, x.numel, x.numel * (8 if which == act_elu or which == act_mish else 1))
    return cast(out, dtype)


# ---- what the nodes share --------------------------------------------------------------------------------------------

cdef class ActivationNode(Node):                        # whole: which; params: as given, then the numbers of the loop
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        cdef double p[3]
        cdef TensorBase x = unpack(self, 0)
        numbers = self.params[len(self.params) - 1]
        p[0], p[1], p[2] = numbers
        if thread_state.grad_enabled:
            return g * self.slope(x, numbers)
        return _run(self.whole, g, x, p)

    cdef object slope(self, TensorBase x, tuple numbers):
        """The slope where it does not depend on x but by cases."""
        cdef double p[3]
        p[0], p[1], p[2] = numbers
        return _run(self.whole, x.detach().new_ones(shape_tuple(x)), x.detach(), p)


cdef TensorBase _apply(ActivationNode node, int which, TensorBase input, bint inplace, str name, tuple given, double a=0,
                       double b=0, double c=0, object out=None, bint overlap_allowed=False):
    """The common course of the ops here. `node` is used if the op is recorded."""
    cdef double p[3]
    cdef TensorBase result, target
    cdef bint recording = wants_grad(input)
    if not is_float(input.dtype):
        raise not_implemented(name, input)
    p[0], p[1], p[2] = a, b, c
    prepare(input if inplace else out, inplace, recording, overlap_allowed)
    if recording:
        node.whole, node.params = which, (*given, (a, b, c))
        begin1(node, input)
        if not isinstance(node, _ByResult):
            save_operand(node, 0, input, inplace)
    result = _run(which, None, input, p)
    if not input.contiguous and not inplace and out is None:
        target = new_like(input, input.dtype)               # which lies as the input does
        copy_into(target, result)
        result = target
    if inplace:
        copy_into(input, result)
        result = input
    elif out is not None:
        target = output(out, input.dtype, input.ndim, input.shape)
        copy_into(target, result)
        result = target
    settle(node if recording else None, result, input, None, input if inplace else out, inplace)
    if recording and isinstance(node, _ByResult):
        save_result(node, 0, result)
    return result


cdef class _ByResult(ActivationNode):                   # of an op in place whose slope the result tells
    _saves = ("result",)

    cdef object vjp(self, TensorBase g):
        return g * self.slope(unpack(self, 0), self.params[len(self.params) - 1])


cdef int _refuse_negative(str name, double slope) except -1:
    if slope < 0:
        raise RuntimeError(f"In-place {name} backward calculation is triggered with a negative slope which is not supported. "
                           "This is caused by calling in-place forward function with a negative slope, please call "
                           "out-of-place version instead.")
    return 0


# ---- elu and its kin -------------------------------------------------------------------------------------------------

cdef object _elu_slope(object x, tuple numbers):
    alpha, scale, input_scale = numbers
    below = (x.clamp(max=0) * input_scale).exp() * (alpha * scale * input_scale)
    return where(x <= 0, below, scale)


@cython.final
cdef class EluBackward0(ActivationNode):                # d a(e^ka - 1)s = a s k e^ka da below 0, s da above
    _keeps = ("alpha", "scale", "input_scale")

    cdef object slope(self, TensorBase x, tuple numbers):
        return _elu_slope(x, numbers)


cdef object _elu_slope_at(object y, tuple numbers):
    """The slope where the result is y."""
    alpha, scale, input_scale = numbers
    _refuse_negative("elu", alpha)
    return where(y <= 0, (y + alpha * scale) * input_scale, scale)


@cython.final
cdef class EluBackward1(_ByResult):
    _keeps = ("alpha", "scale", "input_scale")

    cdef object slope(self, TensorBase y, tuple numbers):
        return _elu_slope_at(y, numbers)


@cython.final
cdef class CeluBackward1(_ByResult):
    _keeps = ("alpha",)

    cdef object slope(self, TensorBase y, tuple numbers):
        return _elu_slope_at(y, numbers)


@cython.final
cdef class CeluBackward0(ActivationNode):
    _keeps = ("alpha",)

    cdef object slope(self, TensorBase x, tuple numbers):
        return _elu_slope(x, numbers)


def elu(TensorBase input not None, alpha=1.0, bint inplace=False):
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below.

    >>> import dynagrad
    >>> dynagrad.nn.functional.elu(dynagrad.tensor([1., -1.]))
    tensor([ 1.0000, -0.6321])
    """
    return _apply(_elu_node(inplace), act_elu, input, inplace, "elu", (alpha, 1, 1), alpha, 1, 1)


cdef ActivationNode _elu_node(bint inplace):
    return EluBackward1.__new__(EluBackward1) if inplace else EluBackward0.__new__(EluBackward0)


def celu(TensorBase input not None, alpha=1.0, bint inplace=False):
    """``x`` above 0, ``alpha * (exp(x / alpha) - 1)`` below. Raises RuntimeError for alpha 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _apply(CeluBackward1.__new__(CeluBackward1) if inplace else CeluBackward0.__new__(CeluBackward0), act_elu, input,
                  inplace, "elu", (alpha,), alpha, 1, 1 / alpha)


cdef double SELU_ALPHA = 1.6732632423543772848170429916717
cdef double SELU_SCALE = 1.0507009873554804934193349852946


def selu(TensorBase input not None, bint inplace=False):
    """elu with the two numbers that keep mean 0 and variance 1 from layer to layer."""
    return _apply(_elu_node(inplace), act_elu, input, inplace, "elu", (SELU_ALPHA, SELU_SCALE, 1), SELU_ALPHA, SELU_SCALE,
                  1)


# ---- straight pieces -------------------------------------------------------------------------------------------------

@cython.final
cdef class HardtanhBackward0(ActivationNode):
    _keeps = ("min_val", "max_val")


@cython.final
cdef class LeakyReluBackward0(ActivationNode):
    _keeps = ("negative_slope",)


@cython.final
cdef class LeakyReluBackward1(_ByResult):
    _keeps = ("negative_slope",)

    cdef object slope(self, TensorBase y, tuple numbers):
        _refuse_negative("leakyReLu", numbers[0])
        return where(y > 0, y.new_ones(()), numbers[0])


@cython.final
cdef class HardsigmoidBackward0(ActivationNode):
    pass


@cython.final
cdef class HardswishBackward0(ActivationNode):          # 0, x/3 + 1/2, 1
    cdef object slope(self, TensorBase x, tuple numbers):
        return where(x <= -3, 0.0, where(x < 3, x / 3 + 0.5, 1.0))


@cython.final
cdef class SoftshrinkBackward0(ActivationNode):
    _keeps = ("lambd",)


@cython.final
cdef class HardshrinkBackward0(ActivationNode):
    _keeps = ("lambd",)


cdef class ThresholdBackward0(ActivationNode):
    _keeps = ("threshold",)


@cython.final
cdef class ThresholdBackward1(ThresholdBackward0):      # of threshold_
    pass


def hardtanh(TensorBase input not None, min_val=-1.0, max_val=1.0, bint inplace=False):
    """``x`` clamped to ``[min_val, max_val]``, with slope 0 at the ends. Raises ValueError if there is nothing between."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if BOOL < input.dtype < F16:
        if input.dtype == U8 and min_val < 0:
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
        clamp = CARDS["clamp"]
        return (clamp.inplace if inplace else clamp.op)(input, int(min_val), int(max_val))
    return _apply(HardtanhBackward0.__new__(HardtanhBackward0), act_hardtanh, input, inplace, "hardtanh",
                  (min_val, max_val), min_val, max_val)


def leaky_relu(TensorBase input not None, negative_slope=0.01, bint inplace=False):
    """``x`` above 0, ``negative_slope * x`` below."""
    cdef ActivationNode node = LeakyReluBackward1.__new__(LeakyReluBackward1) if inplace \
        else LeakyReluBackward0.__new__(LeakyReluBackward0)
    return _apply(node, act_leaky_relu, input, inplace, "leaky_relu", (negative_slope,), negative_slope)


def hardsigmoid(TensorBase input not None, bint inplace=False):
    """``relu6(x + 3) / 6``: a sigmoid of straight pieces."""
    return _apply(HardsigmoidBackward0.__new__(HardsigmoidBackward0), act_hardsigmoid, input, inplace, "hardsigmoid",
                  ())


def hardswish(TensorBase input not None, bint inplace=False):
    """``x * hardsigmoid(x)``."""
    return _apply(HardswishBackward0.__new__(HardswishBackward0), act_hardswish, input, inplace, "hardswish", ())


def softshrink(TensorBase input not None, lambd=0.5, *, out=None):
    """``x`` moved towards 0 by ``lambd``, 0 where it would pass it. Raises RuntimeError for a negative ``lambd``."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return _apply(SoftshrinkBackward0.__new__(SoftshrinkBackward0), act_softshrink, input, False, "softshrink",
                  (lambd,), lambd, 0, 0, out)


def hardshrink(TensorBase input not None, lambd=0.5, *, out=None):
    """``x``, or 0 within ``lambd`` of 0."""
    cdef object bound = lambd
    if input.dtype == F16 or input.dtype == BF16:       # an element compares with what its dtype holds of the bound
        bound = cast(new_number(lambd, F64), input.dtype).item()
    return _apply(HardshrinkBackward0.__new__(HardshrinkBackward0), act_hardshrink, input, False, "hardshrink",
                  (lambd,), bound, 0, 0, out)


def threshold(TensorBase input not None, threshold, value, bint inplace=False):
    """``x`` above the threshold, ``value`` elsewhere. Integer tensors take the whole part of both.

    In place it may hit an element twice, as in an expanded tensor: the second time nothing changes.
    """
    if BOOL < input.dtype < F16:
        fill = CARDS["masked_fill"]
        return (fill.inplace if inplace else fill.op)(input, input <= int(threshold), int(value))
    cdef ActivationNode node = ThresholdBackward1.__new__(ThresholdBackward1) if inplace \
        else ThresholdBackward0.__new__(ThresholdBackward0)
    return _apply(node, act_threshold, input, inplace, "threshold", (threshold,), as_number(threshold), as_number(value), 0,
                  None, True)


# ---- mish, glu -------------------------------------------------------------------------------------------------------

@cython.final
cdef class MishBackward0(ActivationNode):               # with t = tanh(log(1 + e^a)): (t + a s(a) (1 - t^2)) da
    cdef object slope(self, TensorBase x, tuple numbers):
        t = CARDS["softplus"].op(x).tanh()
        return t + x * x.sigmoid() * (1 - t * t)


def mish(TensorBase input not None, bint inplace=False):
    """``x * tanh(log(1 + exp(x)))``."""
    return _apply(MishBackward0.__new__(MishBackward0), act_mish, input, inplace, "mish", ())


@cython.final
cdef class GluBackward0(Node):                          # d (a s(b)) = s da + a s (1 - s) db
    _saves = ("self",)
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        a, b = unpack(self, 0).chunk(2, self.whole)
        s = b.sigmoid()
        return CARDS["cat"].op([g * s, g * a * s * (1 - s)], self.whole)


def glu(TensorBase input not None, dim=-1):
    """The first half along ``dim`` times the sigmoid of the second. Raises RuntimeError for an odd size.

    >>> import dynagrad
    >>> dynagrad.nn.functional.glu(dynagrad.tensor([2., 0.]))
    tensor([1.])
    """
    cdef GluBackward0 node = None
    cdef TensorBase detached = input.detach(), result
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    if not -input.ndim <= dim < input.ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got "
                         f"{dim})")
    dim = dim % input.ndim
    if input.shape[<int>dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {input.shape[<int>dim]}")
    if wants_grad(input):
        node = GluBackward0.__new__(GluBackward0)
        node.whole = dim
        begin1(node, input)
        save(node, 0, input)
    a, b = detached.chunk(2, dim)
    result = a * b.sigmoid()
    settle(node, result, input, None, None, False)
    return result


# ---- prelu, rrelu ----------------------------------------------------------------------------------------------------

@cython.final
cdef class PreluKernelBackward0(Node):                  # x above 0, w x below
    _saves = ("self", "weight")

    cdef object vjp(self, TensorBase g):
        x, w = unpack(self, 0), unpack(self, 1)
        return (where(x > 0, g, w * g) if needs(self, 0) else None,
                where(x > 0, 0.0, x * g) if needs(self, 1) else None)


def prelu(TensorBase input not None, TensorBase weight not None):
    """``x`` above 0, ``weight * x`` below.

    Args:
        input: ``[N, C, ...]``.
        weight: one number for all, or ``[C]``. RuntimeError for another size.
    """
    cdef PreluKernelBackward0 node = None
    cdef TensorBase shaped = weight, result
    if weight.numel != 1:
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != weight.numel:
            raise RuntimeError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                               f"{weight.numel} and channel size = {channels}.")
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if input.dtype != weight.dtype:
        raise RuntimeError("prelu: Type promoting not supported, the dtypes of input and weight must be the same")
    if input.ndim != weight.ndim or input.ndim == 1:
        shaped = weight.view([-1 if i == (1 if input.ndim > 1 else 0) else 1 for i in range(input.ndim)])
    if wants_grad(input) or wants_grad(shaped):
        node = PreluKernelBackward0.__new__(PreluKernelBackward0)
        begin2(node, input, shaped)
        save(node, 0, input)
        save(node, 1, shaped)
    plain, w = input.detach(), shaped.detach()
    result = where(plain > 0, plain, plain * w)
    settle(node, result, input, shaped, None, False)
    return result


@cython.final
cdef class RreluWithNoiseBackward1(Node):               # in place, where PyTorch asks the result
    _saves = ("noise", "result")
    _keeps = ("lower", "upper", "training")

    cdef object vjp(self, TensorBase g):
        return g * unpack(self, 0)


@cython.final
cdef class RreluWithNoiseBackward0(Node):               # x n, where n is the slope that was drawn, or 1
    _saves = ("noise", "self")
    _keeps = ("lower", "upper", "training")

    cdef object vjp(self, TensorBase g):
        return g * unpack(self, 0)


def rrelu(TensorBase input not None, lower=1.0 / 8, upper=1.0 / 3, training=False, bint inplace=False):
    """``x`` above 0; below, ``x`` times a slope drawn from ``U(lower, upper)`` in training, and else times their mean."""
    cdef Node node = None
    cdef TensorBase noise, result
    cdef object plain = input.detach()      # an object: its attributes are those of Python
    cdef bint recording = wants_grad(input)
    if not is_float(input.dtype):
        raise not_implemented("rrelu_with_noise_out", input)
    prepare(input if inplace else None, inplace, recording)
    negative = plain <= 0
    if training:
        # One number is drawn for each element that is not positive, in the order of memory.
        drawn = plain.new_empty((int(negative.sum()),)).double().uniform_(lower, upper)
        noise = plain.new_ones(plain.shape).masked_scatter(negative, drawn.to(plain.dtype))
    else:
        noise = where(negative, plain.new_full((), (lower + upper) / 2), 1.0)
    if recording:
        node = RreluWithNoiseBackward1.__new__(RreluWithNoiseBackward1) if inplace \
            else RreluWithNoiseBackward0.__new__(RreluWithNoiseBackward0)
        node.params = (lower, upper, training)
        begin1(node, input)
        save(node, 0, noise)
        if not inplace:
            save(node, 1, input)
    result = plain * noise
    if inplace:
        copy_into(input, result)
        result = input
    settle(node, result, input, None, input if inplace else None, inplace)
    if node is not None and inplace:
        save_result(node, 1, result)
    return result


for _op in (elu, celu, selu, hardtanh, leaky_relu, hardsigmoid, hardswish, softshrink, hardshrink, threshold, mish, glu, prelu,
            rrelu):
    register(Card(_op.__name__, _op, None, "layer", method=False, function=False))
