"""Ops that draw: refused, drawn for every example, or drawn once, as the level's ``randomness`` says."""

from __future__ import annotations

from typing import Any

from dynagrad._core.card import CARDS
from dynagrad.func.batched import RANDOM_OP, BatchedTensor, Level, batched, call_below, random_rule, wrap
from dynagrad.func.rules.common import at_front, bind, op, value_of
from dynagrad.func.rules.views import sizes_of
from dynagrad.tensor import Tensor

__all__ = ["check_randomness"]

SAME_BATCHED = (
    "Vmap does not currently support same randomness with a batched tensor input. Please file an issue with functorch"
)
UNBATCHED_INPLACE = (
    "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. If "
    "this is necessary for your usage, please file an issue with functorch."
)


def check_randomness(level: Level) -> None:
    """Raises RuntimeError where nothing may be drawn."""
    if level.randomness == "error":
        raise RuntimeError(RANDOM_OP)


def _shape(function: Any, bound: dict[str, Any]) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The sizes asked for, and the other arguments."""
    rest = {name: each for name, each in bound.items() if name not in ("args", "size")}
    if function is op("randint"):
        given, rest = list(bound["args"]), {name: each for name, each in rest.items() if name not in ("low", "high")}
        size = bound["size"] if bound["size"] is not None else given.pop()
        low = bound["low"] if bound["low"] is not None else given.pop(0) if len(given) == 2 else 0
        high = bound["high"] if bound["high"] is not None else given.pop(0)
        return tuple(size), rest | {"low": low, "high": high}
    return sizes_of(bound, "args", "size"), rest


def created(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``rand(sizes)`` and its like."""
    check_randomness(level)
    if level.randomness == "same":
        return call_below(level, function, *args, **kwargs)
    shape, rest = _shape(function, bind(function, args, kwargs))
    low, high = rest.pop("low", None), rest.pop("high", None)
    rest = {name: each for name, each in rest.items() if each is not None and each is not False}
    before = () if high is None else (low, high)
    return wrap(call_below(level, function, *before, (level.size, *shape), **rest), level)


def permutation(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``randperm(n)``: one for each example."""
    check_randomness(level)
    if level.randomness == "same":
        return call_below(level, function, *args, **kwargs)
    drawn = [call_below(level, function, *args, **kwargs) for _ in range(level.size)]
    return wrap(call_below(level, op("stack"), drawn), level)


def like(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``rand_like(input)`` and its like: of the input, only shape and dtype count."""
    check_randomness(level)
    x = args[0]
    named = {name: each for name, each in kwargs.items() if name != "memory_format"}
    if level.randomness == "same":
        plain = x.value[0] if batched(x, level) else x
        return call_below(level, function, plain, *args[1:], **named)
    return wrap(call_below(level, function, at_front(x, level), *args[1:], **named), level)


def drawn_from(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``bernoulli(p)``, ``multinomial(weights, n)``, ``normal(mean, std)`` and their like: inputs say what is drawn."""
    check_randomness(level)
    tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
    if not tensors and function is op("normal"):
        bound = bind(function, args, kwargs)
        size = tuple(bound.pop("size"))
        rest = {name: each for name, each in bound.items() if each is not None and each is not False}
        lead = () if level.randomness == "same" else (level.size,)
        made = call_below(level, function, size=(*lead, *size), **rest)
        return wrap(made, level) if lead else made
    if level.randomness == "same":
        if any(batched(each, level) for each in tensors):
            raise RuntimeError(SAME_BATCHED)
        return call_below(level, function, *args, **kwargs)
    if function is op("multinomial") and tensors[0].ndim == 2:
        n = tensors[0].shape[0]
        flat = at_front(tensors[0], level).reshape(level.size * n, -1)
        made = call_below(level, function, flat, *args[1:], **kwargs)
        return wrap(made.reshape(level.size, n, -1), level)

    most = max((each.ndim for each in tensors), default=0)

    def ready(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        front = at_front(x, level)
        # Within an example shapes broadcast from the last dimension: what is missing goes behind that of the examples.
        return front.reshape(level.size, *(1,) * (most - x.ndim), *x.shape) if x.ndim < most else front

    named = {name: ready(each) for name, each in kwargs.items()}
    return wrap(call_below(level, function, *(ready(each) for each in args), **named), level)


def in_place(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``normal_()`` and its like, into batched memory or into that of a plain tensor."""
    check_randomness(level)
    target, rest = args[0], [value_of(each, level) for each in args[1:]]
    named = {name: value_of(each, level) for name, each in kwargs.items()}
    if not isinstance(target, BatchedTensor) or target.level is not level:
        if level.randomness == "different":
            raise RuntimeError(UNBATCHED_INPLACE)
        return call_below(level, function, target, *rest, **named)
    if level.randomness == "different":
        call_below(level, function, target.value, *rest, **named)
        return target
    once = call_below(level, target.value.new_empty, target.shape)
    call_below(level, function, once, *rest, **named)
    target.value.copy_(once)
    return target


for _names, _made in {
    "rand randn randint": created,
    "randperm": permutation,
    "rand_like randn_like randint_like": like,
    "bernoulli poisson multinomial normal binomial _standard_gamma _sample_dirichlet": drawn_from,
    "uniform_ normal_ exponential_ cauchy_ log_normal_ geometric_ random_": in_place,
}.items():
    for _name in _names.split():
        random_rule(op(_name), _made)
random_rule(CARDS["bernoulli"].inplace, in_place)


def leaky(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``rrelu`` draws its slopes in training."""
    bound = bind(function, args, kwargs)
    if bound["training"]:
        check_randomness(level)
        if level.randomness == "same":
            raise RuntimeError(SAME_BATCHED)
    if not batched(bound["input"], level) and not bound["training"]:
        return call_below(level, function, *args, **kwargs)
    made = call_below(
        level, function, at_front(bound["input"], level), bound["lower"], bound["upper"], bool(bound["training"])
    )
    return wrap(made, level)


random_rule(op("rrelu"), leaky)
