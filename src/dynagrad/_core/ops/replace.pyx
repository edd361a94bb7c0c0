"""Copies of a tensor in which one part is replaced: select_scatter, slice_scatter, diagonal_scatter, as_strided_scatter.

The parts are those of `part`.
"""
import cython
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from dynagrad._core.card import Card, register
from dynagrad._core.ops.part import DIAGONAL
from dynagrad._core.shown import field, signed_field, whole_scalar

from dynagrad._core.graph cimport Node, begin_pair, needs, settle, wants_grad
from dynagrad._core.iterate cimport copy_into, copy_of
from dynagrad._core.ops.copy cimport row_major
from dynagrad._core.ops.part cimport (
    Part, clamped, diagonal_at, diagonal_part, piece, select_index, select_part, selected, slice_part, strided_slice,
    which_diagonal, zeros)
from dynagrad._core.ops.reduce cimport wrapped_dim
from dynagrad._core.ops.shape cimport ints
from dynagrad._core.ops.view cimport as_strided
from dynagrad._core.tensor cimport TensorBase, dims_tuple
from dynagrad._core.types cimport itemsizes


cdef TensorBase _replaced(TensorBase t, TensorBase made, TensorBase src, Part* part, Node node):
    """Writes src, which may be a 0-d tensor, to a part of `made`, a copy of t; records that."""
    if src.ndim and dims_tuple(src.ndim, src.shape) != dims_tuple(part.ndim, part.shape):
        raise RuntimeError("expected src to have a size equal to the slice of self. src size = "
                           f"{ints(src.shape, src.ndim)}, slice size = {ints(part.shape, part.ndim)}")
    if node is not None:
        begin_pair(node, t, src)
    copy_into(piece(made, part), src)
    settle(node, made, t, src, None, False)
    return made


cdef inline bint _wants(TensorBase a, TensorBase b) noexcept:
    return wants_grad(a) or wants_grad(b)


cdef inline TensorBase _zero(TensorBase like):
    return zeros(like.dtype, 0, NULL)


@cython.final
cdef class SelectScatterBackward0(Node):                # whole = index << 6 | dim
    _shows = {"dim": field(0, 6), "index": signed_field(6, 58)}

    cdef object vjp(self, TensorBase g):
        return (_select_scatter(g, _zero(g), self.whole & 63, self.whole >> 6) if needs(self, 0) else None,
                selected(g, self.whole & 63, self.whole >> 6) if needs(self, 1) else None)


cdef TensorBase _select_scatter(TensorBase t, TensorBase src, int dim, int64_t index):
    cdef Part part
    cdef Node node = None
    cdef TensorBase made = copy_of(t)
    select_part(made, dim, index, &part)
    if _wants(t, src):
        node = SelectScatterBackward0.__new__(SelectScatterBackward0)
        node.whole = index << 6 | dim
    return _replaced(t, made, src, &part, node)


