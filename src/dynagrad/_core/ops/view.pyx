"""Views: the same memory under another shape. Value, derivative and card of each op, and writes through views.

Indexing with tensors copies and is in `index`.
"""
import cython

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XINCREF
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.graph import use_view_nodes
from dynagrad._core.shown import input_sizes
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    FREED, Node, Output, attach, begin, begin1, check_inplace, hand_on_cut, link, needs, node_extras, note_cut, output_of, release_saved,
    set_view_of, thread_state, unpack, wants_grad, wrote)
from dynagrad._core.ops.index_kernels cimport ADD, IndexedWalk, indexed_walk
from dynagrad._core.iterate cimport fill
from dynagrad._core.ops.copy cimport clone, copy_, zero_
from dynagrad._core.tensor cimport (
    INFERENCE, TensorBase, dims_tuple, new_alias, new_tensor, requires_grad, set_geometry, shape_tuple)
from dynagrad._core.types cimport DType, itemsizes
from dynagrad._core.unlocked cimport Unlocked


cdef TensorBase viewed(Node node, TensorBase source, int ndim, const int64_t* shape, const int64_t* strides,
                       int64_t offset):
    """A differentiable view of source. node, already begun and linked, becomes its history; None if not recorded."""
    cdef TensorBase view = new_alias(source, ndim, shape, strides, offset)
    if source.flags & INFERENCE or node is None and thread_state.backward_depth:
        return view
    set_view_of(view, source)
    if node is not None:
        attach(node, view)
    else:
        hand_on_cut(view, source)
    return view


# ---- detach ----------------------------------------------------------------------------------------------------------

cdef TensorBase detach(TensorBase input):
    cdef TensorBase view = new_alias(input, input.ndim, input.shape, input.strides, 0)
    if requires_grad(input) and thread_state.backward_depth == 0:
        note_cut(view, "detach() was called")
    return view


def _detach(TensorBase input not None):
    """The same memory without a history: gradients stop here. Writes to either are seen by both.

    >>> import dynagrad
    >>> dynagrad.ones(2, requires_grad=True).detach().requires_grad
    False
    """
    return detach(input)


register(Card("detach", _detach, None, "view"))


# ---- as_strided ------------------------------------------------------------------------------------------------------

cdef class StridedNode(Node):
    """Of a view of some elements in memory: lays the gradient into a buffer like the storage, and reads the input's from it.

    Elements that the view shows more than once get the sum; elements that the input itself shows more than once share
    what arrives there equally. params: sizes, strides and offset in the storage, of the view and then of the input; None for
    an offset of the view that is the input's.
    """
    cdef object vjp(self, TensorBase g):
        cdef int64_t in_offset = self.params[5]
        cdef int64_t offset = in_offset if self.params[2] is None else self.params[2]
        cdef int64_t start = min(offset, in_offset)
        cdef tuple in_size = self.params[3], in_stride = self.params[4]
        cdef int64_t length = max(_extent(self.params[0], self.params[1], offset), _extent(in_size, in_stride, in_offset)) - start
        cdef TensorBase flat = _spread(g, length, self.params[1], offset - start)
        cdef TensorBase ones
        if _may_overlap(in_size, in_stride):
            ones = _ones(g.dtype, in_size)
            flat = flat / _spread(ones, length, in_stride, in_offset - start).clamp(min=1)
        return as_strided(flat, in_size, in_stride, in_offset - start)


@cython.final
cdef class AsStridedBackward0(StridedNode):
    _keeps = ("size", "stride", "storage_offset")


@cython.final
cdef class AsStridedBackward1(StridedNode):             # of as_strided_
    _keeps = ("size", "stride", "storage_offset")


@cython.final
cdef class AsStridedBackwardBackward0(Node):            # params: sizes, strides and offset of what was spread
    cdef object vjp(self, TensorBase g):
        size, stride, offset = self.params
        return as_strided(g, size, stride, offset)


cdef int64_t _extent(tuple size, tuple stride, int64_t offset) except -1:
    """One past the largest position that the geometry reaches; 0 if it has no elements."""
    cdef int64_t last = offset
    for n, s in zip(size, stride):
        if n == 0:
            return 0
        last += (n - 1) * s
    return last + 1


cdef bint _may_overlap(tuple size, tuple stride):
    cdef int64_t reach = 0
    for s, n in sorted([(s, n) for s, n in zip(stride, size) if n != 1]):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False


