"""Views of a whole tensor: the same elements under another shape, order of dimensions or dtype.

What every view needs, and as_strided, expand and unsqueeze, are in `view`; views of a part of the elements in `part`.
"""
import cython
from cpython.long cimport PyLong_CheckExact
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from dynagrad._core.card import Card, register
from dynagrad._core.shown import input_sizes, signed_field, whole_scalar
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport Node, Output, attach, begin1, check_inplace, output_of, prepare, wants_grad, wrote
from dynagrad._core.iterate cimport broadcast_shape
from dynagrad._core.ops.copy cimport row_major
from dynagrad._core.ops.reduce cimport wrapped_dim
from dynagrad._core.ops.view cimport expand_to, expanded, unsqueeze_at, viewed
from dynagrad._core.tensor cimport (
    TensorBase, dims_tuple, new_alias, new_tensor, requires_grad, set_geometry, shape_tuple)
from dynagrad._core.types cimport BOOL, dtype as _dtype, dtype_code, dtype_object, is_float, itemsizes


# ---- arguments -------------------------------------------------------------------------------------------------------

cdef int read_ints(tuple given, int64_t* values, str name) except -1:
    """Writes the integers given as f(1, 2) or as f((1, 2)) and returns how many there are."""
    cdef object items = given
    cdef int n = 0
    if len(given) == 1 and not PyLong_CheckExact(given[0]) and _is_sequence(given[0]):
        items = tuple(given[0])     # which an item's __index__ cannot lengthen
    if len(items) > 64:
        raise RuntimeError(f"{name}(): tensors have at most 64 dimensions, but {len(items)} were given")
    for item in items:
        if PyLong_CheckExact(item):
            values[n] = item
        elif isinstance(item, (float, str)) or not hasattr(item, "__index__"):
            raise TypeError(f"{name}(): expected integers, but got {type(item).__name__} at position {n}")
        else:
            values[n] = item.__index__()
        n += 1
    return n


cdef bint _is_sequence(object given):
    if isinstance(given, TensorBase):
        return (<TensorBase>given).ndim > 0
    return hasattr(given, "__len__")


cdef int read_dims(object given, int ndim, int* dims) except -1:
    """Writes the dimensions in a number or a sequence, wrapped; each may appear once."""
    cdef uint64_t seen = 0
    cdef int n = 0
    for item in (given if isinstance(given, (tuple, list)) else (given,)):
        dims[n] = wrapped_dim(item, ndim)
        if seen >> dims[n] & 1:
            raise RuntimeError(f"dim {dims[n]} appears multiple times in the list of dims")
        seen |= <uint64_t>1 << dims[n]
        n += 1
    return n


cdef object ints(const int64_t* values, int n):
    return list(dims_tuple(n, values))


# ---- nodes of views --------------------------------------------------------------------------------------------------

cdef Output* input_of(Node node, int i=0) noexcept:
    """Shape and dtype of the node's input i, as the node that made it describes them."""
    return output_of(<Node>node.edges[i].node, node.edges[i].nr)


cdef class ViewNode(Node):
    """A node whose input's shape is read from the edge instead of being saved."""

    _shows = {"self_sym_sizes": input_sizes}


cdef TensorBase view_from(TensorBase source, int ndim, const int64_t* shape, const int64_t* strides, int64_t offset,
                          Node node):
    """An alias of `source`, differentiable through `node`; None where the op is not recorded."""
    if node is not None:
        begin1(node, source)
    return viewed(node, source, ndim, shape, strides, offset)


# ---- reshape ---------------------------------------------------------------------------------------------------------

@cython.final
cdef class ViewBackward0(ViewNode):
    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return reshaped(g, shape.ndim, shape.shape)


@cython.final
cdef class ReshapeAliasBackward0(ViewNode):             # `reshape` that can be a view of memory with gaps
    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return reshaped(g, shape.ndim, shape.shape)


@cython.final
cdef class UnsafeViewBackward0(ViewNode):
    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return reshaped(g, shape.ndim, shape.shape)


