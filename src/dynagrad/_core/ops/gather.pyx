"""Reading and writing along a dimension, or flat, at a tensor of indices: gather, scatter, index_select, index_add, take.

What ``x[...]`` takes is in `index`; searching sorted sequences is in `search`.
"""
import cython
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy

from dynagrad._core.card import Card, register
from dynagrad._core.shown import flag, input_sizes, rank
from dynagrad._core.types import TYPE_NAMES
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.underivable import delayed_error

from dynagrad._core.graph cimport (
    Node, Output, begin1, begin_pair, grad_enabled, needs, prepare, reserve_saved, save, settle, unpack, wants_grad)
from dynagrad._core.ops.index_kernels cimport (
    ADD, AMAX, AMIN, GET, MUL, PUT, IndexedWalk, IndexOp, IndexOperand, first_out_of_range, indexed_walk)
from dynagrad._core.kernel_table cimport op_mul
from dynagrad._core.iterate cimport SAME, K, binary, cast, contiguous, copy_into, copy_of, fill, output, refuse_out_grad
from dynagrad._core.ops.index cimport nonzero_columns
from dynagrad._core.ops.part cimport sliced, zeros
from dynagrad._core.ops.reduce cimport same_dtype, wrapped_dim
from dynagrad._core.ops.shape cimport input_of, ints, reshaped
from dynagrad._core.overlap cimport check_apart, warn_if_expanded
from dynagrad._core.scalars cimport check_element
from dynagrad._core.tensor cimport TensorBase, new_alias, new_like, new_number, new_tensor, shape_tuple
from dynagrad._core.types cimport BOOL, F64, I32, I64, U8, DType, dtype_object, is_float, is_number, itemsizes
from dynagrad._core.unlocked cimport Unlocked


cdef enum:
    SMALL = 8192        # walks over fewer elements keep the GIL


# ---- indices ---------------------------------------------------------------------------------------------------------

cdef TensorBase _positions(TensorBase index, str name):
    """The indices as int64 in row-major memory."""
    if index.dtype != I64 and index.dtype != I32 and not (index.dtype == U8 and name in ("gather", "scatter")):
        raise RuntimeError(f"{name}(): Expected dtype {'int32 or int64' if name == 'index_select' else 'int32/int64'} for index, "
                           f"but got {dtype_object(index.dtype).name}")
    return contiguous(cast(index, I64))


cdef int64_t _size(TensorBase t, int dim) noexcept:
    return t.shape[dim] if t.ndim else 1


cdef int _check_bounds(TensorBase index, int64_t size, int dim, object error) except -1:
    cdef int64_t bad = first_out_of_range(<int64_t*>index.data, index.numel, size, False)
    if bad >= 0:
        raise error(f"index {(<int64_t*>index.data)[bad]} is out of bounds for dimension {dim} with size {size}")
    return 0


cdef void _walk_unlocked(IndexedWalk walk, const int64_t* shape, IndexOp op, DType dtype) noexcept:
    cdef Unlocked unlocked
    cdef int64_t sizes[64]
    memcpy(sizes, shape, walk.ndim * sizeof(int64_t))
    walk.shape = sizes
    unlocked.begin()
    with nogil:
        indexed_walk(walk, op, dtype)


cdef int _walk(TensorBase t, int dim, TensorBase index, bint vector, TensorBase plain, IndexOp op) except -1:
    """Pairs the elements of t at the indices with those of `plain`, a tensor or one element.

    With `vector` the indices are those of dimension dim, for the whole of `plain`; without it each element of `index` has
    one of `plain`, and t's other coordinates are the element's own.
    """
    cdef int64_t plain_strides[64]
    cdef int64_t strides[64]
    cdef int64_t index_strides[64]
    cdef TensorBase over = plain if vector else index
    cdef int size = itemsizes[t.dtype], d
    cdef IndexOperand operand
    cdef IndexedWalk walk
    for d in range(over.ndim):
        plain_strides[d] = plain.strides[d] * size if plain.ndim else 0
        strides[d] = t.strides[d] * size if d != dim and t.ndim else 0
        index_strides[d] = (index.strides[0] if d == dim and index.ndim else 0) if vector else index.strides[d]
    operand = IndexOperand(<int64_t*>index.data, &index_strides[0], _size(t, dim), t.strides[dim] * size if t.ndim else 0)
    walk = IndexedWalk(over.ndim, over.shape, plain.data, &plain_strides[0], t.data, &strides[0], 1, &operand)
    if over.numel < SMALL:
        indexed_walk(walk, op, <DType>t.dtype)
    else:
        _walk_unlocked(walk, over.shape, op, <DType>t.dtype)
    return 0


cdef TensorBase _apart(TensorBase target, TensorBase source):
    check_apart(target, source)
    return copy_of(source) if source.storage == target.storage else source


cdef TensorBase _exactly(TensorBase made, object out):
    """The result, or `out` in its dtype: these ops do not convert."""
    same_dtype(out, made.dtype)
    return deliver(made, out)


