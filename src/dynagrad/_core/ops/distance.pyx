"""Distances: of all pairs of rows, of two tensors, and what is shortened to one; value, derivative and card of each op.

The loops over pairs are runtime/distance.cpp. Norms are in `moments`.
"""
import cython

from libc.math cimport isinf
from libc.stdint cimport int64_t

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.moments import norm_gradient
from dynagrad._core.ops.whole import whole
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    Node, begin2, needs, reserve_saved, save, save_result, settle, thread_state, unpack, wants_grad)
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.reduce cimport wrapped_dim
from dynagrad._core.tensor cimport TensorBase, new_tensor
from dynagrad._core.types cimport DType, compute_dtype, compute_of, is_float
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/distance.hpp" namespace "dg" nogil:
    struct Distances:
        DType type
        int64_t batches, rows, others, n
        double p
        const void* a
        const void* b
        void* out
    bint distances(const Distances& d)
    void distances_backward(const Distances& d, const void* g, void* gradient)


cdef object saved_of(Node node, int i):
    return unpack(node, i)


# ---- all pairs -------------------------------------------------------------------------------------------------------

cdef int _describe(Distances* d, TensorBase a, TensorBase b, TensorBase out, double p) except -1:
    """For contiguous a [..., rows, n], b [..., others, n] and out [..., rows, others] of one batch and compute type."""
    d.type, d.p = <DType>a.dtype, p
    d.rows, d.n, d.others = a.shape[a.ndim - 2], a.shape[a.ndim - 1], b.shape[b.ndim - 2]
    d.batches = out.numel // (d.rows * d.others) if d.rows * d.others else 0
    d.a, d.b, d.out = a.data, b.data, out.data
    return 0


cdef TensorBase _pairs(TensorBase a, TensorBase b, double p):
    """The distances in a fresh tensor, without a record."""
    cdef Unlocked unlocked
    cdef Distances d
    cdef int64_t shape[64]
    cdef int i
    cdef bint done
    cdef TensorBase out
    for i in range(a.ndim - 1):
        shape[i] = a.shape[i]
    shape[a.ndim - 1] = b.shape[b.ndim - 2]
    out = new_tensor(a.dtype, a.ndim, shape)
    _describe(&d, a, b, out, p)
    unlocked.begin()
    with nogil:
        done = distances(d)
    if not done:
        raise MemoryError("out of memory while measuring distances")
    return out


cdef TensorBase _of_first(TensorBase g, TensorBase a, TensorBase b, TensorBase found, double p):
    """The gradient of a, without a record."""
    cdef Unlocked unlocked
    cdef Distances d
    cdef TensorBase made = new_tensor(a.dtype, a.ndim, a.shape)
    if made.numel and not found.numel:
        return (<object>made).zero_()
    _describe(&d, a, b, found, p)
    unlocked.begin()
    with nogil:
        distances_backward(d, g.data, made.data)
    return made


cdef TensorBase _wide(object t, tuple batch, int dtype):
    """A contiguous operand of the loops, with the batch of both."""
    cdef TensorBase wide = t.detach().expand(batch + tuple(t.shape[-2:]))
    return contiguous(cast(wide, dtype))


cdef tuple _batch_of(object a, object b):
    """The batch to which both broadcast."""
    cdef list batch = []
    cdef tuple first = tuple(a.shape)[:-2], second = tuple(b.shape)[:-2]
    cdef int n = max(len(first), len(second)), i
    first, second = (1,) * (n - len(first)) + first, (1,) * (n - len(second)) + second
    for i in range(n):
        if first[i] != second[i] and first[i] != 1 and second[i] != 1:
            raise RuntimeError(f"The size of tensor a ({first[i]}) must match the size of tensor b ({second[i]}) at "
                               f"non-singleton dimension {i}")
        batch.append(first[i] if second[i] == 1 else second[i])
    return tuple(batch)


