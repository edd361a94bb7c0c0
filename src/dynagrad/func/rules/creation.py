"""New tensors made after batched ones: one for every example."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, batched, in_terms_of_ops, rule, wrap
from dynagrad.func.rules.common import bind, forms, op
from dynagrad.func.rules.fallback import looped
from dynagrad.func.rules.pointwise import pointwise
from dynagrad.func.rules.views import sizes_of
from dynagrad.tensor import Tensor

__all__: list[str] = []


def _named(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in kwargs.items() if name not in ("memory_format", "size", "out")}


@rule(*forms("zeros_like ones_like empty_like full_like"))
def like(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """As large as all examples."""
    x, *rest = args
    if not batched(x, level):  # full_like(x, batched number)
        fill = rest[0] if rest else kwargs["fill_value"]
        return wrap(fill.value.reshape(level.size, *(1,) * x.ndim).expand(level.size, *x.shape).to(x.dtype), level)
    return wrap(function(x.value, *rest, **_named(kwargs)), level)


@rule(*forms("new_zeros new_ones new_empty new_full"))
def new(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """New memory of other sizes, for every example."""
    bound = bind(function, args, kwargs)
    if "fill_value" in bound:
        made = function(args[0].value, (level.size, *bound["size"]), bound["fill_value"], **_named(
            {name: each for name, each in kwargs.items() if name != "fill_value"}
        ))  # fmt: skip
        return wrap(made, level)
    return wrap(function(args[0].value, (level.size, *sizes_of(bound, "args", "size")), **_named(kwargs)), level)


@rule(*forms("complex"))
def pair(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Real and imaginary parts, lined up."""
    return pointwise(function, level, args, kwargs)


@rule(*forms("full scalar_tensor"))
def filled(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A number of its own for every example."""
    bound = bind(function, args, kwargs)
    number = bound["fill_value"] if "fill_value" in bound else bound["s"]
    shape = tuple(bound["size"]) if "size" in bound else ()
    value = number.value.reshape(level.size, *(1,) * len(shape)).expand(level.size, *shape).clone()
    return wrap(value if bound["dtype"] is None else value.to(bound["dtype"]), level)


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


@rule(*forms("bincount"))
def counted(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """How often each number appears, which makes rows of one length if the examples happen to agree on it."""
    return looped(function, level, args, kwargs)
