"""Connectionist temporal classification: value, derivative and card. The derivative has none of its own, as in PyTorch."""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport (
    Node, attach_many, begin1, begin_list, reserve_saved, save, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.linalg cimport shape_error
from dynagrad._core.ops.part cimport zeros
from dynagrad._core.ops.pointwise cimport no_derivative
from dynagrad._core.ops.resample cimport sizes_of
from dynagrad._core.tensor cimport TensorBase, new_tensor
from dynagrad._core.types cimport F32, F64, I64, DType, is_float
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/ctc.hpp" namespace "dg" nogil:
    struct Ctc:
        DType type
        int64_t time, items, classes, most, blank
        const void* log_probs
        const int64_t* targets
        const int64_t* target_starts
        const int64_t* target_lengths
        const int64_t* input_lengths
        void* alpha
        void* losses
    void ctc_forward(const Ctc& c)
    bint ctc_backward(const Ctc& c, const void* g, void* gradient, bint zero_infinity)


cdef TensorBase _whole_numbers(object values):
    cdef int64_t n = len(values)
    cdef TensorBase made = new_tensor(I64, 1, &n)
    for i in range(n):
        (<int64_t*>made.data)[i] = values[i]
    return made


cdef int _describe(Ctc* c, TensorBase log_probs, TensorBase targets, TensorBase numbers, TensorBase alpha, TensorBase losses,
                   int64_t blank) except -1:
    """`numbers` are the starts of the targets, their lengths, and the lengths of the inputs: (3, items)."""
    c.type = <DType>log_probs.dtype
    c.time, c.items, c.classes = log_probs.shape[0], log_probs.shape[1], log_probs.shape[2]
    c.most, c.blank = (alpha.shape[2] - 1) // 2, blank
    c.log_probs = log_probs.data
    c.targets = <int64_t*>targets.data
    c.target_starts = <int64_t*>numbers.data
    c.target_lengths = <int64_t*>numbers.data + c.items
    c.input_lengths = <int64_t*>numbers.data + 2 * c.items
    c.alpha, c.losses = alpha.data, losses.data
    return 0


@cython.final
cdef class CtcLossBackward0(Node):
    _saves = ("log_probs", "targets", "_numbers", "result1", "result0")
    _keeps = ("blank", "zero_infinity", "input_lengths", "target_lengths")

    cdef object vjp(self, TensorBase g):
        cdef Unlocked unlocked
        cdef Ctc c
        cdef TensorBase given = unpack(self, 0)
        cdef TensorBase log_probs = contiguous(given), targets = unpack(self, 1), numbers = unpack(self, 2)
        cdef TensorBase alpha = unpack(self, 3), losses = unpack(self, 4)
        cdef TensorBase made = zeros(log_probs.dtype, 3, log_probs.shape), weights = contiguous(cast(g, log_probs.dtype))
        cdef bint zero_infinity = self.params[1], done
        cdef Node node
        _describe(&c, log_probs, targets, numbers, alpha, losses, self.params[0])
        unlocked.begin()
        with nogil:
            done = ctc_backward(c, weights.data, made.data, zero_infinity)
        if not done:
            raise MemoryError("out of memory in the gradient of ctc_loss")
        if thread_state.grad_enabled and (wants_grad(g) or wants_grad(given)):
            node = no_derivative("_ctc_loss_backward")
            begin_list(node, [g, given])
            attach_many(node, [made])
        return made


cdef list _lengths(object given, int64_t items, str name):
    values = given.flatten().tolist() if isinstance(given, TensorBase) else list(given)
    values = values if isinstance(values, list) else [values]
    if (given.is_floating_point() if isinstance(given, TensorBase) else any([isinstance(n, float) for n in values])):
        raise RuntimeError(f"{name} must be integral")
    if len(values) != items:
        raise RuntimeError(f"{name} must be of size batch_size")
    return [int(n) for n in values]


cdef list _starts(TensorBase targets, list lengths):
    """Where each item's labels begin among the targets, padded (items, most) or one after the other."""
    cdef int64_t most = max(lengths) if lengths else 0
    if targets.ndim == 1:
        if targets.shape[0] != sum(lengths):
            raise shape_error(f"Expected tensor to have size {sum(lengths)} at dimension 0, but got size {targets.shape[0]} for "
                              "argument #2 'targets' (while checking arguments for ctc_loss)", [targets])
        return [sum(lengths[:i]) for i in range(len(lengths))]
    if targets.ndim != 2 or targets.shape[0] != len(lengths):
        raise shape_error(f"ctc_loss: expected targets of size ({len(lengths)}, most) or (sum of lengths,), got "
                          f"{list(sizes_of(targets))}", [targets])
    if targets.shape[1] < most:
        raise shape_error(f"Expected tensor to have size at least {most} at dimension 1, but got size {targets.shape[1]} for "
                          "argument #2 'targets' (while checking arguments for ctc_loss)", [targets])
    return [i * targets.shape[1] for i in range(len(lengths))]


cdef int _check(TensorBase log_probs, TensorBase targets, list inputs, list labels, int64_t blank) except -1:
    if log_probs.dtype != F32 and log_probs.dtype != F64:
        raise RuntimeError(f"\"ctc_loss_cpu\" not implemented for this dtype of log_probs")
    if not 0 <= blank < log_probs.shape[2]:
        raise RuntimeError("blank must be in label range")
    for n in inputs:
        if n > log_probs.shape[0] or n < 0:
            raise RuntimeError(f"Expected input_lengths to have value at most {log_probs.shape[0]}, but got value {n} (while "
                               "checking arguments for ctc_loss)")
    if any([n < 0 for n in labels]):
        raise RuntimeError("Expected target_lengths to have value at least 0")
    return 0


cdef int _check_labels(TensorBase targets, list starts, list labels, int64_t classes) except -1:
    cdef int64_t i, label
    cdef const int64_t* values = <int64_t*>targets.data
    for start, n in zip(starts, labels):
        for i in range(n):
            label = values[<int64_t>start + i]
            if not 0 <= label < classes:
                raise RuntimeError(f"ctc_loss: label {label} is out of range for {classes} classes")
    return 0


def _ctc_losses(TensorBase log_probs not None, TensorBase targets not None, input_lengths, target_lengths, blank=0,
                zero_infinity=False):
    """The loss of each item: -log of the probability of all paths that spell its target. log_probs is (T, N, classes).

    Infinite where no path does. Raises RuntimeError for lengths and labels out of range.

    >>> import dynagrad
    >>> from dynagrad._core.ops.ctc import _ctc_losses
    >>> _ctc_losses(dynagrad.zeros(1, 1, 2), dynagrad.tensor([[1]]), (1,), (1,))
    tensor([-0.])
    """
    cdef Unlocked unlocked
    cdef Ctc c
    cdef Node node = None
    cdef int64_t shape[3]
    cdef TensorBase x, alpha, losses, numbers, places
    if log_probs.ndim != 3:
        raise shape_error(f"ctc_loss: log_probs must be (time, batch, classes), got {list(sizes_of(log_probs))}", [log_probs])
    inputs, labels = _lengths(input_lengths, log_probs.shape[1], "input_lengths"), \
        _lengths(target_lengths, log_probs.shape[1], "target_lengths")
    _check(log_probs, targets, inputs, labels, blank)
    starts = _starts(targets, labels)
    places = contiguous(cast(targets.detach(), I64))
    _check_labels(places, starts, labels, log_probs.shape[2])
    numbers = _whole_numbers([*starts, *labels, *inputs])
    shape[0], shape[1], shape[2] = log_probs.shape[1], log_probs.shape[0], 2 * (max(labels) if labels else 0) + 1
    x = contiguous(log_probs.detach())
    alpha, losses = new_tensor(x.dtype, 3, shape), new_tensor(x.dtype, 1, shape)
    _describe(&c, x, places, numbers, alpha, losses, blank)
    unlocked.begin()
    with nogil:
        ctc_forward(c)
    if wants_grad(log_probs):
        node = CtcLossBackward0.__new__(CtcLossBackward0)
        begin1(node, log_probs)
        reserve_saved(node, 5)
        save(node, 0, log_probs)
        save(node, 1, places)
        save(node, 2, numbers)
        save(node, 3, alpha)
        save(node, 4, losses.detach().clone())
        node.params = (blank, bool(zero_infinity), tuple(inputs), tuple(labels))
    settle(node, losses, log_probs, None, None, False)
    return losses


register(Card("ctc_losses", _ctc_losses, CtcLossBackward0, "layer", method=False, function=False))
