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

# Where the generator's bytes keep the second normal number of a pair: its presence, and its value as a double.
_PAIR_VALUE, _PAIR_PRESENT = slice(5024, 5032), slice(5040, 5044)
_STRETCH = 4096


class _Uniforms:
    """The uniform doubles of a generator in plain Python, and normal ones made of them."""

    def __init__(self, generator: Generator | None, expected: int) -> None:
        self.generator = default_generator if generator is None else generator
        state = self.generator.get_state()
        self.ahead = Generator().set_state(state)
        present = bool(state[_PAIR_PRESENT].any())
        self.waiting: float | None = state[_PAIR_VALUE].view(dynagrad.float64).item() if present else None
        self.used, self.pending = 0, iter(self._stretch(expected))
        self.stretch = max(16, min(expected, _STRETCH))

    def _stretch(self, count: int) -> list[float]:
        made = dynagrad.empty(count, dtype=dynagrad.float64).uniform_(generator=self.ahead)
        return made.tolist()  # type: ignore[no-any-return]

    def uniform(self) -> float:
        self.used += 1
        value = next(self.pending, None)
        if value is None:
            self.pending = iter(self._stretch(self.stretch))
            value = next(self.pending)
        return value

    def normal(self) -> float:
        """Box and Muller's method, whose second number waits for the next call."""
        if self.waiting is not None:
            value, self.waiting = self.waiting, None
            return value
        angle, u = 2 * math.pi * self.uniform(), self.uniform()
        radius = math.sqrt(-2.0 * math.log1p(-u))
        self.waiting = radius * math.sin(angle)
        return radius * math.cos(angle)

    def close(self) -> None:
        """Moves the generator past the numbers that were used."""
        if self.used:
            dynagrad.empty(self.used, dtype=dynagrad.float64).uniform_(generator=self.generator)
        state = self.generator.get_state()
        state[_PAIR_PRESENT] = dynagrad.tensor([int(self.waiting is not None), 0, 0, 0], dtype=dynagrad.uint8)
        pair = dynagrad.tensor([self.waiting or 0.0], dtype=dynagrad.float64)
        state[_PAIR_VALUE] = pair.view(dynagrad.uint8)
        self.generator.set_state(state)


def _drawn(generator: Generator | None, expected: int, draw: Callable[[_Uniforms], list[float]]) -> list[float]:
    uniforms = _Uniforms(generator, expected)
    try:
        return draw(uniforms)
    finally:
        uniforms.close()


def _type_name(tensor: Tensor) -> str:
    return tensor.type().removeprefix("torch.").removesuffix("Tensor")  # type: ignore[no-any-return]


def _need_floating(op: str, tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        raise NotImplementedError(f"\"{op}\" not implemented for '{_type_name(tensor)}'")


# ---- gamma -----------------------------------------------------------------------------------------------------------

# Marsaglia and Tsang, A simple method for generating gamma variables, 2000; the constants are single ones, as PyTorch's.
_THIRD = 0.3333333432674408
_SQUEEZE = 0.03310000151395798


def _gamma_draws(alpha: Tensor, uniforms: _Uniforms) -> list[float]:
    """A gamma number for each element, alpha's arithmetic in its own dtype; NaN where alpha is negative or NaN."""
    alpha = alpha if alpha.dtype is dynagrad.float64 else alpha.float()
    small = alpha < 1
    boosted = dynagrad.where(small, alpha + 1, alpha)
    shifted = (boosted - dynagrad.tensor(_THIRD, dtype=alpha.dtype)).double().flatten().tolist()
    powers = dynagrad.where(small, alpha.reciprocal(), 0).double().flatten().tolist()
    return [_gamma(d, power, uniforms) for d, power in zip(shifted, powers, strict=True)]


def _gamma(d: float, power: float, uniforms: _Uniforms) -> float:
    """One number: ``d`` is the shape less a third, of at least 1 by the boost ``power``, which is 0 where none is needed."""
    if not (d > 0 and power >= 0):
        return math.nan
    if power == math.inf:
        return 0.0
    scale = (1 - uniforms.uniform()) ** power if power else 1.0
    c = 1 / math.sqrt(9 * d)
    while True:
        x = uniforms.normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - uniforms.uniform()
        xx = x * x
        if u < 1 - _SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1 - v + math.log(v)):
            return scale * d * v


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: FunctionNode, alpha: Tensor, generator: Generator | None) -> Tensor:
        drawn = _drawn(generator, 4 * alpha.numel(), lambda uniforms: _gamma_draws(alpha, uniforms))
        result = dynagrad.tensor(drawn, dtype=dynagrad.float64).view(alpha.shape).to(alpha.dtype)
        result = result.clamp(min=dynagrad.finfo(alpha.dtype).tiny)
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
    return _StandardGamma.apply(input, generator)  # type: ignore[no-any-return]