cdef TensorBase _ones(int dtype, tuple size):
    cdef int64_t shape[64]
    cdef int d
    for d in range(len(size)):
        shape[d] = size[d]
    cdef TensorBase made = new_tensor(dtype, len(size), shape)
    fill(made, 1)
    return made


cdef TensorBase _spread(TensorBase g, int64_t length, tuple stride, int64_t offset):
    """A vector of zeros to which g is added element by element, seen through strides: the adjoint of as_strided."""
    cdef Unlocked unlocked
    cdef int64_t strides[64]
    cdef int64_t plain_strides[64]
    cdef int64_t n = max(length, <int64_t>0)
    cdef int d, itemsize = itemsizes[g.dtype]
    cdef Node node
    cdef TensorBase made = new_tensor(g.dtype, 1, &n)
    fill(made, 0)
    for d in range(g.ndim):
        strides[d] = stride[d] * itemsize
        plain_strides[d] = g.strides[d] * itemsize
    cdef IndexedWalk walk = IndexedWalk(g.ndim, g.shape, g.data, &plain_strides[0],
                                        made.data + offset * itemsize, &strides[0], 0, NULL)
    unlocked.begin()
    with nogil:
        indexed_walk(walk, ADD, <DType>g.dtype)
    if wants_grad(g):
        node = AsStridedBackwardBackward0.__new__(AsStridedBackwardBackward0)
        node.params = (dims_tuple(g.ndim, g.shape), stride, offset)
        begin1(node, g)
        attach(node, made)
    return made


cdef inline int64_t _offset_of(TensorBase t) noexcept:
    return (t.data - t.storage.data) // itemsizes[t.dtype]


cdef TensorBase as_strided(TensorBase input, object size, object stride, object storage_offset):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int i
    cdef int ndim = len(size)
    cdef int64_t own = _offset_of(input)
    cdef int64_t offset = own if storage_offset is None else storage_offset
    cdef Node node = None
    if len(stride) != ndim:
        raise RuntimeError(f"mismatch in length of strides and shape: {len(stride)} strides, {ndim} sizes")
    if ndim > 64:
        raise RuntimeError("tensors have at most 64 dimensions")
    for i in range(ndim):
        shape[i], strides[i] = size[i], stride[i]
        if shape[i] < 0 or strides[i] < 0:
            what, given = ("sizes", size) if shape[i] < 0 else ("strides", stride)
            raise RuntimeError(f"as_strided: Negative {what} are not supported at the moment, got {what}: {list(given)}")
    if offset < 0 or _extent(tuple(size), tuple(stride), offset) * itemsizes[input.dtype] > <int64_t>input.storage.nbytes:
        needed = _extent(tuple(size), tuple(stride), offset) * itemsizes[input.dtype]
        raise RuntimeError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
                           f"{itemsizes[input.dtype]} requiring a storage size of {needed} are out of bounds for storage of "
                           f"size {input.storage.nbytes}")
    if wants_grad(input):
        node = AsStridedBackward0.__new__(AsStridedBackward0)
        node.params = _strided_params(input, size, stride, storage_offset)
        begin1(node, input)
    return viewed(node, input, ndim, shape, strides, offset - own)


cdef tuple _strided_params(TensorBase input, object size, object stride, object storage_offset):
    return (tuple(size), tuple(stride), storage_offset, dims_tuple(input.ndim, input.shape),
            dims_tuple(input.ndim, input.strides), _offset_of(input))


def _as_strided(TensorBase input not None, size, stride, storage_offset=None):
    """A view with the given sizes, strides (in elements) and position of the first element in the storage.

    Raises RuntimeError where that would reach outside of the storage.

    >>> import dynagrad
    >>> dynagrad.as_strided(dynagrad.arange(4), (3, 2), (1, 1))
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    """
    return as_strided(input, size, stride, storage_offset)


def _as_strided_(TensorBase input not None, size, stride, storage_offset=None):
    """`as_strided` in place."""
    cdef Node node = None
    cdef TensorBase view = as_strided(detach(input), size, stride, storage_offset)
    check_inplace(input, requires_grad(input), True)
    if wants_grad(input):
        node = AsStridedBackward1.__new__(AsStridedBackward1)
        node.params = _strided_params(input, size, stride, storage_offset)
        begin1(node, input)
    input.data = view.data
    set_geometry(input, view.ndim, view.shape, view.strides)
    wrote(input)
    if node is not None:
        attach(node, input)
        input.view_version = input.counter.version
    return input


