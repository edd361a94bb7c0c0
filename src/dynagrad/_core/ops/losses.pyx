"""Losses of two tensors, element by element, that PyTorch records as one node: value, derivative and card of each.

Losses made of other ops are in ``dynagrad/nn/functional/loss.py``; nll_loss is beside embedding, which also chooses by
integers.
"""
import cython

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    Node, begin, link, needs, reserve_saved, save, settle, thread_state, unpack, wants_grad)
from dynagrad._core.ops.pointwise cimport mul, sub
from dynagrad._core.ops.select cimport where
from dynagrad._core.tensor cimport TensorBase
from dynagrad._core.types cimport BOOL, is_float

cdef enum:
    NONE = 0
    MEAN = 1
    SUM = 2


cdef int _reduction(object name) except -1:
    if name == "mean":
        return MEAN
    if name == "sum":
        return SUM
    if name == "none":
        return NONE
    raise ValueError(f"{name} is not a valid value for reduction")


cdef class _LossNode(Node):                             # whole: the reduction; scalar: a number of the formula
    _saves = ("self", "target")
    _whole = "reduction"

    cdef object vjp(self, TensorBase g):
        x, t = unpack(self, 0), unpack(self, 1)
        slope, target_slope = self.slopes(x, t, needs(self, 0), needs(self, 1))
        if self.whole == MEAN:
            g = g / self.params[0]
        return (None if slope is None else g * slope, None if target_slope is None else g * target_slope)

    cdef tuple slopes(self, object x, object t, bint for_input, bint for_target):
        """The derivatives of each element's loss by the two operands."""
        raise NotImplementedError(type(self).__name__)


cdef object _run(_LossNode node, TensorBase input, TensorBase target, str reduction, object values, TensorBase weight=None,
                 TensorBase pos_weight=None, double scalar=0):
    """The loss of `values(input, target)`, with the node as its history where it is recorded."""
    cdef int kind = _reduction(reduction)
    cdef bint recording = wants_grad(input) or wants_grad(target)
    cdef bint before = thread_state.grad_enabled
    cdef TensorBase result
    if recording:
        begin(node, 2)
        reserve_saved(node, 4)
        link(node, 0, input)
        link(node, 1, target)
        save(node, 0, input)
        save(node, 1, target)
        if weight is not None:
            save(node, 2, weight)
        if pos_weight is not None:
            save(node, 3, pos_weight)
    thread_state.grad_enabled = False
    try:
        each = values()
        result = each if kind == NONE else each.mean() if kind == MEAN else each.sum()
    finally:
        thread_state.grad_enabled = before
    if recording:
        node.whole, node.scalar, node.params = kind, scalar, (each.numel(),)
    settle(node if recording else None, result, input, target, None, False)
    return result


# ---- distances -------------------------------------------------------------------------------------------------------

cdef tuple _both(object slope, bint for_input, bint for_target):
    return slope if for_input else None, -slope if for_target else None


@cython.final
cdef class MseLossBackward0(_LossNode):                 # d (x - t)^2
    cdef tuple slopes(self, object x, object t, bint for_input, bint for_target):
        return _both((x - t) * 2, for_input, for_target)


@cython.final
cdef class SmoothL1LossBackward0(_LossNode):
    _scalar = "beta"

    cdef tuple slopes(self, object x, object t, bint for_input, bint for_target):
        z = x - t
        return _both(where(z.abs() < self.scalar, z / self.scalar, z.sign()), for_input, for_target)


@cython.final
cdef class HuberLossBackward0(_LossNode):
    _scalar = "delta"

    cdef tuple slopes(self, object x, object t, bint for_input, bint for_target):
        return _both((x - t).clamp(-self.scalar, self.scalar), for_input, for_target)


def mse_loss(TensorBase input not None, TensorBase target not None, reduction="mean"):
    """``(input - target)²`` of each element, and their mean, their sum, or as they are ("none").

    >>> import dynagrad
    >>> dynagrad.nn.functional.mse_loss(dynagrad.tensor([1., 2.]), dynagrad.tensor([0., 0.]))
    tensor(2.5000)
    """
    def values():
        z = sub(input, target, 1)
        return mul(z, z, z, True)
    return _run(MseLossBackward0.__new__(MseLossBackward0), input, target, reduction, values)


def smooth_l1_loss(TensorBase input not None, TensorBase target not None, reduction="mean", double beta=1.0):
    """``z² / (2 beta)`` where ``z = |input - target|`` is below ``beta``, and ``z - beta / 2`` elsewhere.

    Raises RuntimeError unless beta is positive.
    """
    if beta <= 0:
        raise RuntimeError("smooth_l1_loss does not support non-positive values for beta.")

    def values():
        z = (input - target).abs()
        return where(z < beta, z * z * (0.5 / beta), z - 0.5 * beta)
    return _run(SmoothL1LossBackward0.__new__(SmoothL1LossBackward0), input, target, reduction, values, None, None, beta)