cdef bint _view_strides(TensorBase t, int n, const int64_t* shape, int64_t* strides) noexcept:
    """Strides under which t's memory can be seen in another shape of as many elements; False if there are none.

    Old dimensions are taken from the back in runs that are contiguous among themselves; each run has to be filled by a
    whole number of new dimensions.
    """
    cdef int d, new = n - 1
    cdef int64_t run = 1, filled = 1, step = t.strides[t.ndim - 1] if t.ndim else 1
    if t.numel == 0 and n == t.ndim and memcmp(shape, t.shape, n * sizeof(int64_t)) == 0:
        memcpy(strides, t.strides, n * sizeof(int64_t))
        return True
    if t.numel == 0 or t.contiguous and step == 1:
        for d in range(n - 1, -1, -1):
            strides[d] = filled
            filled *= shape[d] if shape[d] > 1 else 1
        return True
    for d in range(t.ndim - 1, -1, -1):
        run *= t.shape[d]
        if d > 0 and (t.shape[d - 1] == 1 or t.strides[d - 1] == run * step):
            continue
        while new >= 0 and (filled < run or shape[new] == 1):
            strides[new] = filled * step
            filled *= shape[new]
            new -= 1
        if filled != run:
            return False
        if d > 0:
            step = t.strides[d - 1]
            run = filled = 1
    return new < 0


cdef int _infer_size(TensorBase t, int n, int64_t* shape) except -1:
    """Replaces a size of -1 by what the other sizes leave, and checks the total."""
    cdef int64_t known = 1
    cdef int i, unknown = -1
    for i in range(n):
        if shape[i] >= 0:
            known *= shape[i]
        elif shape[i] != -1:
            raise RuntimeError(f"invalid shape dimension {shape[i]} at index {i} of shape {ints(shape, n)}")
        elif unknown >= 0:
            raise RuntimeError(f"only one dimension can be inferred, but shape {ints(shape, n)} has more than one -1")
        else:
            unknown = i
    if unknown >= 0 and known == 0 and t.numel == 0:
        raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {ints(shape, n)} because the unspecified "
                           "dimension size -1 can be any value and is ambiguous")
    if known == t.numel if unknown < 0 else known > 0 and t.numel % known == 0:
        if unknown >= 0:
            shape[unknown] = t.numel // known
        return 0
    raise RuntimeError(f"shape '{ints(shape, n)}' is invalid for input of size {t.numel}: it comes from a tensor of shape "
                       f"{list(shape_tuple(t))}")


cdef TensorBase reshaped(TensorBase t, int ndim, const int64_t* shape):
    """t under a shape of as many elements; a view where the strides allow it, else of a copy."""
    cdef int64_t strides[64]
    cdef TensorBase made, copy
    cdef Node node = None
    if _view_strides(t, ndim, shape, strides):
        if wants_grad(t):
            node = ViewBackward0.__new__(ViewBackward0) if t.contiguous \
                else ReshapeAliasBackward0.__new__(ReshapeAliasBackward0)
        return view_from(t, ndim, shape, strides, 0, node)
    copy = row_major(t)
    made = new_alias(copy, ndim, shape, NULL, 0)
    if wants_grad(copy):
        node = UnsafeViewBackward0.__new__(UnsafeViewBackward0)
        begin1(node, copy)
        attach(node, made)
    return made


def _view(TensorBase input not None, *shape, object dtype=None, object size=None):
    """The same elements under another shape, or the same bytes under another dtype; never a copy.

    ``shape`` is one or more integers, of which one may be -1. Raises RuntimeError where the strides do not allow it.

    >>> import dynagrad
    >>> dynagrad.tensor([[1, 2], [3, 4]]).view(4)
    tensor([1, 2, 3, 4])
    """
    cdef int64_t sizes[64]
    cdef int64_t strides[64]
    cdef int n
    if dtype is not None:
        shape = (dtype,)
    if size is not None:
        shape = (size,)
    if len(shape) == 1 and type(shape[0]) is _dtype:
        return _view_dtype(input, <_dtype>shape[0])
    if not shape:
        raise TypeError("view() missing 1 required positional argument: a shape or a dtype")
    n = read_ints(shape, sizes, "view")
    _infer_size(input, n, sizes)
    if not _view_strides(input, n, sizes, strides):
        raise RuntimeError("view size is not compatible with input tensor's size and stride (at least one dimension spans "
                           f"across two contiguous subspaces): cannot see shape {list(shape_tuple(input))} with strides "
                           f"{ints(input.strides, input.ndim)} as {ints(sizes, n)}. Use .reshape(...) instead.")
    return view_from(input, n, sizes, strides, 0, ViewBackward0.__new__(ViewBackward0) if wants_grad(input) else None)


