"""New tensors made after batched ones: one for every example."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, batched, in_terms_of_ops, rule, wrap
from dynagrad.func.rules.common import bind, forms, op
from dynagrad.func.rules.views import sizes_of
from dynagrad.tensor import Tensor

__all__: list[str] = []


def _named(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in kwargs.items() if name not in ("memory_format", "size", "out")}


def _each(number: Any, shape: Any, dtype: Any, level: Level) -> Any:
    """Tensors of one number each, another one for every example."""
    value = number.value.reshape(level.size, *(1,) * len(shape)).expand(level.size, *shape)
    return wrap(value.clone() if dtype is None else value.to(dtype, copy=True), level)


@rule(*forms("zeros_like ones_like empty_like full_like"))
def like(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """As large as all examples."""
    bound = bind(function, args, kwargs)
    x, fill = bound["input"], bound.get("fill_value")
    if batched(fill, level):
        return _each(fill, x.shape, bound["dtype"] or x.dtype, level)
    return wrap(function(x.value, *args[1:], **_named(kwargs)), level)


@rule(*forms("new_zeros new_ones new_empty new_full"))
def new(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """New memory of other sizes, for every example."""
    bound = bind(function, args, kwargs)
    x, rest = args[0], _named(kwargs)
    if "fill_value" not in bound:
        return wrap(function(x.value, (level.size, *sizes_of(bound, "args", "size")), **rest), level)
    fill = rest.pop("fill_value", bound["fill_value"])
    if batched(fill, level):
        return _each(fill, tuple(bound["size"]), bound["dtype"] or x.dtype, level)
    return wrap(function(x.value, (level.size, *bound["size"]), fill, **rest), level)


@rule(*forms("full scalar_tensor"))
def filled(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A number of its own for every example."""
    bound = bind(function, args, kwargs)
    number = bound["fill_value"] if "fill_value" in bound else bound["s"]
    return _each(number, tuple(bound["size"]) if "size" in bound else (), bound["dtype"], level)


@rule(*forms("tensor as_tensor asarray new_tensor"))
@in_terms_of_ops
def gathered(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A copy of a batched tensor, or of nested lists that hold some."""
    data = args[-1]
    made = _stacked(data)
    made = made.clone() if function is op("tensor") and isinstance(data, Tensor) else made
    dtype = kwargs.get("dtype")
    return made.detach() if dtype is None else made.detach().to(dtype)


def _stacked(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (list, tuple)):
        return op("stack")([_stacked(each) for each in data])
    return op("tensor")(data)