# ---- Dirichlet -------------------------------------------------------------------------------------------------------


class _SampleDirichlet(Function):
    @staticmethod
    def forward(ctx: FunctionNode, alpha: Tensor, generator: Generator | None) -> Tensor:
        drawn = _drawn(generator, 4 * alpha.numel(), lambda uniforms: _gamma_draws(alpha.double(), uniforms))
        gamma = dynagrad.tensor(drawn, dtype=dynagrad.float64).view(alpha.shape)
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
    return _SampleDirichlet.apply(input, generator)  # type: ignore[no-any-return]


# ---- derivatives of gamma and beta numbers by their parameters -------------------------------------------------------
#
# An outcome x of F(x; a) that keeps its probability moves by dx/da = -(dF/da) / p (Figurnov, Mohamed and Mnih, Implicit
# reparameterization gradients, 2018). dF/da is the integral of p(t) d(log p(t))/da from the left end to x, or minus that
# from x to the right end: of the two the one whose integrand keeps its sign is taken, so that no digits cancel. Where p
# is singular at the left end and x near it, F's power series is differentiated instead.

_PIECE = 4096


@functools.cache
def _rule() -> tuple[Tensor, Tensor]:
    """Nodes and weights of the double exponential rule for integrands on (0, ∞) that decay as exp(-s) or faster."""
    step, steps = 0.08, [0.08 * i for i in range(-46, 53)]
    nodes = [math.exp(t - math.exp(-t)) for t in steps]
    weights = [step * node * (1 + math.exp(-t)) for node, t in zip(nodes, steps, strict=True)]
    return dynagrad.tensor(nodes, dtype=dynagrad.float64), dynagrad.tensor(weights, dtype=dynagrad.float64)


def _width(rate: Tensor, curvature: Tensor) -> Tensor:
    """Where ``rate s + curvature s² / 2`` has reached about 1."""
    return 2 / (rate + (rate * rate + 2 * curvature).sqrt())


def _by_pieces(function: Callable[..., Tensor], *operands: Tensor) -> Tensor:
    """A function of columns of doubles applied to operands of one shape, in pieces that fit the cache."""
    like = operands[0]
    columns = (operand.detach().double().reshape(-1, 1).split(_PIECE) for operand in operands)
    found = [function(*piece) for piece in zip(*columns, strict=True)]
    return dynagrad.cat(found).view(like.shape).to(like.dtype) if like.numel() else dynagrad.zeros_like(like)


def _gamma_series(a: Tensor, x: Tensor) -> Tensor:
    """By ``F / p = x Σ xⁿ / (a (a + 1) … (a + n))``, for x < 1."""
    term, psi, total = 1 / a, (a + 1).digamma(), dynagrad.zeros_like(a)
    for n in range(1, 20):
        total = total + term * (x.log() - psi)
        term, psi = term * x / (a + n), psi + 1 / (a + n)
    return -x * total


def _gamma_integral(a: Tensor, x: Tensor) -> Tensor:
    """By ``t = x exp(side · s)``, for x >= 1."""
    nodes, weights = _rule()
    away = x.log() - a.digamma()
    side = dynagrad.where(away < 0, -1.0, 1.0).double()
    width = _width(side * (x - a), x)
    s = side * width * nodes
    return side * x * width * ((a * s - x * s.expm1()).exp() * (away + s) * weights).sum(-1, True)


def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """How gamma numbers ``output`` of rate 1 move with their shape parameters ``input``."""
    return _by_pieces(
        lambda a, x: dynagrad.where(x < 1, _gamma_series(a, x.clamp(max=1)), _gamma_integral(a, x)).squeeze(-1),
        *dynagrad.broadcast_tensors(input, output),
    )


