"""Triangles, diagonals and grids: ops that lay the elements of a tensor out in a matrix, or clear a part of one.

The diagonal as a view is in `view`; matrices from sizes alone in `create`.
"""
import warnings

import cython

from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.types import strided

from dynagrad._core.graph cimport Node, begin1, prepare, settle, wants_grad
from dynagrad._core.iterate cimport copy_into, fill, output
from dynagrad._core.ops.create cimport allocate, finish, whole_number
from dynagrad._core.tensor cimport TensorBase, new_tensor, shape_tuple
from dynagrad._core.types cimport I32, I64, dtype_code, dtype_object, itemsizes

cdef extern from "kernels/create.hpp" namespace "dg" nogil:
    void keep_triangle(char* data, int64_t batch, int64_t rows, int64_t columns, int64_t k, bint lower, int size)
    int64_t triangle_count(int64_t rows, int64_t columns, int64_t k, bint lower)
    void triangle_indices(int64_t* out, int64_t count, int64_t rows, int64_t columns, int64_t k, bint lower)


# ---- tril, triu ------------------------------------------------------------------------------------------------------

@cython.final
cdef class TrilBackward0(Node):                         # linear: the gradient is cut in the same way
    _whole = "diagonal"

    cdef object vjp(self, TensorBase g):
        return _triangle(g, self.whole, True, None, False)


@cython.final
cdef class TriuBackward0(Node):
    _whole = "diagonal"

    cdef object vjp(self, TensorBase g):
        return _triangle(g, self.whole, False, None, False)


