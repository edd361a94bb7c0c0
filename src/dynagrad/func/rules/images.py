"""Layers on images, sequences and volumes: examples join the batch, or the channels where each has weights of its own."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, batched, rule, wrap
from dynagrad.func.rules.common import at_front, bind, forms, like, op, wrapped
from dynagrad.tensor import Tensor

__all__: list[str] = []


# ---- convolutions ------------------------------------------------------------------------------------------------------

_SPATIAL = {"conv1d": 1, "conv2d": 2, "conv3d": 3, "conv_transpose1d": 1, "conv_transpose2d": 2, "conv_transpose3d": 3}
_CONVOLUTIONS = {op(name): name for name in _SPATIAL}


@rule(*_CONVOLUTIONS)
def convolved(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A convolution. Kernels of their own make the examples groups of channels."""
    bound = bind(function, args, kwargs)
    x, weight, bias = bound.pop("input"), bound.pop("weight"), bound.pop("bias")
    name = _CONVOLUTIONS[function]
    spatial = _SPATIAL[name]
    alone = x.ndim == spatial + 1
    if x.ndim not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to {name}, but got input of size: "
            f"{list(x.shape)}"
        )
    if not batched(weight, level):
        shared = None if batched(bias, level) else bias
        if batched(x, level):
            flat = x.value if alone else x.value.flatten(0, 1)
            made = function(flat, weight, shared, **bound)
            made = made if alone else made.unflatten(0, (level.size, x.shape[0]))
        else:
            made = function(x, weight, shared, **bound)
    else:
        groups = bound.pop("groups")
        value = at_front(x, level)
        value = value.unsqueeze(1) if alone else value
        value = value.movedim(0, 1).flatten(1, 2)  # [N, B * C, ...]
        kernels = weight.value.flatten(0, 1)
        own = at_front(bias, level).reshape(-1) if bias is not None else None
        made = function(value, kernels, own, groups=groups * level.size, **bound)
        made = made.unflatten(1, (level.size, -1)).movedim(1, 0)
        return wrap(made.squeeze(1) if alone else made, level)
    if batched(bias, level):
        made = made if batched(x, level) else made.unsqueeze(0)
        lead = (level.size,) if alone else (level.size, 1)
        made = made + bias.value.reshape(*lead, -1, *(1,) * spatial)
    return wrap(made, level)


@rule(op("convolution"))
def convolution(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The general form of all convolutions."""
    bound = bind(function, args, kwargs)
    spatial = bound["weight"].ndim - 2
    turned = bound["transposed"]
    named = {name: bound[name] for name in ("stride", "padding", "dilation", "groups")}
    if turned:
        named["output_padding"] = bound["output_padding"]
    named = {
        name: (tuple(each) * spatial if len(each) == 1 else tuple(each)) if isinstance(each, (tuple, list)) else each
        for name, each in named.items()
    }
    kind = op(f"conv_transpose{spatial}d" if turned else f"conv{spatial}d")
    return convolved(kind, level, (bound["input"], bound["weight"], bound["bias"]), named)


# ---- layers that treat the members of a batch one by one ---------------------------------------------------------------

# How many dimensions an input has with its batch dimension; those named "alone" may come without it.
_ALONE = {
    "avg_pool2d": 4,
    "avg_pool3d": 5,
    "adaptive_avg_pool2d": 4,
    "adaptive_avg_pool3d": 5,
    "max_pool2d_with_indices": 4,
    "max_pool3d_with_indices": 5,
    "adaptive_max_pool2d_with_indices": 4,
    "adaptive_max_pool3d_with_indices": 5,
    "fractional_max_pool2d_with_indices": 4,
    "fractional_max_pool3d_with_indices": 5,
    "max_unpool2d": 4,
    "max_unpool3d": 5,
    "avg_pool1d": 3,
    "max_pool1d": 3,
    "max_pool1d_with_indices": 3,
    "max_pool2d": 4,
    "max_pool3d": 5,
    "adaptive_avg_pool1d": 3,
    "adaptive_max_pool1d": 3,
    "im2col": 4,
    "col2im": 3,
}
_FOLDED = {op(name): rank for name, rank in _ALONE.items()} | {
    op(name): None for name in ("upsample", "grid_sampler", "channel_shuffle")
}


@rule(*_FOLDED)
def folded(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """All tensors have a batch dimension in front, which the examples join; those that come without get the examples'."""
    bound = bind(function, args, kwargs)
    x = next(iter(bound.values()))
    rank = _FOLDED[function]
    alone = rank is not None and x.ndim == rank - 1

    def ready(each: Any) -> Any:
        if not isinstance(each, Tensor):
            return each
        value = at_front(each, level)
        return value if alone else value.flatten(0, 1)

    given = [ready(each) for each in args]
    found = function(*given, **{name: ready(each) for name, each in kwargs.items()})
    if not alone:
        shape = (level.size, x.shape[0])
        parts = [each.unflatten(0, shape) for each in (found if isinstance(found, tuple) else (found,))]
        found = like(found, parts) if isinstance(found, tuple) else parts[0]
    return wrapped(found, level)


@rule(op("pad_by"))
def padded(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Padding by reflection and the like: half as many numbers as dimensions, and one or two more dimensions."""
    bound = bind(function, args, kwargs)
    x, pad = bound["input"], bound["pad"]
    if x.ndim == len(pad) // 2 + 1:
        return wrap(function(x.value, pad, bound["mode"]), level)
    made = function(x.value.flatten(0, 1), pad, bound["mode"])
    return wrap(made.unflatten(0, (level.size, x.shape[0])), level)


@rule(*forms("constant_pad_nd pixel_shuffle pixel_unshuffle"))
def last_dims(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Ops of the last dimensions, with any number before them."""
    bound = bind(function, args, kwargs)
    x, *rest = bound.values()
    return wrap(function(at_front(x, level), *rest), level)
