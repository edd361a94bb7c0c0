"""Random tensors: the generator as a Python object, and the ops that draw from it.

The stream and the distributions are kernels/random.cpp; forking and the functions on the default stream, `random.py`.
"""
import os
import warnings

import cython

from libc.stdint cimport int64_t, uint8_t, uint64_t

from dynagrad._core.card import Card, register
from dynagrad._core.shown import input_sizes, sizes
from dynagrad._core.types import TYPE_NAMES

from dynagrad._core.graph cimport Node, begin1, begin_pair, needs, prepare, settle, wants_grad
from dynagrad._core.iterate cimport contiguous, copy_into, fill, output
from dynagrad._core.ops.create cimport allocate, allocate_like, finish, whole_number
from dynagrad._core.scalars cimport c_name, check_element
from dynagrad._core.tensor cimport TensorBase, new_alias, new_like, new_tensor, shape_tuple
from dynagrad._core.types cimport (
    BF16, BOOL, F16, F32, I64, U8, DType, cpu, default_dtype, dtype_object, is_float, is_number, itemsizes)
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "kernels/random.hpp" namespace "dg" nogil:
    enum Multinomial:
        MULTINOMIAL_OK, MULTINOMIAL_NEGATIVE, MULTINOMIAL_NOT_FINITE, MULTINOMIAL_ZERO_SUM
    const uint64_t DEFAULT_SEED
    const int64_t RNG_STATE_BYTES
    void stream_get_state "dg::get_state"(Stream& stream, uint8_t* out)
    bint stream_set_state "dg::set_state"(Stream& stream, const uint8_t* bytes)
    void fill_uniform(Stream& stream, DType dtype, void* data, int64_t n, double a, double b)
    void fill_normal(Stream& stream, DType dtype, void* data, int64_t n, double mean, double std, bint blocks)
    void fill_exponential(Stream& stream, DType dtype, void* data, int64_t n, double rate)
    void fill_cauchy(Stream& stream, DType dtype, void* data, int64_t n, double median, double sigma)
    void fill_log_normal(Stream& stream, DType dtype, void* data, int64_t n, double mean, double std)
    void fill_geometric(Stream& stream, DType dtype, void* data, int64_t n, double p)
    void fill_bernoulli(Stream& stream, DType dtype, void* data, int64_t n, double p)
    bint fill_bernoulli_each(Stream& stream, DType dtype, void* data, int64_t n, DType p_dtype, const void* p)
    bint fill_poisson(Stream& stream, DType dtype, void* data, int64_t n, const void* rate)
    void fill_integers(Stream& stream, DType dtype, void* data, int64_t n, uint64_t span, int64_t base)
    void fill_random(Stream& stream, DType dtype, void* data, int64_t n)
    void fill_permutation(Stream& stream, DType dtype, void* data, int64_t n)
    int64_t rounded(DType dtype, int64_t value)
    Multinomial sample_with_replacement(Stream& stream, DType dtype, const void* weights, int64_t rows, int64_t n,
                                        int64_t* out, int64_t samples)
    Multinomial sample_without_replacement(Stream& stream, DType dtype, const void* weights, int64_t rows, int64_t n,
                                           int64_t* out, int64_t samples)

# ---- the generator ---------------------------------------------------------------------------------------------------

cdef uint64_t _seed_bits(object seed) except? 0:
    """A seed in [-2^63, 2^64) as 64 bits; negative ones wrap. Raises ValueError outside."""
    number = int(seed)
    if not -2 ** 63 <= number < 2 ** 64:
        raise ValueError(f"Overflow when unpacking long long: the seed {number} does not fit in 64 bits")
    return number & 0xffffffffffffffff


