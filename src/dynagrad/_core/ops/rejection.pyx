"""Numbers drawn by rejection: gamma, Dirichlet and binomial ones, and how the first two move with their parameters.

The streams are kernels/rejection.cpp, the derivatives kernels/drift_table.cpp. What takes a fixed number of draws is in
random.pyx.
"""
import cython

from libc.stdint cimport int64_t

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport (
    Node, begin1, begin2, begin_list, reserve_saved, save, save_result, settle, unpack, wants_grad)
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.lines cimport over_rows
from dynagrad._core.ops.pointwise cimport mul, no_derivative
from dynagrad._core.ops.random cimport Stream, stream_of
from dynagrad._core.tensor cimport TensorBase, is_tensor, new_tensor
from dynagrad._core.types cimport BF16, F16, F32, F64, is_float, itemsizes
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "kernels/rejection.hpp" namespace "dg" nogil:
    void fill_gamma(Stream& stream, bint narrow, int64_t n, const void* alpha, void* out, double least)
    void divide_shares(bint narrow, int64_t rows, int64_t n, const double* gamma, const double* total, void* out,
                       double least, double most)
    void fill_binomial(Stream& stream, bint narrow, int64_t n, const void* count, const void* prob, void* out)

cdef extern from "kernels/drift.hpp" namespace "dg" nogil:
    ctypedef void (*DriftLoop)(const void* x, const void* alpha, const void* total, void* out, int64_t n) noexcept
    struct DriftKernels:
        DriftLoop* gamma
        DriftLoop* dirichlet
    const DriftKernels* drift_kernels()

# ---- what the arguments may be ---------------------------------------------------------------------------------------

cdef TensorBase _tensor(str op, str name, int position, object value):
    if not is_tensor(value):
        raise TypeError(f"{op}(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}")
    return <TensorBase>value


cdef int _need_floating(str op, TensorBase t) except -1:
    if not is_float(t.dtype):
        raise NotImplementedError(f"\"{op}\" not implemented for '{TYPE_NAMES[t.dtype]}'")
    return 0


cdef int _need_same(TensorBase t, TensorBase like) except -1:
    if t.dtype != like.dtype:
        raise RuntimeError(f"Found dtype {TYPE_NAMES[t.dtype]} but expected {TYPE_NAMES[like.dtype]}")
    return 0


cdef TensorBase _operand(TensorBase t, int dtype):
    """t in the dtype that is computed in, row by row and without a history."""
    return contiguous(cast(t.detach(), F64 if dtype == F64 else F32))


cdef double _tiny(int dtype) noexcept:
    """The least positive normal number."""
    return 2.0 ** -14 if dtype == F16 else 2.2250738585072014e-308 if dtype == F64 else 2.0 ** -126


cdef double _below_one(int dtype) noexcept:
    return 1 - (2.0 ** -11 if dtype == F16 else 2.0 ** -8 if dtype == BF16 else 2.0 ** -24 if dtype == F32 else 2.0 ** -53)


# ---- gamma -----------------------------------------------------------------------------------------------------------

@cython.final
cdef class StandardGammaBackward0(Node):
    _saves = ("self", "result")

    cdef object vjp(self, TensorBase g):
        return mul(g, _standard_gamma_grad(unpack(self, 0), unpack(self, 1)))


cdef TensorBase _gammas(TensorBase alpha, object generator, double least):
    """A gamma number for each element of a contiguous tensor of floats or doubles."""
    cdef Unlocked unlocked
    cdef Stream* stream = stream_of(generator)
    cdef TensorBase made = new_tensor(alpha.dtype, alpha.ndim, alpha.shape)
    unlocked.begin()
    with nogil:
        fill_gamma(stream[0], alpha.dtype == F32, alpha.numel, alpha.data, made.data, least)
    return made


