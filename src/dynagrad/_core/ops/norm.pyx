"""Normalisation by channel (batch_norm) and by groups of channels (group_norm): value, derivative and card.

Statistics are kept in float64, whatever the input. Norms over the last dimensions are elsewhere.

Note [Two derivatives of a norm]
Without a graph, the gradient of the input is one pass over g and x with three numbers for each row. With one
(create_graph), it is the formula in ordinary ops, whose own derivatives follow.
"""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport Node, begin, has_saved, link, needs, reserve_saved, save, settle, thread_state, unpack, wants_grad
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.linalg cimport shape_error
from dynagrad._core.ops.copy cimport laid_like
from dynagrad._core.ops.resample cimport sizes_of
from dynagrad._core.tensor cimport TensorBase, new_tensor
from dynagrad._core.types cimport F64, DType, compute_dtype, compute_of, is_float
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/norm.hpp" namespace "dg" nogil:
    struct RowSums:
        const void* x
        const void* g
        const double* center
        double* first
        double* second
        int64_t n, period
    struct RowMap:
        const void* x
        const void* g
        void* out
        const double* a
        const double* b
        const double* p
        int64_t n, period
    void row_sums(DType type, int64_t rows, const RowSums& s)
    void row_map(DType type, int64_t rows, const RowMap& m)


# ---- rows ------------------------------------------------------------------------------------------------------------

