"""What the rules share: arguments by name, batch dimensions lined up, dimensions counted, results wrapped.

A rule is ``rule(function, level, args, kwargs)``: it computes the op for all examples of the level at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad._core.intercept import untold
from dynagrad._core.iterate import result_type
from dynagrad.func.batched import BatchedTensor, Level, batched, rule, wrap
from dynagrad.tensor import Tensor

__all__ = [
    "INPLACE",
    "at_front",
    "bind",
    "dim_in",
    "dims_in",
    "file_rules",
    "forms",
    "lift",
    "like",
    "map_tensors",
    "meeting_dtype",
    "op",
    "ops",
    "refuse_out",
    "value_of",
    "wrapped",
]

INPLACE = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that "
    "has more elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over in a "
    "vmap. Please try to use out-of-place operators instead of inplace arithmetic. If said operator is being called inside "
    "the PyTorch framework, please file a bug report instead."
)


def op(name: str) -> Any:
    """The function of a card."""
    return CARDS[name].op


def ops(names: str) -> list[Any]:
    """The functions of cards."""
    return [CARDS[name].op for name in names.split()]


def forms(names: str) -> list[Any]:
    """The functions of cards, and those of their methods where these are others."""
    found: list[Any] = []
    for name in names.split():
        card = CARDS[name]
        found += [card.op] if card.method in (True, False) else [card.op, card.method]
    return found


@cache
def _parameters(function: Any) -> tuple[list[str], dict[str, Any], str | None]:
    """Names of the positional parameters, all defaults, and the name of ``*args``."""
    names, defaults, rest = [], {}, None
    for each in inspect.signature(function).parameters.values():
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            names.append(each.name)
        if each.kind is each.VAR_POSITIONAL:
            rest = each.name
        elif each.kind is not each.VAR_KEYWORD:
            defaults[each.name] = None if each.default is each.empty else each.default
    return names, defaults, rest


def bind(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, with the defaults of those not given."""
    names, defaults, rest = _parameters(function)
    found = dict(defaults)
    found.update(zip(names, args, strict=False))
    if rest is not None:
        found[rest] = args[len(names) :]
    elif len(args) > len(names):
        raise TypeError(
            f"{function.__name__}() takes at most {len(names)} positional arguments but {len(args)} were given"
        )
    found.update(kwargs)
    return found


def refuse_out(function: Any, kwargs: dict[str, Any]) -> None:
    """Raises RuntimeError for an ``out=``: its memory would have to hold all examples."""
    if kwargs.get("out") is not None:
        raise RuntimeError(
            f"Batching rule not implemented for aten::{function.__name__}.out; the fallback path doesn't work on out= or "
            "view ops."
        )


# ---- batch dimensions --------------------------------------------------------------------------------------------------


def value_of(x: Any, level: Level) -> Any:
    """All examples along dimension 0; what has no batch dimension of the level stays as it is."""
    return x.value if type(x) is BatchedTensor and x.level is level else x


def at_front(x: Tensor, level: Level) -> Tensor:
    """All examples along dimension 0; one without a batch dimension is expanded."""
    return x.value if batched(x, level) else x.expand(level.size, *x.shape)


def lift(x: Any, level: Level, rank: int) -> Any:
    """``value_of``, where a batched tensor is given dimensions of size 1 up to ``rank``, so that examples line up."""
    if not batched(x, level):
        return x
    value, missing = x.value, rank - x.ndim
    if missing <= 0:
        return value
    return value.reshape(value.shape[0], *(1,) * missing, *value.shape[1:])


def map_tensors(function: Callable[[Tensor], Any], items: Any) -> Any:
    """A tree of tuples and lists in which every tensor is replaced."""
    if isinstance(items, Tensor):
        return function(items)
    if type(items) is tuple or type(items) is list:
        return type(items)(map_tensors(function, each) for each in items)
    return items


def wrapped(result: Any, level: Level) -> Any:
    """A result that holds all examples: each of its tensors, wrapped. Tuples with names keep them."""
    if isinstance(result, Tensor):
        return wrap(result, level)
    if isinstance(result, (tuple, list)):
        return like(result, [wrapped(each, level) for each in result])
    return result


def like(result: Any, parts: list[Any]) -> Any:
    """The parts as a tuple or list of the same class as ``result``, whose fields may have names."""
    return type(result)._make(parts) if hasattr(result, "_make") else type(result)(parts)


# ---- dimensions --------------------------------------------------------------------------------------------------------


def dim_in(dim: int, rank: int) -> int:
    """The dimension of ``value`` that is dimension ``dim`` of an example with ``rank`` of them.

    Raises IndexError for one that is not there. A 0-d example has a dimension 0, and a ``value`` with one for it.
    """
    most = max(rank, 1)
    if not -most <= dim < most:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-most}, {most - 1}], but got {dim})")
    return dim % most + 1


def dims_in(dims: int | Iterable[int] | None, rank: int) -> list[int]:
    """The same for some of them; all, if none is named."""
    if dims is None:
        return list(range(1, rank + 1))
    if isinstance(dims, int):
        return [dim_in(dims, rank)]
    found = [dim_in(each, rank) for each in dims]
    return found or list(range(1, rank + 1))


# ---- dtypes ------------------------------------------------------------------------------------------------------------


def meeting_dtype(tensors: list[Tensor], level: Level) -> Any:
    """The dtype that the op would bring the examples to, where the shape of ``value`` would mislead it; else None.

    A 0-d tensor gives way to the dtype of others, and all of its examples together are not 0-d.
    """
    if all(t.dtype is tensors[0].dtype for t in tensors):
        return None
    if not any(batched(t, level) and t.ndim == 0 for t in tensors):
        return None
    return untold(_meeting, tensors)


def _meeting(tensors: list[Tensor]) -> Any:
    ranked = sorted(tensors, key=lambda t: t.ndim == 0)
    found = ranked[0]
    for each in ranked[1:]:
        dtype = result_type(found, each)
        found = (found if found.dtype is dtype else found.to(dtype)) if found.ndim or not each.ndim else each
    return found.dtype


def file_rules(table: dict[str, Any]) -> None:
    """Files rules by the names of cards."""
    for names, made in table.items():
        rule(*forms(names))(made)
