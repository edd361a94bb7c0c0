"""``x[...]``: reading and assigning by integers, slices, None, Ellipsis, masks and tensors of indices, in any mix.

Ops that take one tensor of indices and a dimension (gather, scatter, index_select, ...) are in `gather`.
"""
import warnings

import cython
from cpython.bool cimport PyBool_Check
from cpython.long cimport PyLong_Check, PyLong_CheckExact
from cpython.number cimport PyNumber_Index
from cpython.slice cimport PySlice_Unpack
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from dynagrad._core.card import Card, register
from dynagrad._core.shown import flag, input_sizes, sizes
from dynagrad._core.types import TYPE_NAMES
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.data import tensor

from dynagrad._core.graph cimport (
    Node, Output, begin1, begin_pair, needs, prepare, reserve_saved, save, settle, unpack, wants_grad)
from dynagrad._core.ops.index_kernels cimport (
    ADD, GET, PUT, IndexedWalk, IndexOp, IndexOperand, count_true, first_out_of_range, indexed_walk, masked_scatter,
    masked_select, nonzero)
from dynagrad._core.iterate cimport (
    broadcast_shape, broadcast_strides, cast, contiguous, copy_into, copy_of, output, refuse_out_grad, where_kernel)
from dynagrad._core.ops.copy cimport copy_
from dynagrad._core.ops.part cimport joined, selected, sliced, unbound, zeros
from dynagrad._core.ops.shape cimport alias_of, input_of, ints, reshaped
from dynagrad._core.ops.view cimport expanded, unsqueeze_at
from dynagrad._core.overlap cimport check_apart, warn_if_expanded
from dynagrad._core.scalars cimport check_element
from dynagrad._core.tensor cimport WRAPPED, TensorBase, count, new_alias, new_number, new_tensor, shape_tuple
from dynagrad._core.types cimport BOOL, F64, I64, U8, DType, dtype_object, is_float, is_number, itemsizes
from dynagrad._core.unlocked cimport Unlocked


# ---- the parts of a key ----------------------------------------------------------------------------------------------

cdef int64_t _position(TensorBase t, int dim, int64_t index) except? -1:
    """An index of a dimension, which is checked."""
    cdef int64_t size
    if dim >= t.ndim:
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                         "convert a 0-dim tensor to a number" if t.ndim == 0 else
                         f"too many indices for tensor of dimension {t.ndim}")
    size = t.shape[dim]
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")
    return index


cdef TensorBase _slice(TensorBase t, int dim, slice key, bint keep_full):
    """t sliced along a dimension; t itself for a full slice, unless `keep_full` asks for a view of its own."""
    cdef Py_ssize_t start, stop, step
    if t.ndim == 0:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if key.start is None and key.stop is None and key.step is None:
        return sliced(t, dim, 0, t.shape[dim], 1) if keep_full else t
    PySlice_Unpack(key, &start, &stop, &step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    if start == 0 and stop >= t.shape[dim] and step == 1 and not keep_full:
        return t
    return sliced(t, dim, start, stop, step)


cdef int _span(object item) except -1:
    """How many dimensions of the tensor an item of a key takes up."""
    cdef TensorBase index
    if isinstance(item, TensorBase):
        index = <TensorBase>item
        return index.ndim if index.dtype == BOOL or index.dtype == U8 else 1
    return 0 if item is None or item is Ellipsis or PyBool_Check(item) else 1


cdef bint _reads_as_tuple(object key) except -1:
    """A list stands for a tuple, as in NumPy of old, when it holds anything but numbers."""
    if not isinstance(key, list) or len(<list>key) >= 32:
        return False
    for item in <list>key:
        if item is None or item is Ellipsis or isinstance(item, (slice, list, tuple, TensorBase)):
            return True
    return False


cdef object _normalised(object item):
    """An item of a key with arrays, lists and integer-like objects made tensors and integers."""
    if isinstance(item, (TensorBase, slice)) or item is None or item is Ellipsis or PyBool_Check(item) \
            or PyLong_CheckExact(item):
        return item
    if isinstance(item, (list, tuple, range)):
        return _index_tensor(item)
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    if getattr(item, "ndim", 0) and hasattr(item, "__array__"):
        return _index_tensor(item)
    if hasattr(item, "dtype") and getattr(item.dtype, "kind", "") == "b":
        return bool(item)
    if hasattr(item, "__index__") and not isinstance(item, float):
        return int(PyNumber_Index(item))
    raise IndexError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
                     f"{type(item).__name__})")


