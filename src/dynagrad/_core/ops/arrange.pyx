"""Copies of a tensor's elements in another arrangement: flip, roll, rot90, repeat; and bincount.

Views are in `shape` and `part`; what is made of these ops (tile, fliplr, hstack, ...) is in `dynagrad.composite`.
"""
import cython
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from dynagrad._core.card import Card, register
from dynagrad._core.shown import input_sizes
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport Node, Output, begin1, settle, wants_grad
from dynagrad._core.ops.index_kernels cimport bincount, bincount_weighted, first_out_of_range, repeat_positions
from dynagrad._core.iterate cimport cast, contiguous, copy_into, copy_of
from dynagrad._core.ops.part cimport zeros
from dynagrad._core.ops.shape cimport input_of, ints, read_dims, read_ints, reshaped
from dynagrad._core.tensor cimport TensorBase, new_alias, new_like, new_tensor, shape_tuple
from dynagrad._core.types cimport BOOL, F32, F64, I32, I64, is_float


cdef TensorBase _recorded(Node node, TensorBase input, TensorBase made):
    if node is not None:
        begin1(node, input)
    settle(node, made, input, None, None, False)
    return made


# ---- flip ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class FlipBackward0(Node):
    _keeps = ("dims",)

    cdef object vjp(self, TensorBase g):
        return flip(g, self.params[0])


cdef TensorBase _flipped(TensorBase t, const int* dims, int n):
    """A copy of t, in its memory order, with the order of some dims reversed."""
    cdef int64_t strides[64]
    cdef int64_t offset = 0
    cdef int i
    cdef TensorBase made = new_like(t, t.dtype)
    if t.numel == 0 or t.ndim == 0:
        n = 0
    memcpy(strides, t.strides, t.ndim * sizeof(int64_t))
    for i in range(n):
        offset += (t.shape[dims[i]] - 1) * t.strides[dims[i]]
        strides[dims[i]] = -strides[dims[i]]
    copy_into(made, new_alias(t, t.ndim, t.shape, strides, offset))
    return made


cdef TensorBase flip(TensorBase t, object given):
    cdef int dims[64]
    cdef int n = read_dims(given, t.ndim, dims)
    cdef Node node = None
    if wants_grad(t):
        node = FlipBackward0.__new__(FlipBackward0)
        node.params = (tuple([dims[i] for i in range(n)]),)
    return _recorded(node, t, _flipped(t, dims, n))


def _flip(TensorBase input not None, *args, dims=None):
    """A copy with the order along the given dimensions reversed.

    >>> import dynagrad
    >>> dynagrad.flip(dynagrad.tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    if dims is None:
        if not args:
            raise TypeError('flip() missing 1 required positional arguments: "dims"')
        dims = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    return flip(input, tuple(dims) if isinstance(dims, (tuple, list)) else (dims,))


register(Card("flip", _flip, FlipBackward0, "view", samples="arrange"))


# ---- roll ------------------------------------------------------------------------------------------------------------

@cython.final
cdef class RollBackward0(Node):
    _keeps = ("shifts", "dims")

    cdef object vjp(self, TensorBase g):
        shifts, dims = self.params
        return roll(g, tuple([-shift for shift in shifts]), dims)


cdef TensorBase _part(TensorBase t, int dim, int64_t start, int64_t length):
    cdef int64_t shape[64]
    memcpy(shape, t.shape, t.ndim * sizeof(int64_t))
    shape[dim] = length
    return new_alias(t, t.ndim, shape, t.strides, start * t.strides[dim])


cdef TensorBase _rolled(TensorBase t, int64_t shift, int dim):
    """A copy of t moved along a dimension; what leaves at the end comes in at the start."""
    cdef int64_t size = t.shape[dim]
    cdef TensorBase made = new_like(t, t.dtype)
    shift = (shift % size + size) % size
    copy_into(_part(made, dim, shift, size - shift), _part(t, dim, 0, size - shift))
    if shift:
        copy_into(_part(made, dim, 0, shift), _part(t, dim, size - shift, shift))
    return made


cdef TensorBase roll(TensorBase t, tuple shifts, tuple given):
    cdef int64_t n = t.numel
    cdef Node node = None
    cdef TensorBase made
    if not given and len(shifts) == 1:
        made = copy_of(t) if t.contiguous else _row_major(t)
        if n and t.ndim:
            made = new_alias(_rolled(new_alias(made, 1, &n, NULL, 0), shifts[0], 0), t.ndim, t.shape, NULL, 0)
    else:
        made = _rolled_along(t, shifts, given)
    if wants_grad(t):
        node = RollBackward0.__new__(RollBackward0)
        node.params = (shifts, given)
    return _recorded(node, t, made)


cdef TensorBase _row_major(TensorBase t):
    cdef TensorBase made = new_tensor(t.dtype, t.ndim, t.shape)
    copy_into(made, t)
    return made


cdef TensorBase _rolled_along(TensorBase t, tuple shifts, tuple given):
    cdef int one[64]
    cdef TensorBase made = t
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(shifts) != len(given):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(given)}")
    for shift, dim in zip(shifts, given):
        read_dims(dim, t.ndim, one)
        if t.numel and t.ndim:
            made = _rolled(made, shift, one[0])
    return copy_of(t) if made is t else made


def _roll(TensorBase input not None, shifts, dims=()):
    """A copy moved along dimensions (or, without ``dims``, flattened); what leaves at the end comes in at the start.

    >>> import dynagrad
    >>> dynagrad.roll(dynagrad.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    return roll(input, tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,),
                () if dims is None else tuple(dims) if isinstance(dims, (tuple, list)) else (dims,))