cdef class Generator:
    """A stream of random numbers: that of PyTorch's CPU generator for the same seed.

    >>> import dynagrad
    >>> g = dynagrad.Generator().manual_seed(0)
    >>> dynagrad.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    def __cinit__(self, device=None):
        if device is not None and str(device).partition(":")[0] != "cpu":
            raise RuntimeError(f"dynagrad has no generator for device {device}; use device='cpu'")
        self.stream = new Stream(DEFAULT_SEED)

    def __dealloc__(self):
        del self.stream

    @property
    def device(self):
        """The CPU."""
        return cpu

    def manual_seed(self, seed):
        """Starts the stream of ``seed`` and returns the generator. ValueError if it does not fit in 64 bits."""
        self.stream.manual_seed(_seed_bits(seed))
        return self

    def seed(self):
        """Starts the stream of a seed from the operating system, and returns that seed."""
        number = int.from_bytes(os.urandom(8), "little") & 0x1fffffffffffff
        self.stream.manual_seed(number)
        return number

    def initial_seed(self):
        """The seed at which the stream started."""
        return self.stream.seed

    def get_state(self):
        """The state as a tensor of bytes, in PyTorch's layout."""
        cdef int64_t n = RNG_STATE_BYTES
        cdef TensorBase made = new_tensor(U8, 1, &n)
        stream_get_state(self.stream[0], <uint8_t*>made.data)
        return made

    def set_state(self, new_state):
        """Continues from a state that ``get_state`` gave, here or in PyTorch. Raises TypeError or RuntimeError otherwise."""
        cdef TensorBase state
        if not isinstance(new_state, TensorBase):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        state = contiguous(new_state)
        if state.dtype != U8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.numel != RNG_STATE_BYTES:
            raise RuntimeError(f"Expected a CPUGeneratorImplState of size {RNG_STATE_BYTES} but found the input RNG state size "
                               f"to be {state.numel}")
        if not stream_set_state(self.stream[0], <const uint8_t*>state.data):
            raise RuntimeError("Invalid mt19937 state")
        return self

    def clone_state(self):
        """Another generator at the same place of the same stream."""
        return Generator().set_state(self.get_state())

    def __reduce__(self):
        return _generator_at, (self.get_state(),)


def _generator_at(state):
    return Generator().set_state(state)


default_generator = Generator()
default_generator.seed()
cdef Generator _default = default_generator


cdef Stream* stream_of(object generator) except NULL:
    if generator is None:
        return _default.stream
    if not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return (<Generator>generator).stream


# ---- filling a tensor in the order of memory -------------------------------------------------------------------------

ctypedef enum Kind:
    UNIFORM, NORMAL, EXPONENTIAL, CAUCHY, LOG_NORMAL, GEOMETRIC, BERNOULLI, INTEGERS, RANDOM

cdef struct Draw:           # what to draw
    Kind kind
    double a
    double b
    uint64_t span
    int64_t base


cdef void _draw(Stream* stream, const Draw* draw, DType dtype, void* data, int64_t n, bint blocks) noexcept nogil:
    if draw.kind == UNIFORM:
        fill_uniform(stream[0], dtype, data, n, draw.a, draw.b)
    elif draw.kind == NORMAL:
        fill_normal(stream[0], dtype, data, n, draw.a, draw.b, blocks)
    elif draw.kind == EXPONENTIAL:
        fill_exponential(stream[0], dtype, data, n, draw.a)
    elif draw.kind == CAUCHY:
        fill_cauchy(stream[0], dtype, data, n, draw.a, draw.b)
    elif draw.kind == LOG_NORMAL:
        fill_log_normal(stream[0], dtype, data, n, draw.a, draw.b)
    elif draw.kind == GEOMETRIC:
        fill_geometric(stream[0], dtype, data, n, draw.a)
    elif draw.kind == BERNOULLI:
        fill_bernoulli(stream[0], dtype, data, n, draw.a)
    elif draw.kind == INTEGERS:
        fill_integers(stream[0], dtype, data, n, draw.span, draw.base)
    else:
        fill_random(stream[0], dtype, data, n)


