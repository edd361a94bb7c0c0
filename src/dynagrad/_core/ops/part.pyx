"""Taking tensors apart, as views, and joining them: select, slice, split, diagonal, unfold, as_strided, cat, stack.

Views of the whole are in `view`; copies in which a part is replaced in `replace`; indexing by tensors and masks is in `index`.
"""
import cython
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy, memset

from dynagrad._core.card import Card, register
from dynagrad._core.shown import field, input_sizes, signed_field, whole_scalar
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.formats cimport new_in, suggested
from dynagrad._core.graph cimport (
    Node, Output, attach, attach_many, begin1, begin_list, hand_on_cut, needs, output_of, prepare, set_view_of, settle,
    thread_state, wants_grad)
from dynagrad._core.iterate cimport copy_into, copy_of, output, refuse_out_grad, result_dtype
from dynagrad._core.ops.reduce cimport wrapped_dim
from dynagrad._core.ops.shape cimport ViewNode, input_of, ints, view_from
from dynagrad._core.ops.view cimport StridedNode, as_strided, unsqueeze_at
from dynagrad._core.overlap cimport check_apart
from dynagrad._core.tensor cimport VIEW_MULTI, TensorBase, dims_tuple, new_alias, new_tensor, set_geometry, shape_tuple
from dynagrad._core.types cimport BOOL, category, is_float, itemsizes


cdef TensorBase zeros(int dtype, int ndim, const int64_t* shape):
    cdef TensorBase made = new_tensor(dtype, ndim, shape)
    memset(made.data, 0, made.numel * itemsizes[dtype])
    return made


# ---- a part of a tensor: dimension, start, step, length --------------------------------------------------------------
# The derivative of every view of a part writes the gradient to the same part of a tensor of zeros.

cdef void select_part(TensorBase t, int dim, int64_t index, Part* part) noexcept:
    part.ndim = t.ndim - 1
    part.offset = index * t.strides[dim]
    memcpy(part.shape, t.shape, dim * sizeof(int64_t))
    memcpy(part.strides, t.strides, dim * sizeof(int64_t))
    memcpy(part.shape + dim, t.shape + dim + 1, (t.ndim - dim - 1) * sizeof(int64_t))
    memcpy(part.strides + dim, t.strides + dim + 1, (t.ndim - dim - 1) * sizeof(int64_t))


cdef void slice_part(TensorBase t, int dim, int64_t start, int64_t length, int64_t step, Part* part) noexcept:
    part.ndim = t.ndim
    part.offset = start * t.strides[dim]
    memcpy(part.shape, t.shape, t.ndim * sizeof(int64_t))
    memcpy(part.strides, t.strides, t.ndim * sizeof(int64_t))
    part.shape[dim] = length
    part.strides[dim] *= step


cdef void diagonal_part(TensorBase t, int64_t offset, int dim1, int dim2, Part* part) noexcept:
    cdef int d, n = 0
    cdef int64_t rows = t.shape[dim1] - max(<int64_t>0, -offset), columns = t.shape[dim2] - max(<int64_t>0, offset)
    cdef int64_t length = max(<int64_t>0, min(rows, columns))
    part.offset = 0
    if length:
        part.offset = offset * t.strides[dim2] if offset >= 0 else -offset * t.strides[dim1]
    for d in range(t.ndim):
        if d != dim1 and d != dim2:
            part.shape[n] = t.shape[d]
            part.strides[n] = t.strides[d]
            n += 1
    part.shape[n] = length
    part.strides[n] = t.strides[dim1] + t.strides[dim2]
    part.ndim = n + 1


cdef inline TensorBase _view(TensorBase t, Part* part, Node node):
    return view_from(t, part.ndim, part.shape, part.strides, part.offset, node)


cdef TensorBase piece(TensorBase t, Part* part):
    return new_alias(t, part.ndim, part.shape, part.strides, part.offset)


cdef TensorBase _embedded(TensorBase g, TensorBase made, Part* part, Node node):
    """Writes g to a part of `made`, which is zero elsewhere, and records that."""
    copy_into(piece(made, part), g)
    if node is not None:
        begin1(node, g)
        attach(node, made)
    return made


# ---- select ----------------------------------------------------------------------------------------------------------

cdef class SelectNode(ViewNode):                        # whole = index << 6 | dim, the index as given
    _shows = {"dim": field(0, 6), "index": signed_field(6, 58), "self_sym_sizes": input_sizes}