cdef TensorBase _deliver(TensorBase made, object out):
    """The result itself, or the caller's `out` with the result copied to it."""
    if out is None:
        return made
    prepare(out, False, False)
    cdef TensorBase target = output(out, made.dtype, made.ndim, made.shape)
    copy_into(target, made)
    return target


# ---- gather ----------------------------------------------------------------------------------------------------------

@cython.final
cdef class GatherBackward0(Node):                       # back: zeros, to which g is added at the indices
    _saves = ("index", "self")
    _keeps = ("sparse_grad",)
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return scatter_add(zeros(g.dtype, shape.ndim, shape.shape), self.whole, unpack(self, 0), g, True)


cdef int _check_gather(TensorBase t, int dim, TensorBase index) except -1:
    cdef int d
    if index.numel == 0:
        return 0
    if max(index.ndim, 1) != max(t.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor, but got index "
                           f"{list(shape_tuple(index))} for input {list(shape_tuple(t))}")
    for d in range(index.ndim):
        if d != dim and index.shape[d] > _size(t, d):
            raise RuntimeError(f"Size does not match at dimension {d} expected index {list(shape_tuple(index))} to be no larger "
                               f"than self {list(shape_tuple(t))} apart from dimension {dim}")
    return _check_bounds(index, _size(t, dim), dim, RuntimeError)


cdef TensorBase gather(TensorBase t, int dim, TensorBase index, object out=None, tuple params=(False,)):
    cdef Node node = None
    cdef TensorBase made
    cdef TensorBase places = _positions(index, "gather")
    _check_gather(t, dim, places)
    refuse_out_grad(out, wants_grad(t))
    if wants_grad(t):
        node = GatherBackward0.__new__(GatherBackward0)
        begin1(node, t)
        node.whole = dim
        node.params = params
        save(node, 0, index)
        save(node, 1, t)
    made = new_tensor(t.dtype, index.ndim, index.shape)
    if made.numel:
        _walk(t, dim, places, False, made, GET)
    same_dtype(out, made.dtype)
    made = _deliver(made, out)
    settle(node, made, t, None, out, False)
    return made


def _gather(TensorBase input not None, dim, TensorBase index not None, *, sparse_grad=False, out=None):
    """Picks along a dimension: ``out[i][j] = input[index[i][j]][j]`` for dim 0, and so on; shaped as ``index``.

    >>> import dynagrad
    >>> dynagrad.gather(dynagrad.tensor([[1, 2], [3, 4]]), 1, dynagrad.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    return gather(input, wrapped_dim(dim, input.ndim), index, out, (bool(sparse_grad),))


register(Card("gather", _gather, GatherBackward0, "index"))


# ---- scatter ---------------------------------------------------------------------------------------------------------

@cython.final
cdef class ScatterBackward0(Node):                      # what was overwritten gets nothing, src what stands at its places
    _saves = ("index",)
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        cdef TensorBase index = unpack(self, 0)
        return (_scatter(g, self.whole, index, zeros(g.dtype, 0, NULL), PUT, ScatterBackward1, False) if needs(self, 0) else None,
                gather(g, self.whole, index) if needs(self, 1) else None)


@cython.final
cdef class ScatterBackward1(Node):                      # the same for a number
    _saves = ("index",)
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        return _scatter(g, self.whole, unpack(self, 0), zeros(g.dtype, 0, NULL), PUT, ScatterBackward1, False)


@cython.final
cdef class ScatterAddBackward0(Node):
    _saves = ("index",)
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        return g if needs(self, 0) else None, gather(g, self.whole, unpack(self, 0)) if needs(self, 1) else None


cdef int _check_scatter(TensorBase t, int dim, TensorBase index, TensorBase src) except -1:
    cdef int d
    cdef bint fits = max(index.ndim, 1) == max(t.ndim, 1) and (src.ndim == index.ndim or src.ndim == 0)
    if index.numel == 0:
        return 0
    if not fits:
        raise RuntimeError("Index tensor must have the same number of dimensions as self and src tensors, but got index "
                           f"{list(shape_tuple(index))}, self {list(shape_tuple(t))}, src {list(shape_tuple(src))}")
    for d in range(index.ndim):
        fits = fits and (d == dim or index.shape[d] <= _size(t, d)) and (src.ndim == 0 or index.shape[d] <= src.shape[d])
    if not fits:
        raise RuntimeError(f"Expected index {list(shape_tuple(index))} to be no larger than self {list(shape_tuple(t))} apart "
                           f"from dimension {dim} and to be no larger size than src {list(shape_tuple(src))}")
    return _check_bounds(index, _size(t, dim), dim, RuntimeError)


cdef TensorBase _trimmed(TensorBase src, TensorBase index):
    """The part of src that has an index."""
    cdef int d
    for d in range(src.ndim):
        if index.numel and src.shape[d] > index.shape[d]:
            src = sliced(src, d, 0, index.shape[d], 1)
    return src


cdef TensorBase _scatter(TensorBase t, int dim, TensorBase index, TensorBase src, IndexOp op, type node_class, bint inplace):
    """t, or a copy of it, combined at the indices with src, a tensor or one element."""
    cdef Node node = None
    cdef bint recording
    cdef TensorBase made
    cdef TensorBase places = _positions(index, "scatter")
    if src.dtype != t.dtype:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype, but got {dtype_object(t.dtype).name} and "
                           f"{dtype_object(src.dtype).name}")
    _check_scatter(t, dim, places, src)
    src = _trimmed(src, index)
    recording = wants_grad(t) or wants_grad(src)
    if inplace:
        prepare(t, True, recording)
        check_apart(t, index)
    if recording:
        node = <Node>(<object>node_class).__new__(node_class)
        if node_class is ScatterBackward1:
            begin1(node, t)
        else:
            begin_pair(node, t, src)
        node.whole = dim
        if node_class is not ScatterAddBackward0 or needs(node, 1):
            save(node, 0, index)
    made = t if inplace else copy_of(t)
    if places.numel:
        _walk(made, dim, places, False, _apart(made, src), op)
    settle(node, made, t, src, t if inplace else None, inplace)
    return made


cdef TensorBase scatter_add(TensorBase t, int dim, TensorBase index, TensorBase src, bint inplace):
    return _scatter(t, dim, index, src, ADD, ScatterAddBackward0, inplace)


cdef TensorBase _element(TensorBase like, object value, str name):
    """A number as a 0-d tensor of like's dtype."""
    if not is_number(value):
        raise TypeError(f"{name}(): expected a Tensor or a number, but got {type(value).__name__}")
    check_element(value, like.dtype)
    return cast(new_number(value, F64 if is_float(like.dtype) or isinstance(value, float) else I64), like.dtype)


