"""Order: sort, topk, median, kthvalue, mode, unique, searchsorted; value, derivative and card of each op.

The algorithms are kernels/sort.cpp; they want the lines side by side in memory.
"""
import cython

from dynagrad._core.card import Card, register
from dynagrad._core.ops.reduce import two_tensors
from dynagrad._core.types import TYPE_NAMES
from dynagrad._core.return_types import (
    kthvalue as kthvalue_results, median as median_results, mode as mode_results, nanmedian as nanmedian_results,
    sort as sort_results, topk as topk_results)
from dynagrad._core.shown import folded_dim, input_sizes

from libc.math cimport NAN
from libc.stdint cimport int64_t, uint64_t

from dynagrad._core.graph cimport Node, attach_many, prepare, save, save_result, settle, unpack, wants_grad
from dynagrad._core.iterate cimport as_operand, cast, contiguous, copy_of, result_dtype2
from dynagrad._core.ops.lines cimport dims_back, dims_last, over_rows
from dynagrad._core.ops.reduce cimport (
    PositionNode, ReduceNode, delivered, every_dim, one_dim, record_positions, record_reduction, same_dtype, spread,
    without_dim)
from dynagrad._core.tensor cimport TensorBase, new_alias, new_scalar, new_tensor, shape_tuple
from dynagrad._core.types cimport BOOL, F64, I32, I64, DType, itemsizes
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "kernels/sort.hpp" namespace "dg" nogil:
    struct OrderedRows:
        char* values
        int64_t* indices
        const char* input "in"
        int64_t rows
        int64_t n
        int64_t k
        int64_t in_row_stride
        int64_t in_stride
        int64_t values_row_stride
        int64_t values_stride
        int64_t index_row_stride
        int64_t index_stride
    enum class Median:
        propagate_nan
        skip_nan
    void sort_rows(DType dtype, const OrderedRows& block, bint descending)
    void topk_rows(DType dtype, const OrderedRows& block, bint largest)
    void select_rows(DType dtype, const OrderedRows& block)
    void median_rows(DType dtype, const OrderedRows& block, Median nan)
    void mode_rows(DType dtype, const OrderedRows& block)
    int64_t count_distinct "dg::unique"(DType dtype, const char* input, int64_t n, char* values, int64_t* inverse,
                                        int64_t* counts)
    void find_places "dg::searchsorted"(DType dtype, const char* boundaries, int64_t count, const char* input, int64_t n,
                                        int64_t* out, bint right)

cdef enum Order:
    SORT
    TOPK
    SELECT
    MEDIAN
    NANMEDIAN
    MODE

cdef struct OrderJob:
    OrderedRows whole
    Order order
    DType dtype
    bint reverse


cdef void _order_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef OrderJob* job = <OrderJob*>context
    cdef OrderedRows part = job.whole
    part.rows = end - begin
    part.input += begin * part.in_row_stride
    part.values += begin * part.values_row_stride
    part.indices = <int64_t*>(<char*>part.indices + begin * part.index_row_stride)
    if job.order == SORT:
        sort_rows(job.dtype, part, job.reverse)
    elif job.order == TOPK:
        topk_rows(job.dtype, part, job.reverse)
    elif job.order == SELECT:
        select_rows(job.dtype, part)
    elif job.order == MEDIAN:
        median_rows(job.dtype, part, Median.propagate_nan)
    elif job.order == NANMEDIAN:
        median_rows(job.dtype, part, Median.skip_nan)
    else:
        mode_rows(job.dtype, part)