cdef TensorBase _view_dtype(TensorBase t, _dtype wanted):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int code = dtype_code(wanted)
    cdef int before = itemsizes[t.dtype], after = itemsizes[code], last = t.ndim - 1
    cdef int64_t offset = t.data - t.storage.data
    cdef TensorBase made
    cdef int d
    memcpy(shape, t.shape, t.ndim * sizeof(int64_t))
    memcpy(strides, t.strides, t.ndim * sizeof(int64_t))
    if before != after:
        if t.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 to view {TYPE_NAMES[t.dtype]} as {TYPE_NAMES[wanted.code]} (different "
                               "element sizes)")
        if t.strides[last] != 1 and t.numel:
            raise RuntimeError(f"self.stride(-1) must be 1 to view {TYPE_NAMES[t.dtype]} as {TYPE_NAMES[wanted.code]} (different "
                               f"element sizes), but got {t.strides[last]}")
        if shape[last] * before % after:
            raise RuntimeError(f"self.size(-1) must be divisible by {after // before} to view {TYPE_NAMES[t.dtype]} as "
                               f"{TYPE_NAMES[wanted.code]} (different element sizes), but got {shape[last]}")
        if offset % after:
            raise RuntimeError(f"self.storage_offset() must be divisible by {after // before} to view {TYPE_NAMES[t.dtype]} as "
                               f"{TYPE_NAMES[wanted.code]} (different element sizes), but got {offset // before}")
        for d in range(last):
            if strides[d] * before % after:
                raise RuntimeError(f"self.stride({d}) must be divisible by {after // before} to view {TYPE_NAMES[t.dtype]} as "
                                   f"{TYPE_NAMES[wanted.code]} (different element sizes), but got {strides[d]}")
            strides[d] = strides[d] * before // after
        shape[last] = shape[last] * before // after
    made = new_alias(t, t.ndim, shape, strides, 0)
    made.dtype = code
    if is_float(t.dtype) and t.dtype == code:
        return view_from(t, t.ndim, shape, strides, 0, ViewBackward0.__new__(ViewBackward0) if wants_grad(t) else None)
    return made


def _view_as(TensorBase input not None, TensorBase other not None):
    """``input.view(other.size())``.

    >>> import dynagrad
    >>> dynagrad.tensor([1, 2]).view_as(dynagrad.zeros(2, 1))
    tensor([[1],
            [2]])
    """
    return _view(input, shape_tuple(other))


def _reshape(TensorBase input not None, *args, object shape=None):
    """The same elements under another shape: a view where the strides allow it, else a copy.

    ``shape`` is one or more integers, of which one may be -1.

    >>> import dynagrad
    >>> dynagrad.reshape(dynagrad.tensor([1, 2, 3, 4]), (2, -1))
    tensor([[1, 2],
            [3, 4]])
    """
    cdef int64_t sizes[64]
    if shape is not None:
        args = (shape,)
    elif not args:
        raise TypeError("reshape() missing 1 required positional argument: \"shape\"")
    cdef int n = read_ints(args, sizes, "reshape")
    _infer_size(input, n, sizes)
    return reshaped(input, n, sizes)


def _reshape_as(TensorBase input not None, TensorBase other not None):
    """``input.reshape(other.size())``.

    >>> import dynagrad
    >>> dynagrad.tensor([1, 2]).reshape_as(dynagrad.zeros(2, 1))
    tensor([[1],
            [2]])
    """
    return _reshape(input, shape_tuple(other))