cdef TensorBase _any_scatter(TensorBase t, object dim, TensorBase index, object src, object value, object reduce,
                             bint inplace):
    cdef int at = wrapped_dim(dim, t.ndim)
    cdef bint one
    if src is None:
        src = value
    one = not isinstance(src, TensorBase)
    if one:
        src = _element(t, src, "scatter")
    if reduce is None:
        return _scatter(t, at, index, src, PUT, ScatterBackward1 if one else ScatterBackward0, inplace)
    if reduce not in ("add", "multiply"):
        raise RuntimeError(f"reduce argument must be either add or multiply. Got {reduce}")
    if one:
        src = (<TensorBase>src).expand(shape_tuple(index))
    return _reduced(t, at, index, src, "sum" if reduce == "add" else "prod", True, inplace)


def _scatter_op(TensorBase input not None, dim, TensorBase index not None, src=None, *, value=None, reduce=None,
                out=None):
    """A copy of ``input`` with ``src``, a tensor or a number, written along a dimension at ``index``.

    ``out[index[i][j]][j] = src[i][j]`` for dim 0, and so on. ``reduce`` is None, "add" or "multiply".

    >>> import dynagrad
    >>> dynagrad.zeros(3).scatter(0, dynagrad.tensor([2, 0]), dynagrad.tensor([5., 6.]))
    tensor([6., 0., 5.])
    """
    return _exactly(_any_scatter(input, dim, index, src, value, reduce, False), out)


def _scatter_(TensorBase self not None, dim, TensorBase index not None, src=None, *, value=None, reduce=None):
    """Writes ``src``, a tensor or a number, along a dimension at ``index``."""
    return _any_scatter(self, dim, index, src, value, reduce, True)


def _scatter_add(TensorBase input not None, dim, TensorBase index not None, TensorBase src not None, *, out=None):
    """A copy of ``input`` to which ``src`` is added along a dimension at ``index``; repeated indices add up.

    >>> import dynagrad
    >>> dynagrad.zeros(2).scatter_add(0, dynagrad.tensor([1, 1]), dynagrad.tensor([5., 6.]))
    tensor([ 0., 11.])
    """
    return _exactly(scatter_add(input, wrapped_dim(dim, input.ndim), index, src, False), out)


def _scatter_add_(TensorBase self not None, dim, TensorBase index not None, TensorBase src not None):
    """Adds ``src`` along a dimension at ``index``."""
    return scatter_add(self, wrapped_dim(dim, self.ndim), index, src, True)


register(Card("scatter", _scatter_op, ScatterBackward0, "index", inplace=_scatter_))
register(Card("scatter_add", _scatter_add, ScatterAddBackward0, "index", inplace=_scatter_add_))


# ---- scatter_reduce --------------------------------------------------------------------------------------------------