cdef TensorBase _index_tensor(object values):
    """A sequence of numbers as a tensor of indices, or a mask."""
    cdef TensorBase made = tensor(values)
    return made if made.numel and not is_float(made.dtype) else cast(made, I64)


cdef TensorBase _one_or_none(bint chosen):
    """What indexes a dimension of size one to keep it or to empty it."""
    cdef int64_t n = 1 if chosen else 0
    return zeros(I64, 1, &n)


cdef TensorBase _views_of(TensorBase t, tuple key, list indices):
    """Applies the integers, slices, None and Ellipsis of a key; index tensors go to `indices`, by dimension."""
    cdef int dim = 0, taken = 0, rest
    cdef TensorBase source = t
    for item in key:
        taken += _span(item)
    if taken > t.ndim:
        raise IndexError(f"too many indices for tensor of dimension {t.ndim}")
    rest = t.ndim - taken
    for item in key:
        if PyLong_CheckExact(item):
            t = selected(t, dim, _position_in(source, t, dim, item))
        elif isinstance(item, slice):
            t = _slice(t, dim, <slice>item, False)
            dim += 1
        elif item is None:
            t = unsqueeze_at(t, dim)
            dim += 1
        elif item is Ellipsis:
            dim += rest
            rest = 0
        elif PyBool_Check(item):
            t = unsqueeze_at(t, dim)
            dim = _put_index(indices, dim, _one_or_none(item))
        else:
            t = _with_tensor(source, t, &dim, <TensorBase>item, indices)
    return t


cdef int64_t _position_in(TensorBase source, TensorBase t, int dim, int64_t index) except? -1:
    if not -t.shape[dim] <= index < t.shape[dim]:
        raise IndexError(f"index {index} is out of bounds for dimension {source.ndim - t.ndim + dim} with size "
                         f"{t.shape[dim]}")
    return index


cdef int _warn_of_bytes() except -1:
    warnings.warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.", stacklevel=1)
    return 0


cdef TensorBase _with_tensor(TensorBase source, TensorBase t, int* dim, TensorBase index, list indices):
    """A 0-d integer selects, a 0-d bool adds a dimension; any other tensor is an index of its own."""
    if is_float(index.dtype):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if index.dtype == U8 and index.ndim:
        _warn_of_bytes()
    if index.ndim == 0 and index.dtype != BOOL and index.dtype != U8:
        return selected(t, dim[0], _position_in(source, t, dim[0], index.item()))
    if index.ndim == 0:
        t = unsqueeze_at(t, dim[0])
        index = _one_or_none(index.item())
    dim[0] = _put_index(indices, dim[0], index)
    return t


cdef int _put_index(list indices, int dim, TensorBase index) except -1:
    """Files an index under a dimension, with None for the dimensions passed over; the next free dimension."""
    cdef int covered = 0
    for each in indices:
        covered += 1 if each is None else _span(each)
    indices.extend([None] * (dim - covered))
    indices.append(index)
    return dim + _span(index)


# ---- reading ---------------------------------------------------------------------------------------------------------

cdef object getitem(TensorBase t, object key):
    cdef list indices
    cdef TensorBase viewed
    if PyLong_CheckExact(key):
        return selected(t, 0, _position(t, 0, key))
    if isinstance(key, slice):
        return _slice(t, 0, <slice>key, True)
    if key is None:
        return unsqueeze_at(t, 0)
    if key is Ellipsis:
        return alias_of(t)
    indices = []
    viewed = _views_of(t, _key_tuple(key), indices)
    if indices:
        return indexed(viewed, indices)
    return alias_of(t) if viewed is t else viewed


cdef tuple _key_tuple(object key):
    if isinstance(key, tuple):
        return tuple([_normalised(item) for item in <tuple>key])
    if _reads_as_tuple(key):
        warnings.warn("Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; "
                      "use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, "
                      "x[torch.tensor(seq)], which will result either in an error or a different result", stacklevel=1)
        return tuple([_normalised(item) for item in key])
    return (_normalised(key),)


