"""Draws by rejection: gamma, Dirichlet and binomial numbers, and the derivatives of the first two by their parameters.

Draw for draw the streams are PyTorch's. Every one of these samplers consumes uniform doubles, how many is only known
afterwards: a copy of the generator makes a stretch of them at once, the elements are walked in plain Python, and the
generator itself is then moved past what was used. What is drawn without rejection is in ``_core/ops/random.pyx``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import dynagrad
from dynagrad import Tensor
from dynagrad._core.function import FunctionNode
from dynagrad._core.ops.random import Generator, default_generator
from dynagrad.autograd import Function
from dynagrad.autograd.function import once_differentiable

__all__ = ["_dirichlet_grad", "_sample_dirichlet", "_standard_gamma", "_standard_gamma_grad", "binomial"]

# ---- the stream ------------------------------------------------------------------------------------------------------

# Where the generator's bytes keep the second normal number of a pair: its value as a double, and its presence.
_PAIR_VALUE, _PAIR_PRESENT = slice(5024, 5032), 5040
_STRETCH = 4096


class _Uniforms:
    """A generator's uniform doubles as a plain list, of which a sampler takes the first ones and says how many.

    ``waiting`` is the second normal number of a pair whose first one was taken, or None.
    """

    def __init__(self, generator: Generator | None, expected: int) -> None:
        self.generator = default_generator if generator is None else generator
        state = self.generator.get_state()
        self.ahead = Generator().set_state(state)
        present = state[_PAIR_PRESENT].item()
        self.waiting: float | None = state[_PAIR_VALUE].view(dynagrad.float64).item() if present else None
        self.passed = 0
        self.stretch = max(16, min(expected, _STRETCH))
        self.pool: list[float] = []

    def more(self, used: int) -> list[float]:
        """The list without the first ``used``, and longer at the end."""
        self.passed += used
        made = dynagrad.empty(self.stretch, dtype=dynagrad.float64).uniform_(generator=self.ahead)
        self.pool = self.pool[used:] + made.tolist()
        return self.pool

    def close(self, used: int) -> None:
        """Moves the generator past the numbers that were used."""
        if used + self.passed:
            dynagrad.empty(used + self.passed, dtype=dynagrad.float64).uniform_(generator=self.generator)
        state = self.generator.get_state()
        state[_PAIR_PRESENT] = int(self.waiting is not None)
        pair = dynagrad.tensor([self.waiting or 0.0], dtype=dynagrad.float64)
        state[_PAIR_VALUE] = pair.view(dynagrad.uint8)
        self.generator.set_state(state)


def _type_name(tensor: Tensor) -> str:
    return tensor.type().removeprefix("torch.").removesuffix("Tensor")


def _need_floating(op: str, tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        raise NotImplementedError(f"\"{op}\" not implemented for '{_type_name(tensor)}'")


# ---- gamma -----------------------------------------------------------------------------------------------------------

# Marsaglia and Tsang, A simple method for generating gamma variables, 2000; the constants are single ones, as PyTorch's.
_THIRD = 0.3333333432674408
_SQUEEZE = 0.03310000151395798


def _gamma_draws(alpha: Tensor, generator: Generator | None) -> Tensor:
    """A gamma number, a double, for each element; alpha's arithmetic is in its own dtype. NaN for a negative alpha or NaN."""
    alpha = alpha if alpha.dtype is dynagrad.float64 else alpha.float()
    small = alpha < 1
    boosted = dynagrad.where(small, alpha + 1, alpha)
    shifted = (boosted - dynagrad.tensor(_THIRD, dtype=alpha.dtype)).double().flatten().tolist()
    powers = dynagrad.where(small, alpha.reciprocal(), 0).double().flatten().tolist()
    drawn = _gamma_numbers(shifted, powers, _Uniforms(generator, 4 * len(shifted)))
    return dynagrad.tensor(drawn, dtype=dynagrad.float64).view(alpha.shape)