def _standard_gamma(input, generator=None):
    """Gamma numbers of rate 1, a shape parameter an element; differentiable once, by implicit reparametrisation.

    NaN stands where the parameter is negative or NaN. Raises NotImplementedError for integers.

    >>> import dynagrad as torch
    >>> alpha = torch.tensor([1.0, 5.0], requires_grad=True)
    >>> torch._standard_gamma(alpha).sum().backward()
    >>> bool((alpha.grad > 0).all())
    True
    """
    cdef TensorBase alpha = _tensor("_standard_gamma", "input", 1, input)
    cdef TensorBase result
    cdef Node node = None
    _need_floating("gamma_cpu", alpha)
    if wants_grad(alpha):
        node = StandardGammaBackward0.__new__(StandardGammaBackward0)
        begin1(node, alpha)
        reserve_saved(node, 2)
        save(node, 0, alpha)
    result = cast(_gammas(_operand(alpha, alpha.dtype), generator, _tiny(alpha.dtype)), alpha.dtype)
    settle(node, result, alpha, None, None, False)
    if node is not None:
        save_result(node, 1, result)
    return result


register(Card("_standard_gamma", _standard_gamma, StandardGammaBackward0, "random", method=False))


# ---- Dirichlet -------------------------------------------------------------------------------------------------------

def _sample_dirichlet(input, generator=None):
    """Vectors that sum to one, of the Dirichlet distributions whose parameters are the last dimension of ``input``.

    The gradient through them is in ``distributions.Dirichlet``, as in PyTorch. Raises NotImplementedError for integers.

    >>> import dynagrad as torch
    >>> torch._sample_dirichlet(torch.ones(2, 3)).sum(-1)
    tensor([1., 1.])
    """
    cdef Unlocked unlocked
    cdef TensorBase alpha = _tensor("_sample_dirichlet", "input", 1, input)
    cdef TensorBase gamma, total, result
    cdef Node node = None
    cdef int64_t n = alpha.shape[alpha.ndim - 1] if alpha.ndim else 1
    cdef double least = _tiny(alpha.dtype), most = _below_one(alpha.dtype)
    _need_floating("dirichlet", alpha)
    if wants_grad(alpha):
        node = no_derivative("_sample_dirichlet")
        begin1(node, alpha)
    gamma = _gammas(_operand(alpha, F64), generator, _tiny(F64))
    total = (<object>gamma).sum(-1, True)
    result = new_tensor(F64 if alpha.dtype == F64 else F32, alpha.ndim, alpha.shape)
    if alpha.numel:
        unlocked.begin()
        with nogil:
            divide_shares(result.dtype == F32, alpha.numel // n, n, <double*>gamma.data, <double*>total.data, result.data,
                          least, most)
    result = cast(result, alpha.dtype)
    settle(node, result, alpha, None, None, False)
    return result


register(Card("_sample_dirichlet", _sample_dirichlet, None, "random", method=False))


# ---- derivatives of gamma and beta numbers by their parameters -------------------------------------------------------

cdef struct DriftJob:
    DriftLoop loop
    int64_t size
    const char* x
    const char* alpha
    const char* total
    char* out


cdef void _drift_body(int64_t begin, int64_t end, void* context) noexcept nogil:
    cdef DriftJob* job = <DriftJob*>context
    cdef int64_t at = begin * job.size
    job.loop(job.x + at, job.alpha + at, job.total + at, job.out + at, end - begin)


cdef TensorBase _drift(const DriftLoop* loops, TensorBase x, TensorBase alpha, TensorBase total):
    """One of the loops on operands of one shape and dtype."""
    cdef int dtype = x.dtype
    cdef DriftJob job
    cdef TensorBase made
    x, alpha, total = _operand(x, dtype), _operand(alpha, dtype), _operand(total, dtype)
    made = new_tensor(x.dtype, x.ndim, x.shape)
    job.loop = loops[x.dtype == F64]
    job.size = itemsizes[x.dtype]
    job.x, job.alpha, job.total, job.out = x.data, alpha.data, total.data, made.data
    over_rows(_drift_body, &job, x.numel, x.numel * 64)
    return cast(made, dtype)


@cython.final
cdef class StandardGammaGradBackward0(Node):
    cdef object vjp(self, TensorBase g):
        raise NotImplementedError("the derivative for '_standard_gamma_grad' is not implemented.")