cdef TensorBase _in_memory_order(TensorBase t):
    """The tensor with its dimensions by descending stride: PyTorch fills in that order, whatever the order of indices."""
    cdef int64_t shape[64]
    cdef int64_t strides[64]
    cdef int order[64]
    cdef int i, j
    for i in range(t.ndim):
        j = i
        while j > 0 and t.strides[order[j - 1]] < t.strides[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    for i in range(t.ndim):
        shape[i], strides[i] = t.shape[order[i]], t.strides[order[i]]
    return new_alias(t, t.ndim, shape, strides, 0)


cdef int _fill(TensorBase t, object generator, const Draw* draw) except -1:
    cdef Unlocked unlocked
    cdef Stream* stream = stream_of(generator)
    cdef bint blocks = t.contiguous
    cdef TensorBase ordered = t if t.contiguous else _in_memory_order(t)
    cdef TensorBase target = ordered if ordered.contiguous else new_tensor(t.dtype, ordered.ndim, ordered.shape)
    cdef DType dtype = <DType>t.dtype
    if t.numel < 4096:
        _draw(stream, draw, dtype, target.data, t.numel, blocks)
    else:
        unlocked.begin()
        with nogil:
            _draw(stream, draw, dtype, target.data, t.numel, blocks)
    if target is not ordered:
        copy_into(ordered, target)
    return 0


cdef int _need_floating(str op, TensorBase t) except -1:
    if not is_float(t.dtype):
        raise NotImplementedError(f"\"{op}\" not implemented for '{TYPE_NAMES[t.dtype]}': it fills floating tensors only")
    return 0


# ---- the in-place ops ------------------------------------------------------------------------------------------------

cdef class Overwrites(Node):
    """Nothing of the old elements is left in what was drawn: their gradient is zero."""

    cdef object vjp(self, TensorBase g):
        cdef TensorBase made = new_like(g, g.dtype)
        fill(made, 0)
        return made


@cython.final
cdef class UniformBackward0(Overwrites):
    pass


@cython.final
cdef class NormalBackward0(Overwrites):
    pass


@cython.final
cdef class ExponentialBackward0(Overwrites):
    pass


@cython.final
cdef class CauchyBackward0(Overwrites):
    pass


@cython.final
cdef class LogNormalBackward0(Overwrites):
    pass


@cython.final
cdef class GeometricBackward0(Overwrites):
    pass


@cython.final
cdef class RandomBackward0(Overwrites):
    pass


@cython.final
cdef class RandomBackward1(Overwrites):
    pass


@cython.final
cdef class RandomBackward2(Overwrites):
    pass


@cython.final
cdef class BernoulliBackward2(Overwrites):
    pass


cdef TensorBase _overwrite(TensorBase t, object generator, type node_class, const Draw* draw):
    """Draws into t itself, and records that."""
    cdef Node node = None
    cdef bint recording = wants_grad(t)
    prepare(t, True, recording)
    if recording:
        node = <Node>(<object>node_class).__new__(node_class)
        begin1(node, t)
    _fill(t, generator, draw)
    settle(node, t, t, None, t, True)
    return t


cdef double _real(str op, str argument, object value) except? -1:
    if isinstance(value, TensorBase):
        return value.item()
    if not is_number(value):
        raise TypeError(f"{op}(): argument '{argument}' must be float, not {type(value).__name__}")
    return value


cdef double _largest(int dtype) noexcept:
    return 65504.0 if dtype == F16 else 3.3895313892515355e38 if dtype == BF16 else 3.4028234663852886e38 if dtype == F32 \
        else 1.7976931348623157e308


cdef int _check_interval(TensorBase t, double low, double high) except -1:
    cdef double top = _largest(t.dtype)
    cdef str name = dtype_object(t.dtype).name
    if not -top <= low <= top:
        raise RuntimeError(f"from is out of bounds for {name}: {low}")
    if not -top <= high <= top:
        raise RuntimeError(f"to is out of bounds for {name}: {high}")
    if not low <= high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if high - low > top:
        raise RuntimeError(f"uniform_ expects to-from <= std::numeric_limits<{TYPE_NAMES[t.dtype]}>::max(), but found "
                           f"to={high} and from={low} which result in to-from to exceed the limit")
    return 0


cdef TensorBase _uniform(TensorBase t, double low, double high, object generator):
    cdef Draw draw = Draw(UNIFORM, low, high, 0, 0)
    _need_floating("check_uniform_bounds", t)
    _check_interval(t, low, high)
    return _overwrite(t, generator, UniformBackward0, &draw)


def uniform_(TensorBase self not None, *args, to=None, generator=None, **bounds):
    """Fills the tensor with numbers drawn uniformly from [``from``, ``to``), by default [0, 1).

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.empty(2).uniform_(-1, 1)
    tensor([-0.0075,  0.5364])
    """
    low, high = _bounds("uniform_", args, bounds, to, 0.0, 1.0)
    return _uniform(self, _real("uniform_", "from", low), _real("uniform_", "to", high), generator)


cdef tuple _bounds(str op, tuple args, dict named, object to, object low, object high):
    """(from, to) of a call; ``from`` is a keyword of Python and so cannot be a parameter."""
    if len(args) > 2:
        raise TypeError(f"{op}() takes from 0 to 2 positional arguments but {len(args)} were given")
    for name in named:
        if name != "from":
            raise TypeError(f"{op}() got an unexpected keyword argument '{name}'")
    low = args[0] if args else named.get("from", low)
    high = args[1] if len(args) > 1 else high if to is None else to
    return low, high


cdef TensorBase _normal(TensorBase t, double mean, double std, object generator):
    cdef Draw draw = Draw(NORMAL, mean, std, 0, 0)
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    _need_floating("normal_kernel_cpu", t)
    return _overwrite(t, generator, NormalBackward0, &draw)


def normal_(TensorBase self not None, mean=0, std=1, *, generator=None):
    """Fills the tensor with normally distributed numbers of the given mean and standard deviation.

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.empty(2).normal_()
    tensor([ 1.5410, -0.2934])
    """
    return _normal(self, _real("normal_", "mean", mean), _real("normal_", "std", std), generator)


def exponential_(TensorBase self not None, lambd=1, *, generator=None):
    """Fills the tensor with numbers of the exponential distribution of rate ``lambd``."""
    cdef Draw draw = Draw(EXPONENTIAL, _real("exponential_", "lambd", lambd), 0, 0, 0)
    if not draw.a > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={draw.a:g}")
    if not is_float(self.dtype):
        raise RuntimeError("Exponential distribution is a continuous probability distribution. dtype must be a floating "
                           f"point but you specified {TYPE_NAMES[self.dtype]}")
    return _overwrite(self, generator, ExponentialBackward0, &draw)


def cauchy_(TensorBase self not None, median=0, sigma=1, *, generator=None):
    """Fills the tensor with numbers of the Cauchy distribution of the given median and half-width."""
    cdef Draw draw = Draw(CAUCHY, _real("cauchy_", "median", median), _real("cauchy_", "sigma", sigma), 0, 0)
    if not draw.b > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={draw.b:g}")
    if not is_float(self.dtype):
        raise RuntimeError("Cauchy distribution is a continuous probability distribution. dtype must be a floating point "
                           f"but you specified {TYPE_NAMES[self.dtype]}")
    return _overwrite(self, generator, CauchyBackward0, &draw)


def log_normal_(TensorBase self not None, mean=1, std=2, *, generator=None):
    """Fills the tensor with exponentials of normals of the given mean and standard deviation."""
    cdef Draw draw = Draw(LOG_NORMAL, _real("log_normal_", "mean", mean), _real("log_normal_", "std", std), 0, 0)
    if not draw.b > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={draw.b:g}")
    _need_floating("log_normal_cpu", self)
    return _overwrite(self, generator, LogNormalBackward0, &draw)


def geometric_(TensorBase self not None, p, *, generator=None):
    """Fills the tensor with the number of trials up to the first success, each of probability ``p``."""
    cdef Draw draw = Draw(GEOMETRIC, _real("geometric_", "p", p), 0, 0, 0)
    if not 0 < draw.a < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={draw.a:g}")
    if self.dtype == BOOL:
        raise NotImplementedError("\"geometric_cpu\" not implemented for 'Bool'")
    return _overwrite(self, generator, GeometricBackward0, &draw)


# ---- integers --------------------------------------------------------------------------------------------------------

cdef int _digits(int dtype) noexcept:
    return 11 if dtype == F16 else 8 if dtype == BF16 else 24 if dtype == F32 else 53


cdef object _tightened(int dtype, object low, object high):
    """Bounds moved inwards to numbers that a floating dtype has: none that is drawn may round out of them."""
    step = rounded(<DType>dtype, low + 1)
    if step < low:
        low = step + (1 << max(abs(low + 1).bit_length() - 1 - _digits(dtype) + 1, 0))
    step = rounded(<DType>dtype, high - 1)
    if step >= high:
        high = step - (1 << max(abs(high - 1).bit_length() - 1 - _digits(dtype) + 1, 0))
    return low, high


cdef tuple _limits(int dtype):
    """The smallest and the largest integer of a dtype, as far as int64 goes."""
    if is_float(dtype):
        top = min(int(_largest(dtype)), 2 ** 63 - 1)
        return -top - (top == 2 ** 63 - 1), top
    if dtype == BOOL:
        return 0, 1
    if dtype == U8:
        return 0, 255
    bits = itemsizes[dtype] * 8
    return -2 ** (bits - 1), 2 ** (bits - 1) - 1


cdef int _check_integers(int dtype, object low, object last) except -1:
    least, most = _limits(dtype)
    name = c_name(dtype)
    if not least <= low <= most:
        raise RuntimeError(f"from is out of bounds for {name}: {low}")
    if not least <= last <= most:
        raise RuntimeError(f"to - 1 is out of bounds for {name}: {last}")
    if is_float(dtype):
        for what, value in (("from", low), ("to - 1", last)):
            if abs(value) > 2 ** _digits(dtype):
                warnings.warn(f"{what} is out of bounds [-(2^{_digits(dtype)}), 2^{_digits(dtype)}]. Due to precision "
                              f"limitations {name} can support discrete uniform distribution only within this range.",
                              stacklevel=1)
    return 0


cdef int _between(int dtype, object low, object high, Draw* draw) except -1:
    """The draw of integers in [low, high); high None stands for up to the largest number."""
    cdef bint open_end = high is None
    if open_end and low == -2 ** 63:
        draw[0] = Draw(INTEGERS, 0, 0, 0, 0)
        return 0
    if not open_end and low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if open_end:
        last = (<int64_t>1 << _digits(dtype)) if is_float(dtype) else _limits(dtype)[1]
        high = last + 1
        if is_float(dtype):
            low = _tightened(dtype, low, 0)[0]
    elif is_float(dtype):
        low, high = _tightened(dtype, low, high)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from={low} "
                           f">= to={high}")
    _check_integers(dtype, low, high - 1)
    draw[0] = Draw(INTEGERS, 0, 0, (high - low) & 0xffffffffffffffff, low)
    return 0