cdef class ScatterReduceBackward0(Node):
    _saves = ("self", "index", "src", "result")
    _keeps = ("reduce", "include_self")
    _whole = "dim"

    cdef object vjp(self, TensorBase g):
        return self.of_index(g, unpack(self, 1))

    cdef object of_index(self, TensorBase g, TensorBase index):
        """The gradients, where every element of the source has its index."""
        reduce, include_self = self.params
        dim, old, src = self.whole, unpack(self, 0), unpack(self, 2)
        if reduce == "sum":
            mine, theirs = g, g.gather(dim, index)
        elif reduce == "mean":
            n = _counts(old, dim, index, include_self)
            mine, theirs = g / n, (g / n).gather(dim, index)
        elif reduce == "prod":
            mine, theirs = self.prod_vjp(g, dim, old, index, src, include_self)
        else:
            mine, theirs = self.extreme_vjp(g, dim, old, index, src, unpack(self, 3))
        return mine if include_self else mine.scatter(dim, index, 0), theirs

    cdef object extreme_vjp(self, g, dim, old, index, src, result):
        """All elements that equal the extreme one share its gradient."""
        is_old, is_src = old == result, src == result.gather(dim, index)
        if not self.params[1]:
            is_old = is_old.scatter(dim, index, False)
        n = is_old.to(g.dtype).scatter_add(dim, index, is_src.to(g.dtype))
        shared = g / n
        return is_old.to(g.dtype) * shared, is_src.to(g.dtype) * shared.gather(dim, index)

    cdef object prod_vjp(self, g, dim, old, index, src, include_self):
        """g times the product of the other factors; a factor that is the only zero among its kind counts as one."""
        factors = src.to(g.dtype)
        one = old.masked_fill(old == 0, 1)
        rest = one.scatter_reduce(dim, index, factors, "prod", include_self=include_self)
        zero = src == 0
        lone = zero & (old.detach().new_zeros(old.shape).scatter_add(dim, index, zero.to(g.dtype)).gather(dim, index) == 1)
        whole = old.scatter_reduce(dim, index, factors, "prod", include_self=include_self)
        without = old.scatter_reduce(dim, index, factors.masked_fill(lone, 1), "prod", include_self=include_self)
        several = zero & ~lone
        theirs = lone.to(g.dtype) * (g * without).gather(dim, index) \
            + (~lone).to(g.dtype) * (g * whole).gather(dim, index) / factors.masked_fill(zero, 1)
        if grad_enabled() and several.any().item():     # each is a factor of the others' derivatives, which are taken as 0
            theirs = delayed_error(theirs, "scatter_reduce(): Double backward is unsupported for src when >1 zeros in src "
                                           "are scattered to the same position in self")
        return g * rest / one, theirs


@cython.final
cdef class IndexReduceBackward0(ScatterReduceBackward0):        # each slice of the source has one index
    _saves = ("self", "index", "source", "result")

    cdef object vjp(self, TensorBase g):
        return self.of_index(g, _index_of_slices(unpack(self, 1), self.whole, unpack(self, 2)))


cdef TensorBase _index_of_slices(TensorBase index, int dim, TensorBase source):
    """The vector of indices, as one for each element of the source."""
    cdef object long = cast(index, I64)
    if source.ndim == 0:
        return long.reshape(())
    return long.reshape([-1 if d == dim else 1 for d in range(source.ndim)]).expand(shape_tuple(source))


cdef object _counts(TensorBase t, int dim, TensorBase index, bint include_self):
    """How many elements meet at each place, at least 1."""
    cdef TensorBase n = zeros(t.dtype, t.ndim, t.shape)
    cdef TensorBase ones = new_tensor(t.dtype, index.ndim, index.shape)
    if include_self:
        fill(n, 1)
    fill(ones, 1)
    return scatter_add(n, dim, index, ones, True).clamp(min=1)


cdef TensorBase _reduced(TensorBase t, int dim, TensorBase index, TensorBase src, str reduce, bint include_self, bint inplace,
                         TensorBase vector=None):
    """`vector`: the index of `index_reduce`, of which `index` is made."""
    cdef Node node = None
    cdef TensorBase made
    cdef TensorBase places = _positions(index, "scatter_reduce")
    cdef IndexOp op = AMAX if reduce == "amax" else AMIN if reduce == "amin" else MUL if reduce == "prod" else ADD
    cdef bint recording
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if src.dtype != t.dtype:
        raise RuntimeError("scatter_reduce(): Expected self.dtype to be equal to src.dtype, but got "
                           f"{dtype_object(t.dtype).name} and {dtype_object(src.dtype).name}")
    _check_scatter(t, dim, places, src)
    src = _trimmed(src, index)
    recording = wants_grad(t) or wants_grad(src)
    if inplace:
        prepare(t, True, recording)
        check_apart(t, index)
    made = copy_of(t)
    if places.numel:
        if not include_self:
            _walk(made, dim, places, False, _start(made, src, reduce), PUT)
        _walk(made, dim, places, False, src, op)
    if reduce == "mean":
        copy_into(made, _divided(made, _counts(t, dim, index, include_self)))
    if recording:
        node = ScatterReduceBackward0.__new__(ScatterReduceBackward0) if vector is None \
            else IndexReduceBackward0.__new__(IndexReduceBackward0)
        begin_pair(node, t, src)
        node.whole = dim
        node.params = (reduce, include_self)
        _save_reduced(node, copy_of(t) if inplace else t, index if vector is None else vector, src, made)
    if inplace:
        copy_into(t, made)
        made = t
    settle(node, made, t, src, t if inplace else None, inplace)
    return made


cdef int _save_reduced(Node node, TensorBase old, TensorBase index, TensorBase src, TensorBase made) except -1:
    reserve_saved(node, 4)
    save(node, 0, old)
    save(node, 1, index)
    save(node, 2, src)
    return save(node, 3, copy_of(made))