def slopes(double p, gaps, found):
    """d |gap| / d gap for each of the differences of pairs, whose distance has a last dimension of 1; 0 for a distance of 0.

    Of several largest differences each gets all of it where p is infinite.
    """
    if p == 0:
        return gaps.new_zeros(gaps.shape)
    if p == 1:
        return gaps.sign()
    if p == 2:
        return (gaps / found).masked_fill(found == 0, 0)
    if isinf(p):
        return gaps.sign() * (gaps.abs() == found)
    if p < 2:
        sized = gaps.abs().masked_fill(gaps == 0, 1).pow(p - 1) * gaps.sign()
    else:
        sized = gaps * gaps.abs().pow(p - 2)
    return (sized / found.pow(p - 1)).masked_fill(found == 0, 0)


cdef tuple _at_once(Node node, TensorBase g, double p):
    """The gradients of both, without a record, of a node that keeps x1, x2 and the distances."""
    cdef TensorBase a = unpack(node, 0), b = unpack(node, 1), found = unpack(node, 2), da = None, db = None
    cdef int compute = compute_dtype[compute_of[found.dtype]]
    batch = _batch_of(a, b)
    first, second = _wide(a, batch, compute), _wide(b, batch, compute)
    if needs(node, 0):
        da = cast(_of_first(contiguous(cast(g, compute)), first, second, contiguous(cast(found, compute)), p), found.dtype)
    if needs(node, 1):
        turned, found_turned = (<object>g).mT, (<object>found).mT
        db = cast(_of_first(contiguous(cast(turned, compute)), second, first, contiguous(cast(found_turned, compute)), p),
                  found.dtype)
    return da, db


@cython.final
cdef class CdistBackward0(Node):                        # of a pair, the slope times the gradient to one, its negative to the other
    _saves = ("x1", "x2", "result")
    _keeps = ("p",)

    cdef object vjp(self, TensorBase g):
        if thread_state.grad_enabled:
            return self.formula(g, saved_of(self, 0), saved_of(self, 1), saved_of(self, 2))
        return _at_once(self, g, self.params[0])

    cdef object formula(self, object g, object a, object b, object found):
        """The same in ops, for derivatives of higher order."""
        each = g.unsqueeze(-1) * slopes(self.params[0], a.unsqueeze(-2) - b.unsqueeze(-3), found.unsqueeze(-1))
        return each.sum(-2) if needs(self, 0) else None, -each.sum(-3) if needs(self, 1) else None


@cython.final
cdef class EuclideanDistBackward0(Node):                # d |a - b| = ((a - b) da - (a - b) db) / |a - b|, by products of matrices
    _saves = ("x1", "x2", "result")

    cdef object vjp(self, TensorBase g):
        a, b, found = saved_of(self, 0), saved_of(self, 1), saved_of(self, 2)
        if not thread_state.grad_enabled and _is_little(g, a):
            return _at_once(self, g, 2)
        ratio = (g / found).masked_fill(found == 0, 0)
        return (a * ratio.sum(-1, True) - ratio @ b if needs(self, 0) else None,
                b * ratio.sum(-2).unsqueeze(-1) - ratio.mT @ a if needs(self, 1) else None)


cdef int64_t LITTLE = 1 << 18       # differences that the loops, which are exact, take as quickly as products of matrices


cdef bint _is_little(TensorBase of_pairs, TensorBase a) noexcept:
    return of_pairs.numel * a.shape[a.ndim - 1] < LITTLE


cdef TensorBase _by_products(object a, object b):
    """Euclidean distances as |a|^2 + |b|^2 - 2 a b, which products of matrices make quick and cancellation inexact."""
    squares = a.square().sum(-1, True) + b.square().sum(-1).unsqueeze(-2) - 2 * (a @ b.mT)
    return squares.clamp(min=0).sqrt()


