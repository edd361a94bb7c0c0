"""embedding and nll_loss: rows, or elements of rows, chosen by integers. Values, derivatives and cards."""
import cython
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.shown import size
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    Node, attach, begin1, reserve_saved, save, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.index_kernels cimport first_out_of_range
from dynagrad._core.ops.shape cimport input_of
from dynagrad._core.tensor cimport TensorBase, new_number, new_tensor, shape_tuple
from dynagrad._core.types cimport (
    F32, F64, I32, I64, compute_dtype, compute_of, dtype_object, is_float, itemsizes)


cdef TensorBase _zeros(int dtype, int ndim, const int64_t* shape):
    cdef TensorBase made = new_tensor(dtype, ndim, shape)
    memset(made.data, 0, made.numel * itemsizes[dtype])
    return made


# ---- embedding -------------------------------------------------------------------------------------------------------

@cython.final
cdef class EmbeddingBackward0(Node):                    # each row of g is added to the row that it was copied from
    _saves = ("indices",)
    _keeps = ("", "padding_idx", "scale_grad_by_freq", "sparse")
    _shows = {"weight_sym_argsize_0": size(0, 0)}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase indices = unpack(self, 0)
        weights, padding, by_frequency, _ = self.params
        flat = indices.reshape(-1)
        rows = g.reshape((flat.shape[0], input_of(self).shape[1]))
        if by_frequency:
            counts = CARDS["bincount"].op(flat, minlength=weights).index_select(0, flat)
            rows = rows / counts.to(rows.dtype).unsqueeze(1)
        if padding >= 0:
            rows = rows.masked_fill((flat == padding).unsqueeze(1), 0)
        zeros = _zeros(g.dtype, 2, input_of(self).shape)
        return zeros.index_add(0, flat, rows) if thread_state.grad_enabled else zeros.index_add_(0, flat, rows)


cdef int _check_indices(TensorBase indices, str op) except -1:
    if indices.dtype != I64 and indices.dtype != I32:
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
                           f"but got {dtype_object(indices.dtype).name} instead (while checking arguments for {op})")
    return 0


def embedding(TensorBase weight not None, TensorBase indices not None, padding_idx=-1, scale_grad_by_freq=False,
              sparse=False):
    """The rows of ``weight`` at ``indices``.

    Args:
        weight: ``[rows, size]``.
        indices: int64 or int32 of any shape; IndexError for one that is no row.
        padding_idx: a row that gets no gradient; -1 for none.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was chosen.
        sparse: accepted; gradients are dense.

    Returns:
        ``[*indices.shape, size]``.
    """
    cdef EmbeddingBackward0 node = None
    cdef int64_t shape[64]
    cdef int64_t row, i, bytes_of_row, bad
    cdef const int64_t* at
    cdef int k
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_indices(indices, "embedding")
    cdef TensorBase flat = contiguous(cast(indices, I64)), rows = contiguous(weight)
    at = <const int64_t*>flat.data
    bad = first_out_of_range(at, flat.numel, weight.shape[0], False)
    if bad >= 0:
        raise IndexError(f"index out of range in self: {at[bad]} is no row of an embedding with {weight.shape[0]} rows")
    for k in range(indices.ndim):
        shape[k] = indices.shape[k]
    shape[indices.ndim] = weight.shape[1]
    cdef TensorBase result = new_tensor(weight.dtype, indices.ndim + 1, shape)
    bytes_of_row = weight.shape[1] * itemsizes[weight.dtype]
    for i in range(flat.numel):
        memcpy(result.data + i * bytes_of_row, rows.data + at[i] * bytes_of_row, bytes_of_row)
    if wants_grad(weight):
        node = EmbeddingBackward0.__new__(EmbeddingBackward0)
        node.params = (weight.shape[0], padding_idx, bool(scale_grad_by_freq), bool(sparse))
        begin1(node, weight)
        save(node, 0, flat)
    settle(node, result, weight, None, None, False)
    return result


# ---- nll_loss --------------------------------------------------------------------------------------------------------

cdef enum:
    NONE = 0
    MEAN = 1
    SUM = 2


cdef int _reduction(object name) except -1:
    if name == "none":
        return NONE
    if name == "mean":
        return MEAN
    if name == "sum":
        return SUM
    raise ValueError(f"{name} is not a valid value for reduction")


def _total_weight(Node node):
    return cast(new_number(node.params[1], F64), node.output.dtype)


cdef class _NllNode(Node):                              # whole: the reduction; params: (ignore_index, total weight)
    _saves = ("self", "target", "weight")
    _keeps = ("ignore_index", "")
    _whole = "reduction"
    _shows = {"total_weight": _total_weight}

    cdef object python_input(self):
        """The input as an object: its attributes are those of Python."""
        return unpack(self, 0)

    cdef object vjp(self, TensorBase g):
        cdef TensorBase target = unpack(self, 1), weight = unpack(self, 2)
        ignore, total = self.params
        if not thread_state.grad_enabled:
            return _nll_gradient(self, g, target, weight, ignore, total)
        cdef object x = self.python_input()
        chosen = target.clamp(0, x.shape[1 if x.ndim > 1 else 0] - 1)
        scale = -(target != ignore).to(x.dtype)
        if weight is not None:
            scale = scale * weight.take(chosen)
        if self.whole == MEAN:
            scale = scale / total
        part = (g * scale).unsqueeze(1 if x.ndim > 1 else 0)
        return x.new_zeros(shape_tuple(x)).scatter_add(1 if x.ndim > 1 else 0,
                                                       chosen.unsqueeze(1 if x.ndim > 1 else 0), part)