def random_(TensorBase self not None, *args, to=None, generator=None, **bounds):
    """Fills the tensor with integers: ``random_()`` over the whole dtype, ``random_(to)`` from 0, ``random_(from, to)``.

    ``to`` is exclusive; None stands for the largest number. Floating dtypes get integers that they can hold exactly.
    """
    cdef Draw draw = Draw(RANDOM, 0, 0, 0, 0)
    cdef int64_t checked
    cdef type node_class = RandomBackward2
    if args or bounds or to is not None:
        one = len(args) == 1 and to is None and not bounds
        low, high = (0, args[0]) if one else _bounds("random_", args, bounds, to, 0, None)
        for value in (low, high):
            if value is not None:
                whole_number("random_", "from", value, &checked)
        _between(self.dtype, low, high, &draw)
        node_class = RandomBackward1 if one else RandomBackward0
    return _overwrite(self, generator, node_class, &draw)


# ---- bernoulli -------------------------------------------------------------------------------------------------------

@cython.final
cdef class BernoulliBackward0(Overwrites):
    pass


@cython.final
cdef class BernoulliBackward1(Node):
    cdef object vjp(self, TensorBase g):
        made = [None, None]
        for i in range(2):
            if needs(self, i):
                made[i] = new_like(g, g.dtype)
                fill(made[i], 0)
        return tuple(made)