# ---- index tensors ---------------------------------------------------------------------------------------------------

cdef TensorBase nonzero_columns(TensorBase mask):
    """The coordinates of the true elements: shape (ndim, n), one row for each dimension."""
    cdef int64_t shape[2]
    cdef TensorBase made
    cdef int64_t* strides = mask.strides
    shape[0] = mask.ndim
    shape[1] = count_true(mask.ndim, mask.shape, <uint8_t*>mask.data, strides)
    made = new_tensor(I64, 2, shape)
    nonzero(mask.ndim, mask.shape, <uint8_t*>mask.data, strides, <int64_t*>made.data, shape[1])
    return made


cdef TensorBase _row(TensorBase columns, int d):
    return new_alias(columns, 1, columns.shape + 1, columns.strides + 1, d * columns.strides[0])


cdef int _check_mask(TensorBase t, TensorBase mask, int dim, int place) except -1:
    cdef int d
    for d in range(mask.ndim):
        if dim + d >= t.ndim or mask.shape[d] != t.shape[dim + d]:
            raise IndexError(f"The shape of the mask {list(shape_tuple(mask))} at index {d} does not "
                             f"match the shape of the indexed tensor {list(shape_tuple(t))} at index {dim + d}")
    return 0


cdef list _expand_masks(TensorBase t, list indices):
    """One int64 tensor, or None, for each dimension of t: a mask becomes the coordinates of its true elements."""
    cdef list found = []
    cdef TensorBase index, columns
    cdef int d, dim
    for place, item in enumerate(indices):
        index = <TensorBase>item
        if index is None:
            found.append(None)
        elif index.dtype == BOOL or index.dtype == U8:
            dim = len(found)
            _check_mask(t, index, dim, place)
            columns = nonzero_columns(index)
            found.extend([_row(columns, d) for d in range(index.ndim)])
        elif is_float(index.dtype):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        else:
            found.append(contiguous(cast(index, I64)))
    if len(found) > t.ndim:
        raise IndexError(f"too many indices for tensor of dimension {t.ndim} (got {len(found)})")
    return found + [None] * (t.ndim - len(found))


@cython.final
cdef class Located:
    """Where indices reach: which dims they stand for, and the walk over the result that pairs it with the tensor."""

    cdef list tensors               # int64, contiguous; tensor k indexes dim where[k]
    cdef int n, ndim, first         # the indices' common dims are [first, first + n_common) of the result
    cdef int n_common
    cdef int where[64]
    cdef int64_t common[64]
    cdef int64_t shape[64]
    cdef int64_t strides[64]        # of the tensor, in bytes, over the result's shape


cdef Located _locate(TensorBase t, list indices):
    """The walk for one int64 tensor or None per dimension; out-of-range indices are refused."""
    cdef Located found = Located.__new__(Located)
    cdef int d
    cdef bint adjacent
    found.tensors = []
    for d in range(t.ndim):
        if indices[d] is not None:
            found.where[found.n] = d
            found.tensors.append(indices[d])
            found.n += 1
    adjacent = found.where[found.n - 1] - found.where[0] == found.n - 1
    found.first = found.where[0] if adjacent else 0
    try:
        found.n_common = broadcast_shape(found.tensors, found.common)
    except RuntimeError:
        shapes = ", ".join([str(list(shape_tuple(<TensorBase>each))) for each in found.tensors])
        raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes " + shapes) from None
    _lay_out(t, found, indices)
    _check_bounds(t, found)
    return found


cdef int _lay_out(TensorBase t, Located found, list indices) except -1:
    """The result's dims: those of t that no index replaces, and at `first` the common dims of the indices."""
    cdef int d, at = 0, kept = 0
    if t.ndim - found.n + found.n_common > 64:
        raise RuntimeError("indexing would give a tensor of more than 64 dimensions")
    for d in range(t.ndim):
        if kept == found.first and at == kept:
            at += found.n_common
        if indices[d] is None:
            found.shape[at] = t.shape[d]
            found.strides[at] = t.strides[d] * itemsizes[t.dtype]
            at += 1
            kept += 1
    for d in range(found.n_common):
        found.shape[found.first + d] = found.common[d]
        found.strides[found.first + d] = 0
    found.ndim = t.ndim - found.n + found.n_common
    return 0


