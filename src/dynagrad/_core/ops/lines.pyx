"""Softmax, logsumexp and cumulative ops: what works along whole lines. Value, derivative and card of each op.

The loops are kernels/softmax.hpp and kernels/scan.hpp; they want the lines side by side in memory.
"""
import cython

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.types import TYPE_NAMES, finfo
from dynagrad._core.ops.reduce import two_tensors
from dynagrad._core.return_types import cummax as cummax_results, cummin as cummin_results
from dynagrad._core.shown import folded_dim, folded_dims, keeps_dims

from dynagrad._core.graph cimport (
    Node, Output, attach_many, begin1, prepare, save, save_operand, save_result, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport K, cast, contiguous, copy_into
from dynagrad._core.kernel_table cimport (
    ExtremeScanLoop, RowBackwardLoop, RowLoop, ScanLoop, parallel_for, parallel_threshold)
from dynagrad._core.ops.reduce cimport (
    PositionNode, ReduceNode, converted, count_over, delivered, dims_mask, input_shape, one_dim, record_positions,
    record_reduction, restored, same_dtype, spread, sum_dtype)
from dynagrad._core.tensor cimport dims_tuple, new_alias, new_tensor, shape_tuple
from dynagrad._core.types cimport (
    I64, compute_dtype, compute_of, default_dtype, dtype_code, dtype_object, is_float, itemsizes)
from dynagrad._core.unlocked cimport Unlocked


# ---- lines side by side ----------------------------------------------------------------------------------------------

cdef int _order(int ndim, uint64_t mask, int* order) noexcept:
    """The dimensions outside the mask, then those in it."""
    cdef int i, n = 0
    cdef int inside
    for inside in range(2):
        for i in range(ndim):
            if <int>(mask >> i & 1) == inside:
                order[n] = i
                n += 1
    return 0


cdef TensorBase dims_last(TensorBase t, uint64_t mask):
    """t with the masked dimensions moved to the end, contiguous; t itself if it is so already. Not recorded."""
    cdef int order[64]
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int i
    _order(t.ndim, mask, order)
    for i in range(t.ndim):
        shape[i], strides[i] = t.shape[order[i]], t.strides[order[i]]
    return contiguous(new_alias(t, t.ndim, shape, strides, 0))


cdef TensorBase dims_back(TensorBase t, uint64_t mask):
    """The reverse of dims_last for a result."""
    cdef int order[64]
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int i
    _order(t.ndim, mask, order)
    for i in range(t.ndim):
        if order[i] != i:
            break
    else:
        return t
    for i in range(t.ndim):
        shape[order[i]], strides[order[i]] = t.shape[i], t.strides[i]
    return contiguous(new_alias(t, t.ndim, shape, strides, 0))


cdef int over_rows(RowBody body, void* context, int64_t rows, int64_t work) except -1:
    """Runs body over all rows; large work is split over the cores, without the GIL."""
    cdef Unlocked unlocked
    if rows == 0:
        return 0
    if work < parallel_threshold:
        body(0, rows, context)
        return 0
    cdef int64_t grain = parallel_threshold * rows // work
    unlocked.begin()
    with nogil:
        parallel_for(rows, grain if grain > 0 else 1, body, context)
    return 0


cdef struct RowJob:
    RowLoop loop
    RowBackwardLoop backward
    char* out
    const char* source
    const char* result
    int64_t n, out_step, step


cdef void _row_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef RowJob* job = <RowJob*>context
    if job.backward != NULL:
        job.backward(job.out + begin * job.step, job.source + begin * job.step, job.result + begin * job.step,
                     end - begin, job.n)
    else:
        job.loop(job.out + begin * job.out_step, job.source + begin * job.step, end - begin, job.n)


cdef int _run_rows(RowJob* job, TensorBase out, TensorBase source, int64_t rows, int64_t n, bint to_one) except -1:
    job.out, job.source, job.n = out.data, source.data, n
    job.step = n * itemsizes[source.dtype]
    job.out_step = itemsizes[out.dtype] if to_one else job.step
    return over_rows(_row_body, job, rows, rows * n * 8)


cdef inline int64_t _length(TensorBase t, int dim) noexcept:
    return t.shape[dim] if t.ndim else 1


cdef inline uint64_t _mask_of(TensorBase t, int dim) noexcept:
    return <uint64_t>1 << dim if t.ndim else 0


# ---- softmax ---------------------------------------------------------------------------------------------------------

cdef class _SoftmaxNode(Node):
    _saves = ("result",)                                # whole: the dimension
    _keeps = ("dim",)


cdef TensorBase _softmax_gradient(RowBackwardLoop loop, TensorBase g, TensorBase y, int dim):
    """The fused derivative, for when nothing is recorded."""
    cdef RowJob job
    cdef uint64_t mask = _mask_of(y, dim)
    cdef int compute = compute_dtype[compute_of[y.dtype]]
    cdef TensorBase rows_g = dims_last(cast(g, compute), mask)
    cdef TensorBase rows_y = dims_last(cast(y, compute), mask)
    cdef TensorBase made = new_tensor(compute, y.ndim, rows_y.shape)
    cdef int64_t n = _length(y, dim)
    job.backward, job.result = loop, rows_y.data
    if y.numel:
        _run_rows(&job, made, rows_g, y.numel // n, n, False)
    return cast(dims_back(made, mask), y.dtype)


@cython.final
cdef class SoftmaxBackward0(_SoftmaxNode):              # dy = y (dx - sum(y dx))
    cdef object vjp(self, TensorBase g):
        cdef TensorBase y = unpack(self, 0)
        if not thread_state.grad_enabled:
            return _softmax_gradient(K.softmax_backward[compute_of[y.dtype]], g, y, self.whole)
        weighted = g * y
        return weighted - y * weighted.sum(self.whole, True)


@cython.final
cdef class LogSoftmaxBackward0(_SoftmaxNode):           # dy = dx - sum(exp(y) dx)
    cdef object vjp(self, TensorBase g):
        cdef TensorBase y = unpack(self, 0)
        if not thread_state.grad_enabled:
            return _softmax_gradient(K.log_softmax_backward[compute_of[y.dtype]], g, y, self.whole)
        return g - y.exp() * g.sum(self.whole, True)


cdef TensorBase _normalised(const RowLoop* row, _SoftmaxNode node, TensorBase input, object dim, object dtype, object out,
                            str name):
    cdef RowJob job
    cdef int d = one_dim(input, dim)
    if dtype is not None:
        input = input.to(dtype)
    if not is_float(input.dtype):
        kernel = f"{name}_{'lastdim_' if d + 1 >= input.ndim else ''}kernel_impl"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[input.dtype]}': give dtype=, or convert the "
                                  "tensor to a floating dtype")
    cdef uint64_t mask = _mask_of(input, d)
    cdef int compute = compute_dtype[compute_of[input.dtype]]
    cdef bint recording = wants_grad(input)
    prepare(out, False, recording)
    cdef TensorBase rows = dims_last(cast(input, compute), mask)
    cdef TensorBase result = new_tensor(compute, rows.ndim, rows.shape)
    job.loop = row[compute_of[input.dtype]]
    job.backward = NULL
    if input.numel:
        _run_rows(&job, result, rows, input.numel // _length(input, d), _length(input, d), False)
    result = cast(dims_back(result, mask), input.dtype)
    if out is not None:
        same_dtype(out, result.dtype)
        return delivered(result, out)
    if recording:
        node.whole, node.params = d, (dim,)
        begin1(node, input)
    settle(node if recording else None, result, input, None, None, False)
    if recording:
        save_result(node, 0, result)
    return result


def _softmax(TensorBase input not None, dim, dtype=None, *, out=None):
    """``exp(x) / sum(exp(x))`` along ``dim``, safe from overflow.

    >>> import dynagrad
    >>> dynagrad.softmax(dynagrad.tensor([1., 1.]), 0)
    tensor([0.5000, 0.5000])
    """
    return _normalised(K.softmax, SoftmaxBackward0.__new__(SoftmaxBackward0), input, dim, dtype, out, "softmax")


def _log_softmax(TensorBase input not None, dim, dtype=None, *, out=None):
    """``x - logsumexp(x)`` along ``dim``: the logarithm of softmax without its loss of digits.

    >>> import dynagrad
    >>> dynagrad.log_softmax(dynagrad.tensor([1., 1.]), 0)
    tensor([-0.6931, -0.6931])
    """
    return _normalised(K.log_softmax, LogSoftmaxBackward0.__new__(LogSoftmaxBackward0), input, dim, dtype, out, "log_softmax")


register(Card("softmax", _softmax, SoftmaxBackward0, "reduce", samples="dim"))
register(Card("log_softmax", _log_softmax, LogSoftmaxBackward0, "reduce", samples="dim"))


# ---- logsumexp -------------------------------------------------------------------------------------------------------

@cython.final
cdef class LogsumexpBackward0(ReduceNode):              # d lse(x) = softmax(x) dx
    _saves = ("self", "result")
    _shows = {"dim": folded_dims, "keepdim": keeps_dims}

    cdef object vjp(self, TensorBase g):
        return spread(self, g) * (unpack(self, 0) - restored(self, unpack(self, 1))).exp()


def _logsumexp(TensorBase input not None, dim, bint keepdim=False, *, out=None):
    """``log(sum(exp(x)))`` over the dimensions ``dim``, safe from overflow. Integers become the default dtype.

    >>> import dynagrad
    >>> dynagrad.logsumexp(dynagrad.tensor([0., 0.]), 0)
    tensor(0.6931)
    """
    cdef LogsumexpBackward0 node = None
    cdef RowJob job
    cdef int64_t shape[64]
    cdef int i, n = 0
    if not is_float(input.dtype):
        input = input.to(dtype_object(default_dtype))
    cdef uint64_t mask = dims_mask(input, dim)
    cdef int compute = compute_dtype[compute_of[input.dtype]]
    cdef bint recording = wants_grad(input)
    prepare(out, False, recording)
    for i in range(input.ndim):
        if not mask >> i & 1 or keepdim:
            shape[n] = 1 if mask >> i & 1 else input.shape[i]
            n += 1
    cdef TensorBase result = new_tensor(compute, n, shape)
    job.loop = K.logsumexp[compute_of[input.dtype]]
    job.backward = NULL
    _run_rows(&job, result, dims_last(cast(input, compute), mask), result.numel, count_over(input, mask), True)
    result = cast(result, input.dtype)
    if out is not None:
        return delivered(result, out)
    if recording:
        node = LogsumexpBackward0.__new__(LogsumexpBackward0)
        record_reduction(node, input, mask, keepdim, (dim,) if isinstance(dim, int) else dim)
        save(node, 0, input)
    settle(node, result, input, None, None, False)
    if node is not None:
        save_result(node, 1, result)
    return result


register(Card("logsumexp", _logsumexp, LogsumexpBackward0, "reduce", samples="dim"))


# ---- cumulative sum and product --------------------------------------------------------------------------------------

cdef struct ScanJob:
    ScanLoop loop
    ExtremeScanLoop extreme
    char* out
    char* indices
    const char* source
    int64_t n, itemsize


cdef void _scan_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef ScanJob* job = <ScanJob*>context
    cdef int64_t i, at
    for i in range(begin, end):
        at = i * job.n * job.itemsize
        if job.extreme != NULL:
            job.extreme(job.out + at, job.itemsize, job.indices + i * job.n * 8, 8, job.source + at, job.itemsize, job.n)
        else:
            job.loop(job.out + at, job.itemsize, job.source + at, job.itemsize, job.n)


cdef TensorBase _scanned(ScanLoop loop, ExtremeScanLoop extreme, TensorBase input, int dim, TensorBase indices):
    """The scan of a tensor of a compute type; the dimension is the last of what comes out."""
    cdef ScanJob job
    cdef TensorBase rows = dims_last(input, _mask_of(input, dim))
    cdef TensorBase result = new_tensor(input.dtype, rows.ndim, rows.shape)
    job.loop, job.extreme, job.out, job.source = loop, extreme, result.data, rows.data
    job.indices = indices.data if indices is not None else NULL
    job.n, job.itemsize = _length(input, dim), itemsizes[input.dtype]
    if input.numel:
        over_rows(_scan_body, &job, input.numel // job.n, input.numel)
    return result


cdef class _ScanNode(Node):                             # whole: the dimension
    _keeps = ("dim",)


cdef object _reversed_cumsum(object t, int dim):
    return t.flip(dim).cumsum(dim).flip(dim) if t.ndim else t


@cython.final
cdef class CumsumBackward0(_ScanNode):                  # every element is in all the sums from its own on
    cdef object vjp(self, TensorBase g):
        return _reversed_cumsum(g, self.whole)


@cython.final
cdef class CumprodBackward0(_ScanNode):
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        x, y = unpack(self, 0), unpack(self, 1)
        if x.ndim == 0 or x.numel == 0:
            return g
        if not (x == 0).any().item():
            return _reversed_cumsum(g * y, self.whole) / x
        return _cumprod_vjp_with_zeros(x, g, self.whole)


cdef object _cumprod_vjp_with_zeros(object x, object g, int dim):
    """For each position k: the sum over j >= k of g[j] times the product of all x[i], i <= j, but x[k]."""
    n = x.shape[dim]
    one = x.narrow(dim, 0, 1)
    one = one.new_ones(one.shape)
    parts = []
    for k in range(n):
        before = x.narrow(dim, 0, k).prod(dim, True) if k else one
        after = CARDS["cat"].op([one, x.narrow(dim, k + 1, n - k - 1).cumprod(dim)], dim)
        parts.append((g.narrow(dim, k, n - k) * before * after).sum(dim, True))
    return CARDS["cat"].op(parts, dim)


cdef TensorBase _scan(const ScanLoop* row, _ScanNode node, TensorBase input, object dim, int code, object out,
                      bint inplace=False):
    """The common course of cumsum, cumprod and logcumsumexp. `node` is used if the op is recorded."""
    cdef int d = one_dim(input, dim)
    cdef int compute = compute_dtype[compute_of[code]]
    cdef bint recording = wants_grad(input) and is_float(code)
    prepare(input if inplace else out, inplace, recording)
    cdef TensorBase source = cast(converted(input, code), compute)
    cdef TensorBase result = _scanned(row[compute_of[code]], NULL, source, d, None)
    result = cast(dims_back(result, _mask_of(input, d)), code)
    if out is not None:
        return delivered(result, out)
    if recording:
        node.whole, node.params = d, (dim,)
        begin1(node, input)
        if len(node._saves):
            save_operand(node, 0, input, inplace)
    if inplace:
        copy_into(input, result)
        result = input
    settle(node if recording else None, result, input, None, input if inplace else None, inplace)
    if recording and len(node._saves):
        save_result(node, 1, result)
    return result


def _cumsum(TensorBase input not None, dim, *, dtype=None, out=None):
    """The running sums along ``dim``. Integers are summed as int64.

    >>> import dynagrad
    >>> dynagrad.cumsum(dynagrad.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return _scan(K.cumsum, CumsumBackward0.__new__(CumsumBackward0), input, dim, sum_dtype(input, dtype, out), out)


def _cumprod(TensorBase input not None, dim, *, dtype=None, out=None):
    """The running products along ``dim``. Integers are multiplied as int64.

    >>> import dynagrad
    >>> dynagrad.cumprod(dynagrad.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return _scan(K.cumprod, CumprodBackward0.__new__(CumprodBackward0), input, dim, sum_dtype(input, dtype, out), out)


cdef int _kept_dtype(TensorBase target, object dtype) except -1:
    if dtype is not None and dtype_code(dtype) != target.dtype:
        raise RuntimeError("Bad in-place call: the tensor written to and the dtype asked for should match")
    return sum_dtype(target, None, None)


def _cumsum_(TensorBase self not None, dim, *, dtype=None):
    """Replaces the tensor's elements by their running sums along ``dim``."""
    return _scan(K.cumsum, CumsumBackward0.__new__(CumsumBackward0), self, dim, _kept_dtype(self, dtype), None, True)


def _cumprod_(TensorBase self not None, dim, *, dtype=None):
    """Replaces the tensor's elements by their running products along ``dim``."""
    return _scan(K.cumprod, CumprodBackward0.__new__(CumprodBackward0), self, dim, _kept_dtype(self, dtype), None, True)


register(Card("cumsum", _cumsum, CumsumBackward0, "reduce", inplace=_cumsum_, samples="dim"))
register(Card("cumprod", _cumprod, CumprodBackward0, "reduce", inplace=_cumprod_, samples="dim"))


# ---- cumulative logsumexp and extremes -------------------------------------------------------------------------------

@cython.final
cdef class LogcumsumexpBackward0(_ScanNode):
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        """dx[k] = sum over j >= k of g[j] exp(x[k] - y[j]), in logarithms, for either sign of g apart."""
        cdef TensorBase y = unpack(self, 1)
        cdef object x = unpack(self, 0)
        if y.ndim == 0:
            return g
        nothing = x.new_full((), finfo(dtype_object(y.dtype)).min)    # not -inf, whose own derivative would be NaN
        total = None
        for sign in (1, -1):
            logs = CARDS["where"].op(g * sign > 0, (g * sign).abs().log(), nothing) - y
            part = (logs.flip(self.whole).logcumsumexp(self.whole).flip(self.whole) + x).exp()
            total = part if total is None else total - part
        return total


def _logcumsumexp(TensorBase input not None, dim, *, out=None):
    """The logarithms of the running sums of ``exp(x)`` along ``dim``.

    >>> import dynagrad
    >>> dynagrad.logcumsumexp(dynagrad.tensor([0., 0.]), 0)
    tensor([0.0000, 0.6931])
    """
    if not is_float(input.dtype):
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{TYPE_NAMES[input.dtype]}'")
    if isinstance(out, TensorBase) and (<TensorBase>out).dtype != input.dtype:
        raise RuntimeError(f"expected scalar_type {TYPE_NAMES[input.dtype]} but found {TYPE_NAMES[(<TensorBase>out).dtype]}")
    return _scan(K.logcumsumexp, LogcumsumexpBackward0.__new__(LogcumsumexpBackward0), input, dim, input.dtype, out)


register(Card("logcumsumexp", _logcumsumexp, LogcumsumexpBackward0, "reduce", samples="dim"))


cdef class _CumulativeExtremeNode(PositionNode):        # what an element was passed on as comes back to it
    _saves = ("indices", "self")
    _shows = {"dim": folded_dim}

    cdef object vjp(self, TensorBase g):
        indices = unpack(self, 0)
        if g.ndim == 0:
            return g
        return g.new_zeros(shape_tuple(g)).scatter_add(self.whole, indices, g)


@cython.final
cdef class CummaxBackward0(_CumulativeExtremeNode):
    pass


@cython.final
cdef class CumminBackward0(_CumulativeExtremeNode):
    pass


cdef object _cumulative_extreme(TensorBase input, object dim, bint largest, object out):
    cdef PositionNode node
    cdef int d = one_dim(input, dim)
    cdef uint64_t mask = _mask_of(input, d)
    cdef int compute = compute_of[input.dtype]
    cdef bint recording = wants_grad(input)
    cdef TensorBase rows = dims_last(cast(input, compute_dtype[compute]), mask)
    cdef TensorBase indices = new_tensor(I64, rows.ndim, rows.shape)
    if out is not None:
        out = two_tensors(out)
        for each, wanted in zip(out, (input.dtype, I64)):
            if (<TensorBase>each).dtype != wanted:
                raise RuntimeError(f"expected scalar_type {TYPE_NAMES[wanted]} but found {TYPE_NAMES[(<TensorBase>each).dtype]}")
        prepare(out[0], False, recording)
    cdef TensorBase values = _scanned(NULL, K.cummax[compute] if largest else K.cummin[compute],
                                      cast(input, compute_dtype[compute]), d, indices)
    values = cast(dims_back(values, mask), input.dtype)
    indices = dims_back(indices, mask)
    kind = cummax_results if largest else cummin_results
    if out is not None:
        return kind((delivered(values, out[0]), delivered(indices, out[1])))
    if recording:
        node = CummaxBackward0.__new__(CummaxBackward0) if largest else CumminBackward0.__new__(CumminBackward0)
        record_positions(node, input, indices, d, True, dim)
        save(node, 1, input)
        attach_many(node, [values, indices])
    else:
        settle(None, values, input, None, None, False)
    return kind((values, indices))


def _cummax(TensorBase input not None, dim, *, out=None):
    """(values, indices) of the largest element so far along ``dim``; the last one of equals.

    >>> import dynagrad
    >>> dynagrad.cummax(dynagrad.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    return _cumulative_extreme(input, dim, True, out)


def _cummin(TensorBase input not None, dim, *, out=None):
    """(values, indices) of the smallest element so far along ``dim``; the last one of equals.

    >>> import dynagrad
    >>> dynagrad.cummin(dynagrad.tensor([3, 1, 2]), 0).values
    tensor([3, 1, 1])
    """
    return _cumulative_extreme(input, dim, False, out)


register(Card("cummax", _cummax, CummaxBackward0, "reduce", samples="dim"))
register(Card("cummin", _cummin, CumminBackward0, "reduce", samples="dim"))