cdef TensorBase _rows(TensorBase x, int64_t rows):
    """The elements as so many rows, in float32 or float64, without a history."""
    cdef TensorBase made = contiguous(cast(x, compute_dtype[compute_of[x.dtype]])).detach()
    return made.view(rows, x.numel // rows if rows else 0)


cdef tuple _sums(TensorBase x, TensorBase g, TensorBase center):
    """Two float64 vectors: the sums over each row of x - center and of its square, or of g and g (x - center)."""
    cdef Unlocked unlocked
    cdef int64_t rows = x.shape[0]
    cdef TensorBase first = new_tensor(F64, 1, &rows), second = new_tensor(F64, 1, &rows)
    cdef RowSums s
    s.x, s.g = x.data, NULL
    s.center = NULL
    s.first, s.second = <double*>first.data, <double*>second.data
    s.n, s.period = x.shape[1], rows
    if g is not None:
        s.g = g.data
    if center is not None:
        center = contiguous(center)
        s.center, s.period = <double*>center.data, center.numel
    unlocked.begin()
    with nogil:
        row_sums(<DType>x.dtype, rows, s)
    return first, second


cdef TensorBase _map(TensorBase x, TensorBase g, TensorBase a, TensorBase b, TensorBase p):
    """x a + b, or g p + x a + b, row by row."""
    cdef Unlocked unlocked
    cdef TensorBase out = new_tensor(x.dtype, 2, x.shape)
    cdef RowMap m
    a, b = contiguous(a), contiguous(b)
    m.x, m.g, m.out = x.data, NULL, out.data
    m.p = NULL
    m.a, m.b = <double*>a.data, <double*>b.data
    m.n, m.period = x.shape[1], a.numel
    if g is not None:
        p = contiguous(p)
        m.g, m.p = g.data, <double*>p.data
    unlocked.begin()
    with nogil:
        row_map(<DType>x.dtype, x.shape[0], m)
    return out


cdef TensorBase _double(TensorBase t):
    return None if t is None else cast(t, F64).detach()


cdef object _beside(TensorBase t, int ndim):
    """A vector of channels, to broadcast with (N, C, ...)."""
    return t.view(-1, *(1,) * (ndim - 2))


# ---- batch_norm ------------------------------------------------------------------------------------------------------

cdef bint _turned(TensorBase x) noexcept:
    """Whether channels lie in pieces so short that the input is better turned over, channels first."""
    return x.numel and x.numel // (x.shape[0] * x.shape[1]) < 16


cdef TensorBase _by_channel(TensorBase x):
    """Rows of which each lies in one channel: row r in channel r modulo C."""
    if _turned(x):
        return _rows(x.detach().transpose(0, 1), x.shape[1])
    return _rows(x, x.shape[0] * x.shape[1])


cdef TensorBase _as_input(TensorBase rows, TensorBase x):
    """Rows of `_by_channel` back in x's shape and dtype."""
    cdef object made
    if _turned(x):
        n, c, *rest = sizes_of(x)
        made = contiguous(rows.view(c, n, *rest).transpose(0, 1))
    else:
        made = rows.view(sizes_of(x))
    return cast(made.detach(), x.dtype)


cdef TensorBase _per_channel(TensorBase sums, int64_t channels):
    return sums if sums.numel == channels else sums.view(-1, channels).sum(0)


cdef tuple _moments(TensorBase rows, int64_t channels):
    """Mean and biased variance of each channel."""
    cdef int64_t count = rows.numel // max(channels, 1)
    mean = _per_channel(_sums(rows, None, None)[0], channels) / count
    first, second = _sums(rows, None, mean)
    shift = _per_channel(first, channels) / count      # what rounding left of the mean
    return mean + shift, (_per_channel(second, channels) / count - shift * shift).clamp(min=0)


def _statistic(int slot):
    """Shows a statistic of the input in its dtype, empty where it is the running one that was used."""
    def found(Node node):
        cdef TensorBase held = unpack(node, slot)
        return cast(held if node.params[0] else held.new_empty(0), node.output.dtype)
    return found


@cython.final
cdef class NativeBatchNormBackward0(Node):              # see Note [Two derivatives of a norm]
    _saves = ("input", "weight", "result1", "result2", "running_mean", "running_var")
    _keeps = ("training", "eps")
    _shows = {"result1": _statistic(2), "result2": _statistic(3)}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase x = unpack(self, 0), weight = unpack(self, 1) if has_saved(self, 1) else None
        cdef TensorBase mean = unpack(self, 2), rstd = unpack(self, 3)
        if thread_state.grad_enabled:
            return _batch_norm_formula(g, x, weight, mean, rstd, self.params[0], self.params[1])
        return self._at_once(g, x, weight, mean, rstd)

    cdef tuple _at_once(self, TensorBase g, TensorBase x, TensorBase weight, TensorBase mean, TensorBase rstd):
        cdef TensorBase rows = _by_channel(x), g_rows = _by_channel(cast(g, x.dtype))
        cdef TensorBase p, a, b
        cdef int64_t channels = x.shape[1], count = x.numel // max(x.shape[1], 1)
        first, second = _sums(rows, g_rows, mean)
        sum_g, sum_gx = _per_channel(first, channels), _per_channel(second, channels)
        dx = None
        if needs(self, 0):
            p = rstd if weight is None else rstd * _double(weight)
            if self.params[0]:
                a = -(p * rstd * rstd * sum_gx) / count
                b = -(p * sum_g) / count - a * mean
            else:
                a = b = p * 0
            dx = _as_input(_map(rows, g_rows, a, b, p), x)
        return dx, sum_gx * rstd if needs(self, 1) else None, sum_g if needs(self, 2) else None


cdef tuple _batch_norm_formula(object g, object x, object weight, TensorBase mean, TensorBase rstd, bint training, double eps):
    """The gradients of input, weight and bias in ordinary ops."""
    cdef int ndim = (<TensorBase>x).ndim
    cdef TensorBase shaped
    dims = (0, *range(2, ndim))
    if training:
        m = x.mean(dims, True)
        centered = x - m
        r = ((centered * centered).mean(dims, True) + eps).rsqrt()
    else:
        shaped = _beside(mean, ndim)
        centered = x - cast(shaped, (<TensorBase>x).dtype)
        shaped = _beside(rstd, ndim)
        r = cast(shaped, (<TensorBase>x).dtype)
    normal = centered * r
    scaled = g if weight is None else g * _beside(weight, ndim)
    dx = scaled * r
    if training:
        dx = r * (scaled - scaled.mean(dims, True) - normal * (scaled * normal).mean(dims, True))
    return dx, (g * normal).sum(dims) if weight is not None else None, g.sum(dims)


cdef int _check_norm(TensorBase input, str name) except -1:
    if not is_float(input.dtype):
        raise NotImplementedError(f"\"{name}\" not implemented for integers and bools")
    if input.ndim < 2 and input.numel:
        raise shape_error(f"{name}: expected at least 2 dimensions, (N, C, ...), got input of size {list(sizes_of(input))}",
                          [input])
    return 0


cdef int _check_vector(TensorBase input, object vector, str name) except -1:
    cdef int64_t channels = input.shape[1] if input.ndim > 1 else 0
    if vector is not None and (<TensorBase>vector).numel != channels:
        raise shape_error(f"{name} should contain {channels} elements not {(<TensorBase>vector).numel}", [input, vector])
    return 0


cdef int _keep_running(TensorBase running, TensorBase fresh, double momentum) except -1:
    """running = (1 - momentum) running + momentum fresh, in place."""
    cdef bint grad = thread_state.grad_enabled
    thread_state.grad_enabled = False
    try:
        running.copy_(_double(running) * (1 - momentum) + fresh * momentum)
    finally:
        thread_state.grad_enabled = grad
    return 0


def _batch_norm(TensorBase input not None, TensorBase weight, TensorBase bias, TensorBase running_mean, TensorBase running_var,
                training, momentum, eps, cudnn_enabled=False):
    """Normalises each channel of (N, C, ...) by its mean and variance, then scales and shifts it.

    In training, by those of the input, which also move the running ones by ``momentum``; otherwise by the running ones.
    Raises RuntimeError where vectors do not have C elements.

    >>> import dynagrad
    >>> x = dynagrad.tensor([[1.], [3.]])
    >>> dynagrad.batch_norm(x, None, None, None, None, True, 0.1, 0.)
    tensor([[-1.],
            [ 1.]])
    """
    cdef TensorBase rows, made, mean, rstd, a
    cdef Node node = None
    cdef int64_t channels, count
    _check_norm(input, "batch_norm")
    channels = input.shape[1] if input.ndim > 1 else 0
    for name, vector in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        _check_vector(input, vector, name)
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when not training")
    if wants_grad(input) or wants_grad(weight) or wants_grad(bias):
        node = NativeBatchNormBackward0.__new__(NativeBatchNormBackward0)
        _link_three(node, input, weight, bias)
        node.params = (bool(training), float(eps))
    if input.numel == 0:
        made = cast(input, input.dtype).detach().clone()
        mean = rstd = input.detach().new_zeros(channels).double()
    else:
        rows = _by_channel(input)
        if training:
            count = input.numel // max(channels, 1)
            mean, var = _moments(rows, channels)
            if running_mean is not None:
                _keep_running(running_mean, mean, momentum)
            if running_var is not None:
                _keep_running(running_var, var * (count / (count - 1.0)) if count > 1 else var / 0.0, momentum)
        else:
            mean, var = _double(running_mean), _double(running_var)
        rstd = (var + eps).rsqrt()
        a = rstd if weight is None else rstd * _double(weight)
        shift = -(mean * a)
        made = _as_input(_map(rows, None, a, shift if bias is None else shift + _double(bias), None), input)
    if node is not None:
        reserve_saved(node, 6)
        save(node, 0, input)
        if weight is not None:
            save(node, 1, weight)
        save(node, 2, mean)
        save(node, 3, rstd)
        if running_mean is not None:
            save(node, 4, running_mean)
        if running_var is not None:
            save(node, 5, running_var)
    made = laid_like(made, input)
    settle(node, made, input, weight, None, False)
    return made


cdef int _link_three(Node node, TensorBase input, TensorBase weight, TensorBase bias) except -1:
    begin(node, 3)
    link(node, 0, input)
    if weight is not None:
        link(node, 1, weight)
    if bias is not None:
        link(node, 2, bias)
    return 0


register(Card("batch_norm", _batch_norm, NativeBatchNormBackward0, "layer", method=False))


# ---- group_norm ------------------------------------------------------------------------------------------------------

def _extent(int dim):
    """Shows a size of the input, which is that of the output."""
    def found(Node node):
        return node.output.shape[dim]
    return found


def _area(Node node):
    cdef int64_t n = 1
    cdef int i
    for i in range(2, node.output.ndim):
        n *= node.output.shape[i]
    return n


def _of_groups(int slot):
    """Shows a statistic of each group of each item, in the input's dtype."""
    def found(Node node):
        return cast(unpack(node, slot), node.output.dtype).view(node.output.shape[0], node.params[0])
    return found


@cython.final
cdef class NativeGroupNormBackward0(Node):              # see Note [Two derivatives of a norm]
    _saves = ("input", "weight", "result1", "result2")
    _keeps = ("group", "eps")
    _shows = {"N": _extent(0), "C": _extent(1), "HxW": _area, "result1": _of_groups(2), "result2": _of_groups(3)}

    cdef object vjp(self, TensorBase g):
        cdef TensorBase x = unpack(self, 0), weight = unpack(self, 1) if has_saved(self, 1) else None
        cdef TensorBase mean = unpack(self, 2), rstd = unpack(self, 3)
        if thread_state.grad_enabled:
            return _group_norm_formula(g, x, weight, self.params[0], self.params[1])
        return self._at_once(g, x, weight, mean, rstd)

    cdef tuple _at_once(self, TensorBase g, TensorBase x, TensorBase weight, TensorBase mean, TensorBase rstd):
        cdef int64_t n = x.shape[0], c = x.shape[1], groups = self.params[0]
        if x.numel == 0:                                # there is nothing to divide by
            nothing = x.new_zeros((c,))
            return x.new_zeros(sizes_of(x)), nothing if needs(self, 1) else None, nothing if needs(self, 2) else None
        cdef TensorBase rows = _rows(x, n * c), g_rows = _rows(cast(g, x.dtype), n * c)
        cdef int64_t count = x.numel // max(n * groups, 1)
        cdef TensorBase center = _each_channel(mean, n, c, groups)
        first, second = _sums(rows, g_rows, center)
        sum_g, sum_gx = first.view(n, groups, c // groups), second.view(n, groups, c // groups)
        r = rstd.view(n, groups, 1)
        dx = None
        if needs(self, 0):
            w = 1.0 if weight is None else _double(weight).view(1, groups, c // groups)
            a = -(r * r * r * (sum_gx * w).sum(2, True)) / count
            b = -(r * (sum_g * w).sum(2, True)) / count - a * mean.view(n, groups, 1)
            p = (r * w).expand(n, groups, c // groups)
            whole = (n, groups, c // groups)
            dx = cast(_map(rows, g_rows, a.expand(whole).reshape(-1), b.expand(whole).reshape(-1), p.reshape(-1)), x.dtype)
            dx = dx.view(sizes_of(x))
        return (dx, (sum_gx * r).sum(0).view(c) if needs(self, 1) else None,
                sum_g.sum(0).view(c) if needs(self, 2) else None)


cdef TensorBase _each_channel(TensorBase of_groups, int64_t n, int64_t c, int64_t groups):
    return of_groups.view(n, groups, 1).expand(n, groups, c // groups).reshape(-1)


cdef tuple _group_norm_formula(object g, object x, object weight, int64_t groups, double eps):
    cdef tuple sizes = sizes_of(x)
    cdef int ndim = (<TensorBase>x).ndim
    dims = (0, *range(2, ndim))
    grouped = x.reshape(sizes[0], groups, -1)
    centered = grouped - grouped.mean(2, True)
    r = ((centered * centered).mean(2, True) + eps).rsqrt()
    normal = centered * r
    scaled = (g if weight is None else g * _beside(weight, ndim)).reshape(sizes[0], groups, -1)
    dx = r * (scaled - scaled.mean(2, True) - normal * (scaled * normal).mean(2, True))
    return (dx.reshape(sizes), (g * normal.reshape(sizes)).sum(dims) if weight is not None else None, g.sum(dims))


def _group_norm(TensorBase input not None, num_groups, TensorBase weight=None, TensorBase bias=None, eps=1e-5,
                cudnn_enabled=True):
    """Normalises each group of channels of each item of (N, C, ...), then scales and shifts each channel.

    Raises RuntimeError where num_groups does not divide C, or weight or bias does not have C elements.

    >>> import dynagrad
    >>> dynagrad.group_norm(dynagrad.tensor([[1., 3., 5., 5.]]), 2, eps=0.)[0, :2]
    tensor([-1.,  1.])
    """
    cdef TensorBase rows, made, mean, rstd, a, b
    cdef Node node = None
    cdef int64_t n, c, groups = num_groups
    _check_norm(input, "group_norm")
    n, c = input.shape[0], input.shape[1]
    if groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {groups}")
    if c % groups:
        raise shape_error(f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
                          f"{list(sizes_of(input))} and num_groups={groups}", [input])
    for name, vector in (("weight", weight), ("bias", bias)):
        if vector is not None and ((<TensorBase>vector).ndim != 1 or (<TensorBase>vector).numel != c):
            raise shape_error(f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} "
                              f"of shape {list(sizes_of(vector))} and input of shape {list(sizes_of(input))}", [input, vector])
    if wants_grad(input) or wants_grad(weight) or wants_grad(bias):
        node = NativeGroupNormBackward0.__new__(NativeGroupNormBackward0)
        _link_three(node, input, weight, bias)
        node.params = (groups, float(eps))
    if input.numel == 0:
        made = input.detach().clone()
        mean = rstd = input.detach().new_zeros(n * groups).double()
    else:
        mean, var = _moments(_rows(input, n * groups), n * groups)
        rstd = (var + eps).rsqrt()
        a = _each_channel(rstd, n, c, groups)
        b = -_each_channel(mean, n, c, groups) * a
        if weight is not None:
            scale = _double(weight).repeat(n)
            a, b = a * scale, b * scale
        if bias is not None:
            b = b + _double(bias).repeat(n)
        made = cast(_map(_rows(input, n * c), None, a, b, None), input.dtype).view(sizes_of(input)).detach()
    if node is not None:
        reserve_saved(node, 4)
        save(node, 0, input)
        if weight is not None:
            save(node, 1, weight)
        save(node, 2, mean)
        save(node, 3, rstd)
    made = laid_like(made, input)
    settle(node, made, input, weight, None, False)
    return made


register(Card("group_norm", _group_norm, NativeGroupNormBackward0, "layer", method=False))