def _gamma_numbers(shifted: list[float], powers: list[float], uniforms: _Uniforms) -> list[float]:  # noqa: C901 - calls would cost more than the numbers
    """Numbers of the shapes ``d + 1/3``, of at least 1 by the boost ``power``, which is 0 where none is needed.

    One loop without calls, because every number of every sample passes through it.
    """
    log, sqrt = math.log, math.sqrt
    pool, used, waiting, drawn = uniforms.more(0), 0, uniforms.waiting, []
    for d, power in zip(shifted, powers, strict=True):
        if not (d > 0 and power >= 0):
            drawn.append(math.nan)
            continue
        if power == math.inf:
            drawn.append(0.0)
            continue
        if used + 4 > len(pool):
            pool, used = uniforms.more(used), 0
        scale = d
        if power:
            scale *= (1 - pool[used]) ** power
            used += 1
        c = 1 / sqrt(9 * d)
        while True:
            if used + 4 > len(pool):
                pool, used = uniforms.more(used), 0
            if waiting is None:  # Box and Muller's method
                angle, radius = 2 * math.pi * pool[used], sqrt(-2.0 * math.log1p(-pool[used + 1]))
                used += 2
                x, waiting = radius * math.cos(angle), radius * math.sin(angle)
            else:
                x, waiting = waiting, None
            y = 1 + c * x
            if y <= 0:
                continue
            v = y * y * y
            u = 1 - pool[used]
            used += 1
            xx = x * x
            if u < 1 - _SQUEEZE * xx * xx or log(u) < 0.5 * xx + d * (1 - v + log(v)):
                drawn.append(scale * v)
                break
    uniforms.waiting = waiting
    uniforms.close(used)
    return drawn


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: FunctionNode, alpha: Tensor, generator: Generator | None) -> Tensor:
        result = _gamma_draws(alpha, generator).to(alpha.dtype).clamp(min=dynagrad.finfo(alpha.dtype).tiny)
        ctx.save_for_backward(alpha, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionNode, g: Tensor) -> tuple[Tensor, None]:
        alpha, result = ctx.saved_tensors
        return g * _standard_gamma_grad(alpha, result), None


def _standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Gamma numbers of rate 1, a shape parameter an element; differentiable once, by implicit reparametrisation.

    >>> import dynagrad as torch
    >>> alpha = torch.tensor([1.0, 5.0], requires_grad=True)
    >>> torch._standard_gamma(alpha).sum().backward()
    >>> bool((alpha.grad > 0).all())
    True
    """
    _need_floating("gamma_cpu", input)
    return _StandardGamma.apply(input, generator)


# ---- Dirichlet -------------------------------------------------------------------------------------------------------


class _SampleDirichlet(Function):
    @staticmethod
    def forward(ctx: FunctionNode, alpha: Tensor, generator: Generator | None) -> Tensor:
        gamma = _gamma_draws(alpha.double(), generator)
        limits = dynagrad.finfo(alpha.dtype)
        result = (gamma / gamma.sum(-1, True)).to(alpha.dtype).clamp(min=limits.tiny, max=1 - limits.eps / 2)
        ctx.save_for_backward(alpha, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionNode, g: Tensor) -> tuple[Tensor, None]:
        alpha, x = ctx.saved_tensors
        # A parameter moves its own part as `_dirichlet_grad` says, and the others in proportion to what they leave of one.
        shares = _dirichlet_grad(x, alpha, alpha.sum(-1, True).expand_as(alpha))
        return shares * (g - (x * g).sum(-1, True)), None


def _sample_dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Vectors that sum to one, of the Dirichlet distributions whose parameters are the last dimension of ``input``.

    >>> import dynagrad as torch
    >>> torch._sample_dirichlet(torch.ones(2, 3)).sum(-1)
    tensor([1., 1.])
    """
    _need_floating("dirichlet", input)
    return _SampleDirichlet.apply(input, generator)


# ---- derivatives of gamma and beta numbers by their parameters -------------------------------------------------------
#
# An outcome x of F(x; a) that keeps its probability moves by dx/da = -(dF/da) / p (Figurnov, Mohamed and Mnih, Implicit
# reparameterization gradients, 2018). dF/da is the integral of p(t) d(log p(t))/da from the left end to x, or minus that
# from x to the right end: of the two the one whose integrand keeps its sign is taken, so that no digits cancel. Where p
# is singular at the left end and x near it, F's power series is differentiated instead.

_PIECE = 4096