register(Card("roll", _roll, RollBackward0, "view", samples="arrange"))


# ---- rot90 -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class Rot90Backward0(Node):
    _keeps = ("k", "dims")

    cdef object vjp(self, TensorBase g):
        return rot90(g, -self.params[0], self.params[1])


cdef TensorBase rot90(TensorBase t, int64_t k, tuple given):
    cdef int dims[64]
    cdef int turned[2]
    cdef int n = len(given)
    cdef Node node = None
    cdef TensorBase made
    if n != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {n}")
    if t.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {t.ndim}")
    if given[0] == given[1] or abs(given[0] - given[1]) == t.ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {given[0]} and dim1 = {given[1]}")
    read_dims(given, t.ndim, dims)
    k = (k % 4 + 4) % 4
    turned[0], turned[1] = dims[1] if k == 1 else dims[0], dims[1]
    made = _flipped(t, turned, (0, 1, 2, 1)[k])
    if k % 2:
        made = _exchanged(made, dims[0], dims[1])
    if wants_grad(t):
        node = Rot90Backward0.__new__(Rot90Backward0)
        node.params = (k, given)
    return _recorded(node, t, made)


cdef TensorBase _exchanged(TensorBase t, int a, int b):
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    memcpy(shape, t.shape, t.ndim * sizeof(int64_t))
    memcpy(strides, t.strides, t.ndim * sizeof(int64_t))
    shape[a], shape[b] = t.shape[b], t.shape[a]
    strides[a], strides[b] = t.strides[b], t.strides[a]
    return new_alias(t, t.ndim, shape, strides, 0)


