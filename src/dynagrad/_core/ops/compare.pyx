"""Predicates, logic and bits: comparisons, tests of single elements, logical and bitwise ops. None has a derivative."""
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport Node, begin1, begin_pair, prepare, settle, wants_grad
from dynagrad._core.iterate cimport PREDICATE, SAME, K, Loop, binary, cast, result_dtype2, unary
from dynagrad._core.kernel_table cimport (
    Operand, op_abs, op_add, op_bitwise_and, op_bitwise_not, op_bitwise_or, op_bitwise_xor, op_eq, op_ge, op_gt,
    op_is_zero, op_isfinite, op_isinf, op_isnan, op_le, op_logical_and, op_logical_or, op_logical_xor, op_lt, op_mul,
    op_ne, op_shift_left, op_shift_right, op_signbit, op_sub, red_all, reduce_all)
from dynagrad._core.ops.pointwise cimport check_fits, in_dtype, not_implemented, unrecorded, zeros_of
from dynagrad._core.tensor cimport TensorBase, is_tensor, new_tensor
from dynagrad._core.types cimport BOOL, DType, default_dtype, is_float

cdef enum Order:
    LESS = 0            # the codes of Python's rich comparisons
    LESS_EQUAL = 1
    EQUAL = 2
    UNEQUAL = 3
    GREATER = 4
    GREATER_EQUAL = 5


cdef const Loop* _row_of(int order) noexcept:
    if order == LESS:
        return K.compare[op_lt]
    if order == LESS_EQUAL:
        return K.compare[op_le]
    if order == EQUAL:
        return K.compare[op_eq]
    if order == UNEQUAL:
        return K.compare[op_ne]
    if order == GREATER:
        return K.compare[op_gt]
    return K.compare[op_ge]


# ---- comparisons -----------------------------------------------------------------------------------------------------

cdef TensorBase _pairwise(const Loop* row, object input, object other, object out, bint inplace, int rule):
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, False)
        if inplace:
            check_fits(out, other)
    result = binary(row, input, other, out, rule)
    settle(None, result, input, other, out, inplace)
    return result


cdef TensorBase compare(object input, object other, int order, object out=None, bint inplace=False):
    return _pairwise(_row_of(order), in_dtype(input, other), in_dtype(other, input), out, inplace, PREDICATE)


# A comparison in place leaves numbers that no longer depend on what was there.
cdef class _Overwritten(Node):
    cdef object vjp(self, TensorBase g):
        return (zeros_of(g), zeros_of(g)) if self.n_edges == 2 else zeros_of(g)


cdef class EqBackward0(_Overwritten):
    pass


cdef class EqBackward1(_Overwritten):
    pass


cdef class NeBackward0(_Overwritten):
    pass


cdef class NeBackward1(_Overwritten):
    pass


cdef class LtBackward0(_Overwritten):
    pass


cdef class LtBackward1(_Overwritten):
    pass


cdef class LeBackward0(_Overwritten):
    pass


cdef class LeBackward1(_Overwritten):
    pass


cdef class GtBackward0(_Overwritten):
    pass


cdef class GtBackward1(_Overwritten):
    pass


cdef class GeBackward0(_Overwritten):
    pass


cdef class GeBackward1(_Overwritten):
    pass


cdef TensorBase _compare_into(TensorBase target, object other, int order, type of_number, type of_tensor):
    cdef Node node = None
    cdef bint pair = is_tensor(other)
    prepare(target, True, wants_grad(target) or wants_grad(other))
    check_fits(target, other)
    if wants_grad(target) or wants_grad(other):
        kind = of_tensor if pair else of_number
        node = <Node>kind.__new__(kind)
        begin_pair(node, target, other) if pair else begin1(node, target)
    binary(_row_of(order), in_dtype(target, other), in_dtype(other, target), target, PREDICATE)
    settle(node, target, target, other, target, True)
    return target


def _eq(TensorBase input not None, other, *, out=None):
    """Whether each element of ``input`` equals that of ``other``, with broadcasting; NaN gives False.

    >>> import dynagrad
    >>> dynagrad.eq(dynagrad.tensor([1, 2, 3]), 2)
    tensor([False,  True, False])
    """
    return compare(input, other, EQUAL, out)


def _eq_(TensorBase self not None, other):
    """Replaces each element by 1 where it equals that of ``other``, else by 0."""
    return _compare_into(self, other, EQUAL, EqBackward0, EqBackward1)