register(Card("as_strided", _as_strided, AsStridedBackward0, "view", inplace=_as_strided_))


# ---- writes through views --------------------------------------------------------------------------------------------

@cython.final
cdef class CopySlices(Node):
    """The history of a base after a write through one of its views.

    fn is the node of the op that wrote: its first input was the old part. The gradient of that part goes through fn,
    the rest of the gradient belongs to the old base.
    """
    cdef readonly Node fn
    cdef tuple base_geometry, view_geometry     # (sizes, strides, offset)

    _namespace = "torch::autograd::"

    cdef object vjp(self, TensorBase g):
        if self.flags & FREED:
            unpack(self, 0)                             # which raises
        cdef TensorBase whole = _laid_out(g, self.base_geometry)
        size, stride, offset = self.view_geometry
        cdef TensorBase part = as_strided(whole, size, stride, offset - self.base_geometry[2])
        if thread_state.grad_enabled and part.base is None:
            set_view_of(part, whole)                    # so that what is written to it below becomes whole's history too
        results = self._derivative(clone(part))
        cdef list grads = list(results) if isinstance(results, tuple) else [results]
        if grads[0] is None:
            zero_(part)
        else:
            copy_(part, grads[0])
        grads[0] = whole if needs(self, 0) else None
        return tuple(grads)

    cdef object _derivative(self, TensorBase part):
        """What the derivative of fn returns, see Note [The result of a write through a view]."""
        if not thread_state.grad_enabled:
            return self.fn.vjp(part)
        node_extras(self.fn)["slices"] = self
        try:
            return self.fn.vjp(part)
        finally:
            node_extras(self.fn).pop("slices", None)

    cdef void release(self, PyObject* freed_by) noexcept:
        self.n_saved = 1                                # nothing is saved, but a second backward is an error all the same
        release_saved(self, freed_by)
        self.fn.release(freed_by)


cdef TensorBase _laid_out(TensorBase g, tuple geometry):
    """A copy of g with the given strides."""
    cdef int64_t strides[64]
    cdef int i
    cdef TensorBase made = new_tensor(g.dtype, g.ndim, g.shape)
    if not _may_overlap(geometry[0], geometry[1]):
        for i in range(g.ndim):
            strides[i] = geometry[1][i]
        if _extent(geometry[0], geometry[1], 0) <= made.numel:
            set_geometry(made, g.ndim, g.shape, strides)
    copy_(made, g)
    return made


def _make_copy_slices(TensorBase base, TensorBase view, Node fn):
    """Makes a CopySlices around fn the history of base."""
    cdef CopySlices node = CopySlices.__new__(CopySlices)
    cdef int i
    begin(node, fn.n_edges)
    node.fn = fn
    node.base_geometry = dims_tuple(base.ndim, base.shape), dims_tuple(base.ndim, base.strides), _offset_of(base)
    node.view_geometry = dims_tuple(view.ndim, view.shape), dims_tuple(view.ndim, view.strides), _offset_of(view)
    link(node, 0, base)
    for i in range(1, fn.n_edges):
        node.edges[i] = fn.edges[i]
        Py_XINCREF(node.edges[i].node)
    attach(node, base)


def _make_as_strided(TensorBase view):
    """Remakes the history of a view from that of its base."""
    cdef TensorBase base = <TensorBase>view.base
    cdef Node node = AsStridedBackward0.__new__(AsStridedBackward0)
    node.params = (dims_tuple(view.ndim, view.shape), dims_tuple(view.ndim, view.strides), _offset_of(view), dims_tuple(base.ndim, base.shape),
                   dims_tuple(base.ndim, base.strides), _offset_of(base))
    begin1(node, base)
    attach(node, view)


def _make_part_of(CopySlices slices, TensorBase part):
    """Gives `part`, an alias of what fn wrote, the history that the view had after the write."""
    cdef Node node = AsStridedBackward0.__new__(AsStridedBackward0)
    node.params = (*slices.view_geometry, *slices.base_geometry)
    begin(node, 1)
    Py_INCREF(slices)
    node.edges[0].node = <PyObject*>slices
    attach(node, part)


use_view_nodes(CopySlices, _make_copy_slices, _make_as_strided, _make_part_of)


# ---- expand ----------------------------------------------------------------------------------------------------------

