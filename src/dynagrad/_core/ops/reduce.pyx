"""Folds over dimensions: how one is run, and sum, nansum, mean and prod; value, derivative and card of each op.

Extremes, truth and counts are in `extreme`, variances and norms in `moments`, softmax and cumulative ops in `lines`,
order in `sort`. The loops are kernels/reduce.hpp.
"""
import cython
from cpython.long cimport PyLong_CheckExact
from libc.string cimport memcpy

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.shown import folded_dim, folded_dims, input_sizes, keeps_dims as shows_keepdim, numel
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport begin1, output_of, prepare, save, save_result, settle, thread_state, unpack, wants_grad, wrote
from dynagrad._core.iterate cimport FLOATING, K, binary, cast, copy_into, output
from dynagrad._core.kernel_table cimport (
    Operand, ReduceBlock, op_div, parallel_threshold, red_nansum, red_prod, red_sum, reduce_all, reduced_type)
from dynagrad._core.scalars cimport c_name
from dynagrad._core.tensor cimport dims_tuple, new_alias, new_tensor, shape_tuple
from dynagrad._core.types cimport F32, I64, DType, compute_dtype, compute_of, dtype_code, dtype_object, is_float, itemsizes
from dynagrad._core.unlocked cimport Unlocked


# ---- dimensions ------------------------------------------------------------------------------------------------------

cdef uint64_t every_dim(TensorBase t) noexcept:
    return (<uint64_t>1 << t.ndim) - 1 if t.ndim < 64 else ~<uint64_t>0


cdef int refuse_other_than_int(object given, str name) except -1:
    """A bool is no number of a dimension or of elements, nor is what Python cannot count by."""
    if not PyLong_CheckExact(given) and (isinstance(given, bool) or not hasattr(given, "__index__")):
        raise TypeError(f"argument '{name}' must be int, not {type(given).__name__}")
    return 0


cdef int wrapped_dim(object given, int ndim) except -1:
    """A dimension as the caller wrote it, counted from the front; a 0-d tensor has one for this purpose."""
    refuse_other_than_int(given, "dim")
    cdef Py_ssize_t dim = given
    cdef Py_ssize_t n = ndim if ndim > 0 else 1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return <int>(dim if dim >= 0 else dim + n)


def counted_dim(object dim, int ndim):
    """`wrapped_dim` for what is composed in Python: IndexError for a dimension that is not there, TypeError for no int.

    >>> from dynagrad._core.ops.reduce import counted_dim
    >>> counted_dim(-1, 3)
    2
    """
    return wrapped_dim(dim, ndim)


cdef int one_dim(TensorBase t, object dim) except -1:
    return wrapped_dim(dim, t.ndim)


cdef uint64_t dims_mask(TensorBase t, object dim) except? 0xdeadbeef:
    """The dimensions named by a number or a sequence; all for None or an empty sequence."""
    cdef uint64_t mask = 0
    cdef int d
    if dim is None:
        return every_dim(t)
    if not isinstance(dim, (tuple, list)):
        return (<uint64_t>1 << one_dim(t, dim)) & every_dim(t)
    if not dim:
        return every_dim(t)
    for each in dim:
        d = one_dim(t, each)
        if mask >> d & 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        mask |= <uint64_t>1 << d
    return mask & every_dim(t)


cdef int64_t count_over(TensorBase t, uint64_t mask) noexcept:
    """How many elements each result is made of."""
    cdef int64_t n = 1
    cdef int i
    for i in range(t.ndim):
        if mask >> i & 1:
            n *= t.shape[i]
    return n


cdef object first_given(object dim, object axis):
    return dim if axis is None else axis


# ---- nodes -----------------------------------------------------------------------------------------------------------

cdef Output* input_shape(Node node) noexcept:
    """Shape and dtype of the input, as the node at the end of the edge describes them."""
    return output_of(<Node>node.edges[0].node, node.edges[0].nr)