@cython.final
cdef class SelectBackward0(SelectNode):
    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        cdef int dim = self.whole & 63
        cdef int64_t index = self.whole >> 6
        return _select_backward(g, shape.ndim, shape.shape, dim, index if index >= 0 else index + shape.shape[dim])


@cython.final
cdef class SelectBackwardBackward0(Node):
    cdef object vjp(self, TensorBase g):
        return selected(g, self.whole & 63, self.whole >> 6)


cdef TensorBase _select_backward(TensorBase g, int ndim, const int64_t* shape, int dim, int64_t index):
    cdef Part part
    cdef TensorBase made = zeros(g.dtype, ndim, shape)
    cdef Node node = None
    select_part(made, dim, index, &part)
    if wants_grad(g):
        node = SelectBackwardBackward0.__new__(SelectBackwardBackward0)
        node.whole = index << 6 | dim
    return _embedded(g, made, &part, node)


cdef TensorBase selected(TensorBase t, int dim, int64_t index):
    """The slice of t at one index, already checked, of a dimension."""
    cdef Part part
    cdef Node node = None
    select_part(t, dim, index if index >= 0 else index + t.shape[dim], &part)
    if wants_grad(t):
        node = SelectBackward0.__new__(SelectBackward0)
        node.whole = index << 6 | dim
    return _view(t, &part, node)


cdef int64_t select_index(TensorBase t, int dim, object given) except -1:
    cdef int64_t index = given
    if not -t.shape[dim] <= index < t.shape[dim]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape_tuple(t))} at dimension "
                         f"{dim}")
    return index if index >= 0 else index + t.shape[dim]


