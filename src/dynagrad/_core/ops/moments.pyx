"""Variance, standard deviation and norms: value, derivative and card of each op.

Means are in `reduce`; norms of matrices are composites.
"""
import cython

from dynagrad._core.card import Card, register
from dynagrad._core.shown import folded_dims, keeps_dims, third
from dynagrad._core.types import TYPE_NAMES

from libc.math cimport isinf
from libc.stdint cimport int64_t, uint64_t

from dynagrad._core.graph cimport (
    attach_many, prepare, save, save_result, settle, unpack, wants_grad)
from dynagrad._core.iterate cimport K, cast
from dynagrad._core.kernel_table cimport (
    Loop, Params, op_div, op_pow, op_sqrt, red_count_nonzero, red_max_abs, red_min_abs, red_sum_abs, red_sum_abs_pow,
    red_sum_sq, red_sum_sq_dev)
from dynagrad._core.ops.reduce cimport (
    ReduceNode, converted, count_over, delivered, dims_mask, first_given, folded, mean_over, record_reduction, restored,
    spread)
from dynagrad._core.tensor cimport TensorBase, new_alias
from dynagrad._core.types cimport F32, compute_dtype, compute_of, dtype_code, dtype_object, is_float, itemsizes, promote_types_code


cdef tuple _dims_of(uint64_t mask, int ndim):
    return tuple([i for i in range(ndim) if mask >> i & 1])


cdef int _apply(Loop loop, TensorBase t) except -1:
    """t = f(t) without a record, for a fresh contiguous tensor of a compute type."""
    cdef char* data[2]
    cdef int64_t strides[2]
    cdef Params params
    data[0] = data[1] = t.data
    strides[0] = strides[1] = itemsizes[t.dtype]
    loop(data, strides, t.numel, &params)
    return 0


cdef int _apply_number(Loop loop, TensorBase t, double number) except -1:
    """t = f(t, number) likewise."""
    cdef char* data[3]
    cdef int64_t strides[3]
    cdef Params params
    cdef float narrow = <float>number
    data[0] = data[1] = t.data
    data[2] = <char*>&narrow if t.dtype == F32 else <char*>&number
    strides[0] = strides[1] = itemsizes[t.dtype]
    strides[2] = 0
    loop(data, strides, t.numel, &params)
    return 0


# ---- variance --------------------------------------------------------------------------------------------------------

cdef class MomentNode(ReduceNode):                      # params: (dim, keepdim, correction)
    """A node of a moment about the mean, with the divisor n - correction."""

    _shows = {"dim": folded_dims, "keepdim": keeps_dims, "correction": third}


cdef object _degrees(TensorBase input, uint64_t mask, object correction):
    return count_over(input, mask) - (1 if correction is None else correction)


cdef object _var_vjp(MomentNode node, object g, TensorBase x):
    """d var = 2 (x - mean) dx / (n - correction)"""
    degrees = _degrees(x, node.whole, node.params[2])
    factor = 2.0 / degrees if degrees else float("inf")
    return factor * spread(node, g) * (x - x.mean(_dims_of(node.whole, x.ndim), True))


cdef object _std_vjp(MomentNode node, TensorBase g, TensorBase x, TensorBase result):
    return _var_vjp(node, (g / (result * 2)).masked_fill(result == 0, 0), x)


@cython.final
cdef class VarBackward0(MomentNode):
    _saves = ("self",)

    cdef object vjp(self, TensorBase g):
        return _var_vjp(self, g, unpack(self, 0))


@cython.final
cdef class StdBackward0(MomentNode):
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        return _std_vjp(self, g, unpack(self, 0), unpack(self, 1))


cdef object _with_mean(MomentNode node, object of_moment, object g_mean):
    """Adds the gradient through the mean to that through the moment; either may be None."""
    if g_mean is None:
        return of_moment
    of_mean = spread(node, g_mean / count_over(unpack(node, 0), node.whole))
    return of_mean if of_moment is None else of_moment + of_mean