@cython.final
cdef class ExpandBackward0(Node):                       # the engine sums what was broadcast
    _shows = {"self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        return g


cdef TensorBase expanded(TensorBase t, int ndim, const int64_t* wanted):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int pad = ndim - t.ndim, d
    cdef Node node = None
    if pad < 0:
        raise RuntimeError(f"expand(torch.{TYPE_NAMES[t.dtype]}Tensor{{{list(shape_tuple(t))}}}, "
                           f"size={list(dims_tuple(ndim, wanted))}): the number of sizes provided ({ndim}) must be greater or "
                           f"equal to the number of dimensions in the tensor ({t.ndim})")
    for d in range(ndim - 1, -1, -1):
        shape[d] = wanted[d]
        if d < pad:
            if wanted[d] < 0:
                raise RuntimeError(f"The expanded size of the tensor ({wanted[d]}) isn't allowed in a leading, non-existing "
                                   f"dimension {d}")
            strides[d] = 0 if wanted[d] != 1 else 1 if d == ndim - 1 else shape[d + 1] * strides[d + 1]
        elif wanted[d] == -1 or wanted[d] == t.shape[d - pad]:
            shape[d], strides[d] = t.shape[d - pad], t.strides[d - pad]
        elif t.shape[d - pad] == 1 and wanted[d] >= 0:
            strides[d] = 0
        else:
            raise RuntimeError(f"The expanded size of the tensor ({wanted[d]}) must match the existing size "
                               f"({t.shape[d - pad]}) at non-singleton dimension {d}.  Target sizes: "
                               f"{list(dims_tuple(ndim, wanted))}.  Tensor sizes: {list(shape_tuple(t))}")
    if wants_grad(t):
        node = ExpandBackward0.__new__(ExpandBackward0)
        begin1(node, t)
    return viewed(node, t, ndim, shape, strides, 0)


cdef TensorBase expand_to(TensorBase input, object sizes):
    cdef int64_t wanted[64]
    cdef int n = 0
    if len(sizes) > 64:
        raise RuntimeError("expand: tensors have at most 64 dimensions")
    for size in sizes:
        wanted[n] = size
        n += 1
    return expanded(input, n, wanted)


cdef TensorBase expand_to_input(Node node, int i, TensorBase g):
    """g, which has the rank of node's input i or is 0-d, expanded to the input's shape."""
    cdef Output* target = output_of(<Node>node.edges[i].node, node.edges[i].nr)
    cdef int64_t strides[64]
    cdef int d
    if thread_state.grad_enabled:
        return expand_to(g, dims_tuple(target.ndim, target.shape))
    for d in range(target.ndim):
        strides[d] = 0 if g.ndim == 0 or g.shape[d] != target.shape[d] else g.strides[d]
    return new_alias(g, target.ndim, target.shape, strides, 0)


def _expand(TensorBase input not None, *args, size=None, implicit=False):
    """A view in which dimensions of size 1 are repeated to the given sizes without copying; -1 keeps a size.

    >>> import dynagrad
    >>> dynagrad.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    if size is None:
        size = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    return expand_to(input, size)


register(Card("expand", _expand, ExpandBackward0, "view", function=False))


# ---- unsqueeze -------------------------------------------------------------------------------------------------------

@cython.final
cdef class UnsqueezeBackward0(Node):
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        return g.squeeze(self.whole)


cdef TensorBase unsqueeze_at(TensorBase input, int dim):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int i, given = dim
    cdef Node node = None
    if not -input.ndim - 1 <= dim <= input.ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-input.ndim - 1}, {input.ndim}], but got {dim})")
    if dim < 0:
        dim += input.ndim + 1
    for i in range(input.ndim + 1):
        if i < dim:
            shape[i], strides[i] = input.shape[i], input.strides[i]
        elif i > dim:
            shape[i], strides[i] = input.shape[i - 1], input.strides[i - 1]
        else:
            shape[i] = 1
            strides[i] = input.shape[i] * input.strides[i] if i < input.ndim else 1
    if wants_grad(input):
        node = UnsqueezeBackward0.__new__(UnsqueezeBackward0)
        node.whole = given
        begin1(node, input)
    return viewed(node, input, input.ndim + 1, shape, strides, 0)


def _unsqueeze(TensorBase input not None, int dim):
    """A view with a dimension of size 1 inserted at ``dim``.

    >>> import dynagrad
    >>> dynagrad.tensor([1, 2]).unsqueeze(1)
    tensor([[1],
            [2]])
    """
    return unsqueeze_at(input, dim)


register(Card("unsqueeze", _unsqueeze, UnsqueezeBackward0, "view"))
