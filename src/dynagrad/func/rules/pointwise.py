"""Ops that work element by element, with broadcasting: examples line up, and the op does the rest."""

from __future__ import annotations

from typing import Any

from dynagrad._core.card import CARDS
from dynagrad.func.batched import BatchedTensor, Level, batched, rule, rule_of, wrap
from dynagrad.func.rules.common import INPLACE, bind, forms, lift, meeting_dtype, op, refuse_out, value_of, wrapped
from dynagrad.tensor import Tensor

__all__ = ["inplace", "pointwise"]


def _lined_up(level: Level, args: Any, kwargs: dict[str, Any], least: int = 0) -> tuple[list[Any], dict[str, Any]]:
    every = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
    rank = max([least, *(t.ndim for t in every)])
    floats = [t for t in every if str(t.dtype) != "torch.bool"]
    dtype = meeting_dtype(floats, level) if floats else None

    def ready(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        made = lift(x, level, rank)
        return made if dtype is None or str(x.dtype) == "torch.bool" else made.to(dtype)

    return [ready(x) for x in args], {name: ready(x) for name, x in kwargs.items()}


def pointwise(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The op on all examples, lined up."""
    refuse_out(function, kwargs)
    if not any(batched(x, level) for x in (*args, *kwargs.values())):
        return function(*args, **kwargs)
    values, named = _lined_up(level, args, kwargs)
    return wrap(function(*values, **named), level)


def inplace(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The op on all examples, into those of the first argument, which must be batched if another one is."""
    target = args[0]
    if not batched(target, level):
        raise RuntimeError(INPLACE)
    others = [x for x in (*args[1:], *kwargs.values()) if isinstance(x, Tensor)]
    rank = max([target.ndim, *(t.ndim for t in others)])
    if rank > target.ndim:
        shapes = [list(t.shape) for t in others]
        raise RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape of {shapes}")
    values = [lift(x, level, rank) for x in args[1:]]
    function(target.value, *values, **{name: lift(x, level, rank) for name, x in kwargs.items()})
    return target


def like_unary(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Conversions and copies: of other tensors among the arguments only the dtype counts."""
    rest = [x.dtype if isinstance(x, Tensor) else x for x in args[1:]]
    named = {name: x.dtype if isinstance(x, Tensor) else x for name, x in kwargs.items() if name != "memory_format"}
    if not batched(args[0], level):
        return args[0].to(rest[0]) if function is op("type_as") else function(args[0], *rest, **named)
    if function is op("type_as"):
        return wrap(args[0].value.to(rest[0]), level)
    if function is op("type") and not rest and named.get("dtype") is None:
        return function(args[0].value)
    rest = [x for x in rest if not str(x).startswith("torch.channels_last")]
    made = function(args[0].value, *rest, **named)
    return args[0] if made is args[0].value else wrap(made, level)


def copied_into(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``copy_`` and ``fill_``, whose source takes the dtype and the shape of the target."""
    bound = bind(function, args, kwargs)
    target, source = bound["self"], bound["src"] if "src" in bound else bound["value"]
    if not isinstance(target, BatchedTensor) or target.level is not level:
        raise RuntimeError(INPLACE)
    op("copy_")(target.value, lift(source, level, target.ndim)) if isinstance(source, Tensor) else op("fill_")(
        target.value, source
    )
    return target


_NOT_POINTWISE = {"searchsorted", "bucketize", "clone", "contiguous"}
_LAYERS = (
    "elu celu selu hardtanh leaky_relu hardsigmoid hardswish softshrink hardshrink threshold mish softplus logsigmoid silu "
    "gelu"
)
_SPECIAL = (
    "igamma igammac nextafter gcd lcm ldexp logaddexp2 i0 real isreal conj conj_physical resolve_conj resolve_neg angle "
    "special_i0 special_i0e special_i1 special_i1e special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 "
    "special_modified_bessel_i0 special_modified_bessel_i1 special_modified_bessel_k0 special_modified_bessel_k1 "
    "special_scaled_modified_bessel_k0 special_scaled_modified_bessel_k1 special_spherical_bessel_j0 special_airy_ai "
    "special_erfcx special_log_ndtr special_ndtri special_entr special_zeta special_ndtr special_xlog1py "
    "special_chebyshev_polynomial_t special_chebyshev_polynomial_u special_chebyshev_polynomial_v "
    "special_chebyshev_polynomial_w special_shifted_chebyshev_polynomial_t special_shifted_chebyshev_polynomial_u "
    "special_shifted_chebyshev_polynomial_v special_shifted_chebyshev_polynomial_w special_hermite_polynomial_h "
    "special_hermite_polynomial_he special_laguerre_polynomial_l special_legendre_polynomial_p"
)

for _card in CARDS.values():
    if _card.kind in ("unary", "binary", "compare", "ternary", "bits", "test", "choice") and (
        _card.name not in _NOT_POINTWISE
    ):
        rule(*forms(_card.name))(pointwise)
    if _card.inplace is not None and _card.kind in ("unary", "binary", "compare", "ternary", "bits", "test", "choice"):
        rule(_card.inplace)(inplace)
rule(*forms(f"{_LAYERS} {_SPECIAL}"))(pointwise)
rule("__rsub__", "__rtruediv__", "__rfloordiv__", "__rmod__", "__rpow__", "__rlshift__", "__rrshift__")(pointwise)
rule(
    *forms(
        "to bool byte char short int long half bfloat16 float double type type_as cpu clone contiguous detach positive"
    )
)(like_unary)
rule(op("copy_"), op("fill_"))(copied_into)
rule(op("zero_"), "detach_")(inplace)


@rule(op("masked_fill"), CARDS["masked_fill"].inplace)
def masked_fill(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A number where a mask holds: one for all examples, or one for each."""
    x, mask, number = bind(function, args, kwargs).values()
    kept = function is op("masked_fill")
    if not isinstance(number, Tensor) or not batched(number, level):
        return (pointwise if kept else inplace)(function, level, (x, mask, number), {})
    made = pointwise(op("where"), level, (mask, number, x), {})
    if kept:
        return made if made.dtype is x.dtype else wrap(made.value.to(x.dtype), level)
    return copied_into(op("copy_"), level, (x, made), {})


@rule(op("where"))
def where(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A choice element by element; with a condition alone, the positions where it holds, of which nobody knows how many."""
    if len(args) + len(kwargs) == 1:
        return rule_of(op("nonzero"))(function, level, args, kwargs)
    return pointwise(function, level, args, kwargs)


@rule(op("clamp"))
def clamp(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Bounds may be numbers or tensors, which all examples together take for tensors."""
    bound = bind(function, args, kwargs)
    low, high = bound["min"], bound["max"]
    if isinstance(low, Tensor) != isinstance(high, Tensor) and low is not None and high is not None:
        number, other = (high, low) if isinstance(low, Tensor) else (low, high)
        made = op("full_like")(value_of(other, level), number).detach()
        made = wrap(made, level) if batched(other, level) else made
        low, high = (low, made) if isinstance(low, Tensor) else (made, high)
    return pointwise(function, level, (bound["input"], low, high), {})


@rule(op("mvlgamma"))
def with_number(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """An op of one tensor, and of numbers."""
    return wrap(function(*(value_of(x, level) for x in args), **kwargs), level)


@rule(op("frexp"))
def two_results(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """An op of one tensor, with two results of its shape."""
    refuse_out(function, kwargs)
    found = function(*(value_of(x, level) for x in args))
    return wrapped(found, level)