def _ne(TensorBase input not None, other, *, out=None):
    """Whether each element of ``input`` differs from that of ``other``, with broadcasting; NaN differs from everything.

    >>> import dynagrad
    >>> dynagrad.ne(dynagrad.tensor([1, 2, 3]), 2)
    tensor([ True, False,  True])
    """
    return compare(input, other, UNEQUAL, out)


def _ne_(TensorBase self not None, other):
    """Replaces each element by 1 where it differs from that of ``other``, else by 0."""
    return _compare_into(self, other, UNEQUAL, NeBackward0, NeBackward1)


def _lt(TensorBase input not None, other, *, out=None):
    """Whether each element of ``input`` is less than that of ``other``, with broadcasting; NaN gives False.

    >>> import dynagrad
    >>> dynagrad.lt(dynagrad.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return compare(input, other, LESS, out)


def _lt_(TensorBase self not None, other):
    """Replaces each element by 1 where it is less than that of ``other``, else by 0."""
    return _compare_into(self, other, LESS, LtBackward0, LtBackward1)


def _le(TensorBase input not None, other, *, out=None):
    """Whether each element of ``input`` is at most that of ``other``, with broadcasting; NaN gives False.

    >>> import dynagrad
    >>> dynagrad.le(dynagrad.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return compare(input, other, LESS_EQUAL, out)


def _le_(TensorBase self not None, other):
    """Replaces each element by 1 where it is at most that of ``other``, else by 0."""
    return _compare_into(self, other, LESS_EQUAL, LeBackward0, LeBackward1)


def _gt(TensorBase input not None, other, *, out=None):
    """Whether each element of ``input`` is greater than that of ``other``, with broadcasting; NaN gives False.

    >>> import dynagrad
    >>> dynagrad.gt(dynagrad.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    return compare(input, other, GREATER, out)


def _gt_(TensorBase self not None, other):
    """Replaces each element by 1 where it is greater than that of ``other``, else by 0."""
    return _compare_into(self, other, GREATER, GtBackward0, GtBackward1)


def _ge(TensorBase input not None, other, *, out=None):
    """Whether each element of ``input`` is at least that of ``other``, with broadcasting; NaN gives False.

    >>> import dynagrad
    >>> dynagrad.ge(dynagrad.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return compare(input, other, GREATER_EQUAL, out)


def _ge_(TensorBase self not None, other):
    """Replaces each element by 1 where it is at least that of ``other``, else by 0."""
    return _compare_into(self, other, GREATER_EQUAL, GeBackward0, GeBackward1)


register(Card("eq", _eq, None, "compare", inplace=_eq_))
register(Card("ne", _ne, None, "compare", inplace=_ne_, aliases=("not_equal",)))
register(Card("lt", _lt, None, "compare", inplace=_lt_, aliases=("less",)))
register(Card("le", _le, None, "compare", inplace=_le_, aliases=("less_equal",)))
register(Card("gt", _gt, None, "compare", inplace=_gt_, aliases=("greater",)))
register(Card("ge", _ge, None, "compare", inplace=_ge_, aliases=("greater_equal",)))


# ---- logic -----------------------------------------------------------------------------------------------------------

def _logical_and(TensorBase input not None, TensorBase other not None, *, out=None):
    """Whether, of each pair of elements, both are non-zero.

    >>> import dynagrad
    >>> dynagrad.logical_and(dynagrad.tensor([0, 1, 1]), dynagrad.tensor([0, 0, 1]))
    tensor([False, False,  True])
    """
    return _pairwise(K.compare[op_logical_and], input, other, out, False, PREDICATE)


def _logical_and_(TensorBase self not None, TensorBase other not None):
    """Replaces each element by 1 where both are non-zero, else by 0."""
    return _pairwise(K.compare[op_logical_and], self, other, self, True, PREDICATE)


def _logical_or(TensorBase input not None, TensorBase other not None, *, out=None):
    """Whether, of each pair of elements, at least one is non-zero.

    >>> import dynagrad
    >>> dynagrad.logical_or(dynagrad.tensor([0, 1, 1]), dynagrad.tensor([0, 0, 1]))
    tensor([False,  True,  True])
    """
    return _pairwise(K.compare[op_logical_or], input, other, out, False, PREDICATE)


def _logical_or_(TensorBase self not None, TensorBase other not None):
    """Replaces each element by 1 where at least one is non-zero, else by 0."""
    return _pairwise(K.compare[op_logical_or], self, other, self, True, PREDICATE)


def _logical_xor(TensorBase input not None, TensorBase other not None, *, out=None):
    """Whether, of each pair of elements, exactly one is non-zero.

    >>> import dynagrad
    >>> dynagrad.logical_xor(dynagrad.tensor([0, 1, 1]), dynagrad.tensor([0, 0, 1]))
    tensor([False,  True, False])
    """
    return _pairwise(K.compare[op_logical_xor], input, other, out, False, PREDICATE)


def _logical_xor_(TensorBase self not None, TensorBase other not None):
    """Replaces each element by 1 where exactly one is non-zero, else by 0."""
    return _pairwise(K.compare[op_logical_xor], self, other, self, True, PREDICATE)


cdef TensorBase _single(const Loop* row, object input, object out, bint inplace, int rule):
    cdef TensorBase result
    if out is not None:
        prepare(out, inplace, False)
    result = unary(row, input, out, rule)
    settle(None, result, input, None, out, inplace)
    return result


def _logical_not(input, *, out=None):
    """Whether each element is zero.

    >>> import dynagrad
    >>> dynagrad.logical_not(dynagrad.tensor([0, 1, 2]))
    tensor([ True, False, False])
    """
    return _single(K.test[op_is_zero], input, out, False, PREDICATE)


def _logical_not_(self):
    """Replaces each element by 1 where it is zero, else by 0."""
    return _single(K.test[op_is_zero], self, self, True, PREDICATE)


register(Card("logical_and", _logical_and, None, "compare", inplace=_logical_and_))
register(Card("logical_or", _logical_or, None, "compare", inplace=_logical_or_))
register(Card("logical_xor", _logical_xor, None, "compare", inplace=_logical_xor_))
register(Card("logical_not", _logical_not, None, "test", inplace=_logical_not_))


# ---- tests of single elements ----------------------------------------------------------------------------------------

cdef object _bool_only(object out, str op):
    if is_tensor(out) and (<TensorBase>out).dtype != BOOL:
        raise RuntimeError(f"{op} does not support non-boolean outputs.")
    return out


def _isnan(input):
    """Whether each element is NaN.

    >>> import dynagrad
    >>> dynagrad.isnan(dynagrad.tensor([1., float("nan")]))
    tensor([False,  True])
    """
    return _single(K.test[op_isnan], input, None, False, PREDICATE)


register(Card("isnan", _isnan, None, "test"))


def _isinf(input):
    """Whether each element is infinite.

    >>> import dynagrad
    >>> dynagrad.isinf(dynagrad.tensor([1., float("inf")]))
    tensor([False,  True])
    """
    return _single(K.test[op_isinf], input, None, False, PREDICATE)


register(Card("isinf", _isinf, None, "test"))


def _isfinite(input):
    """Whether each element is neither infinite nor NaN.

    >>> import dynagrad
    >>> dynagrad.isfinite(dynagrad.tensor([1., float("inf")]))
    tensor([ True, False])
    """
    return _single(K.test[op_isfinite], input, None, False, PREDICATE)


register(Card("isfinite", _isfinite, None, "test"))


def _signbit(input, *, out=None):
    """Whether each element has its sign bit set, as -0. has.

    >>> import dynagrad
    >>> dynagrad.signbit(dynagrad.tensor([1., -0.]))
    tensor([False,  True])
    """
    return _single(K.test[op_signbit], input, _bool_only(out, "signbit"), False, PREDICATE)


register(Card("signbit", _signbit, None, "test"))


def _isposinf(TensorBase input not None, *, out=None):
    """Whether each element is positive infinity.

    >>> import dynagrad
    >>> dynagrad.isposinf(dynagrad.tensor([float("inf"), 1.]))
    tensor([ True, False])
    """
    return compare(input, float("inf"), EQUAL, _bool_only(out, "isposinf"))


def _isneginf(TensorBase input not None, *, out=None):
    """Whether each element is negative infinity.

    >>> import dynagrad
    >>> dynagrad.isneginf(dynagrad.tensor([float("-inf"), 1.]))
    tensor([ True, False])
    """
    return compare(input, float("-inf"), EQUAL, _bool_only(out, "isneginf"))


register(Card("isposinf", _isposinf, None, "test"))
register(Card("isneginf", _isneginf, None, "test"))


# ---- bits ------------------------------------------------------------------------------------------------------------

cdef TensorBase _bitwise(const Loop* row, str op, object input, object other, object out, bint inplace):
    cdef int dtype
    if is_tensor(input) or is_tensor(other):
        dtype = result_dtype2(input, other)
        if is_float(dtype) or dtype == BOOL and op.endswith("shift"):
            raise NotImplementedError(f"\"{op}_cpu\" not implemented for '{TYPE_NAMES[dtype]}'")
    return _pairwise(row, in_dtype(input, other), in_dtype(other, input), out, inplace, SAME)


cdef TensorBase bitwise_and(object input, object other, object out=None, bint inplace=False):
    return _bitwise(K.binary[op_bitwise_and], "bitwise_and", input, other, out, inplace)


cdef TensorBase bitwise_or(object input, object other, object out=None, bint inplace=False):
    return _bitwise(K.binary[op_bitwise_or], "bitwise_or", input, other, out, inplace)


cdef TensorBase bitwise_xor(object input, object other, object out=None, bint inplace=False):
    return _bitwise(K.binary[op_bitwise_xor], "bitwise_xor", input, other, out, inplace)


cdef TensorBase shift_left(object input, object other, object out=None, bint inplace=False):
    return _bitwise(K.binary[op_shift_left], "lshift", input, other, out, inplace)


cdef TensorBase shift_right(object input, object other, object out=None, bint inplace=False):
    return _bitwise(K.binary[op_shift_right], "rshift", input, other, out, inplace)


cdef TensorBase bitwise_not(object input, object out=None, bint inplace=False):
    if is_tensor(input):
        if (<TensorBase>input).dtype == BOOL:
            return _single(K.test[op_is_zero], input, out, inplace, PREDICATE)
        if is_float((<TensorBase>input).dtype):
            raise not_implemented("bitwise_not", <TensorBase>input)
    return _single(K.unary[op_bitwise_not], input, out, inplace, SAME)


def _bitwise_and(input, other, *, out=None):
    """The bits set in both operands. Raises NotImplementedError for floating dtypes.

    >>> import dynagrad
    >>> dynagrad.bitwise_and(dynagrad.tensor([6]), 3)
    tensor([2])
    """
    return bitwise_and(input, other, out)


def _bitwise_and_(self, other):
    """bitwise_and in place."""
    return bitwise_and(self, other, self, True)


register(Card("bitwise_and", _bitwise_and, None, "bits", inplace=_bitwise_and_))


def _bitwise_or(input, other, *, out=None):
    """The bits set in either operand. Raises NotImplementedError for floating dtypes.

    >>> import dynagrad
    >>> dynagrad.bitwise_or(dynagrad.tensor([6]), 3)
    tensor([7])
    """
    return bitwise_or(input, other, out)


def _bitwise_or_(self, other):
    """bitwise_or in place."""
    return bitwise_or(self, other, self, True)


register(Card("bitwise_or", _bitwise_or, None, "bits", inplace=_bitwise_or_))


def _bitwise_xor(input, other, *, out=None):
    """The bits set in exactly one operand. Raises NotImplementedError for floating dtypes.

    >>> import dynagrad
    >>> dynagrad.bitwise_xor(dynagrad.tensor([6]), 3)
    tensor([5])
    """
    return bitwise_xor(input, other, out)


def _bitwise_xor_(self, other):
    """bitwise_xor in place."""
    return bitwise_xor(self, other, self, True)


register(Card("bitwise_xor", _bitwise_xor, None, "bits", inplace=_bitwise_xor_))


def _bitwise_left_shift(input, other, *, out=None):
    """``input`` times two to the power of ``other``. Raises NotImplementedError for floating dtypes.

    >>> import dynagrad
    >>> dynagrad.bitwise_left_shift(dynagrad.tensor([6]), 3)
    tensor([48])
    """
    return shift_left(input, other, out)


def _bitwise_left_shift_(self, other):
    """bitwise_left_shift in place."""
    return shift_left(self, other, self, True)


register(Card("bitwise_left_shift", _bitwise_left_shift, None, "bits", inplace=_bitwise_left_shift_))


def _bitwise_right_shift(input, other, *, out=None):
    """``input`` divided by two to the power of ``other``, rounded down. Raises NotImplementedError for floating dtypes.

    >>> import dynagrad
    >>> dynagrad.bitwise_right_shift(dynagrad.tensor([6]), 1)
    tensor([3])
    """
    return shift_right(input, other, out)


def _bitwise_right_shift_(self, other):
    """bitwise_right_shift in place."""
    return shift_right(self, other, self, True)


register(Card("bitwise_right_shift", _bitwise_right_shift, None, "bits", inplace=_bitwise_right_shift_))


def _bitwise_not(input, *, out=None):
    """Every bit flipped; for bool, the opposite. Raises NotImplementedError for floating dtypes.

    >>> import dynagrad
    >>> dynagrad.bitwise_not(dynagrad.tensor([0, 5]))
    tensor([-1, -6])
    """
    return bitwise_not(input, out)


def _bitwise_not_(self):
    """Flips every bit of the tensor itself."""
    return bitwise_not(self, self, True)


register(Card("bitwise_not", _bitwise_not, None, "bits", inplace=_bitwise_not_))


# ---- equal, isclose, allclose ----------------------------------------------------------------------------------------

cdef bint _all(TensorBase flags):
    """Whether every element is set."""
    cdef TensorBase result = new_tensor(BOOL, 0, NULL)
    cdef int64_t strides[64]
    cdef int i
    for i in range(flags.ndim):
        strides[i] = 0
    cdef Operand out = Operand(result.data, &strides[0], <DType>BOOL)
    cdef Operand source = Operand(flags.data, flags.strides, <DType>flags.dtype)
    if flags.numel == 0:
        return True
    reduce_all(red_all, 0, flags.ndim, flags.shape, out, source, NULL, NULL)
    return result.data[0] != 0


def _equal(TensorBase input not None, TensorBase other not None):
    """Whether both have the same shape and equal elements, as one Python bool.

    >>> import dynagrad
    >>> dynagrad.equal(dynagrad.tensor([1, 2]), dynagrad.tensor([1, 2]))
    True
    """
    cdef int i
    if input.ndim != other.ndim:
        return False
    for i in range(input.ndim):
        if input.shape[i] != other.shape[i]:
            return False
    return _all(binary(K.compare[op_eq], input, other, None, PREDICATE))


cdef TensorBase _close(TensorBase a, TensorBase b, double rtol, double atol, bint equal_nan):
    cdef TensorBase close, allowed, distance
    if a.dtype != b.dtype:
        raise RuntimeError(f"{TYPE_NAMES[a.dtype]} did not match {TYPE_NAMES[b.dtype]}")
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"{'rtol' if rtol < 0 else 'atol'} must be greater than or equal to zero, but got "
                           f"{rtol if rtol < 0 else atol}")
    a, b = unrecorded(a), unrecorded(b)
    close = binary(K.compare[op_eq], a, b, None, PREDICATE)
    if equal_nan and is_float(a.dtype):
        close = _or(close, _and(unary(K.test[op_isnan], a, None, PREDICATE),
                                unary(K.test[op_isnan], b, None, PREDICATE)))
    if rtol == 0 and atol == 0:
        return close
    if not is_float(a.dtype):
        # A difference of integers would wrap: 0 and 255 are not neighbours.
        a, b = cast(a, default_dtype), cast(b, default_dtype)
    allowed = unary(K.unary[op_abs], binary(K.binary[op_mul], b, rtol, None, SAME), None, SAME)
    allowed = binary(K.binary[op_add], allowed, atol, None, SAME)
    if not is_float(a.dtype):                           # whose difference could wrap
        b = cast(b, default_dtype)
    distance = unary(K.unary[op_abs], binary(K.binary[op_sub], a, b, None, SAME), None, SAME)
    return _or(close, _and(unary(K.test[op_isfinite], distance, None, PREDICATE),
                           binary(K.compare[op_le], distance, allowed, None, PREDICATE)))


cdef TensorBase _or(TensorBase a, TensorBase b):
    return binary(K.compare[op_logical_or], a, b, None, PREDICATE)


cdef TensorBase _and(TensorBase a, TensorBase b):
    return binary(K.compare[op_logical_and], a, b, None, PREDICATE)


def _isclose(TensorBase input not None, TensorBase other not None, double rtol=1e-5, double atol=1e-8,
             bint equal_nan=False):
    """Whether ``|input - other| <= atol + rtol * |other|``, element by element; equal infinities are close.

    Raises RuntimeError for different dtypes and for negative tolerances.

    >>> import dynagrad
    >>> dynagrad.isclose(dynagrad.tensor([1., 2.]), dynagrad.tensor([1.000001, 3.]))
    tensor([ True, False])
    """
    return _close(input, other, rtol, atol, equal_nan)


def _allclose(TensorBase input not None, TensorBase other not None, double rtol=1e-5, double atol=1e-8,
              bint equal_nan=False):
    """Whether all elements are close, as one Python bool; see ``isclose``.

    >>> import dynagrad
    >>> dynagrad.allclose(dynagrad.tensor([1., 2.]), dynagrad.tensor([1., 2.]))
    True
    """
    return _all(_close(input, other, rtol, atol, equal_nan))


register(Card("equal", _equal, None, "question"))
register(Card("isclose", _isclose, None, "compare"))
register(Card("allclose", _allclose, None, "question"))