@functools.cache
def _rule(digits: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the double exponential rule for integrands on (0, ∞) that decay as exp(-s) or faster."""
    step = 0.08 if digits > 8 else 0.16
    steps = [step * i for i in range(round(-3.68 / step), round(4.16 / step) + 1)]
    nodes = [math.exp(t - math.exp(-t)) for t in steps]
    weights = [step * node * (1 + math.exp(-t)) for node, t in zip(nodes, steps, strict=True)]
    return dynagrad.tensor(nodes, dtype=dynagrad.float64), dynagrad.tensor(weights, dtype=dynagrad.float64)


def _width(rate: Tensor, curvature: Tensor) -> Tensor:
    """Where ``rate s + curvature s² / 2`` has reached about 1."""
    return 2 / (rate + (rate * rate + 2 * curvature).sqrt())


Method = Callable[..., Tensor]


def _chosen(near: Tensor, series: Method, integral: Method, *columns: Tensor) -> Tensor:
    """A function of columns by its series where ``near``, by an integral elsewhere."""
    near = near.squeeze(-1)
    if not near.any():
        return integral(*columns)
    found = dynagrad.empty(near.shape, dtype=dynagrad.float64)
    found[near] = series(*(column[near] for column in columns))
    if not near.all():
        found[~near] = integral(*(column[~near] for column in columns))
    return found


def _by_pieces(function: Method, *operands: Tensor) -> Tensor:
    """A function of columns of doubles and of the digits wanted, on operands of one shape, in pieces that fit the cache."""
    like = operands[0]
    if not like.numel():
        return dynagrad.zeros_like(like)
    digits = 15 if like.dtype is dynagrad.float64 else 7
    columns = (operand.detach().double().reshape(-1, 1).split(_PIECE) for operand in operands)
    found = [function(digits, *piece) for piece in zip(*columns, strict=True)]
    return dynagrad.cat(found).view(like.shape).to(like.dtype)


def _products(first: Tensor, ratios: Tensor) -> Tensor:
    """``first, first · r0, first · r0 · r1, …`` along the rows; one ratio is not used."""
    return dynagrad.cat([first, ratios[:, :-1]], -1).cumprod(-1)


def _sums(first: Tensor, steps: Tensor) -> Tensor:
    """``first, first + s0, first + s0 + s1, …`` along the rows; one step is not used."""
    return dynagrad.cat([first, steps[:, :-1]], -1).cumsum(-1)


def _gamma_series(a: Tensor, x: Tensor) -> Tensor:
    """By ``F / p = x Σ xⁿ / (a (a + 1) … (a + n))``, for x < 1."""
    after = a + dynagrad.arange(1, 20, dtype=dynagrad.float64)
    terms = _products(a.reciprocal(), x / after)
    psi = _sums((a + 1).digamma(), after.reciprocal())
    return -(x * terms * (x.log() - psi)).sum(-1)


def _gamma_integral(a: Tensor, x: Tensor, digits: int) -> Tensor:
    """By ``t = x exp(side · s)``, for x >= 1."""
    nodes, weights = _rule(digits)
    away = x.log() - a.digamma()
    side = dynagrad.where(away < 0, -1.0, 1.0).double()
    width = _width(side * (x - a), x)
    s = side * width * nodes
    return ((a * s - x * s.expm1()).exp() * (away + s) * (side * x * width * weights)).sum(-1)


def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """How gamma numbers ``output`` of rate 1 move with their shape parameters ``input``."""

    def piece(digits: int, a: Tensor, x: Tensor) -> Tensor:
        return _chosen(x < 1, _gamma_series, functools.partial(_gamma_integral, digits=digits), a, x)

    return _by_pieces(piece, *dynagrad.broadcast_tensors(input, output))


def _beta_series(x: Tensor, a: Tensor, total: Tensor) -> Tensor:
    """By ``F / p = x (1 - x) Σ xⁿ (a + b)…(a + b + n - 1) / (a…(a + n))``, for x < 1/10 and x (a + b) < 1."""
    n = dynagrad.arange(26, dtype=dynagrad.float64)
    above, below = total + n, a + n + 1
    terms = _products(a.reciprocal(), x * above / below)
    psi = _sums(total.digamma() - (a + 1).digamma(), above.reciprocal() - below.reciprocal())
    return -(x * terms * (x.log() + psi)).sum(-1)


def _beta_integral(x: Tensor, a: Tensor, total: Tensor, digits: int) -> Tensor:
    """By ``t = x exp(-s)`` on the left, ``1 - t = (1 - x) exp(-s)`` on the right."""
    nodes, weights = _rule(digits)
    y, b = 1 - x, total - a
    away = x.log() - a.digamma() + total.digamma()
    left = away < 0
    near, far, odds = dynagrad.where(left, a, b), dynagrad.where(left, b, a), dynagrad.where(left, x / y, y / x)
    # The exponent is -near s + (far - 1) log(1 + odds (1 - exp(-s))); a falling second factor leaves exp(-near s) as tail.
    rise = (far - 1).clamp(min=0) * odds
    width = _width((near - rise).clamp(min=0) + 1e-300, rise * (1 + odds))
    s = width * nodes
    grown = (-odds * (-s).expm1()).log1p()
    away = away + dynagrad.where(left, -s, grown)
    side = dynagrad.where(left, -odds, 1.0)
    return (((far - 1) * grown - near * s).exp() * away * (side * width * weights)).sum(-1)


def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
    """How parts ``x`` move with their own parameters ``alpha``, of the sum ``total``, divided by ``1 - x``."""

    def piece(digits: int, x: Tensor, a: Tensor, total: Tensor) -> Tensor:
        near = (x < 0.1) & (x * total < 1)
        return _chosen(near, _beta_series, functools.partial(_beta_integral, digits=digits), x, a, total)

    return _by_pieces(piece, *dynagrad.broadcast_tensors(x, alpha, total))


# ---- binomial --------------------------------------------------------------------------------------------------------


def _stirling_rest(k: float) -> float:
    """``log k!`` less Stirling's ``(k + 1/2) log(k + 1) - (k + 1) + log(2π) / 2``."""
    if k < 10:
        return math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - 0.5 * math.log(2 * math.pi)
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


class _Taken:
    """The uniform doubles one by one."""

    def __init__(self, uniforms: _Uniforms) -> None:
        self.uniforms, self.pool, self.used = uniforms, uniforms.more(0), 0

    def __call__(self) -> float:
        if self.used == len(self.pool):
            self.pool, self.used = self.uniforms.more(self.used), 0
        self.used += 1
        return self.pool[self.used - 1]


def _binomial_by_gaps(count: float, prob: float, uniform: _Taken) -> float:
    """Successes counted by the geometric gaps between them, for few expected ones."""
    rate, passed, successes = math.log1p(-prob), 0.0, 0.0
    while True:
        u = uniform()
        passed += math.ceil(math.log(u) / rate) if u > 0 else math.inf
        if passed > count:
            return successes
        successes += 1


def _binomial_by_rejection(count: float, prob: float, uniform: _Taken) -> float:
    """Hörmann, The generation of binomial random variates, 1993: algorithm BTRS, for ten expected successes or more."""
    deviation = math.sqrt(count * prob * (1 - prob))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    c = count * prob + 0.5
    tight = 0.92 - 4.2 / b
    odds = prob / (1 - prob)
    alpha = (2.83 + 5.1 / b) * deviation
    m = math.floor((count + 1) * prob)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        k = float(math.floor((2 * a / us + b) * u + c)) if us > 0 else -1.0
        if us >= 0.07 and v <= tight:
            return k
        if k < 0 or k > count:
            continue
        bound = (
            (m + 0.5) * math.log((m + 1) / (odds * (count - m + 1)))
            + (count + 1) * math.log((count - m + 1) / (count - k + 1))
            + (k + 0.5) * math.log(odds * (count - k + 1) / (k + 1))
            + _stirling_rest(m)
            + _stirling_rest(count - m)
            - _stirling_rest(k)
            - _stirling_rest(count - k)
        )
        if v == 0 or math.log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


def _binomial(count: float, prob: float, uniform: _Taken) -> float:
    if not prob == prob or not count == count:  # noqa: PLR0124, SIM201 - NaN
        return math.nan
    if count <= 0 or prob <= 0:
        return 0.0
    if prob >= 1:
        return count
    less = min(prob, 1 - prob)
    draw = _binomial_by_rejection if count * less >= 10 else _binomial_by_gaps
    found = draw(count, less, uniform)
    return found if prob <= 0.5 else count - found


class _Binomial(Function):
    @staticmethod
    def forward(_ctx: FunctionNode, count: Tensor, prob: Tensor, generator: Generator | None) -> Tensor:
        counts, probs = dynagrad.broadcast_tensors(count, prob)
        pairs = list(zip(counts.double().flatten().tolist(), probs.double().flatten().tolist(), strict=True))
        uniform = _Taken(_Uniforms(generator, 4 * len(pairs)))
        drawn = [_binomial(n, p, uniform) for n, p in pairs]
        uniform.uniforms.close(uniform.used)
        return dynagrad.tensor(drawn, dtype=dynagrad.float64).view(counts.shape).to(count.dtype)

    @staticmethod
    def backward(_ctx: FunctionNode, _g: Tensor) -> None:
        raise RuntimeError("derivative for aten::binomial is not implemented")


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of successes among ``count`` trials of probability ``prob``, both tensors of one dtype that broadcast.

    >>> import dynagrad as torch
    >>> torch.binomial(torch.tensor([10.0, 10.0]), torch.tensor([0.0, 1.0]))
    tensor([ 0., 10.])
    """
    for name, tensor in (("count", count), ("prob", prob)):
        if not tensor.is_floating_point():
            raise ValueError(f"binomial only supports floating-point dtypes for {name}, got: {_type_name(tensor)}")
    if count.dtype is not prob.dtype:
        raise RuntimeError(f"Found dtype {_type_name(prob)} but expected {_type_name(count)}")
    return _Binomial.apply(count, prob, generator)