cdef tuple _sizes(Node node):
    cdef Output* shape = input_shape(node)
    return dims_tuple(shape.ndim, shape.shape)


cdef class ReduceNode(Node):
    """A node that knows over which dimensions it reduced."""


cdef class PositionNode(Node):
    """A node of an op that picks elements along one dimension: the gradient goes back to where they were."""
    _saves = ("indices",)
    _shows = {"dim": folded_dim, "keepdim": shows_keepdim, "self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        indices = unpack(self, 0)
        cdef object x = g
        if input_shape(self).ndim == 0:
            return x.reshape(())
        if not keeps_dims(self):
            x, indices = x.unsqueeze(self.whole), indices.unsqueeze(self.whole)
        return x.new_zeros(_sizes(self)).scatter(self.whole, indices, x)


cdef bint keeps_dims(Node node) except -1:
    return node.params is not None and <bint>node.params[1]


cdef int record_reduction(ReduceNode node, TensorBase input, uint64_t mask, bint keepdim, object dim,
                          object more=()) except -1:
    node.whole = <int64_t>mask
    if dim is not None or keepdim or more:
        node.params = (tuple(dim) if isinstance(dim, list) else dim, bool(keepdim), *more)
    return begin1(node, input)


cdef int record_positions(PositionNode node, TensorBase input, TensorBase indices, int dim, bint keepdim,
                          object given) except -1:
    node.whole = dim
    node.params = (given, bool(keepdim))
    begin1(node, input)
    return save(node, 0, indices)


cdef object restored(ReduceNode node, TensorBase t):
    """A result, or its gradient, with the reduced dimensions put back as size 1."""
    cdef int64_t shape[64]
    cdef int i
    cdef Output* whole = input_shape(node)
    if t.ndim == whole.ndim:
        return t
    for i in range(whole.ndim):
        shape[i] = 1 if (<uint64_t>node.whole) >> i & 1 else whole.shape[i]
    if wants_grad(t):
        return t.reshape(dims_tuple(whole.ndim, shape))
    return _aliased(t, <uint64_t>node.whole, whole.ndim, shape)


cdef TensorBase _aliased(TensorBase t, uint64_t mask, int ndim, const int64_t* shape):
    """t in another shape that has further dimensions at the mask, along which t's elements repeat."""
    cdef int64_t strides[64]
    cdef bint kept = t.ndim == ndim
    cdef int i, j = 0
    for i in range(ndim):
        if mask >> i & 1:
            strides[i] = 0
            j += kept
        else:
            strides[i] = t.strides[j]
            j += 1
    return new_alias(t, ndim, shape, strides, 0)


cdef object spread(ReduceNode node, TensorBase g):
    """A gradient given to every element that its result was made of."""
    cdef Output* whole = input_shape(node)
    if wants_grad(g):
        return restored(node, g).expand(dims_tuple(whole.ndim, whole.shape))
    return _aliased(g, <uint64_t>node.whole, whole.ndim, whole.shape)


cdef TensorBase without_dim(TensorBase t, int dim):
    """An unrecorded alias of t without its dimension `dim`, which has size 1."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int i, j = 0
    if t.ndim == 0:
        return t
    for i in range(t.ndim):
        if i != dim:
            shape[j], strides[j] = t.shape[i], t.strides[i]
            j += 1
    return new_alias(t, t.ndim - 1, shape, strides, 0)


# ---- running ---------------------------------------------------------------------------------------------------------

cdef TensorBase room(TensorBase input, uint64_t mask, bint keepdim, int dtype, int64_t* strides):
    """A fresh result, and its strides seen from the input's dimensions: zero where reduced."""
    cdef int64_t kept[64]
    cdef int i, j, n = 0
    cdef TensorBase result
    for i in range(input.ndim):
        if not mask >> i & 1 or keepdim:
            kept[n] = 1 if mask >> i & 1 else input.shape[i]
            n += 1
    result = new_tensor(dtype, n, kept)
    j = 0
    for i in range(input.ndim):
        strides[i] = 0 if mask >> i & 1 else result.strides[j]
        j += not mask >> i & 1 or keepdim
    return result


cdef TensorBase folded(int op, TensorBase input, uint64_t mask, bint keepdim, int compute, int dtype,
                       const Params* params=NULL, TensorBase means=None):
    """The fold over the masked dimensions in a fresh tensor of `dtype`. `means` has the input's rank."""
    cdef Unlocked unlocked
    cdef int64_t strides[64]
    cdef int64_t mean_strides[64]
    cdef int64_t shape[64]
    cdef int64_t input_strides[64]
    cdef int i, rank = input.ndim
    cdef bint done
    cdef Params none
    cdef Operand out, source, centre
    cdef TensorBase result = room(input, mask, keepdim, dtype, strides)
    if params == NULL:
        params = &none
    if input.contiguous and mask == every_dim(input) and means is None and input.numel < parallel_threshold \
            and input.dtype == compute_dtype[compute] and dtype == reduced_type(op, compute):
        _fold_all(op, input, compute, result, params)
        return result
    out = Operand(result.data, &strides[0], <DType>dtype)
    memcpy(shape, input.shape, input.ndim * sizeof(int64_t))
    memcpy(input_strides, input.strides, input.ndim * sizeof(int64_t))
    source = Operand(input.data, &input_strides[0], <DType>input.dtype)
    if means is not None:
        for i in range(input.ndim):
            mean_strides[i] = 0 if mask >> i & 1 else means.strides[i]
        centre = Operand(means.data, &mean_strides[0], <DType>means.dtype)
    unlocked.begin()
    with nogil:
        done = reduce_all(op, compute, rank, shape, out, source, &centre if means is not None else NULL,
                          params)
    if not done:
        raise MemoryError("out of memory while reducing a tensor")
    return result


cdef int _fold_all(int op, TensorBase input, int compute, TensorBase result, const Params* params) except -1:
    """A small contiguous tensor to one number, in one call of the kernel."""
    cdef ReduceBlock block
    block.out, block.input = result.data, input.data
    block.means = NULL
    block.n_out, block.n_red = 1, input.numel
    block.out_stride = block.in_stride_out = block.means_stride = 0
    block.in_stride_red = itemsizes[input.dtype]
    block.first = True
    K.reduce[op][compute](&block, params)
    return 0


cdef TensorBase delivered(TensorBase result, object out):
    """The result itself, or `out` with the result copied in."""
    cdef TensorBase target
    if out is None:
        return result
    target = output(out, result.dtype, result.ndim, result.shape)
    copy_into(target, result)
    wrote(target)
    return target


def two_tensors(out):
    """``out=`` of an op with two results. Raises TypeError for anything but two tensors."""
    if not isinstance(out, (tuple, list)):
        raise TypeError(f"argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    if len(out) != 2:
        raise TypeError(f"expected tuple of 2 elements but got {len(out)}")
    for i, each in enumerate(out):
        if not isinstance(each, TensorBase):
            raise TypeError(f"expected Tensor as element {i} in argument 'out', but got {type(each).__name__}")
    return tuple(out)


cdef TensorBase settled(Node node, TensorBase result, TensorBase input, object out):
    if out is not None:
        return delivered(result, out)
    settle(node, result, input, None, None, False)
    return result


cdef int same_dtype(object out, int dtype) except -1:
    """`out=` of an op that does not convert its result must have the result's dtype."""
    if isinstance(out, TensorBase) and (<TensorBase>out).dtype != dtype:
        raise RuntimeError(f"Expected out tensor to have dtype {c_name(dtype)}, but got {c_name((<TensorBase>out).dtype)} "
                           "instead")
    return 0


cdef int sum_dtype(TensorBase input, object dtype, object out) except -1:
    """Sums and products of integers are int64 unless a dtype is asked for, or `out` has one."""
    cdef int code
    if dtype is not None:
        code = dtype_code(dtype)
        same_dtype(out, code)
        return code
    if isinstance(out, TensorBase):
        return (<TensorBase>out).dtype
    return input.dtype if is_float(input.dtype) else I64


cdef TensorBase converted(TensorBase input, int dtype):
    """The input as dtype= asks, without a record: rounded where the dtype is narrower, else as it is, for folds widen."""
    if is_float(input.dtype) and (not is_float(dtype) or itemsizes[dtype] < itemsizes[input.dtype]):
        return cast(input, dtype)
    return input


# ---- sum -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class SumBackward0(ReduceNode):                    # every element gets the gradient of its sum
    _shows = {"self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        return spread(self, g)


@cython.final
cdef class SumBackward1(ReduceNode):
    _shows = {"dim": folded_dims, "keepdim": shows_keepdim, "self_sym_sizes": input_sizes}

    cdef object vjp(self, TensorBase g):
        return spread(self, g)


cdef TensorBase _summed(TensorBase input, object dim, uint64_t mask, bint keepdim, int dtype, object out):
    cdef ReduceNode node = None
    cdef bint recording = wants_grad(input) and is_float(dtype)
    prepare(out, False, recording)
    cdef TensorBase result = folded(red_sum, converted(input, dtype), mask, keepdim, compute_of[dtype], dtype)
    if recording:
        node = SumBackward0.__new__(SumBackward0) if dim is None else SumBackward1.__new__(SumBackward1)
        record_reduction(node, input, mask, keepdim, dim)
    return settled(node, result, input, out)


cdef TensorBase sum_over(TensorBase input, uint64_t mask, bint keepdim, int dtype):
    cdef object dim = tuple([i for i in range(input.ndim) if mask >> i & 1])
    return _summed(input, dim, mask, keepdim, dtype, None)


def _sum(TensorBase input not None, dim=None, bint keepdim=False, *, dtype=None, out=None, axis=None):
    """The sum of all elements, or over the dimensions ``dim``. Integers are summed as int64.

    Args:
        dim: a dimension or a tuple of them; all if not given. IndexError if there is no such dimension.
        keepdim: whether the reduced dimensions stay, with size 1.
        dtype: the dtype of the result; the elements are converted to it first.

    >>> import dynagrad
    >>> dynagrad.sum(dynagrad.tensor([[1., 2.], [3., 4.]]), 0)
    tensor([4., 6.])
    """
    if axis is not None:
        dim = axis
    cdef int code = sum_dtype(input, dtype, out)
    return _summed(input, dim, dims_mask(input, dim), keepdim, code, out)


register(Card("sum", _sum, SumBackward0, "reduce"))


cdef TensorBase sum_to(TensorBase g, int ndim, const int64_t* shape):
    """Sums a gradient over the dims along which its tensor was broadcast, to the given shape."""
    cdef uint64_t leading = (<uint64_t>1 << (g.ndim - ndim)) - 1
    cdef uint64_t inner = 0
    cdef int i
    if leading:
        g = sum_over(g, leading, False, g.dtype)
    for i in range(ndim):
        if shape[i] == 1 and g.shape[i] != 1:
            inner |= <uint64_t>1 << i
    return sum_over(g, inner, True, g.dtype) if inner else g


def any_nan(TensorBase t not None):
    """Whether any element is NaN; used by anomaly mode."""
    if not is_float(t.dtype):
        return False
    total = folded(red_sum, t, every_dim(t), False, compute_of[t.dtype], compute_dtype[compute_of[t.dtype]]).item()
    return total != total and bool(t.isnan().any())


@cython.final
cdef class NansumBackward0(ReduceNode):                 # a NaN counts as 0, whatever it is
    _saves = ("self",)
    _shows = {"dim": folded_dims, "keepdim": shows_keepdim}

    cdef object vjp(self, TensorBase g):
        return spread(self, g) * unpack(self, 0).isnan().logical_not()


def _nansum(TensorBase input not None, dim=None, bint keepdim=False, *, dtype=None, out=None):
    """The sum of the elements that are not NaN.

    >>> import dynagrad
    >>> dynagrad.nansum(dynagrad.tensor([1., float("nan"), 2.]))
    tensor(3.)
    """
    cdef ReduceNode node = None
    cdef int code = sum_dtype(input, dtype, None)
    cdef bint recording = wants_grad(input) and is_float(code)
    cdef TensorBase result
    if dtype is not None and isinstance(out, TensorBase) and (<TensorBase>out).dtype != code:
        raise RuntimeError("nansum: provided dtype must match dtype of result. Got "
                           f"{TYPE_NAMES[(<TensorBase>out).dtype]} and {TYPE_NAMES[code]}.")
    if isinstance(out, TensorBase):
        code = (<TensorBase>out).dtype
    if not is_float(input.dtype):
        return _sum(input, dim, keepdim, dtype=dtype, out=out)
    prepare(out, False, recording)
    result = folded(red_nansum if is_float(code) else red_sum, converted(input, code), dims_mask(input, dim), keepdim,
                    compute_of[code], code)
    if recording:
        node = NansumBackward0.__new__(NansumBackward0)
        record_reduction(node, input, dims_mask(input, dim), keepdim, dim)
        save(node, 0, input)
    return settled(node, result, input, out)


register(Card("nansum", _nansum, NansumBackward0, "reduce"))


# ---- mean ------------------------------------------------------------------------------------------------------------

cdef class _MeanNode(ReduceNode):
    cdef object vjp(self, TensorBase g):
        if thread_state.grad_enabled:
            return spread(self, g / _count_of(self))
        return spread(self, binary(K.binary[op_div], g, <double>_count_of(self), None, FLOATING))


cdef int64_t _count_of(ReduceNode node) noexcept:
    cdef Output* whole = input_shape(node)
    cdef int64_t n = 1
    cdef int i
    for i in range(whole.ndim):
        if (<uint64_t>node.whole) >> i & 1:
            n *= whole.shape[i]
    return n


@cython.final
cdef class MeanBackward0(_MeanNode):
    _shows = {"self_sym_numel": numel, "self_sym_sizes": input_sizes}


@cython.final
cdef class MeanBackward1(_MeanNode):
    _shows = {"dim": folded_dims, "keepdim": shows_keepdim, "self_sym_numel": numel, "self_sym_sizes": input_sizes}


cdef int divide_by(TensorBase t, double n) except -1:
    """t /= n without a record, for a fresh contiguous tensor of float32 or float64."""
    cdef char* data[3]
    cdef int64_t strides[3]
    cdef float narrow = <float>n
    cdef Params params
    data[0] = data[1] = t.data
    data[2] = <char*>&narrow if t.dtype == F32 else <char*>&n
    strides[0] = strides[1] = itemsizes[t.dtype]
    strides[2] = 0
    K.binary[op_div][compute_of[t.dtype]](data, strides, t.numel, &params)
    return 0


cdef TensorBase mean_over(TensorBase input, uint64_t mask, bint keepdim, int dtype):
    """The mean without a record: summed and divided in the compute type, rounded once to dtype."""
    cdef int compute = compute_of[dtype]
    cdef TensorBase result = folded(red_sum, converted(input, compute_dtype[compute]), mask, keepdim, compute,
                                    compute_dtype[compute])
    divide_by(result, <double>count_over(input, mask))
    return cast(result, dtype)


cdef int _mean_dtype(TensorBase input, object dtype) except -1:
    cdef int code = input.dtype if dtype is None else dtype_code(dtype)
    if not is_float(code):
        what = "Input dtype" if dtype is None else "Optional dtype"
        raise RuntimeError(f"mean(): could not infer output dtype. {what} must be either a floating point or complex dtype. "
                           f"Got: {TYPE_NAMES[code]}")
    return code


def _mean(TensorBase input not None, dim=None, bint keepdim=False, *, dtype=None, out=None, axis=None):
    """The mean of all elements, or over the dimensions ``dim``. RuntimeError for integers, unless a dtype is given.

    >>> import dynagrad
    >>> dynagrad.mean(dynagrad.tensor([[1., 2.], [3., 4.]]), 1)
    tensor([1.5000, 3.5000])
    """
    if axis is not None:
        dim = axis
    cdef ReduceNode node = None
    cdef int code = _mean_dtype(input, dtype)
    cdef uint64_t mask = dims_mask(input, dim)
    cdef bint recording = wants_grad(input)
    prepare(out, False, recording)
    cdef TensorBase result = mean_over(input, mask, keepdim, code)
    if recording:
        node = MeanBackward0.__new__(MeanBackward0) if dim is None else MeanBackward1.__new__(MeanBackward1)
        record_reduction(node, input, mask, keepdim, dim)
    return settled(node, result, input, out)


register(Card("mean", _mean, MeanBackward0, "reduce"))


# ---- prod ------------------------------------------------------------------------------------------------------------

cdef object _product_of_others(object x, object dim):
    """For each element the product of the others along dim, exact where there are zeros."""
    n = x.shape[dim]
    ones = x.new_ones([1 if d == dim else size for d, size in enumerate(x.shape)])
    before = CARDS["cat"].op([ones, x.narrow(dim, 0, n - 1)], dim).cumprod(dim)
    after = CARDS["cat"].op([ones, x.narrow(dim, 1, n - 1).flip(dim)], dim).cumprod(dim).flip(dim)
    return before * after


cdef object _prod_vjp(ReduceNode self, TensorBase g, TensorBase x, TensorBase result):
    """d prod = prod / x dx"""
    if x.ndim == 0:
        return g
    if x.numel == 0 or not (x == 0).any().item():
        return spread(self, g) * (restored(self, result) / x)
    if self.params is None or self.params[0] is None:
        return (g * _product_of_others(x.reshape(-1), 0)).reshape(shape_tuple(x))
    return spread(self, g) * _product_of_others(x, one_dim(x, self.params[0]))


@cython.final
cdef class ProdBackward0(ReduceNode):
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        return _prod_vjp(self, g, unpack(self, 0), unpack(self, 1))


@cython.final
cdef class ProdBackward1(ReduceNode):
    _saves = ("self", "result")
    _shows = {"dim": folded_dim, "keepdim": shows_keepdim}

    cdef object vjp(self, TensorBase g):
        return _prod_vjp(self, g, unpack(self, 0), unpack(self, 1))


def _prod(TensorBase input not None, dim=None, bint keepdim=False, *, dtype=None, out=None, axis=None):
    """The product of all elements, or along the dimension ``dim``. Integers are multiplied as int64.

    >>> import dynagrad
    >>> dynagrad.prod(dynagrad.tensor([2, 3, 4]))
    tensor(24)
    """
    if axis is not None:
        dim = axis
    cdef ReduceNode node = None
    cdef int code = sum_dtype(input, dtype, out)
    cdef bint recording = wants_grad(input) and is_float(code)
    cdef uint64_t mask = every_dim(input) if dim is None else <uint64_t>1 << one_dim(input, dim) & every_dim(input)
    prepare(out, False, recording)
    cdef TensorBase result = folded(red_prod, converted(input, code), mask, keepdim, compute_of[code], code)
    if recording:
        node = ProdBackward0.__new__(ProdBackward0) if dim is None else ProdBackward1.__new__(ProdBackward1)
        record_reduction(node, input, mask, keepdim, dim)
        save(node, 0, input)
    settled(node, result, input, None)
    if node is not None:
        save_result(node, 1, result)
    return delivered(result, out)


register(Card("prod", _prod, ProdBackward0, "reduce"))