@cython.final
cdef class VarMeanBackward0(MomentNode):
    _saves = ("self",)

    cdef object vjp_many(self, list gradients):
        g, g_mean = gradients
        return _with_mean(self, None if g is None else _var_vjp(self, g, unpack(self, 0)), g_mean)


@cython.final
cdef class StdMeanBackward0(MomentNode):
    _saves = ("self", "result0")

    cdef object vjp_many(self, list gradients):
        g, g_mean = gradients
        return _with_mean(self, None if g is None else _std_vjp(self, g, unpack(self, 0), unpack(self, 1)), g_mean)


cdef TensorBase _keeping(TensorBase t, uint64_t mask, TensorBase like):
    """An unrecorded alias of a result with the reduced dimensions as size 1."""
    cdef int64_t shape[64]
    cdef int i
    for i in range(like.ndim):
        shape[i] = 1 if mask >> i & 1 else like.shape[i]
    return new_alias(t, like.ndim, shape, NULL, 0)


cdef tuple _moments(TensorBase input, uint64_t mask, bint keepdim, object correction, bint root):
    """(variance or its root, mean) in two passes in the compute type, without a record."""
    cdef int compute = compute_of[input.dtype]
    cdef TensorBase mean = mean_over(input, mask, keepdim, compute_dtype[compute])
    cdef TensorBase result = folded(red_sum_sq_dev, input, mask, keepdim, compute, compute_dtype[compute], NULL,
                                    _keeping(mean, mask, input))
    _apply_number(K.binary[op_div][compute], result, max(0.0, float(_degrees(input, mask, correction))))
    if root:
        _apply(K.unary[op_sqrt][compute], result)
    return cast(result, input.dtype), cast(mean, input.dtype)


cdef tuple _arguments(TensorBase input, object dim, object unbiased, object correction):
    """(dim, correction) from the two forms, f(unbiased) and f(dim, unbiased)."""
    if not is_float(input.dtype):
        raise RuntimeError("std and var only support floating point and complex dtypes")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError("give either unbiased or correction, not both")
        if not isinstance(unbiased, bool):
            raise TypeError(f"argument 'unbiased' must be bool, not {type(unbiased).__name__}")
        correction = int(unbiased)
    elif correction is None and dim is not None:
        correction = 1
    return dim, correction


cdef object _record(MomentNode node, TensorBase input, uint64_t mask, bint keepdim, object dim, object correction):
    record_reduction(node, input, mask, keepdim, dim, (correction,))
    save(node, 0, input)


cdef TensorBase _moment(TensorBase input, object dim, object unbiased, bint keepdim, object correction, bint root,
                        object out):
    cdef MomentNode node = None
    cdef bint recording = wants_grad(input)
    dim, correction = _arguments(input, dim, unbiased, correction)
    cdef uint64_t mask = dims_mask(input, dim)
    prepare(out, False, recording)
    cdef TensorBase result = _moments(input, mask, keepdim, correction, root)[0]
    if out is not None:
        return delivered(result, out)
    if recording:
        node = StdBackward0.__new__(StdBackward0) if root else VarBackward0.__new__(VarBackward0)
        _record(node, input, mask, keepdim, dim, correction)
    settle(node, result, input, None, None, False)
    if node is not None and root:
        save_result(node, 1, result)
    return result


cdef tuple _moment_and_mean(TensorBase input, object dim, object unbiased, bint keepdim, object correction, bint root):
    cdef MomentNode node
    dim, correction = _arguments(input, dim, unbiased, correction)
    cdef uint64_t mask = dims_mask(input, dim)
    result, mean = _moments(input, mask, keepdim, correction, root)
    if wants_grad(input):
        node = StdMeanBackward0.__new__(StdMeanBackward0) if root else VarMeanBackward0.__new__(VarMeanBackward0)
        _record(node, input, mask, keepdim, dim, correction)
        attach_many(node, [result, mean])
        if root:
            save_result(node, 1, result, 0)
    else:
        settle(None, result, input, None, None, False)
        settle(None, mean, input, None, None, False)
    return result, mean