cdef int _check_bounds(TensorBase t, Located found) except -1:
    """Refuses an index out of range, unless nothing is read or written and the dimension has elements."""
    cdef TensorBase index
    cdef int k
    cdef int64_t bad, size
    cdef bint empty = count(found.ndim, found.shape) == 0
    for k in range(found.n):
        index = <TensorBase>found.tensors[k]
        size = t.shape[found.where[k]]
        if size > 0 and empty:
            continue
        bad = first_out_of_range(<int64_t*>index.data, index.numel, size, True)
        if bad >= 0 and size == 0:
            raise IndexError("index is out of bounds for dimension with size 0")
        if bad >= 0:
            raise IndexError(f"index {(<int64_t*>index.data)[bad]} is out of bounds for dimension {found.where[k]} with size "
                             f"{size}")
    return 0


cdef int _walk(TensorBase t, Located found, TensorBase plain, IndexOp op) except -1:
    """Runs an op over the elements of t that the indices reach and those of `plain`, broadcast to the result's shape."""
    cdef Unlocked unlocked
    cdef IndexedWalk walk
    cdef IndexOperand operands[64]
    cdef int64_t index_strides[64][64]
    cdef int64_t plain_strides[64]
    cdef TensorBase index
    cdef int d, k
    cdef DType dtype = <DType>t.dtype
    broadcast_strides(plain, found.ndim, found.shape, plain_strides)
    for d in range(found.ndim):
        plain_strides[d] *= itemsizes[t.dtype]
    for k in range(found.n):
        index = <TensorBase>found.tensors[k]
        for d in range(found.ndim):
            index_strides[k][d] = 0
        broadcast_strides(index, found.n_common, found.common, index_strides[k] + found.first)
        operands[k] = IndexOperand(<int64_t*>index.data, &index_strides[k][0], t.shape[found.where[k]],
                                   t.strides[found.where[k]] * itemsizes[t.dtype])
    walk = IndexedWalk(found.ndim, &found.shape[0], plain.data, &plain_strides[0], t.data, &found.strides[0], found.n, &operands[0])
    if count(found.ndim, found.shape) < 8192:
        indexed_walk(walk, op, dtype)
    else:
        unlocked.begin()
        with nogil:     # the walk's shapes and strides are this function's own
            indexed_walk(walk, op, dtype)
    return 0


# ---- x[indices] ------------------------------------------------------------------------------------------------------

def _shown_indices(IndexNode node):
    return tuple(node.indices(max(node.params[0]) + 1 if node.params else 1))


cdef class IndexNode(Node):
    """Keeps index tensors, and in params the dims that they index; or one mask over all dims, and no params."""

    _saves = ("indices[]",)

    cdef list indices(self, int ndim):
        cdef int k
        cdef list found
        if self.params is None:
            return [unpack(self, 0)]
        found = [None] * ndim
        for k, dim in enumerate(self.params[0]):
            found[dim] = unpack(self, k)
        return found


cdef int _keep_indices(IndexNode node, list tensors, object where) except -1:
    cdef int k
    reserve_saved(node, len(tensors))
    for k in range(len(tensors)):
        save(node, k, <TensorBase>tensors[k])
    node.params = (where,) if where is not None else None
    return 0


cdef tuple _where(Located found):
    cdef int k
    return tuple([found.where[k] for k in range(found.n)])