def _flatten(TensorBase input not None, object start_dim=0, object end_dim=-1):
    """Joins the dimensions from start_dim to end_dim into one; the tensor itself if that is a single dimension.

    >>> import dynagrad
    >>> dynagrad.flatten(dynagrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    cdef int64_t shape[64]
    cdef int first = wrapped_dim(start_dim, input.ndim), last = wrapped_dim(end_dim, input.ndim)
    cdef int d, n = 0
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if input.ndim == 0:
        shape[0] = 1
        return reshaped(input, 1, shape)
    if first == last:
        return input
    for d in range(input.ndim):
        if first < d <= last:
            shape[n - 1] *= input.shape[d]
        else:
            shape[n] = input.shape[d]
            n += 1
    return reshaped(input, n, shape)


def _unflatten(TensorBase input not None, object dim, object sizes):
    """Splits one dimension into several of the given sizes, of which one may be -1.

    >>> import dynagrad
    >>> dynagrad.unflatten(dynagrad.tensor([1, 2, 3, 4]), 0, (2, 2))
    tensor([[1, 2],
            [3, 4]])
    """
    cdef int64_t shape[64]
    cdef int64_t parts[64]
    cdef int at = wrapped_dim(dim, input.ndim)
    cdef int n = read_ints((sizes,), parts, "unflatten")
    cdef int d
    cdef int64_t known = 1, unknown = -1
    if n == 0:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if n + input.ndim > 64:
        raise RuntimeError("unflatten: tensors have at most 64 dimensions")
    for d in range(n):
        if parts[d] == -1 and unknown < 0:
            unknown = d
        else:
            known *= parts[d]
    if unknown >= 0 and known > 0 and input.shape[at] % known == 0:
        parts[unknown] = input.shape[at] // known
        known = input.shape[at]
    if known != input.shape[at]:
        raise RuntimeError(f"unflatten: Provided sizes {ints(parts, n)} don't multiply up to the size of dim {at} "
                           f"({input.shape[at]}) in the input tensor")
    memcpy(shape, input.shape, at * sizeof(int64_t))
    memcpy(shape + at, parts, n * sizeof(int64_t))
    memcpy(shape + at + n, input.shape + at + 1, (input.ndim - at - 1) * sizeof(int64_t))
    return _view(input, ints(shape, input.ndim - 1 + n))


def _ravel(TensorBase input not None):
    """The elements in row-major order as one dimension; a view if they lie so in memory.

    >>> import dynagrad
    >>> dynagrad.ravel(dynagrad.tensor([[1, 2]]))
    tensor([1, 2])
    """
    return _view(row_major(input), -1)


# ---- order of dimensions ---------------------------------------------------------------------------------------------

_TURNED = {"dim0": signed_field(8, 56), "dim1": signed_field(0, 8)}


@cython.final
cdef class TransposeBackward0(Node):                    # whole = dim0 << 8 | dim1, as given
    _shows = _TURNED

    cdef object vjp(self, TensorBase g):
        return transposed(g, self.whole >> 8, <signed char>(self.whole & 0xff))


@cython.final
cdef class TBackward0(Node):
    cdef object vjp(self, TensorBase g):
        return _turned(g)


@cython.final
cdef class TransposeBackward1(Node):
    _shows = _TURNED

    cdef object vjp(self, TensorBase g):
        return transposed(g, self.whole >> 8, <signed char>(self.whole & 0xff))


@cython.final
cdef class TBackward1(Node):
    cdef object vjp(self, TensorBase g):
        return _turned(g)


@cython.final
cdef class PermuteBackward0(Node):
    _keeps = ("dims",)

    cdef object vjp(self, TensorBase g):
        cdef int order[64]
        for place, dim in enumerate(self.params[0]):
            order[<int>dim if dim >= 0 else <int>dim + g.ndim] = place
        return permuted(g, order)


cdef void _swap(TensorBase t, int dim0, int dim1, int64_t* shape, int64_t* strides) noexcept:
    memcpy(shape, t.shape, t.ndim * sizeof(int64_t))
    memcpy(strides, t.strides, t.ndim * sizeof(int64_t))
    if t.ndim:
        shape[dim0], shape[dim1] = t.shape[dim1], t.shape[dim0]
        strides[dim0], strides[dim1] = t.strides[dim1], t.strides[dim0]


cdef TensorBase transposed(TensorBase t, int dim0, int dim1):
    """t with two dimensions exchanged, which may be counted from the end."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef Node node = None
    _swap(t, dim0 if dim0 >= 0 else dim0 + t.ndim, dim1 if dim1 >= 0 else dim1 + t.ndim, shape, strides)
    if wants_grad(t):
        node = TransposeBackward0.__new__(TransposeBackward0)
        node.whole = <int64_t>dim0 << 8 | dim1 & 0xff
    return view_from(t, t.ndim, shape, strides, 0, node)