def _select(TensorBase input not None, object dim, object index):
    """The slice at one index of a dimension, without that dimension; a view.

    >>> import dynagrad
    >>> dynagrad.select(dynagrad.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    cdef int at = wrapped_dim(dim, input.ndim)
    select_index(input, at, index)     # which checks it
    return selected(input, at, index)


register(Card("select", _select, SelectBackward0, "view"))


# ---- slice -----------------------------------------------------------------------------------------------------------

def _slice_end(Node node):
    cdef int64_t start = node.whole >> 6, length = node.output.shape[node.whole & 63]
    return start + (length - 1) * <int64_t>node.scalar + 1 if length else start


cdef class SliceNode(ViewNode):                         # whole = start << 6 | dim, scalar = step
    _shows = {"dim": field(0, 6), "start": field(6, 58), "step": whole_scalar, "end": _slice_end,
              "self_sym_sizes": input_sizes}


@cython.final
cdef class SliceBackward0(SliceNode):
    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return _slice_backward(g, shape.ndim, shape.shape, self.whole & 63, self.whole >> 6, <int64_t>self.scalar)


@cython.final
cdef class SliceBackwardBackward0(Node):
    cdef object vjp(self, TensorBase g):
        cdef int dim = self.whole & 63
        cdef Output* shape = input_of(self)
        return strided_slice(g, dim, self.whole >> 6, shape.shape[dim], <int64_t>self.scalar)


cdef TensorBase _slice_backward(TensorBase g, int ndim, const int64_t* shape, int dim, int64_t start, int64_t step):
    cdef Part part
    cdef TensorBase made = zeros(g.dtype, ndim, shape)
    cdef Node node = None
    slice_part(made, dim, start, g.shape[dim], step, &part)
    if wants_grad(g):
        node = SliceBackwardBackward0.__new__(SliceBackwardBackward0)
        node.whole = start << 6 | dim
        node.scalar = step
    return _embedded(g, made, &part, node)


cdef TensorBase strided_slice(TensorBase t, int dim, int64_t start, int64_t length, int64_t step):
    cdef Part part
    cdef Node node = None
    slice_part(t, dim, start, length, step, &part)
    if wants_grad(t):
        node = SliceBackward0.__new__(SliceBackward0)
        node.whole = start << 6 | dim
        node.scalar = step
    return _view(t, &part, node)


cdef void clamped(int64_t size, int64_t* start, int64_t* end) noexcept:
    start[0] = min(max(start[0] + size if start[0] < 0 else start[0], <int64_t>0), size)
    end[0] = min(max(end[0] + size if end[0] < 0 else end[0], start[0]), size)


cdef TensorBase sliced(TensorBase t, int dim, int64_t start, int64_t end, int64_t step):
    """t[start:end:step] along a dimension; bounds are clamped as Python clamps those of a slice, step > 0."""
    clamped(t.shape[dim], &start, &end)
    return strided_slice(t, dim, start, (end - start + step - 1) // step, step)


def _narrow(TensorBase input not None, object dim, object start, object length):
    """``length`` indices of a dimension from ``start`` on; a view.

    >>> import dynagrad
    >>> dynagrad.narrow(dynagrad.tensor([1, 2, 3]), 0, 1, 2)
    tensor([2, 3])
    """
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    cdef int at = wrapped_dim(dim, input.ndim)
    if isinstance(start, TensorBase) and ((<TensorBase>start).ndim or is_float((<TensorBase>start).dtype)
                                         or (<TensorBase>start).dtype == BOOL):
        raise RuntimeError(f"start must be an 0-dim integral Tensor. Got {list(start.shape)} of {start.dtype}")
    cdef int64_t size = input.shape[at], first = start, n = length
    if n < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= first <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {first})")
    if first < 0:
        first += size
    if first + n > size:
        raise RuntimeError(f"start ({first}) + length ({n}) exceeds dimension size ({size}).")
    return strided_slice(input, at, first, n, 1)


register(Card("narrow", _narrow, SliceBackward0, "view"))


# ---- split -----------------------------------------------------------------------------------------------------------

cdef class SplitNode(ViewNode):
    _whole = "dim"
    _shows = {"self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        return g

    cdef object vjp_many(self, list gradients):
        return joined(_filled(self, gradients), self.whole)


@cython.final
cdef class SplitBackward0(SplitNode):
    _shows = {"self_sym_sizes": input_sizes, "split_size": whole_scalar}


@cython.final
cdef class SplitWithSizesBackward0(SplitNode):
    _keeps = ("split_sizes",)


@cython.final
cdef class UnsafeSplitBackward0(SplitNode):             # of copies, which may be written to
    _shows = {"self_sym_sizes": input_sizes, "split_size": whole_scalar}


@cython.final
cdef class UnsafeSplitWithSizesBackward0(SplitNode):
    _keeps = ("split_sizes",)


@cython.final
cdef class UnbindBackward0(Node):
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        return unsqueeze_at(g, self.whole)

    cdef object vjp_many(self, list gradients):
        return stacked(_filled(self, gradients), self.whole)


cdef list _filled(Node node, list gradients):
    """The gradients of all outputs, with zeros where none arrived."""
    cdef int i
    cdef Output* output
    for i in range(node.n_outputs):
        if gradients[i] is None:
            output = output_of(node, i)
            gradients[i] = zeros(output.dtype, output.ndim, output.shape)
    return gradients


cdef tuple _views(TensorBase t, list made, Node node):
    """Joins several aliases of t to the graph as the outputs of one node."""
    cdef TensorBase each
    if thread_state.inference or node is None and thread_state.backward_depth:
        return tuple(made)
    for each in made:
        set_view_of(each, t, VIEW_MULTI)
        if node is None:
            hand_on_cut(each, t)
    if node is not None:
        begin1(node, t)
        attach_many(node, made)
    return tuple(made)


cdef tuple _pieces(TensorBase t, list sizes, int dim, Node node):
    cdef Part part
    cdef list made = []
    cdef int64_t start = 0, length
    for length in sizes:
        slice_part(t, dim, start, length, 1, &part)
        made.append(piece(t, &part))
        start += length
    return _views(t, made, node)


def _split(TensorBase tensor not None, object split_size_or_sections=None, object dim=0, *, object split_size=None):
    """Parts along a dimension: of one size (the last may be shorter), or of the sizes in a list; views.

    >>> import dynagrad
    >>> dynagrad.split(dynagrad.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    if split_size is not None:                          # the method's name of it
        split_size_or_sections = split_size
    elif split_size_or_sections is None:
        raise TypeError("split() missing 1 required positional argument: 'split_size'")
    if isinstance(split_size_or_sections, (tuple, list)):
        return _split_with_sizes(tensor, split_size_or_sections, dim)
    cdef int64_t step = split_size_or_sections
    cdef Node node = None
    if tensor.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    cdef int at = wrapped_dim(dim, tensor.ndim)
    cdef int64_t size = tensor.shape[at]
    if step < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    if step == 0 and size:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
    if wants_grad(tensor):
        node = SplitBackward0.__new__(SplitBackward0)
        node.scalar = step
        node.whole = dim
    return _pieces(tensor, [min(step, size - start) for start in range(0, size, step)] if size else [0], at, node)


register(Card("split", _split, SplitBackward0, "view"))


def _split_with_sizes(TensorBase input not None, object split_sizes, object dim=0):
    """Parts of the given sizes along a dimension; views.

    >>> import dynagrad
    >>> dynagrad.split_with_sizes(dynagrad.tensor([1, 2, 3]), [1, 2])
    (tensor([1]), tensor([2, 3]))
    """
    cdef Node node = None
    if input.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    cdef int at = wrapped_dim(dim, input.ndim)
    if not isinstance(split_sizes, (tuple, list)):
        raise TypeError("split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not "
                        f"{type(split_sizes).__name__}")
    sizes = [int(size) for size in split_sizes]
    if any([size < 0 for size in sizes]):
        raise RuntimeError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}")
    if sum(sizes) != input.shape[at]:
        raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {input.shape[at]} (input tensor's size at "
                           f"dimension {at}), but got split_sizes={sizes}")
    if wants_grad(input):
        node = SplitWithSizesBackward0.__new__(SplitWithSizesBackward0)
        node.params = (tuple(sizes),)
        node.whole = dim
    return _pieces(input, sizes, at, node)