def _beta_series(x: Tensor, a: Tensor, total: Tensor) -> Tensor:
    """By ``F / p = x (1 - x) Σ xⁿ (a + b)…(a + b + n - 1) / (a…(a + n))``, for x < 1/10 and x (a + b) < 1."""
    term, psi, found = 1 / a, total.digamma() - (a + 1).digamma(), dynagrad.zeros_like(a)
    for n in range(26):
        found = found + term * (x.log() + psi)
        term, psi = term * x * (total + n) / (a + n + 1), psi + 1 / (total + n) - 1 / (a + n + 1)
    return -x * found


def _beta_integral(x: Tensor, a: Tensor, total: Tensor) -> Tensor:
    """By ``t = x exp(-s)`` on the left, ``1 - t = (1 - x) exp(-s)`` on the right."""
    nodes, weights = _rule()
    y, b = 1 - x, total - a
    away = x.log() - a.digamma() + total.digamma()
    left = away < 0
    near, far, odds = dynagrad.where(left, a, b), dynagrad.where(left, b, a), dynagrad.where(left, x / y, y / x)
    # The exponent is -near s + (far - 1) log(1 + odds (1 - exp(-s))); a falling second factor leaves exp(-near s) as tail.
    rise = (far - 1).clamp(min=0) * odds
    s = _width((near - rise).clamp(min=0) + 1e-300, rise * (1 + odds)) * nodes
    grown = (-odds * (-s).expm1()).log1p()
    away = away + dynagrad.where(left, -s, grown)
    integral = ((-near * s + (far - 1) * grown).exp() * away * weights * s / nodes).sum(-1, True)
    return dynagrad.where(left, -odds * integral, integral)


def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
    """How parts ``x`` move with their own parameters ``alpha``, of the sum ``total``, divided by ``1 - x``."""

    def piece(x: Tensor, a: Tensor, total: Tensor) -> Tensor:
        near = (x < 0.1) & (x * total < 1)
        found = dynagrad.where(near, _beta_series(x.clamp(max=0.1), a, total), _beta_integral(x, a, total))
        return found.squeeze(-1)

    return _by_pieces(piece, *dynagrad.broadcast_tensors(x, alpha, total))


# ---- binomial --------------------------------------------------------------------------------------------------------


def _stirling_rest(k: float) -> float:
    """``log k!`` less Stirling's ``(k + 1/2) log(k + 1) - (k + 1) + log(2π) / 2``."""
    if k < 10:
        return math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - 0.5 * math.log(2 * math.pi)
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def _binomial_by_gaps(count: float, prob: float, uniforms: _Uniforms) -> float:
    """Successes counted by the geometric gaps between them, for few expected ones."""
    rate, passed, successes = math.log1p(-prob), 0.0, 0.0
    while True:
        u = uniforms.uniform()
        passed += math.ceil(math.log(u) / rate) if u > 0 else math.inf
        if passed > count:
            return successes
        successes += 1


def _binomial_by_rejection(count: float, prob: float, uniforms: _Uniforms) -> float:
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
        u = uniforms.uniform() - 0.5
        v = uniforms.uniform()
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


def _binomial(count: float, prob: float, uniforms: _Uniforms) -> float:
    if not prob == prob or not count == count:  # noqa: PLR0124, SIM201 - NaN
        return math.nan
    if count <= 0 or prob <= 0:
        return 0.0
    if prob >= 1:
        return count
    less = min(prob, 1 - prob)
    draw = _binomial_by_rejection if count * less >= 10 else _binomial_by_gaps
    found = draw(count, less, uniforms)
    return found if prob <= 0.5 else count - found


class _Binomial(Function):
    @staticmethod
    def forward(_ctx: FunctionNode, count: Tensor, prob: Tensor, generator: Generator | None) -> Tensor:
        counts, probs = dynagrad.broadcast_tensors(count, prob)
        pairs = list(zip(counts.double().flatten().tolist(), probs.double().flatten().tolist(), strict=True))
        drawn = _drawn(generator, 4 * len(pairs), lambda uniforms: [_binomial(n, p, uniforms) for n, p in pairs])
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
    return _Binomial.apply(count, prob, generator)  # type: ignore[no-any-return]