cdef TensorBase _start(TensorBase made, TensorBase src, str reduce):
    """What replaces self's elements where they take no part: for an extreme, any of the elements that do."""
    if reduce == "amax" or reduce == "amin":
        return src
    return _element(made, 1 if reduce == "prod" else 0, "scatter_reduce")


cdef object _divided(TensorBase total, object n):
    return total / n if is_float(total.dtype) else total.div(n, rounding_mode="floor")


def _scatter_reduce(TensorBase input not None, dim, TensorBase index not None, TensorBase src not None, str reduce, *,
                    bint include_self=True, out=None):
    """A copy of ``input`` combined with ``src`` along a dimension at ``index``.

    ``reduce`` is "sum", "prod", "mean", "amax" or "amin"; without ``include_self`` the old elements there take no part.

    >>> import dynagrad
    >>> dynagrad.zeros(2).scatter_reduce(0, dynagrad.tensor([1, 1]), dynagrad.tensor([5., 6.]), "amax")
    tensor([0., 6.])
    """
    return _exactly(_reduced(input, wrapped_dim(dim, input.ndim), index, src, reduce, include_self, False), out)


def _scatter_reduce_(TensorBase self not None, dim, TensorBase index not None, TensorBase src not None, str reduce, *,
                     bint include_self=True):
    """`scatter_reduce` in place."""
    return _reduced(self, wrapped_dim(dim, self.ndim), index, src, reduce, include_self, True)


register(Card("scatter_reduce", _scatter_reduce, ScatterReduceBackward0, "index", inplace=_scatter_reduce_))


def _index_reduce(TensorBase input not None, dim, TensorBase index not None, TensorBase source not None, str reduce, *,
                  bint include_self=True, out=None):
    """The slices of ``source`` reduced into those of ``input`` that the index names.

    Args:
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the elements that are there count.

    >>> import dynagrad
    >>> dynagrad.index_reduce(dynagrad.ones(2), 0, dynagrad.tensor([0, 0]), dynagrad.tensor([2., 3.]), "prod")
    tensor([6., 1.])
    """
    return deliver(_reduced_slices(input, dim, index, source, reduce, include_self, False), out)


def _index_reduce_(TensorBase self not None, dim, TensorBase index not None, TensorBase source not None, str reduce, *,
                   bint include_self=True):
    """`index_reduce` in place."""
    return _reduced_slices(self, dim, index, source, reduce, include_self, True)


cdef TensorBase _reduced_slices(TensorBase t, object dim, TensorBase index, TensorBase source, str reduce, bint include_self,
                                bint inplace):
    cdef int at = wrapped_dim(dim, t.ndim)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if index.ndim > 1:
        raise IndexError("index_reduce_(): Index should be a vector or scalar")
    return _reduced(t, at, _index_of_slices(index, at, source), source, reduce, include_self, inplace, index)


register(Card("index_reduce", _index_reduce, IndexReduceBackward0, "index", inplace=_index_reduce_, samples="database"))


# ---- index_select ----------------------------------------------------------------------------------------------------

cdef TensorBase _vector(TensorBase index, str name):
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got one of shape {list(shape_tuple(index))}")
    return _positions(index, name)


