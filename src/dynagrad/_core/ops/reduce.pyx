"""Sums and other reductions over dimensions: value, derivative and card of each op."""
import cython

from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport Node, begin1, settle, wants_grad

from dynagrad._core.kernel_table cimport Operand, parallel_threshold, red_sum, reduce_all
from dynagrad._core.ops.view cimport expand_to, unsqueeze_at
from dynagrad._core.tensor cimport TensorBase, new_tensor, shape_tuple
from dynagrad._core.types cimport BOOL, I64, DType, compute_of, dtype_code, is_float


cdef int reduced_dims(TensorBase t, object dim, bint* reduced) except -1:
    """Marks the dims to reduce: all for None or an empty tuple."""
    cdef int i, d
    cdef int ndim = t.ndim if t.ndim else 1
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        for i in range(t.ndim):
            reduced[i] = True
        return 0
    for i in range(t.ndim):
        reduced[i] = False
    for each in (dim if isinstance(dim, (tuple, list)) else (dim,)):
        d = each
        if not -ndim <= d < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")
        if d < 0:
            d += ndim
        if t.ndim == 0:
            continue
        if reduced[d]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        reduced[d] = True
    return 0


cdef TensorBase reduce_into_new(int op, TensorBase input, const bint* reduced, bint keepdim, int dtype):
    """The reduction of input over the marked dims, in a fresh tensor of the given dtype."""
    cdef int64_t kept[64]
    cdef int64_t strides[64]
    cdef int i, j = 0
    cdef int n = 0
    cdef Operand out, source
    cdef TensorBase result
    for i in range(input.ndim):
        if not reduced[i]:
            kept[n] = input.shape[i]
            n += 1
        elif keepdim:
            kept[n] = 1
            n += 1
    result = new_tensor(dtype, n, kept)
    for i in range(input.ndim):
        strides[i] = 0 if reduced[i] else result.strides[j]
        if not reduced[i] or keepdim:
            j += 1
    out = Operand(result.data, &strides[0], <DType>dtype)
    source = Operand(input.data, input.strides, <DType>input.dtype)
    if result.numel == 0:
        return result
    if input.numel < parallel_threshold:
        reduce_all(op, compute_of[dtype], input.ndim, input.shape, out, source, NULL, NULL)
    else:
        with nogil:
            reduce_all(op, compute_of[dtype], input.ndim, input.shape, out, source, NULL, NULL)
    return result


# ---- sum -------------------------------------------------------------------------------------------------------------

@cython.final
cdef class SumBackward0(Node):                          # every element gets the gradient of its sum
    _keeps = ("self_sym_sizes",)

    cdef object vjp(self, TensorBase g):
        return expand_to(g, self.params[0])


@cython.final
cdef class SumBackward1(Node):
    _keeps = ("self_sym_sizes", "dim", "keepdim")

    cdef object vjp(self, TensorBase g):
        shape, dims, keepdim = self.params
        if not keepdim:
            for d in dims:
                g = unsqueeze_at(g, d)
        return expand_to(g, shape)


cdef TensorBase sum_over(TensorBase input, const bint* reduced, bint keepdim, int dtype):
    cdef Node node = None
    cdef int i
    cdef TensorBase result = reduce_into_new(red_sum, input, reduced, keepdim, dtype)
    if wants_grad(input) and is_float(dtype):
        if result.ndim == 0 and not keepdim:
            node = SumBackward0.__new__(SumBackward0)
            node.params = (shape_tuple(input),)
        else:
            node = SumBackward1.__new__(SumBackward1)
            node.params = (shape_tuple(input), tuple([i for i in range(input.ndim) if reduced[i]]), bool(keepdim))
        begin1(node, input)
    settle(node, result, input, None, None, False)
    return result


def _sum(TensorBase input not None, dim=None, keepdim=False, *, dtype=None):
    """The sum of all elements, or over the dimensions ``dim``. Integers are summed as int64.

    >>> import dynagrad
    >>> dynagrad.sum(dynagrad.tensor([[1., 2.], [3., 4.]]), 0)
    tensor([4., 6.])
    """
    cdef bint reduced[64]
    cdef int code = dtype_code(dtype) if dtype is not None else input.dtype if is_float(input.dtype) else I64
    reduced_dims(input, dim, reduced)
    return sum_over(input, reduced, keepdim, code)


register(Card("sum", _sum, SumBackward0, "reduce"))


cdef TensorBase sum_to(TensorBase g, int ndim, const int64_t* shape):
    """Sums a gradient over the dims along which its tensor was broadcast, to the given shape."""
    cdef bint reduced[64]
    cdef int pad = g.ndim - ndim
    cdef int i
    cdef bint leading = pad > 0
    cdef bint inner = False
    for i in range(g.ndim):
        reduced[i] = i < pad
    if leading:
        g = sum_over(g, reduced, False, g.dtype)
    for i in range(ndim):
        reduced[i] = shape[i] == 1 and g.shape[i] != 1
        inner = inner or reduced[i]
    return sum_over(g, reduced, True, g.dtype) if inner else g


def any_nan(TensorBase t not None):
    """Whether any element is NaN; used by anomaly mode."""
    cdef bint reduced[64]
    cdef int i
    for i in range(t.ndim):
        reduced[i] = True
    total = reduce_into_new(red_sum, t, reduced, False, t.dtype).item()
    return total != total