def _var(TensorBase input not None, dim=None, unbiased=None, bint keepdim=False, *, correction=None, out=None, axis=None):
    """The variance over the dimensions ``dim``, all by default: squared deviations over ``n - correction``.

    Args:
        correction: 1 by default; ``unbiased`` says the same as a bool.

    >>> import dynagrad
    >>> dynagrad.var(dynagrad.tensor([1., 2., 3.]))
    tensor(1.)
    """
    return _moment(input, first_given(dim, axis), unbiased, keepdim, correction, False, out)


def _std(TensorBase input not None, dim=None, unbiased=None, bint keepdim=False, *, correction=None, out=None, axis=None):
    """The standard deviation, the root of ``var`` with the same arguments.

    >>> import dynagrad
    >>> dynagrad.std(dynagrad.tensor([1., 2., 3.]))
    tensor(1.)
    """
    return _moment(input, first_given(dim, axis), unbiased, keepdim, correction, True, out)


def _var_mean(TensorBase input not None, dim=None, unbiased=None, bint keepdim=False, *, correction=None, axis=None):
    """(var, mean) with the arguments of ``var``.

    >>> import dynagrad
    >>> dynagrad.var_mean(dynagrad.tensor([1., 2., 3.]))
    (tensor(1.), tensor(2.))
    """
    return _moment_and_mean(input, first_given(dim, axis), unbiased, keepdim, correction, False)


def _std_mean(TensorBase input not None, dim=None, unbiased=None, bint keepdim=False, *, correction=None, axis=None):
    """(std, mean) with the arguments of ``std``.

    >>> import dynagrad
    >>> dynagrad.std_mean(dynagrad.tensor([1., 2., 3.]))
    (tensor(1.), tensor(2.))
    """
    return _moment_and_mean(input, first_given(dim, axis), unbiased, keepdim, correction, True)


register(Card("var", _var, VarBackward0, "reduce"))
register(Card("std", _std, StdBackward0, "reduce"))
register(Card("var_mean", _var_mean, VarMeanBackward0, "reduce", method=False))
register(Card("std_mean", _std_mean, StdMeanBackward0, "reduce", method=False))


# ---- norms -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class LinalgVectorNormBackward0(ReduceNode):
    _saves = ("self", "result")                         # params: (dim, keepdim, ord)
    _shows = {"dim": folded_dims, "keepdim": keeps_dims, "ord": third}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase x = unpack(self, 0)
        return norm_gradient(self.params[2], spread(self, g), x, restored(self, unpack(self, 1)), _dims_of(self.whole, x.ndim))


def norm_gradient(double p, g, x, norm, tuple dims):
    """d |x|_p = sign(x) (|x| / |x|_p)^(p-1) dx, and 0 where that has no value; None for order 0.

    Args:
        g: the norms' gradient, and
        norm: the norms, both with the dimensions ``dims`` over which they were taken.
    """
    if p == 0:
        return None
    if p == 1:
        return x.sign() * g
    if p == 2:
        return g * (x / norm).masked_fill(norm == 0, 0)
    if isinf(p):
        reached = (x.abs() == norm) | x.isnan()
        equal = reached.sum(dims, True) if x.ndim else reached
        return x.sign() * (reached * g / equal)
    if p < 1:
        return (x.sign() * x.abs().pow(p - 1)).masked_fill(x == 0, 0) * g * norm.pow(1 - p)
    scale = (g / norm.pow(p - 1)).masked_fill(norm == 0, 0)
    if p < 2:
        return x.sign() * x.abs().pow(p - 1) * scale
    return x * x.abs().pow(p - 2) * scale


cdef int _norm_fold(double p) noexcept:
    if p == 0:
        return red_count_nonzero
    if p == 1:
        return red_sum_abs
    if p == 2:
        return red_sum_sq
    if isinf(p):
        return red_max_abs if p > 0 else red_min_abs
    return red_sum_abs_pow