def _standard_gamma_grad(input, output):
    """How gamma numbers ``output`` of rate 1 move with their shape parameters ``input``; both broadcast.

    Raises RuntimeError for two dtypes, NotImplementedError for integers.

    >>> import dynagrad as torch
    >>> torch._standard_gamma_grad(torch.tensor([0.5, 2.0]), torch.tensor([0.3, 1.8]))
    tensor([1.0098, 1.0297])
    """
    cdef TensorBase alpha = _tensor("_standard_gamma_grad", "input", 1, input)
    cdef TensorBase x = _tensor("_standard_gamma_grad", "output", 2, output)
    cdef TensorBase result
    cdef Node node = None
    _need_same(x, alpha)
    _need_floating("_standard_gamma_grad_cpu", alpha)
    if wants_grad(alpha):
        node = StandardGammaGradBackward0.__new__(StandardGammaGradBackward0)
        begin1(node, alpha)
    spread, x = CARDS["broadcast_tensors"].op(alpha.detach(), x.detach())
    result = _drift(drift_kernels().gamma, x, spread, x)
    settle(node, result, alpha, None, None, False)
    return result


register(Card("_standard_gamma_grad", _standard_gamma_grad, StandardGammaGradBackward0, "random", method=False))


def _dirichlet_grad(x, alpha, total):
    """How parts ``x`` move with their own parameters ``alpha``, of the sum ``total``, divided by ``1 - x``; all broadcast.

    Raises RuntimeError for two dtypes, NotImplementedError for integers.

    >>> import dynagrad as torch
    >>> torch._dirichlet_grad(torch.tensor([0.5]), torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([0.6931])
    """
    cdef TensorBase part = _tensor("_dirichlet_grad", "x", 1, x)
    cdef TensorBase own = _tensor("_dirichlet_grad", "alpha", 2, alpha)
    cdef TensorBase all_ = _tensor("_dirichlet_grad", "total", 3, total)
    cdef TensorBase result
    cdef Node node = None
    _need_same(own, part)
    _need_same(all_, part)
    _need_floating("_dirichlet_grad_cpu", part)
    if wants_grad(part) or wants_grad(own) or wants_grad(all_):
        node = no_derivative("_dirichlet_grad")
        begin_list(node, [part, own, all_])
    parts = CARDS["broadcast_tensors"].op(part.detach(), own.detach(), all_.detach())
    result = _drift(drift_kernels().dirichlet, parts[0], parts[1], parts[2])
    settle(node, result, own, part, None, False)
    return result


register(Card("_dirichlet_grad", _dirichlet_grad, None, "random", method=False))


# ---- binomial --------------------------------------------------------------------------------------------------------

def binomial(count, prob, generator=None):
    """Numbers of successes among ``count`` trials of probability ``prob``, both tensors of one dtype that broadcast.

    NaN stands where either is. Raises ValueError for integers, RuntimeError for two dtypes.

    >>> import dynagrad as torch
    >>> torch.binomial(torch.tensor([10.0, 10.0]), torch.tensor([0.0, 1.0]))
    tensor([ 0., 10.])
    """
    cdef Unlocked unlocked
    cdef Stream* stream = stream_of(generator)
    cdef TensorBase trials = _tensor("binomial", "count", 1, count)
    cdef TensorBase chance = _tensor("binomial", "prob", 2, prob)
    cdef TensorBase counts, probs, result
    cdef Node node = None
    for name, t in (("count", trials), ("prob", chance)):
        if not is_float((<TensorBase>t).dtype):
            raise ValueError(f"binomial only supports floating-point dtypes for {name}, got: "
                             f"{TYPE_NAMES[(<TensorBase>t).dtype]}")
    _need_same(chance, trials)
    if wants_grad(trials) or wants_grad(chance):
        node = no_derivative("binomial")
        begin2(node, trials, chance)
    counts, probs = CARDS["broadcast_tensors"].op(trials.detach(), chance.detach())
    counts, probs = _operand(counts, trials.dtype), _operand(probs, trials.dtype)
    result = new_tensor(counts.dtype, counts.ndim, counts.shape)
    unlocked.begin()
    with nogil:
        fill_binomial(stream[0], counts.dtype == F32, counts.numel, counts.data, probs.data, result.data)
    result = cast(result, trials.dtype)
    settle(node, result, trials, chance, None, False)
    return result


register(Card("binomial", binomial, None, "random", method=False))
