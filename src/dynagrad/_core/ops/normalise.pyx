"""layer_norm and rms_norm: each normalises over the last dimensions. Values, derivatives and cards.

The loops are kernels/norm_rows.hpp.
"""
import cython
from libc.stdint cimport int64_t
from libc.string cimport memset

from dynagrad._core.card import Card, register
from dynagrad._core.types import TYPE_NAMES, finfo

from dynagrad._core.graph cimport (
    Node, attach, attach_many, begin, link, needs, reserve_saved, save, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.kernel_table cimport parallel_threshold
from dynagrad._core.layer_kernels cimport (
    LayerKernels, NormBackwardLoop, NormLoop, NormRows, NormRowsBackward, layer_kernels)
from dynagrad._core.ops.lines cimport over_rows
from dynagrad._core.ops.pointwise cimport not_implemented
from dynagrad._core.tensor cimport TensorBase, new_alias, new_tensor, shape_tuple
from dynagrad._core.types cimport F64, compute_dtype, compute_of, dtype_object, is_float, itemsizes

cdef const LayerKernels* L = layer_kernels()

cdef enum:
    PARTS = 16      # the rows are split into as many sums of dweight and dbias, which are then added up


# ---- running the loops -----------------------------------------------------------------------------------------------

cdef struct Job:
    NormLoop forward
    NormBackwardLoop backward
    NormRows rows
    NormRowsBackward back
    int64_t count, row_bytes, parts


cdef void _forward_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef Job* job = <Job*>context
    job.forward(&job.rows, begin, end)


cdef void _backward_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    """Parts begin..end of the rows, each with sums of its own."""
    cdef Job* job = <Job*>context
    cdef NormRowsBackward back
    cdef int64_t part
    for part in range(begin, end):
        back = job.back
        if back.dweight != NULL:
            back.dweight += part * job.row_bytes
        if back.dbias != NULL:
            back.dbias += part * job.row_bytes
        job.backward(&back, part * job.count // job.parts, (part + 1) * job.count // job.parts)


cdef const char* _data(TensorBase t) noexcept:
    if t is None:
        return NULL
    return t.data


cdef TensorBase _ready(TensorBase t, int compute):
    return None if t is None else contiguous(cast(t, compute))


cdef int64_t _row_length(TensorBase input, int dims) noexcept:
    cdef int64_t n = 1
    cdef int i
    for i in range(input.ndim - dims, input.ndim):
        n *= input.shape[i]
    return n


cdef TensorBase _statistics_room(TensorBase input, int dims, int compute):
    cdef int64_t shape[64]
    cdef int i
    for i in range(input.ndim):
        shape[i] = input.shape[i] if i < input.ndim - dims else 1
    return new_tensor(compute, input.ndim, shape)


cdef TensorBase _sums(int compute, int64_t parts, int64_t n):
    cdef int64_t shape[2]
    shape[0], shape[1] = parts, n
    cdef TensorBase made = new_tensor(compute, 2, shape)
    memset(made.data, 0, made.numel * itemsizes[compute])
    return made


# ---- the node --------------------------------------------------------------------------------------------------------

cdef class _NormNode(Node):                             # whole: normalised dims * 2 + centred; scalar: eps
    _keeps = ("normalized_shape",)

    cdef object vjp_many(self, list gradients):
        if gradients[0] is None:
            return None, None, None
        if thread_state.grad_enabled:
            return self.formula(gradients[0])
        return self.fused(<TensorBase>gradients[0])

    cdef object vjp(self, TensorBase g):
        return self.vjp_many([g])

    cdef object fused(self, TensorBase g):
        cdef Job job
        cdef TensorBase x = unpack(self, 0), mean = unpack(self, 1), rstd = unpack(self, 2), weight = unpack(self, 3)
        cdef int dtype = x.dtype, compute = compute_dtype[compute_of[x.dtype]]
        cdef int64_t n = _row_length(x, self.whole >> 1)
        cdef TensorBase dx = None, dw = None, db = None
        cdef TensorBase rows = _ready(x, compute), gradient = _ready(g, compute), scale = _ready(weight, compute)
        job.count = x.numel // n if n else 0
        job.parts = 1 if x.numel < parallel_threshold else PARTS
        if needs(self, 0):
            dx = new_tensor(compute, x.ndim, x.shape)
        if needs(self, 1):
            dw = _sums(compute, job.parts, n)
        if needs(self, 2):
            db = _sums(compute, job.parts, n)
        job.backward = L.norm_backward[compute == F64]
        job.back.dx, job.back.dweight, job.back.dbias = <char*>_data(dx), <char*>_data(dw), <char*>_data(db)
        job.back.g, job.back.x, job.back.weight = gradient.data, rows.data, _data(scale)
        job.back.mean, job.back.rstd = _data(mean), rstd.data
        job.back.n, job.back.centred = n, self.whole & 1
        job.row_bytes = n * itemsizes[compute]
        over_rows(_backward_body, &job, job.parts, x.numel * 4)
        return (cast(dx, dtype) if dx is not None else None, self.summed(dw, dtype), self.summed(db, dtype))

    cdef object summed(self, TensorBase sums, int dtype):
        if sums is None:
            return None
        total = sums.sum(0) if sums.shape[0] > 1 else sums[0]
        return cast(total, dtype).view(self.params[0])

    cdef object formula(self, object g):
        """The same in ops, for derivatives of higher order."""
        x, weight = unpack(self, 0), unpack(self, 3)
        dims = tuple(range(-(self.whole >> 1), 0))
        lead = tuple(range(g.ndim - len(dims)))
        centred = x - x.mean(dims, True) if self.whole & 1 else x
        rstd = ((centred * centred).mean(dims, True) + self.scalar).rsqrt()
        h = centred * rstd
        v = g if weight is None else g * weight
        dx = v - h * (v * h).mean(dims, True)
        if self.whole & 1:
            dx = dx - v.mean(dims, True)
        return (rstd * dx if needs(self, 0) else None,
                ((g * h).sum(lead) if lead else g * h) if needs(self, 1) else None,
                (g.sum(lead) if lead else g) if needs(self, 2) else None)


@cython.final
cdef class NativeLayerNormBackward0(_NormNode):
    _saves = ("input", "result1", "result2", "weight", "bias")


@cython.final
cdef class FusedRmsNormBackward0(_NormNode):
    _saves = ("input", "_mean", "result1", "weight")


cdef int _check(TensorBase input, tuple shape, TensorBase weight, TensorBase bias, str name) except -1:
    if not shape:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
                           "but got normalized_shape = []")
    for t, what in ((weight, "weight"), (bias, "bias")):
        if t is not None and tuple(shape_tuple(t)) != shape:
            raise RuntimeError(f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                               f"{list(shape_tuple(t))} and normalized_shape = {list(shape)}")
    if input.ndim < len(shape) or tuple(shape_tuple(input))[input.ndim - len(shape):] != shape:
        raise RuntimeError(f"Given normalized_shape={list(shape)}, expected input with shape "
                           f"[*, {', '.join([str(size) for size in shape])}], but got input of size{list(shape_tuple(input))}")
    if not is_float(input.dtype):
        raise not_implemented(name, input)
    for t in (weight, bias):
        if t is not None and (<TensorBase>t).dtype != input.dtype and input.dtype > 7:
            raise RuntimeError(f"expected scalar type {TYPE_NAMES[input.dtype]} but found "
                               f"{TYPE_NAMES[(<TensorBase>t).dtype]}")
    return 0


cdef tuple _normalised(_NormNode node, TensorBase input, tuple shape, TensorBase weight, TensorBase bias, double eps,
                       bint centred):
    """(y, mean, rstd) of the rows; y has the history, if the op is recorded."""
    cdef Job job
    cdef int dims = len(shape), compute = compute_dtype[compute_of[input.dtype]]
    cdef int64_t n = _row_length(input, dims)
    cdef TensorBase rows = _ready(input, compute), scale = _ready(weight, compute), shift = _ready(bias, compute)
    cdef TensorBase y = new_tensor(compute, input.ndim, input.shape)
    cdef TensorBase mean = _statistics_room(input, dims, compute) if centred else None
    cdef TensorBase rstd = _statistics_room(input, dims, compute)
    job.forward = L.norm[compute == F64]
    job.rows.y, job.rows.mean, job.rows.rstd = y.data, <char*>_data(mean), rstd.data
    job.rows.x, job.rows.weight, job.rows.bias = rows.data, _data(scale), _data(shift)
    job.rows.n, job.rows.eps, job.rows.centred = n, eps, centred
    if n:
        over_rows(_forward_body, &job, input.numel // n, input.numel * 4)
    y = cast(y, input.dtype)
    if not (wants_grad(input) or weight is not None and wants_grad(weight) or bias is not None and wants_grad(bias)):
        settle(None, y, input, weight, None, False)
        return y, mean, rstd
    begin(node, 3)
    reserve_saved(node, 5)
    node.whole, node.scalar, node.params = dims * 2 + centred, eps, (shape,)
    save(node, 0, input)
    if mean is not None:
        save(node, 1, mean)
    save(node, 2, rstd)
    link(node, 0, input)
    if weight is not None:
        link(node, 1, weight)
        save(node, 3, weight)
    if bias is not None:
        link(node, 2, bias)
        save(node, 4, bias)
    attach(node, y)
    return y, mean, rstd


cdef tuple _shape_of(object normalized_shape):
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


def native_layer_norm(TensorBase input not None, normalized_shape, TensorBase weight, TensorBase bias, double eps):
    """(y, mean, rstd): what `layer_norm` returns, and the mean and reciprocal deviation of each row."""
    cdef tuple shape = _shape_of(normalized_shape)
    _check(input, shape, weight, bias, "LayerNormKernelImpl")
    return _normalised(NativeLayerNormBackward0.__new__(NativeLayerNormBackward0), input, shape, weight, bias, eps, True)


def layer_norm(TensorBase input not None, normalized_shape, TensorBase weight=None, TensorBase bias=None, double eps=1e-5,
               cudnn_enable=True):
    """``(x - mean) / sqrt(variance + eps) * weight + bias``, over the last dimensions.

    Args:
        input: ``[..., *normalized_shape]``.
        normalized_shape: the sizes of the dimensions over which mean and (biased) variance are taken.
        weight, bias: of that shape, or None.
        eps: added to the variance.

    >>> import dynagrad
    >>> dynagrad.nn.functional.layer_norm(dynagrad.tensor([[1., 3.]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    return native_layer_norm(input, normalized_shape, weight, bias, eps)[0]


def rms_norm(TensorBase input not None, normalized_shape, TensorBase weight=None, eps=None):
    """``x / sqrt(mean(x²) + eps) * weight``, over the last dimensions.

    Args:
        input: ``[..., *normalized_shape]``.
        weight: of that shape, or None.
        eps: added to the mean; the machine epsilon of the input's dtype if not given.

    >>> import dynagrad
    >>> dynagrad.nn.functional.rms_norm(dynagrad.tensor([[3., 3.]]), (2,))
    tensor([[1., 1.]])
    """
    cdef tuple shape = _shape_of(normalized_shape)
    _check(input, shape, weight, None, "rms_norm")
    if eps is None:
        eps = finfo(dtype_object(input.dtype)).eps
    return _normalised(FusedRmsNormBackward0.__new__(FusedRmsNormBackward0), input, shape, weight, None, eps, False)[0]


register(Card("layer_norm", layer_norm, NativeLayerNormBackward0, "layer", method=False, function=False))
register(Card("native_layer_norm", native_layer_norm, NativeLayerNormBackward0, "layer", method=False, function=False))
register(Card("rms_norm", rms_norm, FusedRmsNormBackward0, "layer", method=False, function=False))