@cython.final
cdef class IndexSelectBackward0(Node):
    _saves = ("index",)
    _whole = "dim"
    _shows = {"self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return index_add(zeros(g.dtype, shape.ndim, shape.shape), self.whole, unpack(self, 0), g, 1, True)


cdef TensorBase index_select(TensorBase t, int dim, TensorBase index, object out=None):
    cdef int64_t shape[64]
    cdef Node node = None
    cdef TensorBase made
    cdef TensorBase places = _vector(index, "index_select")
    cdef int64_t bad = first_out_of_range(<int64_t*>places.data, places.numel, _size(t, dim), False)
    if bad >= 0 and t.ndim > 1 and _size(t, dim) == 0:
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    if bad >= 0:
        raise IndexError("index out of range in self: INDICES element is out of DATA bounds, id="
                         f"{(<int64_t*>places.data)[bad]} axis_dim={_size(t, dim)}")
    if t.ndim == 0 and places.numel != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {places.numel} value(s)")
    refuse_out_grad(out, wants_grad(t))
    if wants_grad(t):
        node = IndexSelectBackward0.__new__(IndexSelectBackward0)
        begin1(node, t)
        node.whole = dim
        save(node, 0, index)
    memcpy(shape, t.shape, t.ndim * sizeof(int64_t))
    if t.ndim:
        shape[dim] = places.numel
    made = new_tensor(t.dtype, t.ndim, shape)
    _walk(t, dim, places, True, made, GET)
    if isinstance(out, TensorBase) and (<TensorBase>out).dtype != made.dtype:
        raise RuntimeError(f"index_select(): self and result must have the same scalar type, not {dtype_object(made.dtype)} "
                           f"and {out.dtype}")
    made = _deliver(made, out)
    settle(node, made, t, None, out, False)
    return made


def _index_select(TensorBase input not None, dim, TensorBase index not None, *, out=None):
    """The slices at a vector of indices of a dimension, as a copy.

    >>> import dynagrad
    >>> dynagrad.index_select(dynagrad.tensor([[1, 2], [3, 4]]), 1, dynagrad.tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    return index_select(input, wrapped_dim(dim, input.ndim), index, out)


register(Card("index_select", _index_select, IndexSelectBackward0, "index"))


# ---- index_add and index_copy ----------------------------------------------------------------------------------------

@cython.final
cdef class IndexAddBackward0(Node):
    _saves = ("index", "source")
    _keeps = ("alpha",)
    _whole = "dim"
    _shows = {"source_dim": rank(1)}

    cdef object vjp(self, TensorBase g):
        theirs = None
        if needs(self, 1):
            theirs = index_select(g, self.whole, unpack(self, 0))
            if self.params[0] != 1:
                theirs = theirs * self.params[0]
        return g if needs(self, 0) else None, theirs


@cython.final
cdef class IndexCopyBackward0(Node):
    _saves = ("index", "source")
    _whole = "dim"
    _shows = {"source_dim": rank(1)}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase index = unpack(self, 0)
        return (index_fill(g, self.whole, index, zeros(g.dtype, 0, NULL), False, False) if needs(self, 0) else None,
                index_select(g, self.whole, index) if needs(self, 1) else None)


cdef int _check_source(TensorBase t, int dim, TensorBase index, TensorBase source, str name, object error) except -1:
    cdef int d
    if source.dtype != t.dtype:
        raise RuntimeError(f"{name}(): self and source expected to have the same dtype, but got (self) "
                           f"{dtype_object(t.dtype).name} and (source) {dtype_object(source.dtype).name}")
    if index.numel != _size(source, dim if source.ndim else 0):
        raise error(f"{name}(): Number of indices ({index.numel}) should be equal to source.size(dim): "
                    f"({_size(source, dim if source.ndim else 0)}), for dim: {dim}")
    if source.ndim != t.ndim and source.ndim and t.ndim:
        raise RuntimeError(f"{name}(): self and source expected to have the same number of dimensions, but got {t.ndim} and "
                           f"{source.ndim}")
    for d in range(t.ndim):
        if d != dim and source.ndim and source.shape[d] != t.shape[d]:
            raise RuntimeError(f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self."
                               f"shape = {list(shape_tuple(t))} source.shape = {list(shape_tuple(source))}")
    return _check_bounds(index, _size(t, dim), dim, IndexError)


cdef TensorBase _write_slices(TensorBase t, int dim, TensorBase index, TensorBase source, IndexOp op, Node node, bint inplace):
    """t, or a copy of it, with source put or added at a vector of indices; node, not yet begun, records that."""
    cdef TensorBase made
    cdef bint recording = wants_grad(t) or wants_grad(source)
    cdef str name = "index_add_" if op == ADD else "index_copy_"
    cdef TensorBase places = _vector(index, name)
    _check_source(t, dim, places, source, name, RuntimeError if op == ADD else IndexError)
    if inplace:
        prepare(t, True, recording)
        check_apart(t, index)
    if recording:
        begin_pair(node, t, source)
        node.whole = dim
        save(node, 0, index)
        if needs(node, 1):
            save(node, 1, source)
    made = t if inplace else copy_of(t)
    if op == ADD and node.params[0] != 1:
        _walk(made, dim, places, True, cast(binary(K.binary[op_mul], source, node.params[0], None, SAME), t.dtype), op)
    else:
        _walk(made, dim, places, True, _apart(made, source), op)
    settle(node if recording else None, made, t, source, t if inplace else None, inplace)
    return made


cdef TensorBase index_add(TensorBase t, int dim, TensorBase index, TensorBase source, object alpha, bint inplace):
    cdef Node node = IndexAddBackward0.__new__(IndexAddBackward0)
    node.params = (alpha,)
    return _write_slices(t, dim, index, source, ADD, node, inplace)


def _index_add(TensorBase input not None, dim, TensorBase index not None, TensorBase source not None, *, alpha=1,
               out=None):
    """A copy of ``input`` to whose slices at ``index`` those of ``alpha * source`` are added; repeated ones add up.

    >>> import dynagrad
    >>> dynagrad.zeros(2).index_add(0, dynagrad.tensor([1, 1]), dynagrad.tensor([5., 6.]))
    tensor([ 0., 11.])
    """
    return _exactly(index_add(input, wrapped_dim(dim, input.ndim), index, source, alpha, False), out)


def _index_add_(TensorBase self not None, dim, TensorBase index not None, TensorBase source not None, *, alpha=1):
    """Adds the slices of ``alpha * source`` to those at ``index``."""
    return index_add(self, wrapped_dim(dim, self.ndim), index, source, alpha, True)


cdef TensorBase _copied_slices(TensorBase t, object dim, TensorBase index, TensorBase source, bint inplace):
    cdef Node node = IndexCopyBackward0.__new__(IndexCopyBackward0)
    return _write_slices(t, wrapped_dim(dim, t.ndim), index, source, PUT, node, inplace)


def _index_copy(TensorBase input not None, dim, TensorBase index not None, TensorBase source not None, *, out=None):
    """A copy of ``input`` whose slices at ``index`` are those of ``source``.

    >>> import dynagrad
    >>> dynagrad.zeros(3).index_copy(0, dynagrad.tensor([2, 0]), dynagrad.tensor([5., 6.]))
    tensor([6., 0., 5.])
    """
    return _exactly(_copied_slices(input, dim, index, source, False), out)


def _index_copy_(TensorBase self not None, dim, TensorBase index not None, TensorBase source not None):
    """Writes the slices of ``source`` to those at ``index``."""
    return _copied_slices(self, dim, index, source, True)


register(Card("index_add", _index_add, IndexAddBackward0, "index", inplace=_index_add_))
register(Card("index_copy", _index_copy, IndexCopyBackward0, "index", inplace=_index_copy_))


# ---- index_fill ------------------------------------------------------------------------------------------------------

cdef class IndexFillNode(Node):
    _saves = ("index",)
    _whole = "dim"

    cdef TensorBase rest(self, TensorBase g):
        return index_fill(g, self.whole, unpack(self, 0), zeros(g.dtype, 0, NULL), False, False)


@cython.final
cdef class IndexFillBackward0(IndexFillNode):
    cdef object vjp(self, TensorBase g):
        return self.rest(g)


@cython.final
cdef class IndexFillBackward1(IndexFillNode):
    cdef object vjp(self, TensorBase g):
        return (self.rest(g) if needs(self, 0) else None,
                index_select(g, self.whole, _distinct(g, self.whole, unpack(self, 0))).sum() if needs(self, 1) else None)


cdef TensorBase _distinct(TensorBase t, int dim, TensorBase index):
    """The indices of a dimension, each once."""
    cdef int64_t size = _size(t, dim)
    cdef TensorBase marked = zeros(BOOL, 1, &size)
    return _flat(nonzero_columns(index_fill(marked, 0, index, _element(marked, True, "index_fill_"), False, False)))


cdef TensorBase index_fill(TensorBase t, int dim, TensorBase index, TensorBase value, bint of_tensor, bint inplace):
    """t, or a copy of it, with one element written to the slices at a vector of indices."""
    cdef int64_t shape[64]
    cdef Node node = None
    cdef bint recording = wants_grad(t) or wants_grad(value)
    cdef TensorBase places = _vector(index, "index_fill_"), made
    cdef TensorBase plain
    cdef int64_t bad = first_out_of_range(<int64_t*>places.data, places.numel, _size(t, dim), True)
    if bad >= 0:
        raise IndexError(f"index {(<int64_t*>places.data)[bad]} is out of bounds for dimension {dim} with size {_size(t, dim)}")
    if inplace:
        prepare(t, True, recording, True)
        warn_if_expanded(t, "index_fill_")
        check_apart(t, index)
    if recording:
        node = IndexFillBackward1.__new__(IndexFillBackward1) if of_tensor else IndexFillBackward0.__new__(IndexFillBackward0)
        if of_tensor:
            begin_pair(node, t, value)
        else:
            begin1(node, t)
        node.whole = dim
        save(node, 0, index)
    made = t if inplace else copy_of(t)
    memcpy(shape, t.shape, t.ndim * sizeof(int64_t))
    if t.ndim:
        shape[dim] = places.numel
    plain = _spread(cast(value, t.dtype), t.ndim, shape)
    _walk(made, dim, places, True, plain, PUT)
    settle(node, made, t, value, t if inplace else None, inplace)
    return made


cdef TensorBase _spread(TensorBase value, int ndim, const int64_t* shape):
    """One element seen as a tensor of any shape."""
    cdef int64_t strides[64]
    cdef int d
    for d in range(ndim):
        strides[d] = 0
    return new_alias(value, ndim, shape, strides, 0)


cdef TensorBase _filled_slices(TensorBase t, object dim, TensorBase index, object value, bint inplace):
    cdef bint of_tensor = isinstance(value, TensorBase)
    if of_tensor and (<TensorBase>value).ndim:
        raise RuntimeError("index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                           f"{(<TensorBase>value).ndim} dimension(s).")
    return index_fill(t, wrapped_dim(dim, t.ndim), index, value if of_tensor else _element(t, value, "index_fill_"), of_tensor,
                      inplace)


def _index_fill(TensorBase input not None, dim, TensorBase index not None, value):
    """A copy of ``input`` with ``value``, a number or 0-d tensor, in the slices at ``index``.

    >>> import dynagrad
    >>> dynagrad.zeros(3).index_fill(0, dynagrad.tensor([1]), 7)
    tensor([0., 7., 0.])
    """
    return _filled_slices(input, dim, index, value, False)


def _index_fill_(TensorBase self not None, dim, TensorBase index not None, value):
    """Writes ``value`` to the slices at ``index``."""
    return _filled_slices(self, dim, index, value, True)


register(Card("index_fill", _index_fill, IndexFillBackward0, "index", inplace=_index_fill_))


# ---- take and put ----------------------------------------------------------------------------------------------------

cdef TensorBase _flat(TensorBase t):
    """The elements of a row-major tensor as a vector, outside of the graph."""
    cdef int64_t n = t.numel
    return new_alias(t, 1, &n, NULL, 0)


cdef TensorBase _flat_positions(TensorBase t, TensorBase index, str name):
    cdef TensorBase places
    cdef int64_t bad
    if index.dtype != I64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {TYPE_NAMES[index.dtype]}")
    places = _flat(contiguous(index))
    if t.numel == 0 and places.numel:
        raise IndexError(f"{name}(): tried to {'take from' if name == 'take' else 'put elements into'} an empty tensor")
    bad = first_out_of_range(<int64_t*>places.data, places.numel, t.numel, True)
    if bad >= 0:
        raise IndexError(f"out of range: tried to access index {(<int64_t*>places.data)[bad]} on a tensor of {t.numel} "
                         "elements.")
    return places


@cython.final
cdef class TakeBackward0(Node):
    _saves = ("index", "self")

    cdef object vjp(self, TensorBase g):
        cdef Output* shape = input_of(self)
        return put(zeros(g.dtype, shape.ndim, shape.shape), unpack(self, 0), g, True, True)


cdef TensorBase take(TensorBase t, TensorBase index, object out=None):
    cdef Node node = None
    cdef TensorBase made
    cdef TensorBase places = _flat_positions(t, index, "take")
    refuse_out_grad(out, wants_grad(t))
    if wants_grad(t):
        node = TakeBackward0.__new__(TakeBackward0)
        begin1(node, t)
        save(node, 0, index)
        save(node, 1, t)
    made = new_tensor(t.dtype, index.ndim, index.shape)
    _walk(_flat(contiguous(t)), 0, places, True, _flat(made), GET)
    made = _deliver(made, out)
    settle(node, made, t, None, out, False)
    return made


def _take(TensorBase input not None, TensorBase index not None, *, out=None):
    """The elements at indices into the flattened tensor, shaped as ``index``.

    >>> import dynagrad
    >>> dynagrad.take(dynagrad.tensor([[1, 2], [3, 4]]), dynagrad.tensor([0, -1]))
    tensor([1, 4])
    """
    return take(input, index, out)


@cython.final
cdef class PutBackward0(Node):
    _saves = ("index", "source")
    _shows = {"accumulate": flag}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase index = unpack(self, 0)
        cdef Output* shape
        cdef TensorBase mine = None, theirs = None
        if needs(self, 0):
            mine = g if self.whole else put(g, index, zeros(g.dtype, index.ndim, index.shape), False, False)
        if needs(self, 1):
            shape = input_of(self, 1)
            theirs = reshaped(take(g, index), shape.ndim, shape.shape)
        return mine, theirs


cdef TensorBase put(TensorBase t, TensorBase index, TensorBase source, bint accumulate, bint inplace):
    """t, or a copy of it, with source written, or added, at indices into the flattened tensor."""
    cdef Node node = None
    cdef TensorBase made, dense
    cdef bint recording = wants_grad(t) or wants_grad(source)
    cdef TensorBase places = _flat_positions(t, index, "put_")
    if source.dtype != t.dtype:
        raise RuntimeError(f"put_(): self and source expected to have the same dtype, but got {dtype_object(t.dtype).name} and "
                           f"{dtype_object(source.dtype).name}")
    if source.numel != index.numel:
        raise IndexError("put_(): Expected source and index to have the same number of elements, but got source.numel() = "
                         f"{source.numel}, index.numel() = {index.numel}")
    if inplace:
        prepare(t, True, recording)
        check_apart(t, index)
    if recording:
        node = PutBackward0.__new__(PutBackward0)
        begin_pair(node, t, source)
        node.whole = accumulate
        save(node, 0, index)
        if needs(node, 1):
            save(node, 1, source)
    made = t if inplace else copy_of(t)
    dense = contiguous(made)
    _walk(_flat(dense), 0, places, True, _flat(contiguous(_apart(made, source))), ADD if accumulate else PUT)
    if dense is not made:
        copy_into(made, dense)
    settle(node, made, t, source, t if inplace else None, inplace)
    return made


def _put(TensorBase input not None, TensorBase index not None, TensorBase source not None, bint accumulate=False):
    """A copy of ``input`` with ``source`` written, or added, at indices into the flattened tensor.

    >>> import dynagrad
    >>> dynagrad.zeros(3).put(dynagrad.tensor([2, 0]), dynagrad.tensor([5., 6.]))
    tensor([6., 0., 5.])
    """
    return put(input, index, source, accumulate, False)


def _put_(TensorBase self not None, TensorBase index not None, TensorBase source not None, bint accumulate=False):
    """Writes, or adds, ``source`` at indices into the flattened tensor."""
    return put(self, index, source, accumulate, True)


register(Card("take", _take, TakeBackward0, "index"))
register(Card("put", _put, PutBackward0, "index", inplace=_put_))