cdef TensorBase _norm_value(TensorBase input, double p, uint64_t mask, bint keepdim, int dtype):
    cdef int compute = compute_of[dtype]
    cdef Params params
    params.a = p
    cdef TensorBase result = folded(_norm_fold(p), converted(input, dtype), mask, keepdim, compute, compute_dtype[compute], &params)
    if p == 2:
        _apply(K.unary[op_sqrt][compute], result)
    elif p != 0 and p != 1 and not isinf(p):
        _apply_number(K.binary[op_pow][compute], result, 1 / p)
    return cast(result, dtype)


cpdef int check_norm_dtypes(TensorBase input, object dtype, str name) except -1:
    """A norm is of floating numbers, and its dtype holds what theirs holds."""
    if not is_float(input.dtype):
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {TYPE_NAMES[input.dtype]}")
    if dtype is None:
        return 0
    cdef int code = dtype_code(dtype)
    if not is_float(code):
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {TYPE_NAMES[code]}")
    if promote_types_code(input.dtype, code) != code:
        raise RuntimeError(f"{name}: the dtype of the input ({TYPE_NAMES[input.dtype]}) should be convertible without "
                           f"narrowing to the specified dtype ({TYPE_NAMES[code]})")
    return 0


cdef TensorBase vector_norm(TensorBase input, object ord, object dim, bint keepdim, object dtype, object out):
    cdef LinalgVectorNormBackward0 node = None
    cdef double p = ord
    cdef uint64_t mask
    cdef TensorBase result
    check_norm_dtypes(input, dtype, "linalg.vector_norm")
    mask = dims_mask(input, dim)
    if (p < 0 or isinf(p)) and count_over(input, mask) == 0:
        raise RuntimeError(f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does "
                           "not have an identity")
    prepare(out, False, wants_grad(input))
    result = _norm_value(input, p, mask, keepdim, input.dtype if dtype is None else dtype_code(dtype))
    if out is not None:
        return delivered(result, out)
    if wants_grad(input):
        node = LinalgVectorNormBackward0.__new__(LinalgVectorNormBackward0)
        record_reduction(node, input, mask, keepdim, dim, (ord,))
        save(node, 0, input)
    settle(node, result, input, None, None, False)
    if node is not None:
        save_result(node, 1, result)
    return result


def _vector_norm(TensorBase x not None, ord=2, dim=None, bint keepdim=False, *, dtype=None, out=None):
    """The norm of order ``ord`` of the elements, over ``dim`` or all: ``sum(|x|**ord)**(1/ord)``.

    Order 0 counts what is not zero; inf and -inf are the largest and the smallest magnitude.

    >>> import dynagrad
    >>> dynagrad.linalg.vector_norm(dynagrad.tensor([3., 4.]))
    tensor(5.)
    """
    return vector_norm(x, ord, (dim,) if isinstance(dim, int) else dim, keepdim, dtype, out)


register(Card("linalg_vector_norm", _vector_norm, LinalgVectorNormBackward0, "reduce", method=False, function=False))


def _norm(TensorBase input not None, p="fro", dim=None, bint keepdim=False, out=None, dtype=None):
    """The norm of order ``p`` (2 for "fro") of the elements, over ``dim`` or all.

    >>> import dynagrad
    >>> dynagrad.norm(dynagrad.tensor([[3.], [4.]]))
    tensor(5.)
    """
    if out is not None and not isinstance(out, TensorBase):     # the method's next argument
        out, dtype = None, out
    if p == "nuc":
        from dynagrad._core.card import CARDS
        return CARDS["linalg_matrix_norm"].op(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype,
                                                  out=out)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"norm(): unknown order '{p}', expected a number, 'fro' or 'nuc'")
    order = 2 if p == "fro" or p is None else p
    return vector_norm(input, order, (dim,) if isinstance(dim, int) else dim, keepdim, dtype, out)


register(Card("norm", _norm, LinalgVectorNormBackward0, "reduce"))