cdef TensorBase _triangle(TensorBase input, object diagonal, bint lower, object out, bint inplace):
    cdef Node node = None
    cdef int64_t k
    cdef int64_t rows, columns
    cdef bint recording = wants_grad(input)
    cdef str op = "tril" if lower else "triu"
    whole_number(op, "diagonal", diagonal, &k)
    if input.ndim < 2:
        raise RuntimeError(f"{op}: input tensor must have at least 2 dimensions, but its shape is {list(shape_tuple(input))}")
    if out is not None:
        prepare(out, inplace, recording)
    if recording:
        node = TrilBackward0.__new__(TrilBackward0) if lower else TriuBackward0.__new__(TriuBackward0)
        begin1(node, input)
        node.whole = k
    rows, columns = input.shape[input.ndim - 2], input.shape[input.ndim - 1]
    cdef TensorBase result = input if inplace and input.contiguous else new_tensor(input.dtype, input.ndim, input.shape)
    copy_into(result, input)
    if result.numel:
        keep_triangle(result.data, result.numel // (rows * columns), rows, columns, k, lower, itemsizes[result.dtype])
    if out is not None and result is not out:
        result = _written(out, result)
    settle(node, result, input, None, out, inplace)
    return result


cdef TensorBase _written(TensorBase out, TensorBase result):
    cdef TensorBase target = output(out, result.dtype, result.ndim, result.shape)
    copy_into(target, result)
    return target


def tril(TensorBase input not None, diagonal=0, *, out=None):
    """The lower triangle of a matrix, or of each matrix of a batch; the rest is zero.

    Args:
        diagonal: the highest diagonal that is kept: 0 the main one, above it if positive.

    >>> import dynagrad
    >>> dynagrad.ones(2, 3).tril()
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    return _triangle(input, diagonal, True, out, False)


def triu(TensorBase input not None, diagonal=0, *, out=None):
    """The upper triangle of a matrix, or of each matrix of a batch; the rest is zero.

    >>> import dynagrad
    >>> dynagrad.ones(2, 3).triu(1)
    tensor([[0., 1., 1.],
            [0., 0., 1.]])
    """
    return _triangle(input, diagonal, False, out, False)


def _tril_(TensorBase self not None, diagonal=0):
    """Zeroes what lies above a diagonal."""
    return _triangle(self, diagonal, True, self, True)


def _triu_(TensorBase self not None, diagonal=0):
    """Zeroes what lies below a diagonal."""
    return _triangle(self, diagonal, False, self, True)


register(Card("tril", tril, TrilBackward0, "index", samples="matrix", inplace=_tril_))
register(Card("triu", triu, TriuBackward0, "index", samples="matrix", inplace=_triu_))


cdef TensorBase _indices(str op, object row, object col, object offset, object dtype, object layout, object device,
                         bint lower):
    cdef int64_t rows, columns, k, n
    cdef TensorBase work
    whole_number(op, "row", row, &rows)
    whole_number(op, "col", col, &columns)
    whole_number(op, "offset", offset, &k)
    if rows < 0 or columns < 0:
        raise RuntimeError(f"{'row' if rows < 0 else 'col'} must be non-negative, got {min(rows, columns)}")
    cdef int code = I64 if dtype is None else dtype_code(dtype)
    if code != I64 and code != I32:
        raise NotImplementedError(f"\"{op}\" not implemented for {dtype_object(code).name}: indices are int64 or int32")
    n = triangle_count(rows, columns, k, lower)
    cdef TensorBase made = allocate(op, (2, n), None, dtype, layout, device, I64)
    work = made if code == I64 else new_tensor(I64, 2, made.shape)
    triangle_indices(<int64_t*>work.data, n, rows, columns, k, lower)
    if work is not made:
        copy_into(made, work)
    return finish(made, None, False)


def tril_indices(row, col, offset=0, *, dtype=None, layout=strided, device=None, pin_memory=False):
    """Row and column numbers of the lower triangle of a ``row`` by ``col`` matrix, in row-major order.

    >>> import dynagrad
    >>> dynagrad.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices("tril_indices", row, col, offset, dtype, layout, device, True)


def triu_indices(row, col, offset=0, *, dtype=None, layout=strided, device=None, pin_memory=False):
    """Row and column numbers of the upper triangle of a ``row`` by ``col`` matrix, in row-major order.

    >>> import dynagrad
    >>> dynagrad.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices("triu_indices", row, col, offset, dtype, layout, device, False)


register(Card("tril_indices", tril_indices, None, "create", method=False))
register(Card("triu_indices", triu_indices, None, "create", method=False))


# ---- diagonals -------------------------------------------------------------------------------------------------------

@cython.final
cdef class DiagEmbedBackward0(Node):
    _keeps = ("offset", "dim1", "dim2")

    cdef object vjp(self, TensorBase g):
        return g.diagonal(*self.params)


def _first_dim(Node node):
    return 0


def _second_dim(Node node):
    return 1


@cython.final
cdef class DiagonalBackward0_copy(Node):                # zeros, with the gradient on the diagonal
    _keeps = ("self_sym_sizes", "offset")
    _shows = {"dim1": _first_dim, "dim2": _second_dim}

    cdef object vjp(self, TensorBase g):
        sizes, offset = self.params
        return _zeros(g.dtype, sizes).diagonal_scatter(g, offset)


cdef TensorBase _zeros(int dtype, object sizes):
    cdef int64_t shape[64]
    cdef int n = 0
    for size in sizes:
        shape[n] = size
        n += 1
    cdef TensorBase made = new_tensor(dtype, n, shape)
    fill(made, 0)
    return made


cdef int _wrapped(object dim, int ndim) except -1:
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim if dim >= 0 else dim + ndim


def diag_embed(TensorBase input not None, offset=0, dim1=-2, dim2=-1):
    """Matrices of zeros with the last dimension of ``input`` on a diagonal.

    Args:
        offset: which diagonal: 0 the main one, above it if positive.
        dim1, dim2: where the two dimensions of the matrices go. RuntimeError if they are the same.

    >>> import dynagrad
    >>> dynagrad.diag_embed(dynagrad.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    cdef Node node = None
    cdef int first = _wrapped(dim1, input.ndim + 1)
    cdef int second = _wrapped(dim2, input.ndim + 1)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    sizes = list(shape_tuple(input))
    side = sizes.pop() + abs(offset)
    for dim in sorted((first, second)):
        sizes.insert(dim, side)
    if wants_grad(input):
        node = DiagEmbedBackward0.__new__(DiagEmbedBackward0)
        node.params = (offset, dim1, dim2)
        begin1(node, input)
    cdef TensorBase result = _zeros(input.dtype, sizes)
    copy_into(result.diagonal(offset, first, second), input)
    settle(node, result, input, None, None, False)
    return result


cdef TensorBase _diagonal_copy(TensorBase input, object offset):
    cdef Node node = None
    if wants_grad(input):
        node = DiagonalBackward0_copy.__new__(DiagonalBackward0_copy)
        node.params = (shape_tuple(input), offset)
        begin1(node, input)
    cdef TensorBase view = input.detach().diagonal(offset)
    cdef TensorBase result = new_tensor(view.dtype, 1, view.shape)
    copy_into(result, view)
    settle(node, result, input, None, None, False)
    return result


def diag(TensorBase input not None, diagonal=0, *, out=None):
    """A matrix with a vector on its diagonal, or a copy of the diagonal of a matrix.

    RuntimeError for other ranks.

    >>> import dynagrad
    >>> dynagrad.diag(dynagrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    if out is not None:
        prepare(out, False, wants_grad(input))
    cdef TensorBase result = diag_embed(input, diagonal) if input.ndim == 1 else _diagonal_copy(input, diagonal)
    if out is None:
        return result
    return finish(_written(out, result), out, False)


def diagflat(TensorBase input not None, offset=0):
    """A matrix with all elements of ``input``, in row-major order, on a diagonal.

    >>> import dynagrad
    >>> dynagrad.diagflat(dynagrad.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(input.reshape(-1), offset)


register(Card("diag_embed", diag_embed, DiagEmbedBackward0, "index", samples="matrix"))
register(Card("diag", diag, DiagonalBackward0_copy, "index", samples="matrix"))
register(Card("diagflat", diagflat, None, "composite"))


# ---- meshgrid --------------------------------------------------------------------------------------------------------

cdef list _grid_inputs(tuple tensors):
    given = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else list(tensors)
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for each in given:
        if not isinstance(each, TensorBase):
            raise TypeError(f"meshgrid(): argument 'tensors' must be tuple of Tensors, but holds a {type(each).__name__}")
        if (<TensorBase>each).ndim > 1:
            raise RuntimeError("torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got one of shape "
                               f"{list(shape_tuple(each))}")
        if (<TensorBase>each).dtype != (<TensorBase>given[0]).dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    return [each.reshape(-1) for each in given]


def meshgrid(*tensors, indexing=None):
    """Grids of coordinates: result i is vector i, repeated along all other dimensions. The results are views.

    Args:
        tensors: vectors (or 0-d tensors) of one dtype.
        indexing: "ij" for dimension i to follow vector i, "xy" to swap the first two.

    >>> import dynagrad
    >>> rows, columns = dynagrad.meshgrid(dynagrad.arange(2), dynagrad.arange(3), indexing="ij")
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    given = _grid_inputs(tensors)
    if indexing is None:
        warnings.warn("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
                      stacklevel=1)
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}")
    swap = indexing == "xy" and len(given) > 1
    if swap:
        given[0], given[1] = given[1], given[0]
    sizes = [(<TensorBase>each).numel for each in given]
    grids = []
    for i, each in enumerate(given):
        spread = each.reshape([-1 if j == i else 1 for j in range(len(given))]).expand(sizes)
        grids.append(spread)
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


register(Card("meshgrid", meshgrid, None, "composite", method=False))