def _rot90(TensorBase input not None, k=1, dims=(0, 1)):
    """A copy turned by k times 90 degrees in the plane of two dimensions, from the first towards the second.

    >>> import dynagrad
    >>> dynagrad.rot90(dynagrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    return rot90(input, k, tuple(dims))


register(Card("rot90", _rot90, Rot90Backward0, "view", samples="arrange"))


# ---- repeat ----------------------------------------------------------------------------------------------------------

@cython.final
cdef class RepeatBackward0(Node):                       # an element gets the sum over its copies
    _keeps = ("repeats",)
    _shows = {"self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        cdef Output* input = input_of(self)
        cdef int64_t shape[64]
        cdef int d, pad = len(self.params[0]) - input.ndim
        cdef tuple repeats = self.params[0]
        if 0 in repeats:
            return zeros(g.dtype, input.ndim, input.shape)
        for d in range(len(repeats)):
            shape[2 * d] = repeats[d]
            shape[2 * d + 1] = input.shape[d - pad] if d >= pad else 1
        cdef TensorBase parts = reshaped(g, 2 * len(repeats), shape)
        return reshaped(parts.sum(tuple(range(0, parts.ndim, 2))) if parts.ndim else parts, input.ndim, input.shape)


cdef TensorBase repeat(TensorBase t, int n, const int64_t* repeats):
    cdef int64_t shape[64]
    cdef int64_t interleaved[64]
    cdef int64_t strides[64]
    cdef int d, pad = n - t.ndim
    cdef Node node = None
    cdef TensorBase made
    if pad < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: got "
                           f"{n} repeats for shape {list(shape_tuple(t))}")
    if 2 * n > 64:
        raise RuntimeError("repeat: at most 32 dimensions")
    for d in range(n):
        interleaved[2 * d] = repeats[d]
        interleaved[2 * d + 1] = t.shape[d - pad] if d >= pad else 1
        strides[2 * d] = 0
        strides[2 * d + 1] = t.strides[d - pad] if d >= pad else 0
        shape[d] = repeats[d] * interleaved[2 * d + 1]
        if repeats[d] < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {shape[d]}: {ints(shape, d + 1)}")
    made = new_tensor(t.dtype, n, shape)
    if made.numel:
        copy_into(new_alias(made, 2 * n, interleaved, NULL, 0), new_alias(t, 2 * n, interleaved, strides, 0))
    if wants_grad(t):
        node = RepeatBackward0.__new__(RepeatBackward0)
        node.params = (tuple([repeats[d] for d in range(n)]),)
    return _recorded(node, t, made)


def _repeat(TensorBase self not None, *args, repeats=None):
    """A copy repeated so many times along each dimension; leading repeats make new dimensions.

    >>> import dynagrad
    >>> dynagrad.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    cdef int64_t times[64]
    cdef int n = read_ints(args if repeats is None else (repeats,), times, "repeat")
    return repeat(self, n, times)


register(Card("repeat", _repeat, RepeatBackward0, "view", function=False, samples="arrange"))


# ---- bincount --------------------------------------------------------------------------------------------------------

cdef int64_t _largest(TensorBase values) except -2:
    """The largest of int64 values, -1 if there are none; RuntimeError for a negative one."""
    cdef int64_t* data = <int64_t*>values.data
    cdef int64_t bad = first_out_of_range(data, values.numel, <int64_t>0x7fffffffffffffff, False)
    if bad >= 0:
        raise RuntimeError(f"bincount only supports 1-d non-negative integral inputs. Element {bad} is {data[bad]}.")
    return values.max().item() if values.numel else -1


def _bincount(TensorBase input not None, TensorBase weights=None, int64_t minlength=0):
    """How often each number from 0 on occurs in a vector of integers, or the sum of the weights of its occurrences.

    >>> import dynagrad
    >>> dynagrad.bincount(dynagrad.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    cdef TensorBase values, made, weight
    cdef int64_t n
    if is_float(input.dtype) or input.dtype == BOOL:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{TYPE_NAMES[input.dtype]}': it counts integers")
    if input.ndim != 1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is not None and shape_tuple(weights) != shape_tuple(input):
        raise RuntimeError("weights should be 1-d and have the same length as input")
    values = contiguous(cast(input, I64))
    n = max(_largest(values) + 1, minlength)
    if weights is None:
        made = zeros(I64, 1, &n)
        bincount(<int64_t*>values.data, values.numel, <int64_t*>made.data)
        return made
    weight = contiguous(cast(weights, F64))
    made = zeros(F64, 1, &n)
    bincount_weighted(<int64_t*>values.data, values.numel, <double*>weight.data, <double*>made.data)
    return cast(made, F32) if weights.dtype == F32 else made


register(Card("bincount", _bincount, None, "index"))


# ---- repeat_interleave -----------------------------------------------------------------------------------------------

def repeated_positions(TensorBase repeats not None):
    """The index i as often as ``repeats[i]`` says, for each i in turn."""
    cdef int64_t n
    if repeats.ndim > 1 or repeats.dtype not in (I32, I64):
        raise RuntimeError("repeats has to be a 0-d or 1-d tensor of Long or Int type")
    cdef TensorBase times = contiguous(cast(repeats, I64))
    if first_out_of_range(<int64_t*>times.data, times.numel, <int64_t>0x7fffffffffffffff, False) >= 0:
        raise RuntimeError("repeats can not be negative")
    n = times.sum().item()
    cdef TensorBase made = new_tensor(I64, 1, &n)
    repeat_positions(<int64_t*>times.data, times.numel, <int64_t*>made.data)
    return made