def _select_scatter_(TensorBase input not None, TensorBase src not None, dim, index):
    """A copy of ``input`` in which ``src`` stands at one index of a dimension.

    >>> import dynagrad
    >>> dynagrad.zeros(2, 2).select_scatter(dynagrad.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    cdef int at = wrapped_dim(dim, input.ndim)
    return _select_scatter(input, src, at, select_index(input, at, index))


register(Card("select_scatter", _select_scatter_, SelectScatterBackward0, "view"))


def _scatter_end(Node node):
    cdef int64_t start = node.whole >> 6, length = node.params[0]
    return start + (length - 1) * <int64_t>node.scalar + 1 if length else start


@cython.final
cdef class SliceScatterBackward0(Node):                 # whole = start << 6 | dim, scalar = step, params = (length,)
    _shows = {"dim": field(0, 6), "start": field(6, 58), "step": whole_scalar, "end": _scatter_end}

    cdef object vjp(self, TensorBase g):
        cdef int dim = self.whole & 63
        cdef int64_t start = self.whole >> 6, step = <int64_t>self.scalar, length = self.params[0]
        return (_slice_scatter(g, _zero(g), dim, start, length, step) if needs(self, 0) else None,
                strided_slice(g, dim, start, length, step) if needs(self, 1) else None)


cdef TensorBase _slice_scatter(TensorBase t, TensorBase src, int dim, int64_t start, int64_t length, int64_t step):
    cdef Part part
    cdef Node node = None
    cdef TensorBase made = copy_of(t)
    slice_part(made, dim, start, length, step, &part)
    if _wants(t, src):
        node = SliceScatterBackward0.__new__(SliceScatterBackward0)
        node.whole = start << 6 | dim
        node.scalar = step
        node.params = (length,)
    return _replaced(t, made, src, &part, node)


def _slice_scatter_(TensorBase input not None, TensorBase src not None, dim=0, start=None, end=None, step=1):
    """A copy of ``input`` in which ``src`` stands at the indices start:end:step of a dimension.

    >>> import dynagrad
    >>> dynagrad.zeros(4).slice_scatter(dynagrad.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    cdef int at = wrapped_dim(dim, input.ndim)
    if input.ndim == 0:
        raise RuntimeError("slice_scatter() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    cdef int64_t size = input.shape[at], first = 0 if start is None else start, last = size if end is None else end
    clamped(size, &first, &last)
    return _slice_scatter(input, src, at, first, (last - first + step - 1) // step, step)


register(Card("slice_scatter", _slice_scatter_, SliceScatterBackward0, "view"))


@cython.final
cdef class DiagonalScatterBackward0(Node):              # whole as in DiagonalNode
    _shows = DIAGONAL

    cdef object vjp(self, TensorBase g):
        return (_diagonal_scatter(g, _zero(g), self.whole) if needs(self, 0) else None,
                diagonal_at(g, self.whole) if needs(self, 1) else None)


cdef TensorBase _diagonal_scatter(TensorBase t, TensorBase src, int64_t which):
    cdef Part part
    cdef Node node = None
    cdef TensorBase made = copy_of(t)
    diagonal_part(made, which >> 12, which >> 6 & 63, which & 63, &part)
    if _wants(t, src):
        node = DiagonalScatterBackward0.__new__(DiagonalScatterBackward0)
        node.whole = which
    return _replaced(t, made, src, &part, node)


def _diagonal_scatter_(TensorBase input not None, TensorBase src not None, int64_t offset=0, dim1=0, dim2=1):
    """A copy of ``input`` in which ``src`` stands on a diagonal.

    >>> import dynagrad
    >>> dynagrad.zeros(2, 2).diagonal_scatter(dynagrad.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _diagonal_scatter(input, src, which_diagonal(input, offset, dim1, dim2))


register(Card("diagonal_scatter", _diagonal_scatter_, DiagonalScatterBackward0, "view"))


@cython.final
cdef class AsStridedScatterBackward0(Node):
    _keeps = ("size", "stride", "storage_offset")

    cdef object vjp(self, TensorBase g):
        size, stride, offset = self.params
        g = row_major(g)
        return (_as_strided_scatter(g, _zero(g), size, stride, offset) if needs(self, 0) else None,
                as_strided(g, size, stride, offset or 0) if needs(self, 1) else None)


cdef TensorBase _as_strided_scatter(TensorBase t, TensorBase src, size, stride, offset):
    cdef Node node = None
    cdef TensorBase made = copy_of(t)
    cdef TensorBase piece = as_strided(made, size, stride, offset or 0)
    cdef Part part
    part.ndim, part.offset = piece.ndim, (piece.data - made.data) // itemsizes[t.dtype]
    memcpy(part.shape, piece.shape, piece.ndim * sizeof(int64_t))
    memcpy(part.strides, piece.strides, piece.ndim * sizeof(int64_t))
    if _wants(t, src):
        node = AsStridedScatterBackward0.__new__(AsStridedScatterBackward0)
        node.params = (tuple(size), tuple(stride), offset)
    return _replaced(t, made, src, &part, node)


def _as_strided_scatter_(TensorBase input not None, TensorBase src not None, size, stride, storage_offset=None):
    """A copy of ``input`` in which ``src`` stands where ``as_strided`` with the same arguments looks.

    >>> import dynagrad
    >>> dynagrad.zeros(4).as_strided_scatter(dynagrad.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    return _as_strided_scatter(input, src, size, stride, storage_offset)


register(Card("as_strided_scatter", _as_strided_scatter_, AsStridedScatterBackward0, "view"))
