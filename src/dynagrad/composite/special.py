"""``torch.special``'s functions and their kin: names, examples and cards; `dynagrad.special` lists them.

Values and derivatives of those that have no vector loop are in ``_core/ops/functions.pyx``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core import return_types as named
from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.iterate import result_type
from dynagrad._core.ops import functions
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.whole import (
    LdexpBackward0,
    MvlgammaBackward0,
    SpecialXlog1PyBackward0,
    SpecialXlog1PyBackward1,
    SpecialXlog1PyBackward2,
    whole,
)
from dynagrad._core.types import c_type_name, get_default_dtype

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

ONE = {
    "i0": "The modified Bessel function of the first kind, order 0",
    "i0e": "The modified Bessel function of the first kind, order 0, times exp(-abs(x))",
    "i1": "The modified Bessel function of the first kind, order 1",
    "i1e": "The modified Bessel function of the first kind, order 1, times exp(-abs(x))",
    "bessel_j0": "The Bessel function of the first kind, order 0",
    "bessel_j1": "The Bessel function of the first kind, order 1",
    "bessel_y0": "The Bessel function of the second kind, order 0",
    "bessel_y1": "The Bessel function of the second kind, order 1",
    "modified_bessel_i0": "The modified Bessel function of the first kind, order 0; without a derivative",
    "modified_bessel_i1": "The modified Bessel function of the first kind, order 1; without a derivative",
    "modified_bessel_k0": "The modified Bessel function of the second kind, order 0",
    "modified_bessel_k1": "The modified Bessel function of the second kind, order 1",
    "scaled_modified_bessel_k0": "The modified Bessel function of the second kind, order 0, times exp(x)",
    "scaled_modified_bessel_k1": "The modified Bessel function of the second kind, order 1, times exp(x)",
    "spherical_bessel_j0": "The spherical Bessel function of the first kind, order 0: sin(x) / x",
    "airy_ai": "Airy's function Ai",
    "erfcx": "exp(x²) erfc(x)",
    "log_ndtr": "The logarithm of the standard normal distribution",
    "ndtri": "The inverse of the standard normal distribution",
    "entr": "-x ln x; 0 at 0 and -inf below",
}

TWO = {
    "zeta": "Hurwitz' zeta function: the sum of (other + k) to the power of -input over k >= 0",
    "chebyshev_polynomial_t": "Chebyshev's polynomial of the first kind",
    "chebyshev_polynomial_u": "Chebyshev's polynomial of the second kind",
    "chebyshev_polynomial_v": "Chebyshev's polynomial of the third kind",
    "chebyshev_polynomial_w": "Chebyshev's polynomial of the fourth kind",
    "shifted_chebyshev_polynomial_t": "Chebyshev's polynomial of the first kind at 2x - 1",
    "shifted_chebyshev_polynomial_u": "Chebyshev's polynomial of the second kind at 2x - 1",
    "shifted_chebyshev_polynomial_v": "Chebyshev's polynomial of the third kind at 2x - 1",
    "shifted_chebyshev_polynomial_w": "Chebyshev's polynomial of the fourth kind at 2x - 1",
    "hermite_polynomial_h": "Hermite's polynomial of physics",
    "hermite_polynomial_he": "Hermite's polynomial of probability",
    "laguerre_polynomial_l": "Laguerre's polynomial",
    "legendre_polynomial_p": "Legendre's polynomial",
}


def _of_one(name: str, what: str) -> Callable[..., Tensor]:
    def function(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        return deliver(functions.unary(name, input), out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}, element by element."
    return function


def _of_two(name: str, what: str) -> Callable[..., Tensor]:
    def function(input: Any, n: Any, *, out: Tensor | None = None) -> Tensor:
        return deliver(functions.binary(name, input, n), out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}, element by element; ``n`` is the degree." if name != "zeta" else f"{what}."
    return function


for _name, _what in ONE.items():
    register(Card(f"special_{_name}", _of_one(_name, _what), samples="database", method=False, function=False))
for _name, _what in TWO.items():
    register(Card(f"special_{_name}", _of_two(_name, _what), samples="database", method=False, function=False))


def i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind, order 0.

    >>> import dynagrad
    >>> dynagrad.i0(dynagrad.tensor([0., 1.]))
    tensor([1.0000, 1.2661])
    """
    return deliver(functions.unary("i0", input), out)


def igamma(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other), differentiable by ``other``.

    >>> import dynagrad
    >>> dynagrad.igamma(dynagrad.tensor([1.]), dynagrad.tensor([1.]))
    tensor([0.6321])
    """
    return deliver(functions.binary("igamma", input, other), out)


def igammac(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other), differentiable by ``other``.

    >>> import dynagrad
    >>> dynagrad.igammac(dynagrad.tensor([1.]), dynagrad.tensor([1.]))
    tensor([0.3679])
    """
    return deliver(functions.binary("igammac", input, other), out)


def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The next number of the dtype after ``input`` towards ``other``.

    >>> import dynagrad
    >>> dynagrad.nextafter(dynagrad.tensor([1.]), dynagrad.tensor([2.])) > 1
    tensor([True])
    """
    return deliver(functions.binary("nextafter", input, other), out)


def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2^input + 2^other), without overflow.

    >>> import dynagrad
    >>> dynagrad.logaddexp2(dynagrad.tensor([1.]), dynagrad.tensor([1.]))
    tensor([2.])
    """
    return deliver(functions.binary("logaddexp2", input, other), out)