@cython.final
cdef class NllLossBackward0(_NllNode):
    pass


@cython.final
cdef class NllLoss2DBackward0(_NllNode):
    pass


cdef int64_t _inner(TensorBase t) noexcept:
    """The number of positions for each class and each member of the batch."""
    cdef int64_t n = 1
    cdef int i
    for i in range(2, t.ndim):
        n *= t.shape[i]
    return n


cdef TensorBase _nll_gradient(_NllNode node, TensorBase g, TensorBase target, TensorBase weight, int64_t ignore,
                              double total):
    cdef int ndim = input_of(node).ndim
    cdef int dtype = input_of(node).dtype
    cdef int64_t classes = input_of(node).shape[1 if ndim > 1 else 0]
    cdef int64_t inner = 1, i, n = target.numel, t
    cdef int k
    cdef double scale = -1 / total if node.whole == MEAN else -1, value
    cdef bint each = node.whole == NONE
    cdef int compute = compute_dtype[compute_of[dtype]]
    cdef TensorBase out = _zeros(compute, ndim, input_of(node).shape)
    for k in range(2, ndim):
        inner *= input_of(node).shape[k]
    cdef TensorBase gradients = contiguous(cast(g, F64)), targets = contiguous(target)
    cdef TensorBase weights = None if weight is None else contiguous(cast(weight, F64))
    cdef double* gs = <double*>gradients.data
    for i in range(n):
        t = (<int64_t*>targets.data)[i]
        if t == ignore:
            continue
        value = scale * (gs[i] if each else gs[0])
        if weights is not None:
            value *= (<double*>weights.data)[t]
        t = (i // inner) * classes * inner + t * inner + i % inner
        if compute == F64:
            (<double*>out.data)[t] = value
        else:
            (<float*>out.data)[t] = <float>value
    return cast(out, dtype)


cdef int _check_nll(TensorBase x, TensorBase target, TensorBase weight) except -1:
    cdef int64_t classes = x.shape[1 if x.ndim > 1 else 0]
    if target.dtype != I64 and target.dtype != 1:
        raise RuntimeError(f"expected scalar type Long but found {TYPE_NAMES[target.dtype]}")
    if weight is not None and (weight.ndim != 1 or weight.numel != classes):
        raise RuntimeError(f"weight tensor should be defined either for all {classes} classes or no classes but got weight "
                           f"tensor of shape: {list(shape_tuple(weight))}")
    if weight is not None and weight.dtype != x.dtype:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[x.dtype]} but found {TYPE_NAMES[weight.dtype]}")
    if not is_float(x.dtype):
        raise NotImplementedError(f"\"nll_loss_out_frame\" not implemented for '{TYPE_NAMES[x.dtype]}'")
    return 0


def nll_loss(TensorBase input not None, TensorBase target not None, TensorBase weight=None, reduction="mean",
             ignore_index=-100):
    """``-input[n, target[n]]``, the loss of log-probabilities.

    Args:
        input: ``[N, C, ...]`` or ``[C]``, floating.
        target: int64 ``[N, ...]`` or ``[]``, classes from 0 to C - 1; IndexError for others.
        weight: ``[C]``, the weights of the classes, or None.
        reduction: "mean" (by weight), "sum" or "none".
        ignore_index: a target that counts for nothing.
    """
    cdef _NllNode node
    cdef int kind = _reduction(reduction)
    cdef int64_t classes, inner, i, t, ignore = ignore_index
    cdef double total = 0, summed = 0, value, w
    _check_nll(input, target, weight)
    classes, inner = input.shape[1 if input.ndim > 1 else 0], _inner(input)
    cdef int compute = compute_dtype[compute_of[input.dtype]]
    cdef TensorBase x = contiguous(cast(input, compute)), targets = contiguous(cast(target, I64)), each = None, result
    cdef TensorBase weights = None if weight is None else contiguous(cast(weight, F64))
    if kind == NONE:
        each = new_tensor(compute, target.ndim, target.shape)
    for i in range(targets.numel):
        t = (<int64_t*>targets.data)[i]
        value = w = 0
        if t != ignore:
            if t < 0 or t >= classes:
                raise IndexError(f"Target {t} is out of bounds: there are {classes} classes, 0 to {classes - 1}")
            w = 1 if weights is None else (<double*>weights.data)[t]
            t = (i // inner) * classes * inner + t * inner + i % inner
            value = -w * ((<double*>x.data)[t] if compute == F64 else (<float*>x.data)[t])
        total += w
        summed += value
        if each is not None:
            if compute == F64:
                (<double*>each.data)[i] = value
            else:
                (<float*>each.data)[i] = <float>value
    if each is None:
        if kind == MEAN:
            summed = summed / total if total != 0 else float("nan")
        each = new_tensor(compute, 0, NULL)
        if compute == F64:
            (<double*>each.data)[0] = summed
        else:
            (<float*>each.data)[0] = <float>summed
    result = cast(each, input.dtype)
    if not wants_grad(input):
        settle(None, result, input, None, None, False)
        return result
    node = NllLoss2DBackward0.__new__(NllLoss2DBackward0) if input.ndim > 2 else NllLossBackward0.__new__(NllLossBackward0)
    node.whole, node.params = kind, (ignore, total)
    begin1(node, input)
    reserve_saved(node, 3)
    save(node, 0, input)
    save(node, 1, targets)
    if weight is not None:
        save(node, 2, weight)
    attach(node, result)
    return result


register(Card("embedding", embedding, EmbeddingBackward0, "layer", method=False, function=False))
register(Card("nll_loss", nll_loss, NllLossBackward0, "layer", method=False, function=False))