register(Card("split_with_sizes", _split_with_sizes, SplitWithSizesBackward0, "view"))


def _chunk(TensorBase input not None, object chunks, object dim=0):
    """At most ``chunks`` parts of equal size along a dimension (the last may be shorter); views.

    >>> import dynagrad
    >>> dynagrad.chunk(dynagrad.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    cdef int64_t n = chunks
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if n <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {n}")
    cdef int at = wrapped_dim(dim, input.ndim)
    cdef int64_t step = (input.shape[at] + n - 1) // n
    return _split(input, step, dim) if step else _split_with_sizes(input, [0] * n, dim)


register(Card("chunk", _chunk, SplitBackward0, "view"))


cdef tuple _copied(TensorBase input, tuple views, int dim, Node node):
    """Copies of the parts, as the outputs of one node."""
    cdef list made = [copy_of(<TensorBase>view) for view in views]
    if node is not None:
        node.whole = dim
        begin1(node, input)
        attach_many(node, made)
    else:
        for each in made:
            hand_on_cut(<TensorBase>each, input)
    return tuple(made)


def _unsafe_split(TensorBase input not None, object split_size, object dim=0):
    """The parts of `split`, each of which may be written to in place.

    >>> import dynagrad
    >>> dynagrad.unsafe_split(dynagrad.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    cdef tuple views = _split(input.detach(), split_size, dim)
    cdef Node node = None
    if wants_grad(input):
        node = UnsafeSplitBackward0.__new__(UnsafeSplitBackward0)
        node.scalar = split_size
    return _copied(input, views, dim, node)


def _unsafe_split_with_sizes(TensorBase input not None, object split_sizes, object dim=0):
    """The parts of `split_with_sizes`, each of which may be written to in place.

    >>> import dynagrad
    >>> dynagrad.unsafe_split_with_sizes(dynagrad.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    cdef tuple views = _split_with_sizes(input.detach(), split_sizes, dim)
    cdef Node node = None
    if wants_grad(input):
        node = UnsafeSplitWithSizesBackward0.__new__(UnsafeSplitWithSizesBackward0)
        node.params = (tuple([int(size) for size in split_sizes]),)
    return _copied(input, views, dim, node)


def _unsafe_chunk(TensorBase input not None, object chunks, object dim=0):
    """The parts of `chunk`, each of which may be written to in place.

    >>> import dynagrad
    >>> dynagrad.unsafe_chunk(dynagrad.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    cdef tuple views = _chunk(input.detach(), chunks, dim)
    cdef int at = wrapped_dim(dim, input.ndim)
    sizes = [(<TensorBase>view).shape[at] for view in views]
    return _unsafe_split(input, sizes[0], dim) if sizes[0] else _unsafe_split_with_sizes(input, sizes, dim)


register(Card("unsafe_split", _unsafe_split, UnsafeSplitBackward0, "view", samples="database"))
register(Card("unsafe_split_with_sizes", _unsafe_split_with_sizes, UnsafeSplitWithSizesBackward0, "view", samples="database"))
register(Card("unsafe_chunk", _unsafe_chunk, UnsafeSplitBackward0, "view", samples="database"))


def _unbind(TensorBase input not None, object dim=0):
    """All slices along a dimension, without that dimension; views.

    >>> import dynagrad
    >>> dynagrad.unbind(dynagrad.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if input.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    wrapped_dim(dim, input.ndim)        # which checks it
    return unbound(input, dim)


register(Card("unbind", _unbind, UnbindBackward0, "view"))


cdef tuple unbound(TensorBase t, int dim):
    cdef Part part
    cdef list made = []
    cdef int64_t i
    cdef Node node = None
    cdef int at = dim if dim >= 0 else dim + t.ndim
    for i in range(t.shape[at]):
        select_part(t, at, i, &part)
        made.append(piece(t, &part))
    if wants_grad(t) and made:
        node = UnbindBackward0.__new__(UnbindBackward0)
        node.whole = dim
    return _views(t, made, node)


# ---- diagonal --------------------------------------------------------------------------------------------------------

DIAGONAL = {"offset": signed_field(12, 52), "dim1": field(6, 6), "dim2": field(0, 6)}


cdef class DiagonalNode(ViewNode):                      # whole = offset << 12 | dim1 << 6 | dim2
    _shows = {**DIAGONAL, "self_sym_sizes": input_sizes}


@cython.final
cdef class DiagonalBackward0(DiagonalNode):
    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return _diagonal_backward(g, shape.ndim, shape.shape, self.whole)


@cython.final
cdef class DiagonalBackwardBackward0(Node):
    cdef object vjp(self, TensorBase g):
        return diagonal_at(g, self.whole)


cdef TensorBase _diagonal_backward(TensorBase g, int ndim, const int64_t* shape, int64_t which):
    cdef Part part
    cdef TensorBase made = zeros(g.dtype, ndim, shape)
    cdef Node node = None
    diagonal_part(made, which >> 12, which >> 6 & 63, which & 63, &part)
    if wants_grad(g):
        node = DiagonalBackwardBackward0.__new__(DiagonalBackwardBackward0)
        node.whole = which
    return _embedded(g, made, &part, node)


cdef TensorBase diagonal_at(TensorBase t, int64_t which):
    cdef Part part
    cdef Node node = None
    diagonal_part(t, which >> 12, which >> 6 & 63, which & 63, &part)
    if wants_grad(t):
        node = DiagonalBackward0.__new__(DiagonalBackward0)
        node.whole = which
    return _view(t, &part, node)


cdef int64_t which_diagonal(TensorBase t, int64_t offset, object dim1, object dim2) except? -1:
    cdef int a = wrapped_dim(dim1, t.ndim), b = wrapped_dim(dim2, t.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return offset << 12 | a << 6 | b


def _diagonal(TensorBase input not None, int64_t offset=0, object dim1=0, object dim2=1):
    """The diagonal of two dimensions, as a new last dimension; ``offset`` > 0 is above the main one. A view.

    >>> import dynagrad
    >>> dynagrad.diagonal(dynagrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return diagonal_at(input, which_diagonal(input, offset, dim1, dim2))


register(Card("diagonal", _diagonal, DiagonalBackward0, "view"))


# ---- unfold --------------------------------------------------------------------------------------------------------------

def _window(Node node):
    return node.output.shape[node.output.ndim - 1]


@cython.final
cdef class UnfoldBackward0(StridedNode):                # whole = step << 6 | dimension
    _shows = {"dimension": field(0, 6), "step": field(6, 58), "size": _window, "self_sym_sizes": input_sizes}


def _unfold(TensorBase input not None, object dimension, object size, object step):
    """All windows of ``size`` elements along a dimension, ``step`` apart, as a new last dimension; a view.

    >>> import dynagrad
    >>> dynagrad.tensor([1, 2, 3]).unfold(0, 2, 1)
    tensor([[1, 2],
            [2, 3]])
    """
    cdef int dim = wrapped_dim(dimension, input.ndim)
    cdef int64_t width = size, stride = step, length = input.shape[dim] if input.ndim else 1
    if width > length:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {length} but size is {width}")
    if width < 0:
        raise RuntimeError(f"size is {width} but must be >= 0")
    if stride <= 0:
        raise RuntimeError(f"step is {stride} but must be > 0")
    return _windows(input, dim, width, stride)


register(Card("unfold", _unfold, UnfoldBackward0, "view", function=False))


cdef TensorBase _windows(TensorBase t, int dim, int64_t width, int64_t step):
    cdef Part part
    cdef Node node = None
    memcpy(part.shape, t.shape, t.ndim * sizeof(int64_t))
    memcpy(part.strides, t.strides, t.ndim * sizeof(int64_t))
    part.ndim = t.ndim + 1
    part.offset = 0
    part.shape[t.ndim] = width
    part.strides[t.ndim] = t.strides[dim] if t.ndim else 1
    if t.ndim:
        part.shape[dim] = (t.shape[dim] - width) // step + 1
        part.strides[dim] = t.strides[dim] * step
    if wants_grad(t):
        node = UnfoldBackward0.__new__(UnfoldBackward0)
        node.whole = step << 6 | dim
        node.params = _geometry(t, &part)
    return _view(t, &part, node)


cdef tuple _geometry(TensorBase t, Part* part):
    """What the derivative of a strided view needs: sizes, strides and offset in the storage, of the view and of the input."""
    cdef int64_t offset = (t.data - t.storage.data) // itemsizes[t.dtype]
    return (dims_tuple(part.ndim, part.shape), dims_tuple(part.ndim, part.strides), offset + part.offset,
            dims_tuple(t.ndim, t.shape), dims_tuple(t.ndim, t.strides), offset)


# ---- join ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class CatBackward0(Node):
    _whole = "dim"
    _keeps = ("",)

    cdef object vjp(self, TensorBase g):
        cdef int i
        cdef int at = wrapped_dim(self.whole, g.ndim)
        cdef int64_t start = 0, size
        cdef list parts = []
        for i, size in enumerate(self.params[0]):
            if not needs(self, i):
                parts.append(None)
            elif size < 0:
                parts.append(zeros(g.dtype, 1, &start) if start == 0 else _empty_vector(g.dtype))
            else:
                parts.append(strided_slice(g, at, start, size, 1))
            start += max(size, <int64_t>0)
        return tuple(parts)


@cython.final
cdef class StackBackward0(Node):
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        cdef int i, at = wrapped_dim(self.whole, g.ndim)
        return tuple([selected(g, at, i) if needs(self, i) else None for i in range(self.n_edges)])


cdef TensorBase _empty_vector(int dtype):
    cdef int64_t nothing = 0
    return new_tensor(dtype, 1, &nothing)


cdef list _tensors(object given, str name):
    cdef list found
    if isinstance(given, TensorBase):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    if not isinstance(given, (tuple, list)):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(given).__name__}")
    found = list(given)
    for i, each in enumerate(found):
        if not isinstance(each, TensorBase):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(each).__name__}")
    return found


cdef bint _any_wants(list tensors) noexcept:
    for each in tensors:
        if wants_grad(each):
            return True
    return False


cdef inline bint _skipped(TensorBase t) noexcept:
    """An empty vector joins anything, for programs that grow a tensor from nothing."""
    return t.ndim == 1 and t.shape[0] == 0


cdef object _common_format(list tensors, int ndim):
    """The memory format with channels last that all tensors lie in; None if there is no such format."""
    cdef object found = None, each_in
    cdef TensorBase each
    if ndim != 4 and ndim != 5:
        return None
    for each in tensors:
        if not _skipped(each):
            each_in = suggested(each)
            if each_in is None or found is not None and each_in is not found:
                return None
            found = each_in
    return found


cdef TensorBase _write_parts(list tensors, list lengths, TensorBase target, int dim):
    cdef Part part
    cdef TensorBase each
    cdef int64_t start = 0, length
    for each, length in zip(tensors, lengths):
        if length < 0:
            continue
        slice_part(target, dim, start, length, 1, &part)
        copy_into(piece(target, &part), each)
        start += length
    return target


cdef TensorBase _joint_memory(list tensors, object out, int dtype, int ndim, const int64_t* shape):
    """Memory for tensors one after the other: laid out as all of them are, or ``out``, apart from them."""
    cdef TensorBase target, laid, each
    cdef object memory_format = _common_format(tensors, ndim)
    if out is None:
        return new_tensor(dtype, ndim, shape) if memory_format is None else new_in(memory_format, dtype, ndim, shape)
    prepare(out, False, False)
    if category[dtype] > category[(<TensorBase>out).dtype]:
        raise TypeError("torch.cat(): input types can't be cast to the desired output type "
                        f"{TYPE_NAMES[(<TensorBase>out).dtype]}")
    old = shape_tuple(<TensorBase>out)
    target = output(out, dtype, ndim, shape)
    if memory_format is not None and shape_tuple(target) != old:
        laid = new_in(memory_format, target.dtype, ndim, shape)
        set_geometry(target, ndim, laid.shape, laid.strides)
    for each in tensors:
        check_apart(target, each)
    return target


cdef TensorBase joined(list tensors, object dim, object out=None):
    """The tensors one after the other along a dimension."""
    cdef int64_t shape[64]
    cdef int at = 0, i, d
    cdef TensorBase first = None, each, target
    cdef Node node = None
    cdef list lengths = []
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, each in enumerate(tensors):
        if each.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if first is None and not _skipped(each):
            first = each
    if first is None:                   # no tensor has elements or dimensions: any dimension will do
        first = <TensorBase>tensors[0]
    else:
        at = wrapped_dim(dim, first.ndim)
    memcpy(shape, first.shape, first.ndim * sizeof(int64_t))
    shape[at] = 0
    for i, each in enumerate(tensors):
        if _skipped(each) and each.ndim != first.ndim:
            lengths.append(-1)
            continue
        _check_joint(first, each, at, i)
        lengths.append(each.shape[at])
        shape[at] += each.shape[at]
    if _any_wants(tensors):
        refuse_out_grad(out, True)
        node = CatBackward0.__new__(CatBackward0)
        begin_list(node, tensors)
        node.whole = dim
        node.params = (tuple(lengths),)
    target = _joint_memory(tensors, out, result_dtype(tensors), first.ndim, shape)
    _write_parts(tensors, lengths, target, at)
    settle(node, target, first, None, out, False)
    return target


cdef int _check_joint(TensorBase first, TensorBase each, int dim, int i) except -1:
    cdef int d
    if each.ndim != first.ndim:
        raise RuntimeError(f"Tensors must have same number of dimensions: got {first.ndim} and {each.ndim}")
    for d in range(first.ndim):
        if d != dim and each.shape[d] != first.shape[d]:
            raise RuntimeError(f"Sizes of tensors must match except in dimension {dim}. Expected size {first.shape[d]} but "
                               f"got size {each.shape[d]} for tensor number {i} in the list.")
    return 0


cdef TensorBase stacked(list tensors, object dim, object out=None):
    """The tensors, all of one shape, along a new dimension."""
    cdef int64_t shape[64]
    cdef Part part
    cdef TensorBase each, target, first
    cdef Node node = None
    cdef int at, i
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = <TensorBase>tensors[0]
    at = wrapped_dim(dim, first.ndim + 1)
    for i, each in enumerate(tensors):
        if each.ndim != first.ndim or memcmp(each.shape, first.shape, first.ndim * sizeof(int64_t)):
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {ints(first.shape, first.ndim)} at "
                               f"entry 0 and {ints(each.shape, each.ndim)} at entry {i}")
    memcpy(shape, first.shape, at * sizeof(int64_t))
    shape[at] = len(tensors)
    memcpy(shape + at + 1, first.shape + at, (first.ndim - at) * sizeof(int64_t))
    if _any_wants(tensors):
        refuse_out_grad(out, True)
        node = StackBackward0.__new__(StackBackward0)
        begin_list(node, tensors)
        node.whole = dim
    target = output(out, result_dtype(tensors), first.ndim + 1, shape)
    for i, each in enumerate(tensors):
        select_part(target, at, i, &part)
        copy_into(piece(target, &part), each)
    settle(node, target, first, None, out, False)
    return target


def _cat(tensors, dim=0, *, axis=None, out=None):
    """Joins tensors along a dimension; they agree in all others.

    >>> import dynagrad
    >>> dynagrad.cat([dynagrad.tensor([1, 2]), dynagrad.tensor([3])])
    tensor([1, 2, 3])
    """
    return joined(_tensors(tensors, "cat"), dim if axis is None else axis, out)


def _stack(tensors, dim=0, *, axis=None, out=None):
    """Joins tensors of one shape along a new dimension.

    >>> import dynagrad
    >>> dynagrad.stack([dynagrad.tensor([1, 2]), dynagrad.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return stacked(_tensors(tensors, "stack"), dim if axis is None else axis, out)


register(Card("cat", _cat, CatBackward0, "join", method=False, aliases=("concat", "concatenate")))
register(Card("stack", _stack, StackBackward0, "join", method=False))