cdef int _bernoulli_each(TensorBase t, TensorBase p, object generator) except -1:
    """One draw for each probability, in the order of t's memory."""
    cdef Unlocked unlocked
    cdef Stream* stream = stream_of(generator)
    cdef bint valid
    if not is_float(p.dtype):
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{TYPE_NAMES[p.dtype]}': probabilities are "
                                  "floating numbers")
    cdef TensorBase spread = new_like(t, p.dtype)
    copy_into(spread, p)
    spread = spread if spread.contiguous else _in_memory_order(spread)
    cdef TensorBase ordered = t if t.contiguous else _in_memory_order(t)
    cdef TensorBase target = ordered if ordered.contiguous else new_tensor(t.dtype, ordered.ndim, ordered.shape)
    spread = contiguous(spread)
    unlocked.begin()
    with nogil:
        valid = fill_bernoulli_each(stream[0], <DType>t.dtype, target.data, t.numel, <DType>p.dtype, spread.data)
    if not valid:
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false: a probability lies outside [0, 1]")
    if target is not ordered:
        copy_into(ordered, target)
    return 0


def bernoulli_(TensorBase self not None, p=0.5, *, generator=None):
    """Fills the tensor with ones, each with probability ``p`` (a number, or a tensor of them), and zeros.

    Raises RuntimeError for a probability outside [0, 1].
    """
    cdef Draw draw
    cdef Node node = None
    cdef bint recording
    if not isinstance(p, TensorBase):
        draw = Draw(BERNOULLI, _real("bernoulli_", "p", p), 0, 0, 0)
        if not 0 <= draw.a <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={draw.a:g}")
        return _overwrite(self, generator, BernoulliBackward2, &draw)
    recording = wants_grad(self) or wants_grad(p)
    prepare(self, True, recording)
    if recording:
        node = BernoulliBackward1.__new__(BernoulliBackward1)
        begin_pair(node, self, p)
    _bernoulli_each(self, p, generator)
    settle(node, self, self, p, self, True)
    return self


def bernoulli(TensorBase input not None, p=None, *, generator=None, out=None):
    """Ones and zeros: ones with the probabilities in ``input``, or with ``p`` for each of its elements.

    >>> import dynagrad
    >>> dynagrad.bernoulli(dynagrad.tensor([0., 1.]))
    tensor([0., 1.])
    """
    cdef Node node = None
    cdef bint recording = wants_grad(input)
    if out is not None:
        prepare(out, False, recording)
    if recording:
        node = BernoulliBackward0.__new__(BernoulliBackward0)
        begin1(node, input)
    cdef TensorBase result = output(out, input.dtype if out is None else BOOL, input.ndim, input.shape)
    cdef Draw draw
    if p is None:
        _bernoulli_each(result, input, generator)
    else:
        draw = Draw(BERNOULLI, _real("bernoulli", "p", p), 0, 0, 0)
        if not 0 <= draw.a <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={draw.a:g}")
        _fill(result, generator, &draw)
    settle(node, result, input, None, out, False)
    return result


# ---- rand, randn, randint, randperm ----------------------------------------------------------------------------------

cdef object _size_of(str op, tuple args, object size):
    if size is not None and args or size is None and not args:
        raise TypeError(f"{op}() received an invalid combination of arguments: it takes the sizes one by one, or as one "
                        "sequence")
    return args if size is None else (size,)