cdef TensorBase permuted(TensorBase t, const int* order, tuple given=None):
    """t with its dimensions in another order: dimension i of the result is dimension order[i] of t, as `given`."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef Node node = None
    cdef int i
    for i in range(t.ndim):
        shape[i] = t.shape[order[i]]
        strides[i] = t.strides[order[i]]
    if wants_grad(t):
        node = PermuteBackward0.__new__(PermuteBackward0)
        node.params = (tuple([order[i] for i in range(t.ndim)]) if given is None else given,)
    return view_from(t, t.ndim, shape, strides, 0, node)


cdef TensorBase _turned(TensorBase t):
    cdef int64_t shape[2]
    cdef int64_t strides[2]
    if t.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {t.ndim}D")
    _swap(t, 0, t.ndim - 1, shape, strides)
    return view_from(t, t.ndim, shape, strides, 0, TBackward0.__new__(TBackward0) if wants_grad(t) else None)


def _transpose(TensorBase input not None, object dim0, object dim1):
    """Exchanges two dimensions.

    >>> import dynagrad
    >>> dynagrad.transpose(dynagrad.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    wrapped_dim(dim0, input.ndim), wrapped_dim(dim1, input.ndim)       # which check them
    return transposed(input, dim0, dim1)


def _t(TensorBase input not None):
    """Transposes a matrix; a vector or scalar stays as it is.

    >>> import dynagrad
    >>> dynagrad.t(dynagrad.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    return _turned(input)


def _permute(TensorBase input not None, *args, object dims=None):
    """Puts the dimensions into the given order.

    >>> import dynagrad
    >>> dynagrad.permute(dynagrad.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    cdef int64_t given[64]
    cdef int order[64]
    cdef int i, n
    cdef uint64_t seen = 0
    if dims is not None:
        args = (dims,)
    elif not args:
        raise TypeError("permute() missing 1 required positional argument: \"dims\"")
    n = read_ints(args, given, "permute")
    if n != input.ndim:
        raise RuntimeError("permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
                           f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {n}")
    for i in range(n):
        order[i] = wrapped_dim(given[i], n)
        if seen >> order[i] & 1:
            raise RuntimeError("permute(): duplicate dims are not allowed.")
        seen |= <uint64_t>1 << order[i]
    return permuted(input, order, dims_tuple(n, given))


def _movedim(TensorBase input not None, object source, object destination):
    """Moves dimensions, one or several, to new places; the others keep their order.

    >>> import dynagrad
    >>> dynagrad.movedim(dynagrad.zeros(2, 3, 4), 0, 2).shape
    torch.Size([3, 4, 2])
    """
    cdef int from_dims[64]
    cdef int to_dims[64]
    cdef int order[64]
    cdef uint64_t moved = 0, taken = 0
    cdef int n = _moves(input, source, from_dims, "source"), i, place = 0
    if n != _moves(input, destination, to_dims, "destination"):
        raise RuntimeError(f"movedim: Invalid source or destination dims: source ({_listed(source)} dims) should contain the "
                           f"same number of dims as destination ({_listed(destination)} dims)")
    if input.ndim == 0:
        return alias_of(input)
    for i in range(n):
        order[to_dims[i]] = from_dims[i]
        taken |= <uint64_t>1 << to_dims[i]
        moved |= <uint64_t>1 << from_dims[i]
    for i in range(input.ndim):
        if moved >> i & 1:
            continue
        while taken >> place & 1:
            place += 1
        order[place] = i
        place += 1
    return permuted(input, order)


cdef int _moves(TensorBase t, object given, int* dims, str name) except -1:
    try:
        return read_dims(given, t.ndim, dims)
    except RuntimeError:
        raise RuntimeError(f"movedim: repeated dim in `{name}` ({_listed(given)})") from None


cdef list _listed(object dims):
    return [dims] if isinstance(dims, int) else list(dims)


def _adjoint(TensorBase input not None):
    """Exchanges the last two dimensions (and conjugates, which does nothing to real numbers).

    >>> import dynagrad
    >>> dynagrad.adjoint(dynagrad.tensor([[1, 2]]))
    tensor([[1],
            [2]])
    """
    return matrix_transpose(input, "adjoint")


cdef TensorBase matrix_transpose(TensorBase t, str name):
    """The last two dimensions exchanged: the properties mT and mH, and H of a matrix."""
    if name == "H" and t.ndim != 2 and t.ndim:
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {t.ndim}-D tensor."
                           f"{' For batches of matrices, consider using tensor.mH' if t.ndim > 2 else ''}")
    if t.ndim == 1:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transposed(t, -2, -1) if t.ndim else t


cdef TensorBase reversed_dims(TensorBase t):
    """All dimensions in reverse order: the property T."""
    cdef int order[64]
    cdef int i
    for i in range(t.ndim):
        order[i] = t.ndim - 1 - i
    return permuted(t, order)


# ---- dimensions of size one ------------------------------------------------------------------------------------------

cdef class SqueezeNode(ViewNode):                       # whole: the set of dims that were dropped
    cdef object vjp(self, TensorBase g):
        cdef int d
        for d in range(input_of(self).ndim):
            if self.whole >> d & 1:
                g = unsqueeze_at(g, d)
        return g


@cython.final
cdef class SqueezeBackward0(SqueezeNode):
    pass


@cython.final
cdef class SqueezeBackward1(SqueezeNode):
    _shows = {"dim": whole_scalar, "self_sym_sizes": input_sizes}


@cython.final
cdef class SqueezeBackward2(SqueezeNode):
    _keeps = ("dim",)


@cython.final
cdef class SqueezeBackward3(SqueezeNode):
    pass


@cython.final
cdef class SqueezeBackward4(SqueezeNode):
    _shows = {"dim": whole_scalar, "self_sym_sizes": input_sizes}


@cython.final
cdef class SqueezeBackward5(SqueezeNode):
    _keeps = ("dim",)


@cython.final
cdef class UnsqueezeBackward1(Node):
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        return _squeezed(g, <uint64_t>1 << self.whole, _squeeze_node(g, self.whole, <uint64_t>1 << self.whole, False))


cdef int _without(TensorBase t, uint64_t dropped, int64_t* shape, int64_t* strides) noexcept:
    cdef int d, n = 0
    for d in range(t.ndim):
        if dropped >> d & 1 == 0:
            shape[n] = t.shape[d]
            strides[n] = t.strides[d]
            n += 1
    return n


cdef TensorBase _squeezed(TensorBase t, uint64_t dropped, Node node):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int n = _without(t, dropped, shape, strides)
    return view_from(t, n, shape, strides, 0, node)


cdef uint64_t _droppable(TensorBase t, object dim) except? 0xffffffffffffffff:
    """The dimensions of size one among `dim`: None for all, a number, or a tuple of numbers."""
    cdef int dims[64]
    cdef int i, n = t.ndim
    cdef uint64_t found = 0
    if dim is not None:
        n = read_dims(dim, t.ndim, dims)
    for i in range(n):
        if dim is None:
            dims[i] = i
        if t.ndim and t.shape[dims[i]] == 1:
            found |= <uint64_t>1 << dims[i]
    return found


cdef Node _squeeze_node(TensorBase t, object dim, uint64_t dropped, bint inplace):
    cdef Node node
    if not wants_grad(t):
        return None
    if dim is None:
        node = SqueezeBackward3.__new__(SqueezeBackward3) if inplace else SqueezeBackward0.__new__(SqueezeBackward0)
    elif isinstance(dim, (tuple, list)):
        node = SqueezeBackward5.__new__(SqueezeBackward5) if inplace else SqueezeBackward2.__new__(SqueezeBackward2)
        node.params = (tuple(dim),)
    else:
        node = SqueezeBackward4.__new__(SqueezeBackward4) if inplace else SqueezeBackward1.__new__(SqueezeBackward1)
        node.scalar = dim
    node.whole = <int64_t>dropped
    return node


def _squeeze(TensorBase input not None, object dim=None):
    """Drops the dimensions of size one: all, one, or those of a tuple; others stay.

    >>> import dynagrad
    >>> dynagrad.squeeze(dynagrad.zeros(1, 2, 1)).shape
    torch.Size([2])
    """
    cdef uint64_t dropped = _droppable(input, dim)
    return _squeezed(input, dropped, _squeeze_node(input, dim, dropped, False))


cdef int _inserted(TensorBase t, int dim, int64_t* shape, int64_t* strides) except -1:
    if t.ndim == 64:
        raise RuntimeError("unsqueeze: tensors have at most 64 dimensions")
    memcpy(shape, t.shape, dim * sizeof(int64_t))
    memcpy(strides, t.strides, dim * sizeof(int64_t))
    memcpy(shape + dim + 1, t.shape + dim, (t.ndim - dim) * sizeof(int64_t))
    memcpy(strides + dim + 1, t.strides + dim, (t.ndim - dim) * sizeof(int64_t))
    shape[dim] = 1
    strides[dim] = t.shape[dim] * t.strides[dim] if dim < t.ndim else 1
    return t.ndim + 1


# ---- expand --------------------------------------------------------------------------------------------------------

def _expand_as(TensorBase input not None, TensorBase other not None):
    """``input.expand(other.size())``.

    >>> import dynagrad
    >>> dynagrad.tensor([1, 2]).expand_as(dynagrad.zeros(2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expanded(input, other.ndim, other.shape)


def _broadcast_to(TensorBase input not None, *args, size=None):
    """``input.expand(size)``.

    >>> import dynagrad
    >>> dynagrad.broadcast_to(dynagrad.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    if size is None:
        size = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    return expand_to(input, size)


def _broadcast_tensors(*tensors):
    """The tensors, each expanded to their common shape.

    >>> import dynagrad
    >>> dynagrad.broadcast_tensors(dynagrad.tensor([1, 2]), dynagrad.tensor([[3]]))
    (tensor([[1, 2]]), tensor([[3, 3]]))
    """
    cdef int64_t shape[64]
    cdef list given = list(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors)
    cdef int n = broadcast_shape(given, shape)
    wanted = dims_tuple(n, shape)
    return tuple([each if dims_tuple((<TensorBase>each).ndim, (<TensorBase>each).shape) == wanted
                  else expanded(each, n, shape) for each in given])


# ---- the tensor itself -----------------------------------------------------------------------------------------------

@cython.final
cdef class AliasBackward0(Node):
    cdef object vjp(self, TensorBase g):
        return g


cdef TensorBase alias_of(TensorBase t):
    """A view with t's own geometry."""
    return view_from(t, t.ndim, t.shape, t.strides, 0, AliasBackward0.__new__(AliasBackward0) if wants_grad(t) else None)


def _broadcast_shapes(*shapes):
    """The shape that tensors of the given shapes have when broadcast against each other.

    >>> import dynagrad
    >>> dynagrad.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    cdef int64_t shape[64]
    cdef int64_t common[64]
    cdef int64_t strides[64]
    cdef int64_t size, one = 1
    cdef int64_t* beside
    cdef int n, d, longest
    cdef list read = []
    for given in shapes:
        n = read_ints((given,), shape, "broadcast_shapes")
        read.append(dims_tuple(n, shape))
    longest = max([len(each) for each in read], default=0)
    for d in range(longest):
        common[d], strides[d] = 1, 0
    for i, each in enumerate(read):
        for d in range(1, len(each) + 1):               # from the last dimension
            size, beside = each[len(each) - d], &common[longest - d]
            if beside[0] == 1:
                if size < 0:
                    raise ValueError("Attempting to broadcast a dimension with negative length!")
                beside[0] = size
            elif size != 1 and size != beside[0]:
                given = (shapes[i],) if isinstance(shapes[i], int) else shapes[i]
                raise RuntimeError(f"Attempting to broadcast a dimension of length {size} at {-d}! Mismatching argument at index "
                                   f"{i} had {given}; but expected shape should be broadcastable to "
                                   f"{list(dims_tuple(longest, common))}")
    return shape_tuple(new_alias(new_tensor(BOOL, 1, &one), longest, common, strides, 0))


def _atleast_1d(*tensors):
    """Gives 0-d tensors one dimension; others stay.

    >>> import dynagrad
    >>> dynagrad.atleast_1d(dynagrad.tensor(5))
    tensor([5])
    """
    return _atleast(tensors, 1)


def _atleast_2d(*tensors):
    """Gives each tensor at least two dimensions: a vector becomes a row.

    >>> import dynagrad
    >>> dynagrad.atleast_2d(dynagrad.tensor([5, 6]))
    tensor([[5, 6]])
    """
    return _atleast(tensors, 2)


def _atleast_3d(*tensors):
    """Gives each tensor at least three dimensions: (n) becomes (1, n, 1) and (m, n) becomes (m, n, 1).

    >>> import dynagrad
    >>> dynagrad.atleast_3d(dynagrad.tensor([5, 6])).shape
    torch.Size([1, 2, 1])
    """
    return _atleast(tensors, 3)


cdef object _atleast(tuple tensors, int n):
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
        return tuple([_atleast_one(each, n) for each in tensors])
    made = [_atleast_one(each, n) for each in tensors]
    return made[0] if len(made) == 1 else tuple(made)


cdef TensorBase _atleast_one(TensorBase t, int n):
    cdef int64_t ones[3]
    if t.ndim == 0:
        ones[0] = ones[1] = ones[2] = 1
        return reshaped(t, n, ones)
    if t.ndim == 1 and n > 1:
        t = unsqueeze_at(t, 0)
    if t.ndim == 2 and n > 2:
        t = unsqueeze_at(t, 2)
    return t


# ---- in place --------------------------------------------------------------------------------------------------------

cdef TensorBase _reshape_in_place(TensorBase t, int ndim, const int64_t* shape, const int64_t* strides, Node node):
    """Gives t itself a new geometry over the same memory."""
    check_inplace(t, requires_grad(t))
    if node is not None:
        begin1(node, t)
    set_geometry(t, ndim, shape, strides)
    wrote(t)
    if node is not None:
        attach(node, t)
        t.view_version = t.counter.version
    return t


def _squeeze_(TensorBase input not None, object dim=None):
    """`squeeze` in place."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef uint64_t dropped = _droppable(input, dim)
    cdef int n = _without(input, dropped, shape, strides)
    return _reshape_in_place(input, n, shape, strides, _squeeze_node(input, dim, dropped, True))


def _unsqueeze_(TensorBase input not None, object dim):
    """`unsqueeze` in place."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int at = wrapped_dim(dim, input.ndim + 1)
    cdef int n = _inserted(input, at, shape, strides)
    cdef Node node = None
    if wants_grad(input):
        node = UnsqueezeBackward1.__new__(UnsqueezeBackward1)
        node.whole = at
    return _reshape_in_place(input, n, shape, strides, node)


def _transpose_(TensorBase input not None, object dim0, object dim1):
    """`transpose` in place."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int a = wrapped_dim(dim0, input.ndim), b = wrapped_dim(dim1, input.ndim)
    cdef Node node = None
    _swap(input, a, b, shape, strides)
    if wants_grad(input):
        node = TransposeBackward1.__new__(TransposeBackward1)
        node.whole = <int64_t>dim0 << 8 | <int>dim1 & 0xff
    return _reshape_in_place(input, input.ndim, shape, strides, node)


def _t_(TensorBase input not None):
    """`t` in place."""
    cdef int64_t shape[2]
    cdef int64_t strides[2]
    if input.ndim > 2:
        raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    _swap(input, 0, input.ndim - 1, shape, strides)
    return _reshape_in_place(input, input.ndim, shape, strides,
                             TBackward1.__new__(TBackward1) if wants_grad(input) else None)


# ---- cards -----------------------------------------------------------------------------------------------------------

register(Card("view", _view, ViewBackward0, "view", function=False))
register(Card("view_as", _view_as, ViewBackward0, "view", function=False))
register(Card("reshape", _reshape, ViewBackward0, "view"))
register(Card("reshape_as", _reshape_as, ViewBackward0, "view", function=False))
register(Card("flatten", _flatten, ViewBackward0, "view"))
register(Card("unflatten", _unflatten, ViewBackward0, "view"))
register(Card("ravel", _ravel, ViewBackward0, "view"))
register(Card("transpose", _transpose, TransposeBackward0, "view", inplace=_transpose_, aliases=("swapaxes", "swapdims")))
register(Card("t", _t, TBackward0, "view", inplace=_t_))
register(Card("permute", _permute, PermuteBackward0, "view"))
register(Card("movedim", _movedim, PermuteBackward0, "view", aliases=("moveaxis",)))
register(Card("adjoint", _adjoint, TransposeBackward0, "view"))
register(Card("squeeze", _squeeze, SqueezeBackward0, "view", inplace=_squeeze_))
register(Card("expand_as", _expand_as, None, "view", function=False))
register(Card("broadcast_to", _broadcast_to, None, "view"))
register(Card("broadcast_tensors", _broadcast_tensors, None, "composite", method=False))
register(Card("broadcast_shapes", _broadcast_shapes, None, method=False))
register(Card("atleast_1d", _atleast_1d, None, "composite", method=False))
register(Card("atleast_2d", _atleast_2d, None, "composite", method=False))
register(Card("atleast_3d", _atleast_3d, None, "composite", method=False))
register(Card("unsqueeze_", _unsqueeze_, UnsqueezeBackward1, "view", function=False))