@cython.final
cdef class IndexBackward0(IndexNode):                   # d x[i] = dx[i]; back: zeros, to which g is added at i
    _shows = {"indices": _shown_indices, "self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return _put(zeros(g.dtype, shape.ndim, shape.shape), self.indices(shape.ndim), g, self.params is not None, True)


cdef inline bint _is_full_mask(TensorBase t, list indices):
    return len(indices) == 1 and indices[0] is not None and (<TensorBase>indices[0]).dtype == BOOL \
        and (<TensorBase>indices[0]).ndim == t.ndim > 0


cdef TensorBase indexed(TensorBase t, list indices):
    """t at index tensors and masks; None stands for a whole dimension."""
    cdef TensorBase made
    cdef Located found
    cdef IndexNode node = None
    if wants_grad(t):
        node = IndexBackward0.__new__(IndexBackward0)
        begin1(node, t)
    if _is_full_mask(t, indices):
        made = _at_mask(t, <TensorBase>indices[0])
        if node is not None:
            _keep_indices(node, indices, None)
    else:
        found = _locate(t, _expand_masks(t, indices))
        made = new_tensor(t.dtype, found.ndim, found.shape)
        _walk(t, found, made, GET)
        if node is not None:
            _keep_indices(node, found.tensors, _where(found))
    settle(node, made, t, None, None, False)
    return made


cdef TensorBase _at_mask(TensorBase t, TensorBase mask):
    cdef int64_t strides[64]
    cdef int64_t n
    cdef int d
    cdef TensorBase made
    _check_mask(t, mask, 0, 0)
    n = count_true(mask.ndim, mask.shape, <uint8_t*>mask.data, mask.strides)
    made = new_tensor(t.dtype, 1, &n)
    for d in range(t.ndim):
        strides[d] = t.strides[d] * itemsizes[t.dtype]
    masked_select(t.ndim, t.shape, <uint8_t*>mask.data, mask.strides, t.data, strides, made.data, itemsizes[t.dtype])
    return made


# ---- x[indices] = values ---------------------------------------------------------------------------------------------

@cython.final
cdef class IndexPutBackward0(IndexNode):
    _shows = {"indices": _shown_indices, "accumulate": flag}

    cdef object vjp(self, TensorBase g):
        cdef list indices = self.indices(g.ndim)
        return (None if not needs(self, 0) else g if self.whole else
                _put(g, indices, zeros(g.dtype, 0, NULL), False, False),
                indexed(g, indices) if needs(self, 1) else None)


cdef bint _only_masks(list indices):
    for each in indices:
        if each is not None and (<TensorBase>each).dtype not in (BOOL, U8):
            return False
    return True


cdef TensorBase _put(TensorBase t, list indices, TensorBase values, bint accumulate, bint inplace):
    """t, or a copy of it, with values written, or added, at the indices."""
    cdef TensorBase made
    cdef Located found = None
    cdef IndexNode node = None
    cdef bint recording = wants_grad(t) or wants_grad(values)
    cdef bint full_mask = _is_full_mask(t, indices) and not accumulate
    cdef TensorBase given = values
    if values.dtype != t.dtype and values.numel == 1 and not accumulate and _only_masks(indices):
        values = cast(values, t.dtype)
    if full_mask:
        _check_masked_values(t, <TensorBase>indices[0], values)
    if values.dtype != t.dtype:
        raise RuntimeError(f"Index put requires the source and destination dtypes match, got {TYPE_NAMES[t.dtype]} for the "
                           f"destination and {TYPE_NAMES[values.dtype]} for the source.")
    if not full_mask:
        found = _locate(t, _expand_masks(t, indices))
        _check_values(values, found.ndim, found.shape)
    if inplace:
        prepare(t, True, recording, True)
        warn_if_expanded(t, "index_put_")
        for each in indices:
            if each is not None:
                check_apart(t, <TensorBase>each)
    if recording:
        node = IndexPutBackward0.__new__(IndexPutBackward0)
        begin_pair(node, t, given)
        node.whole = accumulate
        _keep_indices(node, indices if full_mask else found.tensors, None if full_mask else _where(found))
    made = t if inplace else copy_of(t)
    if not full_mask and not inplace and not t.contiguous:
        found = _locate(made, _expand_masks(made, indices))     # the copy's strides may be others
    if not full_mask or values.numel != 1:
        check_apart(made, values)
    if values.storage == made.storage:
        values = copy_of(values)
    if full_mask:
        _put_at_mask(made, <TensorBase>indices[0], values)
    else:
        _walk(made, found, values, ADD if accumulate else PUT)
    settle(node, made, t, values, t if inplace else None, inplace)
    return made


cdef int _check_values(TensorBase values, int ndim, const int64_t* shape) except -1:
    cdef int d, pad = ndim - values.ndim
    cdef bint fits = pad >= 0
    for d in range(values.ndim):
        fits = fits and (values.shape[d] == 1 or values.shape[d] == shape[pad + d])
    if not fits:
        raise RuntimeError(f"shape mismatch: value tensor of shape {list(shape_tuple(values))} cannot be broadcast to indexing "
                           f"result of shape {ints(shape, ndim)}")
    return 0


cdef int _check_masked_values(TensorBase t, TensorBase mask, TensorBase values) except -1:
    cdef int64_t n
    _check_mask(t, mask, 0, 0)
    if values.ndim or values.numel != 1:
        n = count_true(mask.ndim, mask.shape, <uint8_t*>mask.data, mask.strides)
        _check_values(values, 1, &n)
    return 0


cdef int _put_at_mask(TensorBase t, TensorBase mask, TensorBase values) except -1:
    cdef int64_t strides[64]
    cdef int d
    if values.numel == 1:
        where_kernel(mask, _scalar_of(values), t, t)
        return 0
    values = contiguous(values)
    for d in range(t.ndim):
        strides[d] = t.strides[d] * itemsizes[t.dtype]
    masked_scatter(t.ndim, t.shape, <uint8_t*>mask.data, mask.strides, t.data, strides, values.data, itemsizes[t.dtype])
    return 0


cdef TensorBase _scalar_of(TensorBase values):
    return new_alias(values, 0, NULL, NULL, 0)


cdef int setitem(TensorBase t, object key, object value) except -1:
    cdef list indices
    cdef TensorBase target
    cdef TensorBase source = _as_value(t, value)
    if PyLong_CheckExact(key):
        _write(selected(t, 0, _position(t, 0, key)), source)
    elif isinstance(key, slice):
        _write(_slice(t, 0, <slice>key, False), source)
    elif key is Ellipsis:
        _write(t, source)
    elif PyBool_Check(key):
        if key:
            _write(unsqueeze_at(t, 0), source)
    else:
        indices = []
        target = _views_of(t, _key_tuple(key), indices)
        if indices:
            if source.flags & WRAPPED:
                source = cast(source, t.dtype)
            _put(target, indices, _without_leading_ones(source) if _starts_with_one(source) else source, False, True)
        else:
            _write(target, source)
    return 0


cdef TensorBase _as_value(TensorBase t, object value):
    if isinstance(value, TensorBase):
        return <TensorBase>value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if not is_number(value):
        raise TypeError(f"can't assign a {type(value).__name__} to a tensor of dtype {dtype_object(t.dtype).name}")
    if PyLong_Check(value) and not -0x8000000000000000 <= value <= 0x7fffffffffffffff:
        raise ValueError(f"Overflow when unpacking long long: {value} does not fit in 64 bits")
    check_element(value, t.dtype)
    return new_number(value, F64 if isinstance(value, float) else BOOL if PyBool_Check(value) else I64)


cdef inline bint _starts_with_one(TensorBase t) noexcept:
    return t.ndim > 0 and t.shape[0] == 1


cdef TensorBase _without_leading_ones(TensorBase source):
    cdef int drop = 0
    while drop < source.ndim and source.shape[drop] == 1:
        drop += 1
    return reshaped(source, source.ndim - drop, source.shape + drop)


cdef inline bint _alike(TensorBase a, TensorBase b) noexcept:
    return a.ndim == b.ndim and memcmp(a.shape, b.shape, a.ndim * sizeof(int64_t)) == 0


cdef int _write(TensorBase target, TensorBase source) except -1:
    """Copies source to target; leading dimensions of size one that target lacks are dropped."""
    if source.ndim and not _alike(source, target):
        source = _without_leading_ones(source)
        if not _alike(source, target):
            source = expanded(source, target.ndim, target.shape)
    copy_(target, source)
    return 0


# ---- index_put -------------------------------------------------------------------------------------------------------

cdef list _index_list(object indices):
    if not isinstance(indices, (tuple, list)):
        raise TypeError("index_put(): argument 'indices' (position 1) must be tuple of Tensors, not "
                        f"{type(indices).__name__}")
    for each in indices:
        if each is not None and not isinstance(each, TensorBase):
            raise TypeError(f"index_put(): indices must be tensors or None, not {type(each).__name__}")
        if each is not None and (<TensorBase>each).dtype == U8:
            _warn_of_bytes()
    return list(indices)


def _index_put(TensorBase input not None, indices, TensorBase values not None, bint accumulate=False):
    """A copy of ``input`` with ``values`` written, or added, at a tuple of index tensors.

    >>> import dynagrad
    >>> dynagrad.zeros(3).index_put((dynagrad.tensor([0, 2]),), dynagrad.tensor([5., 6.]))
    tensor([5., 0., 6.])
    """
    return _put(input, _index_list(indices), values, accumulate, False)


def _index_put_(TensorBase self not None, indices, TensorBase values not None, bint accumulate=False):
    """Writes, or adds, ``values`` to the tensor itself at a tuple of index tensors."""
    return _put(self, _index_list(indices), values, accumulate, True)


register(Card("index_put", _index_put, IndexPutBackward0, "index", inplace=_index_put_))


# ---- nonzero ---------------------------------------------------------------------------------------------------------

cdef TensorBase _as_mask(TensorBase t):
    return t if t.dtype == BOOL else cast(t, BOOL)


def _nonzero(TensorBase input not None, *, bint as_tuple=False, out=None):
    """The indices of the elements that are not zero: shape (n, ndim), or one vector for each dimension.

    >>> import dynagrad
    >>> dynagrad.nonzero(dynagrad.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    cdef int64_t one = 1
    cdef TensorBase columns
    if as_tuple and out is not None:
        raise RuntimeError("nonzero does not support the out kwarg when as_tuple is True")
    if isinstance(out, TensorBase) and (<TensorBase>out).dtype != I64:
        raise RuntimeError("nonzero: Expected out tensor to have scalar type Long but got scalar type"
                           f"{TYPE_NAMES[(<TensorBase>out).dtype]}")
    if as_tuple and input.ndim == 0:
        input = new_alias(input, 1, &one, NULL, 0)
    columns = nonzero_columns(_as_mask(input))
    return unbound(columns, 0) if as_tuple else deliver(_turned(columns), out)


cdef TensorBase _turned(TensorBase columns):
    cdef int64_t shape[2]
    cdef int64_t strides[2]
    shape[0], shape[1] = columns.shape[1], columns.shape[0]
    strides[0], strides[1] = 1, columns.shape[1]
    return new_alias(columns, 2, shape, strides, 0)


def _argwhere(TensorBase input not None):
    """The indices of the elements that are not zero: shape (n, ndim).

    >>> import dynagrad
    >>> dynagrad.argwhere(dynagrad.tensor([[0, 7]]))
    tensor([[0, 1]])
    """
    return _turned(nonzero_columns(_as_mask(input)))


register(Card("nonzero", _nonzero, None, "index"))
register(Card("argwhere", _argwhere, None, "index"))


# ---- masked_select and masked_scatter --------------------------------------------------------------------------------

cdef tuple _same_shape(TensorBase t, TensorBase mask, str name):
    """Tensor and mask, each expanded to their common shape."""
    cdef int64_t shape[64]
    cdef int ndim
    if mask.dtype != BOOL:
        raise RuntimeError(f"{name}: expected BoolTensor for mask, but got {dtype_object(mask.dtype).name}")
    ndim = broadcast_shape([t, mask], shape)
    return _over(t, ndim, shape), _over(mask, ndim, shape)


cdef TensorBase _over(TensorBase t, int ndim, const int64_t* shape):
    """t broadcast to a shape, outside of the graph."""
    cdef int64_t strides[64]
    broadcast_strides(t, ndim, shape, strides)
    return new_alias(t, ndim, shape, strides, 0)


@cython.final
cdef class MaskedSelectBackward0(Node):                 # saved: the mask, in its own shape
    _saves = ("mask", "self")

    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        cdef TensorBase mask = unpack(self, 0)
        cdef int64_t common[64]
        cdef TensorBase whole = zeros(g.dtype, shape.ndim, shape.shape)
        cdef int ndim = broadcast_shape([whole, mask], common)
        return _masked_scatter_op(zeros(g.dtype, ndim, common), mask, g, False)


def _masked_select(TensorBase input not None, TensorBase mask not None, *, out=None):
    """The elements where ``mask`` is true, as a vector.

    >>> import dynagrad
    >>> dynagrad.masked_select(dynagrad.tensor([1, 2, 3]), dynagrad.tensor([True, False, True]))
    tensor([1, 3])
    """
    cdef Node node = None
    cdef TensorBase made
    a, m = _same_shape(input, mask, "masked_select")
    refuse_out_grad(out, wants_grad(input))
    if wants_grad(input):
        node = MaskedSelectBackward0.__new__(MaskedSelectBackward0)
        begin1(node, input)
        save(node, 0, mask)
        save(node, 1, input)
    made = _at_mask(a, m)
    if out is not None:
        copy_into(output(out, made.dtype, 1, made.shape), made)
        made = out
    settle(node, made, input, None, out, False)
    return made


register(Card("masked_select", _masked_select, MaskedSelectBackward0, "index"))


@cython.final
cdef class MaskedScatterBackward0(Node):
    _saves = ("mask",)
    _shows = {"source_sym_sizes": sizes(1)}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase mask = unpack(self, 0)
        return (_masked_scatter_op(g, mask, zeros(g.dtype, 1, &g.numel), False) if needs(self, 0) else None,
                self.of_source(g, mask) if needs(self, 1) else None)

    cdef TensorBase of_source(self, TensorBase g, TensorBase mask):
        """The gradients of the source's elements in turn; those that were not used get zero."""
        cdef Output* shape = input_of(self, 1)
        cdef TensorBase taken = _masked_select(g, mask)
        cdef int64_t rest = count(shape.ndim, shape.shape) - taken.numel
        if rest:
            taken = joined([taken, zeros(g.dtype, 1, &rest)], 0)
        return reshaped(taken, shape.ndim, shape.shape)


cdef TensorBase _masked_scatter_op(TensorBase t, TensorBase mask, TensorBase source, bint inplace):
    cdef int64_t strides[64]
    cdef Node node = None
    cdef bint recording = wants_grad(t) or wants_grad(source)
    cdef TensorBase a, m, made
    cdef int d
    if t.dtype != source.dtype:
        raise RuntimeError("masked_scatter: expected self and source to have same dtypes but got "
                           f"{TYPE_NAMES[t.dtype]} and {TYPE_NAMES[source.dtype]}")
    a, m = _same_shape(t, mask, "masked_scatter_")
    if inplace and a.numel != t.numel:
        raise RuntimeError(f"masked_scatter_: the mask of shape {list(shape_tuple(mask))} does not broadcast to the tensor's "
                           f"shape {list(shape_tuple(t))}")
    if count_true(m.ndim, m.shape, <uint8_t*>m.data, m.strides) > source.numel:
        raise RuntimeError(f"Number of elements of source < number of ones in mask: source has {source.numel}")
    if inplace:
        prepare(t, True, recording)
    if recording:
        node = MaskedScatterBackward0.__new__(MaskedScatterBackward0)
        begin_pair(node, t, source)
        save(node, 0, mask)
    made = t if inplace else copy_of(contiguous(a))
    for d in range(made.ndim):
        strides[d] = made.strides[d] * itemsizes[t.dtype]
    source = contiguous(copy_of(source) if source.storage == made.storage else source)
    masked_scatter(made.ndim, made.shape, <uint8_t*>m.data, m.strides, made.data, strides, source.data,
                   itemsizes[made.dtype])
    settle(node, made, t, source, t if inplace else None, inplace)
    return made


def _masked_scatter(TensorBase input not None, TensorBase mask not None, TensorBase source not None):
    """A copy of ``input`` in which the elements where ``mask`` is true are those of ``source``, in turn.

    >>> import dynagrad
    >>> mask = dynagrad.tensor([True, False, True])
    >>> dynagrad.masked_scatter(dynagrad.zeros(3), mask, dynagrad.tensor([1., 2., 3.]))
    tensor([1., 0., 2.])
    """
    return _masked_scatter_op(input, mask, source, False)


def _masked_scatter_(TensorBase self not None, TensorBase mask not None, TensorBase source not None):
    """Writes the elements of ``source``, in turn, to where ``mask`` is true."""
    return _masked_scatter_op(self, mask, source, True)


register(Card("masked_scatter", _masked_scatter, MaskedScatterBackward0, "index", inplace=_masked_scatter_))


# ---- protocols -------------------------------------------------------------------------------------------------------

cdef object slices_of(TensorBase t):
    """An iterator over the slices along the first dimension."""
    if t.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbound(t, 0))


cdef bint contains(TensorBase t, object element) except -1:
    """Whether some element equals a number, or one of a tensor's."""
    if not isinstance(element, TensorBase) and not is_number(element):
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")
    return bool((t == element).any().item())