def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisors of integers.

    >>> import dynagrad
    >>> dynagrad.gcd(dynagrad.tensor([12, 0]), dynagrad.tensor([18, 5]))
    tensor([6, 5])
    """
    return deliver(functions.common_divisors(input, other, "gcd"), out)


def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiples of integers.

    >>> import dynagrad
    >>> dynagrad.lcm(dynagrad.tensor([4, 0]), dynagrad.tensor([6, 5]))
    tensor([12,  0])
    """
    common = functions.common_divisors(input, other, "lcm")
    some = common.masked_fill(common == 0, 1).long()  # in which a multiple of short integers has room for its sign
    return deliver(((input.long() // some) * other).abs().to(common.dtype), out)


def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The input times 2^other, in the dtype of a floating input; also where 2^other alone would not be in range.

    >>> import dynagrad
    >>> dynagrad.ldexp(dynagrad.tensor([3.]), dynagrad.tensor([2]))
    tensor([12.])
    """
    return deliver(whole(LdexpBackward0, (input, other), lambda: _ldexp(input, other), (other, None)), out)


def _ldexp(input: Tensor, other: Tensor) -> Tensor:
    power = CARDS["pow"].op
    if other.is_floating_point():
        return input * power(2.0, other)
    x = input if input.is_floating_point() else input.to(get_default_dtype())
    found = x if x.dtype.itemsize >= 4 else x.float()
    exponent = other.long()
    third = exponent.div(3, rounding_mode="trunc")
    for part in (third, third, exponent - 2 * third):
        found = found * power(2.0, part.to(found.dtype))
    return found.to(x.dtype)


def _ldexp_(self: Tensor, other: Tensor) -> Tensor:
    """`ldexp` in place."""
    return whole(LdexpBackward0, (self, other), lambda: _ldexp(self, other), (other, None), target=self)


def frexp(input: Tensor, *, out: Sequence[Tensor] | None = None) -> Any:
    """(mantissa, exponent) with input = mantissa · 2^exponent and a mantissa from a half to one.

    >>> import dynagrad
    >>> dynagrad.frexp(dynagrad.tensor([6.])).exponent
    tensor([3], dtype=torch.int32)
    """
    found = functions.frexp(input)
    wanted = ("mantissa to have dtype " + c_type_name(input.dtype), "exponent to have int dtype")
    for each, t, what in zip(found, out or (), wanted, strict=False):
        if t.dtype is not each.dtype:
            raise RuntimeError(f"torch.frexp() expects {what} but got {c_type_name(t.dtype)}")
    return named.frexp(found if out is None else [deliver(x, t) for x, t in zip(found, out, strict=True)])


def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p.

    >>> import dynagrad
    >>> dynagrad.mvlgamma(dynagrad.tensor([1.]), 1)
    tensor([0.])
    """
    return deliver(whole(MvlgammaBackward0, (input,), lambda: _mvlgamma(input, p), (input,), (p,)), out)


def _mvlgamma(input: Tensor, p: int) -> Tensor:
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    x = input if input.is_floating_point() else input.float()
    steps = CARDS["arange"].op(0, p, dtype=x.dtype) / -2
    return (x.unsqueeze(-1) + steps).lgamma().sum(-1) + p * (p - 1) / 4 * math.log(math.pi)


def _mvlgamma_(self: Tensor, p: int) -> Tensor:
    """`mvlgamma` in place."""
    return whole(MvlgammaBackward0, (self,), lambda: _mvlgamma(self, p), (self,), (p,), self)


def ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The standard normal distribution: the share of it below the input."""
    x = input if input.is_floating_point() else input.float()
    return deliver((x * -math.sqrt(0.5)).erfc() * 0.5, out)


def xlog1py(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The input times log1p(other), 0 where the input is 0 and the other is no NaN."""
    kind = result_type(input, other)
    kind = kind if kind.is_floating_point else get_default_dtype()
    x, y = (CARDS["as_tensor"].op(value, dtype=kind) for value in (input, other))

    def values() -> Tensor:
        return (x * y.log1p()).masked_fill((x == 0) & ~y.isnan(), 0)

    if isinstance(input, (int, float)):
        return deliver(whole(SpecialXlog1PyBackward1, (y,), values, (y,), (input,)), out)
    if isinstance(other, (int, float)):
        return deliver(whole(SpecialXlog1PyBackward2, (x,), values, (x,), (other,)), out)
    return deliver(whole(SpecialXlog1PyBackward0, (x, y), values, (x, y)), out)


def _written(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The form in place, which is one node where the op is native; tensors that stand for many are written to."""
    native = {"i0": functions.unary, "gcd": None, "lcm": None}.get(op.__name__, functions.binary)

    def inplace(self: Tensor, *args: Any) -> Tensor:
        if native is None or any(getattr(each, "stands_for_many", False) for each in (self, *args)):
            return self.copy_(op(self.clone(), *args))
        return native(op.__name__, self, *args, True)

    inplace.__name__ = inplace.__qualname__ = f"{op.__name__}_"
    inplace.__doc__ = f"`{op.__name__}` in place."
    return inplace


for _op in (i0, igamma, igammac, nextafter, gcd, lcm):
    register(Card(_op.__name__, _op, inplace=_written(_op), samples="database"))
register(Card("ldexp", ldexp, LdexpBackward0, inplace=_ldexp_, samples="database"))
register(Card("mvlgamma", mvlgamma, MvlgammaBackward0, inplace=_mvlgamma_, samples="database"))
register(Card("logaddexp2", logaddexp2, samples="database"))
register(Card("frexp", frexp, samples="database"))
for _op in (ndtr, xlog1py):
    register(Card(f"special_{_op.__name__}", _op, samples="database", method=False, function=False))