def pairwise(TensorBase a not None, TensorBase b not None, double p, bint by_products):
    """The distances of all rows of a and all of b: [..., rows, others]. The batches broadcast.

    >>> import dynagrad
    >>> from dynagrad._core.ops.distance import pairwise
    >>> pairwise(dynagrad.tensor([[0., 0.]]), dynagrad.tensor([[3., 4.]]), 2, False)
    tensor([[5.]])
    """
    cdef Node node = None
    cdef TensorBase found
    cdef int compute = compute_dtype[compute_of[a.dtype]]
    batch = _batch_of(a, b)
    if by_products and a.numel * b.shape[b.ndim - 2] >= LITTLE:
        found = _by_products((<object>a).detach(), (<object>b).detach())
    else:
        found = cast(_pairs(_wide(a, batch, compute), _wide(b, batch, compute), p), a.dtype)
    if wants_grad(a) or wants_grad(b):
        node = <Node>((<object>EuclideanDistBackward0).__new__(EuclideanDistBackward0) if by_products
                      else (<object>CdistBackward0).__new__(CdistBackward0))
        begin2(node, a, b)
        reserve_saved(node, 3)
        save(node, 0, a)
        save(node, 1, b)
        if not by_products:
            node.params = (p,)
    settle(node, found, a, b, None, False)
    if node is not None:
        save_result(node, 2, found)
    return found


MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
MANY = 25       # rows from which on "if necessary" means yes