cdef tuple _ordered(TensorBase input, int dim, Order order, int64_t k, int64_t outputs, bint reverse):
    """(values, indices) with `outputs` elements along dim; k is the rank or the count that the order needs."""
    cdef OrderJob job
    cdef int64_t shape[64]
    cdef int i
    cdef uint64_t mask = <uint64_t>1 << dim & every_dim(input)
    cdef TensorBase rows = dims_last(input, mask)
    cdef int64_t n = rows.shape[rows.ndim - 1] if rows.ndim else 1
    cdef int size = itemsizes[input.dtype]
    for i in range(rows.ndim):
        shape[i] = rows.shape[i] if i < rows.ndim - 1 else outputs
    cdef TensorBase values = new_tensor(input.dtype, rows.ndim, shape)
    cdef TensorBase indices = new_tensor(I64, rows.ndim, shape)
    job.whole = OrderedRows(values.data, <int64_t*>indices.data, rows.data, 0, n, k, n * size, size, outputs * size, size,
                            outputs * 8, 8)
    job.order, job.dtype, job.reverse = order, <DType>input.dtype, reverse
    if input.numel and outputs:
        over_rows(_order_body, &job, input.numel // n, input.numel * 16)
    return dims_back(values, mask), dims_back(indices, mask)


cdef int _refuse_other_dtypes(TensorBase input, object out, str values=None, str indices=None) except -1:
    """`out=` of what does not convert: the values have the input's dtype, the indices int64. The texts are the errors."""
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        return 0
    for each, wanted, text in ((out[0], input.dtype, values), (out[1], I64, indices)):
        if text is None:
            same_dtype(each, wanted)
        elif isinstance(each, TensorBase) and (<TensorBase>each).dtype != wanted:
            raise RuntimeError(text.format(TYPE_NAMES[wanted], TYPE_NAMES[(<TensorBase>each).dtype]))
    return 0


cdef object _recorded(PositionNode node, TensorBase input, tuple found, int dim, bint keepdim, object given, object kind,
                      object out):
    """Gives (values, indices), which have all dimensions, their history and their final shape."""
    cdef TensorBase values, indices
    values, indices = found
    if not keepdim:
        values, indices = without_dim(values, dim), without_dim(indices, dim)
    if out is not None:
        out = two_tensors(out)
        prepare(out[0], False, wants_grad(input))
        return kind((delivered(values, out[0]), delivered(indices, out[1])))
    if wants_grad(input):
        record_positions(node, input, indices, dim, keepdim, given)
        attach_many(node, [values, indices])
    else:
        settle(None, values, input, None, None, False)
    return kind((values, indices))


# ---- sort ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class SortBackward0(PositionNode):
    _shows = {"dim": folded_dim, "self_sym_sizes": input_sizes}


@cython.final
cdef class SortBackward1(PositionNode):                 # of a call that says whether it is stable
    _shows = {"dim": folded_dim, "self_sym_sizes": input_sizes}


@cython.final
cdef class TopkBackward0(PositionNode):
    _shows = {"dim": folded_dim, "self_sym_sizes": input_sizes}


def _sort(TensorBase input not None, dim=-1, bint descending=False, *, stable=None, out=None):
    """(values, indices) in order along ``dim``. Equal elements keep their order; NaN counts as the greatest.

    >>> import dynagrad
    >>> dynagrad.sort(dynagrad.tensor([3, 1, 2])).values
    tensor([1, 2, 3])
    """
    cdef int d = one_dim(input, dim)
    cdef int64_t n = input.shape[d] if input.ndim else 1
    cdef PositionNode node = SortBackward0.__new__(SortBackward0) if stable is None else SortBackward1.__new__(SortBackward1)
    _refuse_other_dtypes(input, out)
    return _recorded(node, input, _ordered(input, d, SORT, n, n, descending), d, True, dim, sort_results, out)


def _argsort(TensorBase input not None, dim=-1, bint descending=False, *, stable=None):
    """The indices that sort along ``dim``; equal elements keep their order.

    >>> import dynagrad
    >>> dynagrad.argsort(dynagrad.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    cdef int d = one_dim(input, dim)
    cdef int64_t n = input.shape[d] if input.ndim else 1
    return _ordered(input, d, SORT, n, n, descending)[1]


def _msort(TensorBase input not None, *, out=None):
    """The values in order along the first dimension.

    >>> import dynagrad
    >>> dynagrad.msort(dynagrad.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return delivered(_sort(input, 0)[0], out)


def _topk(TensorBase input not None, k, dim=-1, bint largest=True, bint sorted=True, *, out=None):
    """(values, indices) of the k largest or smallest elements along ``dim``, in order. RuntimeError if there are fewer.

    >>> import dynagrad
    >>> dynagrad.topk(dynagrad.tensor([3, 1, 2]), 2).values
    tensor([3, 2])
    """
    cdef int d = one_dim(input, dim)
    cdef int64_t count = k.item() if isinstance(k, TensorBase) else k
    if not 0 <= count <= (input.shape[d] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if input.dtype == BOOL:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if input.ndim == 0 and count == 0:
        raise RuntimeError("topk: k must be 1 for a 0-d tensor")
    _refuse_other_dtypes(input, out)
    return _recorded(TopkBackward0.__new__(TopkBackward0), input, _ordered(input, d, TOPK, count, count, largest), d, True,
                     dim, topk_results, out)


register(Card("sort", _sort, SortBackward0, "reduce", samples="dim"))
register(Card("argsort", _argsort, None, "reduce", samples="dim"))
register(Card("msort", _msort, SortBackward0, "reduce", samples="unary"))
register(Card("topk", _topk, TopkBackward0, "reduce", samples="topk"))


# ---- one element of the order ----------------------------------------------------------------------------------------

@cython.final
cdef class KthvalueBackward0(PositionNode):
    pass


@cython.final
cdef class ModeBackward0(PositionNode):
    pass


@cython.final
cdef class MedianBackward1(PositionNode):
    pass


@cython.final
cdef class NanmedianBackward1(PositionNode):
    pass


cdef class _MedianNode(ReduceNode):                     # equal ones share the gradient
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        x, result = unpack(self, 0), unpack(self, 1)
        mask = x.isnan() if result.isnan().item() else x == result
        return spread(self, g) * mask / mask.sum()


@cython.final
cdef class MedianBackward0(_MedianNode):
    pass


@cython.final
cdef class NanmedianBackward0(_MedianNode):
    pass


cdef int _refuse_empty(TensorBase input, int dim, str name) except -1:
    if input.ndim and input.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return 0


cdef int _refuse_bool(TensorBase input, str name) except -1:
    if input.dtype == BOOL:
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
    return 0


def _kthvalue(TensorBase input not None, k, dim=-1, bint keepdim=False, *, out=None):
    """(values, indices) of the k-th smallest element along ``dim``, counted from 1.

    >>> import dynagrad
    >>> dynagrad.kthvalue(dynagrad.tensor([3, 1, 2]), 2).values
    tensor(2)
    """
    cdef int d = one_dim(input, dim)
    cdef int64_t rank = k
    _refuse_empty(input, d, "kthvalue")
    if not 1 <= rank <= (input.shape[d] if input.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    _refuse_bool(input, "kthvalue_cpu")
    _refuse_other_dtypes(input, out, "output values must be of same type as input", "output indices must be of scalar type {}")
    return _recorded(KthvalueBackward0.__new__(KthvalueBackward0), input, _ordered(input, d, SELECT, rank - 1, 1, False), d,
                     keepdim, dim, kthvalue_results, out)


def _mode(TensorBase input not None, dim=-1, bint keepdim=False, *, out=None):
    """(values, indices) of the most frequent element along ``dim``, the smallest of several.

    >>> import dynagrad
    >>> dynagrad.mode(dynagrad.tensor([3, 1, 3])).values
    tensor(3)
    """
    cdef int d = one_dim(input, dim)
    _refuse_empty(input, d, "mode")
    _refuse_other_dtypes(input, out, "expected scalar type '{}' but got '{}' for values output",
                         "expected scalar type '{}' but got '{}' for indices output")
    return _recorded(ModeBackward0.__new__(ModeBackward0), input, _ordered(input, d, MODE, 0, 1, False), d, keepdim, dim,
                     mode_results, out)


cdef TensorBase _middle_of_all(TensorBase input, _MedianNode node, Order order, object out):
    cdef int64_t numel = input.numel
    cdef TensorBase result
    cdef bint recording = wants_grad(input)
    prepare(out, False, recording)
    if numel:
        result = without_dim(_ordered(new_alias(contiguous(input), 1, &numel, NULL, 0), 0, order, 0, 1, False)[0], 0)
    else:
        result = cast(new_scalar(F64, NAN, 0), input.dtype)
    if out is not None:
        return delivered(result, out)
    if recording:
        record_reduction(node, input, every_dim(input), False, None)
        save(node, 0, input)
    settle(node if recording else None, result, input, None, None, False)
    if recording:
        save_result(node, 1, result)
    return result


def _median(TensorBase input not None, dim=None, bint keepdim=False, *, out=None):
    """The median of all elements, or (values, indices) along ``dim``: the lower of two middle ones. NaN propagates.

    >>> import dynagrad
    >>> dynagrad.median(dynagrad.tensor([4, 1, 3, 2]))
    tensor(2)
    """
    if input.numel:
        _refuse_bool(input, "median_out")
    if dim is None:
        return _middle_of_all(input, MedianBackward0.__new__(MedianBackward0), MEDIAN, out)
    cdef int d = one_dim(input, dim)
    _refuse_empty(input, d, "median")
    return _recorded(MedianBackward1.__new__(MedianBackward1), input, _ordered(input, d, MEDIAN, 0, 1, False), d, keepdim,
                     dim, median_results, out)


def _nanmedian(TensorBase input not None, dim=None, bint keepdim=False, *, out=None):
    """The median of the elements that are not NaN, or (values, indices) along ``dim``.

    >>> import dynagrad
    >>> dynagrad.nanmedian(dynagrad.tensor([4., float("nan"), 3.]))
    tensor(3.)
    """
    if input.numel:
        _refuse_bool(input, "nanmedian_out")
    if dim is None:
        return _middle_of_all(input, NanmedianBackward0.__new__(NanmedianBackward0), NANMEDIAN, out)
    cdef int d = one_dim(input, dim)
    _refuse_empty(input, d, "nanmedian")
    return _recorded(NanmedianBackward1.__new__(NanmedianBackward1), input, _ordered(input, d, NANMEDIAN, 0, 1, False), d,
                     keepdim, dim, nanmedian_results, out)


register(Card("kthvalue", _kthvalue, KthvalueBackward0, "reduce", samples="kthvalue"))
register(Card("mode", _mode, ModeBackward0, "reduce", samples="dim"))
register(Card("median", _median, MedianBackward0, "reduce"))
register(Card("nanmedian", _nanmedian, NanmedianBackward0, "reduce"))


# ---- distinct elements and places ------------------------------------------------------------------------------------

def distinct(TensorBase input not None):
    """(the distinct elements in ascending order, the place of each element among them, how often each occurs)"""
    cdef Unlocked unlocked
    cdef int64_t n = input.numel
    cdef int64_t different
    cdef TensorBase flat = contiguous(input)
    cdef TensorBase values = new_tensor(input.dtype, 1, &n)
    cdef TensorBase inverse = new_tensor(I64, input.ndim, input.shape)
    cdef TensorBase counts = new_tensor(I64, 1, &n)
    unlocked.begin()
    with nogil:
        different = count_distinct(<DType>flat.dtype, flat.data, n, values.data, <int64_t*>inverse.data,
                                   <int64_t*>counts.data)
    return copy_of(new_alias(values, 1, &different, NULL, 0)), inverse, copy_of(new_alias(counts, 1, &different, NULL, 0))


cdef TensorBase _sought(TensorBase sequence, object input):
    """The values to look for: one for all rows of a 1-d sequence, or rows that match those of the sequence."""
    cdef TensorBase values = as_operand(input, "searchsorted(): argument 'input'")
    cdef int d
    cdef bint fits = sequence.ndim == 1 or values.ndim == sequence.ndim > 0
    for d in range(sequence.ndim - 1 if fits else 0):
        fits = fits and values.shape[d] == sequence.shape[d]
    if not fits:
        raise RuntimeError("torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
                           "boundaries tensor and input value tensor must match, but we got boundaries tensor "
                           f"{list(shape_tuple(sequence))} and input value tensor {list(shape_tuple(values))}")
    return values


cdef TensorBase _find(TensorBase sequence, object input, bint right, bint int32, object out):
    cdef Unlocked unlocked
    cdef TensorBase values = _sought(sequence, input)
    cdef int dtype = result_dtype2(sequence, values)
    cdef TensorBase edges = contiguous(cast(sequence, dtype))
    cdef TensorBase places = new_tensor(I64, values.ndim, values.shape)
    cdef int64_t n = edges.shape[edges.ndim - 1], row
    cdef int64_t m = values.numel if edges.ndim == 1 else values.shape[values.ndim - 1]
    cdef int64_t rows = values.numel // m if m else 0
    cdef int size = itemsizes[dtype]
    values = contiguous(cast(values, dtype))
    unlocked.begin()
    with nogil:
        for row in range(rows):
            find_places(<DType>dtype, edges.data + row * n * size, n, values.data + row * m * size, m,
                        <int64_t*>places.data + row * m, right)
    return delivered(cast(places, I32) if int32 else places, out)


def _searchsorted(TensorBase sorted_sequence not None, input, *, bint out_int32=False, bint right=False, side=None,
                  TensorBase sorter=None, out=None):
    """For each element the place where it would be inserted into the ascending ``sorted_sequence``, a vector or rows.

    Equal elements stay behind the place, or with ``right`` (``side="right"``) before it. ``sorter`` lists the places of
    the elements of a sequence that is not sorted, in ascending order.

    >>> import dynagrad
    >>> dynagrad.searchsorted(dynagrad.tensor([1, 3, 5]), dynagrad.tensor([3, 6]))
    tensor([1, 3])
    """
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while right was "
                           "True")
    if sorter is not None:
        if shape_tuple(sorter) != shape_tuple(sorted_sequence):
            raise RuntimeError("torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                               f"{list(shape_tuple(sorted_sequence))}and got sorter tensor {list(shape_tuple(sorter))}")
        if sorter.dtype != I64:
            raise RuntimeError("torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
                               f"{TYPE_NAMES[sorter.dtype]}")
        if sorter.numel and not 0 <= sorter.min().item() <= sorter.max().item() < sorter.shape[sorter.ndim - 1]:
            raise RuntimeError("torch.searchsorted(): sorter index out of range")
        sorted_sequence = sorted_sequence.detach().gather(-1, sorter)
    return _find(sorted_sequence, input, right or side == "right", out_int32, out)


def _bucketize(input, TensorBase boundaries not None, *, bint out_int32=False, bint right=False, out=None):
    """For each element the number of the bucket between the ascending ``boundaries`` that it falls into.

    >>> import dynagrad
    >>> dynagrad.bucketize(dynagrad.tensor([0, 4]), dynagrad.tensor([1, 3, 5]))
    tensor([0, 2])
    """
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return _find(boundaries, input, right, out_int32, out)


register(Card("searchsorted", _searchsorted, None, "binary", method=False, samples="search"))
register(Card("bucketize", _bucketize, None, "binary", method=False, samples="search"))