def huber_loss(TensorBase input not None, TensorBase target not None, reduction="mean", double delta=1.0):
    """``z² / 2`` where ``z = |input - target|`` is at most ``delta``, and ``delta * (z - delta / 2)`` elsewhere.

    Raises RuntimeError unless delta is positive.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")

    def values():
        z = (input - target).abs()
        return where(z <= delta, z * z * 0.5, (z - 0.5 * delta) * delta)
    return _run(HuberLossBackward0.__new__(HuberLossBackward0), input, target, reduction, values, None, None, delta)


# ---- probabilities ---------------------------------------------------------------------------------------------------

cdef double LEAST_LOG = -100        # of a probability of 0, so that the loss stays finite
cdef double LEAST_PRODUCT = 1e-12   # x (1 - x) in the denominator of the derivative


@cython.final
cdef class BinaryCrossEntropyBackward0(_LossNode):      # d -(t log x + (1 - t) log(1 - x)) = (x - t) / (x (1 - x)) dx
    _saves = ("self", "target", "weight")

    cdef tuple slopes(self, object x, object t, bint for_input, bint for_target):
        weight = unpack(self, 2)
        slope = (x - t) / ((1 - x) * x).clamp(min=LEAST_PRODUCT) if for_input else None
        target_slope = (-x).log1p().clamp(min=LEAST_LOG) - x.log().clamp(min=LEAST_LOG) if for_target else None
        if weight is not None:
            slope = None if slope is None else slope * weight
            target_slope = None if target_slope is None else target_slope * weight
        return slope, target_slope


@cython.final
cdef class BinaryCrossEntropyWithLogitsBackward0(_LossNode):
    _saves = ("self", "target", "weight", "pos_weight")

    cdef tuple slopes(self, object x, object t, bint for_input, bint for_target):
        weight, positive = unpack(self, 2), unpack(self, 3)
        log_sigmoid = CARDS["logsigmoid"].op
        slope = target_slope = None
        if for_input:
            slope = x.sigmoid() - t if positive is None else (positive * t + 1 - t) * x.sigmoid() - positive * t
        if for_target:
            target_slope = -x if positive is None else log_sigmoid(-x) - positive * log_sigmoid(x)
        if weight is not None:
            slope = None if slope is None else slope * weight
            target_slope = None if target_slope is None else target_slope * weight
        return slope, target_slope


def binary_cross_entropy(TensorBase input not None, TensorBase target not None, TensorBase weight=None, reduction="mean"):
    """``-(t log x + (1 - t) log(1 - x))`` of probabilities x, times ``weight``. Logarithms are taken to be at least -100.

    Raises RuntimeError for an input outside [0, 1].
    """
    plain = input.detach()
    if input.numel and not (plain.min() >= 0 and plain.max() <= 1):
        raise RuntimeError("all elements of input should be between 0 and 1")

    def values():
        made = (target - 1) * (-input).log1p().clamp(min=LEAST_LOG) - target * input.log().clamp(min=LEAST_LOG)
        return made if weight is None else made * weight
    return _run(BinaryCrossEntropyBackward0.__new__(BinaryCrossEntropyBackward0), input, target, reduction, values, weight)


def binary_cross_entropy_with_logits(TensorBase input not None, TensorBase target not None, TensorBase weight=None,
                                     TensorBase pos_weight=None, reduction="mean"):
    """binary_cross_entropy of ``sigmoid(input)``, without its loss of digits; in the dtype of ``target``.

    Raises RuntimeError for a target of integers or bools.

    Args:
        weight: times each element's loss.
        pos_weight: times the part that belongs to a target of 1.
    """
    def values():
        log_p = CARDS["logsigmoid"].op(input)
        if target.dtype == BOOL:
            raise RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                               "`logical_xor()` operator instead. Give the targets as floating numbers")
        if not is_float(target.dtype):
            raise RuntimeError(f"result type {TYPE_NAMES[input.dtype]} can't be cast to the desired output type "
                               f"{TYPE_NAMES[target.dtype]}: give the targets as floating numbers")
        if pos_weight is not None:
            log_p = log_p * ((pos_weight - 1) * target + 1)
        made = (1 - target) * input - log_p
        return (made if weight is None else made * weight).to((<object>target).dtype)
    return _run(BinaryCrossEntropyWithLogitsBackward0.__new__(BinaryCrossEntropyWithLogitsBackward0), input, target,
                reduction, values, weight, pos_weight)


@cython.final
cdef class SoftMarginLossBackward0(_LossNode):          # d log(1 + e^(-t x)) = -t s(-t x) dx
    cdef tuple slopes(self, object x, object t, bint for_input, bint for_target):
        return (-t * (-t * x).sigmoid() if for_input else None, None)


def soft_margin_loss(TensorBase input not None, TensorBase target not None, reduction="mean"):
    """``log(1 + exp(-target * input))`` of each element; the targets are 1 and -1."""
    def values():
        return (-target * input).exp().log1p()
    return _run(SoftMarginLossBackward0.__new__(SoftMarginLossBackward0), input, target.detach(), reduction, values)


for _op, _node in ((mse_loss, MseLossBackward0), (smooth_l1_loss, SmoothL1LossBackward0), (huber_loss, HuberLossBackward0),
                   (binary_cross_entropy, BinaryCrossEntropyBackward0),
                   (binary_cross_entropy_with_logits, BinaryCrossEntropyWithLogitsBackward0),
                   (soft_margin_loss, SoftMarginLossBackward0)):
    register(Card(_op.__name__, _op, _node, "layer", method=False, function=False))