def _cdist(TensorBase x1 not None, TensorBase x2 not None, p=2.0, compute_mode=None):
    """The p-norms of the differences of all pairs of a row of ``x1`` and one of ``x2``; batches broadcast.

    Args:
        x1: ``[..., rows, n]``.
        x2: ``[..., others, n]``.
        p: 0, which counts the differences that are not 0, positive or infinite.
        compute_mode: whether Euclidean distances are made of products of matrices, quicker and less exact:
            "use_mm_for_euclid_dist_if_necessary" (from more than 25 rows on), "use_mm_for_euclid_dist" or
            "donot_use_mm_for_euclid_dist".

    Returns:
        ``[..., rows, others]``.

    >>> import dynagrad
    >>> dynagrad.cdist(dynagrad.tensor([[0., 0.]]), dynagrad.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    if x1.ndim < 2 or x2.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, X1 got: {x1.ndim}D, X2 got: {x2.ndim}D")
    if x1.shape[x1.ndim - 1] != x2.shape[x2.ndim - 1]:
        raise RuntimeError("X1 and X2 must have the same number of columns. "
                           f"X1: {x1.shape[x1.ndim - 1]} X2: {x2.shape[x2.ndim - 1]}")
    for t, name in ((x1, "X1"), (x2, "X2")):
        if not is_float((<TensorBase>t).dtype):
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {TYPE_NAMES[(<TensorBase>t).dtype]}")
    if not p >= 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode is None:
        compute_mode = MODES[0]
    if compute_mode not in MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    if x1.dtype != x2.dtype:
        raise RuntimeError(f"expected scalar type {TYPE_NAMES[x1.dtype]} but found {TYPE_NAMES[x2.dtype]}")
    many = x1.shape[x1.ndim - 2] > MANY or x2.shape[x2.ndim - 2] > MANY
    by_products = p == 2 and (compute_mode == MODES[1] or compute_mode == MODES[0] and many)
    return pairwise(x1, x2, p, by_products)


register(Card("cdist", _cdist, CdistBackward0, "composite", samples="database", method=False))


@cython.final
cdef class PdistBackward0(Node):
    _saves = ("self", "result")
    _keeps = ("p",)

    cdef object vjp(self, TensorBase g):
        x, found = saved_of(self, 0), saved_of(self, 1)
        first, second = CARDS["triu_indices"].op(x.shape[0], x.shape[0], 1)
        gaps = x.index_select(0, first) - x.index_select(0, second)
        each = g.unsqueeze(-1) * slopes(self.params[0], gaps, found.unsqueeze(-1))
        return x.new_zeros(x.shape).index_add(0, first, each).index_add(0, second, -each)


def pdist(TensorBase input not None, double p):
    """The distances of all pairs of rows, as the upper triangle row by row, of a matrix of floating numbers.

    >>> import dynagrad
    >>> from dynagrad._core.ops.distance import pdist
    >>> pdist(dynagrad.tensor([[0., 0.], [3., 4.]]), 2)
    tensor([5.])
    """
    def values():
        first, second = CARDS["triu_indices"].op(input.shape[0], input.shape[0], 1)
        gaps = input.index_select(0, first) - input.index_select(0, second)
        return CARDS["linalg_vector_norm"].op(gaps, p, -1)
    return whole(PdistBackward0, (input,), values, (input,), (p,))


# ---- of two tensors --------------------------------------------------------------------------------------------------

@cython.final
cdef class DistBackward0(Node):
    _saves = ("self", "other", "result")
    _keeps = ("p",)

    cdef object vjp(self, TensorBase g):
        gaps = saved_of(self, 0) - saved_of(self, 1)
        slope = norm_gradient(self.params[0], g, gaps, saved_of(self, 2), tuple(range(gaps.ndim)))
        if slope is None:
            slope = gaps.new_zeros(gaps.shape)
        return slope if needs(self, 0) else None, -slope if needs(self, 1) else None


def _dist(TensorBase input not None, TensorBase other not None, p=2):
    """The p-norm of the difference, with broadcasting.

    >>> import dynagrad
    >>> dynagrad.dist(dynagrad.tensor([3., 0.]), dynagrad.tensor([0., 4.]))
    tensor(5.)
    """
    if not is_float(input.dtype):
        raise RuntimeError("norm(): input dtype should be either floating point or complex. Got "
                           f"{TYPE_NAMES[input.dtype]} instead.")
    return whole(DistBackward0, (input, other), lambda: (input - other).norm(p), (input, other), (p,))


register(Card("dist", _dist, DistBackward0, "composite", samples="database"))


# ---- shortened to a norm ---------------------------------------------------------------------------------------------

cdef double LEAST_NORM = 1e-7       # is added to what divides

cdef tuple _others(object input, object dim):
    return tuple([d for d in range(input.ndim) if d != dim % input.ndim])


@cython.final
cdef class RenormBackward0(Node):                       # x m / |x|: the factor's gradient is along the norm's
    _saves = ("self",)
    _keeps = ("p", "dim", "maxnorm")

    cdef object vjp(self, TensorBase g):
        p, dim, most = self.params
        x = saved_of(self, 0)
        dims = _others(x, dim)
        norm = CARDS["linalg_vector_norm"].op(x, p, dims, True)
        inverse = 1 / (norm + LEAST_NORM)
        through = norm_gradient(p, (x * g).sum(dims, True), x, norm, dims)
        shortened = (g - inverse * through) * (most * inverse)
        return CARDS["where"].op(norm > most, shortened, g)


def renormed(input, p, dim, maxnorm):
    """What `renorm` returns, in ordinary ops."""
    norms = CARDS["linalg_vector_norm"].op(input, p, _others(input, dim), True)
    return input * (maxnorm / (norms + LEAST_NORM)).where(norms > maxnorm, norms.new_ones(()))


cdef int _check_renorm(TensorBase input, object p, object dim, object maxnorm) except -1:
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    wrapped_dim(dim, input.ndim)        # which checks it
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    return 0


def _renorm(TensorBase input not None, p, dim, maxnorm, *, out=None):
    """The tensor with every slice along ``dim`` whose p-norm exceeds ``maxnorm`` scaled down to it.

    >>> import dynagrad
    >>> dynagrad.renorm(dynagrad.tensor([[3., 4.], [0., 1.]]), 2, 0, 1)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    _check_renorm(input, p, dim, maxnorm)
    made = whole(RenormBackward0, (input,), lambda: renormed(input, p, dim, maxnorm), (input,), (p, dim, maxnorm))
    return deliver(made, out)


def _renorm_(TensorBase self not None, p, dim, maxnorm):
    """`renorm` in place."""
    _check_renorm(self, p, dim, maxnorm)
    return whole(RenormBackward0, (self,), lambda: renormed(self, p, dim, maxnorm), (self,), (p, dim, maxnorm), self)


register(Card("renorm", _renorm, RenormBackward0, "composite", inplace=_renorm_, samples="database"))