cdef TensorBase _drawn(TensorBase made, object out, object generator, const Draw* draw, object requires_grad):
    """The end of a creation op: fills fresh memory, without a history."""
    _fill(made, generator, draw)
    return finish(made, out, requires_grad)


def rand(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False):
    """Numbers drawn uniformly from [0, 1), in a tensor of the given size.

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.rand(2, 2)
    tensor([[0.4963, 0.7682],
            [0.0885, 0.1320]])
    """
    cdef Draw draw = Draw(UNIFORM, 0, 1, 0, 0)
    cdef TensorBase made = allocate("rand", _size_of("rand", args, size), out, dtype, layout, device, default_dtype)
    _need_floating("check_uniform_bounds", made)
    return _drawn(made, out, generator, &draw, requires_grad)


def randn(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
          pin_memory=False):
    """Normally distributed numbers of mean 0 and deviation 1, in a tensor of the given size.

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    cdef Draw draw = Draw(NORMAL, 0, 1, 0, 0)
    cdef TensorBase made = allocate("randn", _size_of("randn", args, size), out, dtype, layout, device, default_dtype)
    _need_floating("normal_kernel_cpu", made)
    return _drawn(made, out, generator, &draw, requires_grad)


cdef int _integer_draw(str op, object low, object high, int dtype, Draw* draw) except -1:
    cdef int64_t checked
    whole_number(op, "low", low, &checked)
    whole_number(op, "high", high, &checked)
    return _between(dtype, low, high, draw)


def randint(*args, low=None, high=None, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
            requires_grad=False, pin_memory=False):
    """Integers drawn uniformly: ``randint(high, size)`` from [0, high), ``randint(low, high, size)`` from [low, high).

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.randint(10, (4,))
    tensor([4, 9, 3, 0])
    """
    cdef Draw draw
    given = list(args)
    if size is None and given:
        size = given.pop()
    if given and high is None:
        high = given.pop()
    if given and low is None:
        low = given.pop()
    if given or high is None or size is None:
        raise TypeError(f"randint() received an invalid combination of arguments: {args}; expected (high, size) or (low, "
                        "high, size)")
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    cdef TensorBase made = allocate("randint", (size,), out, dtype, layout, device, I64)
    _integer_draw("randint", 0 if low is None else low, high, made.dtype, &draw)
    return _drawn(made, out, generator, &draw, requires_grad)


def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """The integers from 0 to ``n`` - 1 in random order.

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.randperm(5)
    tensor([4, 0, 1, 3, 2])
    """
    cdef Unlocked unlocked
    cdef int64_t count
    cdef Stream* stream = stream_of(generator)
    whole_number("randperm", "n", n, &count)
    cdef TensorBase made = allocate("randperm", (count,), out, dtype, layout, device, I64)
    if made.dtype == BOOL:
        raise NotImplementedError("\"randperm\" not implemented for 'Bool'")
    if is_float(made.dtype) and count > (<int64_t>1 << _digits(made.dtype)) + 1:
        raise RuntimeError(f"n cannot be greater than {(<int64_t>1 << _digits(made.dtype)) + 1} for {TYPE_NAMES[made.dtype]} type.")
    check_element(count - 1, made.dtype)
    cdef TensorBase target = made if made.contiguous else new_tensor(made.dtype, 1, made.shape)
    unlocked.begin()
    with nogil:
        fill_permutation(stream[0], <DType>target.dtype, target.data, count)
    if target is not made:
        copy_into(made, target)
    return finish(made, out, requires_grad)


def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
              pin_memory=False):
    """Numbers drawn uniformly from [0, 1), with the sizes and dtype of ``input``.

    >>> import dynagrad
    >>> x = dynagrad.rand_like(dynagrad.ones(2, 3))
    >>> x.shape, bool((x < 1).all())
    (torch.Size([2, 3]), True)
    """
    cdef Draw draw = Draw(UNIFORM, 0, 1, 0, 0)
    cdef TensorBase made = allocate_like("rand_like", input, dtype, layout, device, memory_format)
    _need_floating("check_uniform_bounds", made)
    return _drawn(made, None, generator, &draw, requires_grad)


def randn_like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False,
               memory_format=None, pin_memory=False):
    """Normally distributed numbers of mean 0 and deviation 1, with the sizes and dtype of ``input``.

    >>> import dynagrad
    >>> dynagrad.randn_like(dynagrad.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    cdef Draw draw = Draw(NORMAL, 0, 1, 0, 0)
    cdef TensorBase made = allocate_like("randn_like", input, dtype, layout, device, memory_format)
    _need_floating("normal_kernel_cpu", made)
    return _drawn(made, None, generator, &draw, requires_grad)


def randint_like(input, *args, low=None, high=None, generator=None, dtype=None, layout=None, device=None,
                 requires_grad=False, memory_format=None, pin_memory=False):
    """Integers drawn uniformly from [0, high) or [low, high), with the sizes and dtype of ``input``.

    >>> import dynagrad
    >>> dynagrad.randint_like(dynagrad.zeros(2), 1)
    tensor([0., 0.])
    """
    cdef Draw draw
    given = list(args)
    if given and high is None:
        high = given.pop()
    if given and low is None:
        low = given.pop()
    if given or high is None:
        raise TypeError("randint_like() received an invalid combination of arguments; expected (input, high) or (input, low, "
                        "high)")
    cdef TensorBase made = allocate_like("randint_like", input, dtype, layout, device, memory_format)
    _integer_draw("randint_like", 0 if low is None else low, high, made.dtype, &draw)
    return _drawn(made, None, generator, &draw, requires_grad)


# ---- normal with tensors of means and deviations ---------------------------------------------------------------------

@cython.final
cdef class NormalBackward1(Overwrites):                 # the mean is a tensor, the deviation a number
    _shows = {"mean_sym_sizes": input_sizes}


@cython.final
cdef class NormalBackward2(Overwrites):                 # the other way round
    _shows = {"std_sym_sizes": input_sizes}


@cython.final
cdef class NormalBackward3(Node):                       # both are tensors; the engine sums to their shapes
    _shows = {"mean_sym_sizes": sizes(0), "std_sym_sizes": sizes(1)}

    cdef object vjp(self, TensorBase g):
        made = [None, None]
        for i in range(2):
            if needs(self, i):
                made[i] = new_like(g, g.dtype)
                fill(made[i], 0)
        return tuple(made)


cdef Node _normal_node(object mean, object std):
    cdef Node node
    if not wants_grad(mean) and not wants_grad(std):
        return None
    if isinstance(mean, TensorBase) and isinstance(std, TensorBase):
        node = NormalBackward3.__new__(NormalBackward3)
        begin_pair(node, mean, std)
        return node
    node = NormalBackward1.__new__(NormalBackward1) if isinstance(mean, TensorBase) else \
        NormalBackward2.__new__(NormalBackward2)
    begin1(node, <TensorBase>(mean if isinstance(mean, TensorBase) else std))
    return node


cdef TensorBase _normal_of_tensors(object mean, object std, object generator, object out):
    cdef TensorBase plain_mean = None
    cdef TensorBase plain_std = None
    cdef TensorBase result, like
    cdef Node node
    cdef Draw draw = Draw(NORMAL, 0, 1, 0, 0)
    if isinstance(std, TensorBase):
        plain_std = (<TensorBase>std).detach()
        if plain_std.numel and not plain_std.min().item() >= 0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
    else:
        draw.b = _real("normal", "std", std)
        if not draw.b >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {draw.b:g}")
    if isinstance(mean, TensorBase):
        plain_mean = (<TensorBase>mean).detach()
    like = plain_std if plain_mean is None else plain_mean
    _need_floating("normal_kernel_cpu", like)
    if out is not None:
        prepare(out, False, wants_grad(mean) or wants_grad(std))
    node = _normal_node(mean, std)
    shape = shape_tuple(like)
    if plain_mean is not None and plain_std is not None:
        shape = shape_tuple(plain_mean + plain_std)
    result = allocate("normal", (shape,), out, None, None, None, like.dtype)
    _fill(result, generator, &draw)
    detached = result.detach()
    if plain_std is not None:
        detached.mul_(plain_std)
    if plain_mean is not None or mean != 0:
        detached.add_(mean if plain_mean is None else plain_mean)
    settle(node, result, mean if plain_mean is not None else std, None, out, False)
    return result


def normal(mean=0.0, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
           requires_grad=False, pin_memory=False):
    """Normally distributed numbers, with a mean and a deviation for each element or for all.

    Args:
        mean, std: numbers, or tensors that are broadcast against each other.
        size: of the result, if both are numbers.

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.normal(10., dynagrad.tensor([1., 0.]))
    tensor([11.5410, 10.0000])
    """
    cdef TensorBase made
    cdef Draw draw
    if isinstance(mean, TensorBase) or isinstance(std, TensorBase):
        if size is not None:
            raise TypeError("normal() received an invalid combination of arguments: size goes with a mean and a std that "
                            "are numbers")
        return _normal_of_tensors(mean, std, generator, out)
    if size is None:
        raise TypeError("normal() received an invalid combination of arguments: with numbers for mean and std it needs a "
                        "size")
    draw = Draw(NORMAL, _real("normal", "mean", mean), _real("normal", "std", std), 0, 0)
    if not draw.b >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {draw.b:g}")
    made = allocate("normal", (size,), out, dtype, layout, device, default_dtype)
    _need_floating("normal_kernel_cpu", made)
    return _drawn(made, out, generator, &draw, requires_grad)


# ---- multinomial, poisson --------------------------------------------------------------------------------------------

cdef object _multinomial_error(Multinomial code, bint race):
    if code == MULTINOMIAL_ZERO_SUM:
        return RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if race:
        return RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    what = "entry < 0" if code == MULTINOMIAL_NEGATIVE else "entry = infinity or NaN"
    return RuntimeError(f"invalid multinomial distribution (encountering probability {what})")


cdef int _check_multinomial(TensorBase input, int64_t samples, bint replacement) except -1:
    if not 0 < input.ndim <= 2:
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, but its shape is {list(shape_tuple(input))}")
    if not is_float(input.dtype):
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {TYPE_NAMES[input.dtype]}")
    if samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples: n_sample is {samples}")
    if not replacement and samples > input.shape[input.ndim - 1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
                           f"{samples} > {input.shape[input.ndim - 1]}")
    if input.shape[input.ndim - 1] > 1 << 24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    return 0


def multinomial(TensorBase input not None, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn from each row of ``input`` with probabilities in proportion to its elements.

    Args:
        input: weights, not negative, of one or two dimensions; RuntimeError for a row of zeros.
        num_samples: how many indices a row gives.
        replacement: whether an index may come twice in a row.

    >>> import dynagrad
    >>> dynagrad.multinomial(dynagrad.tensor([0., 1., 0.]), 1)
    tensor([1])
    """
    cdef Unlocked unlocked
    cdef int64_t samples
    cdef int64_t shape[2]
    cdef Stream* stream = stream_of(generator)
    cdef Multinomial error
    whole_number("multinomial", "num_samples", num_samples, &samples)
    _check_multinomial(input, samples, replacement)
    cdef TensorBase weights = contiguous(input)
    cdef int64_t n = input.shape[input.ndim - 1]
    cdef int64_t rows = input.shape[0] if input.ndim == 2 else 1
    cdef bint race = not replacement or samples == 1
    shape[0], shape[input.ndim - 1] = rows, samples
    cdef TensorBase result = output(out, I64, input.ndim, shape)
    cdef TensorBase target = result if result.contiguous and result.dtype == I64 else new_tensor(I64, input.ndim, shape)
    unlocked.begin()
    with nogil:
        if race:
            error = sample_without_replacement(stream[0], <DType>weights.dtype, weights.data, rows, n,
                                               <int64_t*>target.data, samples)
        else:
            error = sample_with_replacement(stream[0], <DType>weights.dtype, weights.data, rows, n, <int64_t*>target.data,
                                            samples)
    if error != MULTINOMIAL_OK:
        raise _multinomial_error(error, race)
    if target is not result:
        copy_into(result, target)
    return finish(result, out, False)


@cython.final
cdef class PoissonBackward0(Overwrites):
    pass


def poisson(TensorBase input not None, *, generator=None):
    """Numbers of the Poisson distributions whose rates are the elements of ``input``. RuntimeError for a negative rate.

    >>> import dynagrad
    >>> dynagrad.poisson(dynagrad.zeros(2))
    tensor([0., 0.])
    """
    cdef Unlocked unlocked
    cdef Node node = None
    cdef Stream* stream = stream_of(generator)
    cdef bint valid
    _need_floating("poisson_cpu", input)
    cdef TensorBase rates = contiguous(input)
    cdef TensorBase result = new_tensor(input.dtype, input.ndim, input.shape)
    if wants_grad(input):
        node = PoissonBackward0.__new__(PoissonBackward0)
        begin1(node, input)
    unlocked.begin()
    with nogil:
        valid = fill_poisson(stream[0], <DType>result.dtype, result.data, result.numel, rates.data)
    if not valid:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    settle(node, result, input, None, None, False)
    return result


for _op in (rand, randn, randint, randperm, rand_like, randn_like, randint_like, normal, poisson):
    register(Card(_op.__name__, _op, None, "random", method=False))
register(Card("multinomial", multinomial, None, "random"))
register(Card("bernoulli", bernoulli, BernoulliBackward0, "random", inplace=bernoulli_))
for _op, _node in ((uniform_, UniformBackward0), (normal_, NormalBackward0), (exponential_, ExponentialBackward0),
                   (cauchy_, CauchyBackward0), (log_normal_, LogNormalBackward0), (geometric_, GeometricBackward0),
                   (random_, RandomBackward2)):
    register(Card(_op.__name__, _op, _node, "random", function=False))
