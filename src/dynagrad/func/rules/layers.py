"""Layers on rows: normalisations, embeddings, cells. Those of images are in `images`."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, batched, in_terms_of_ops, rule, wrap
from dynagrad.func.rules.common import at_front, bind, lift, op, wrapped
from dynagrad.func.rules.fallback import looped
from dynagrad.tensor import Tensor

__all__ = ["affine"]

_where = op("where")

RUNNING = (
    "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, were "
    "not batched.\nIf you are using a module and do not need eval mode, please set `track_running_stats` to be False.If you "
    "are using a prebuilt module and do not need eval mode, please see the functorch website for resources on how to patch "
    "your module to work with vmap"
)


def affine(value: Tensor, weight: Any, bias: Any, shape: tuple[int, ...], level: Level) -> Tensor:
    """``value * weight + bias``, where an example of weight and bias has the shape ``shape``."""
    for number, each in ((0, weight), (1, bias)):
        if each is not None:
            lead = (level.size,) if batched(each, level) else ()
            ready = (each.value if lead else each).reshape(*lead, *shape)
            value = value + ready if number else value * ready
    return value


@rule(op("layer_norm"), op("rms_norm"))
def normalised_rows(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Normalised over the last dimensions; weights of their own are applied afterwards."""
    bound = bind(function, args, kwargs)
    x, shape, weight, bias = bound["input"], bound["normalized_shape"], bound["weight"], bound.get("bias")
    rest = {"eps": bound["eps"]}
    if not batched(weight, level) and not batched(bias, level):
        named = {"weight": weight} | ({"bias": bias} if "bias" in bound else {}) | rest
        return wrap(function(x.value, shape, **named), level)
    made = function(at_front(x, level), shape, **rest)
    rank = x.ndim - len(shape)
    return wrap(affine(made, weight, bias, (*(1,) * rank, *shape), level), level)


def _channels_first(x: Tensor, level: Level) -> Tensor:
    """``[N, B * C, ...]``: every channel of every example is a channel."""
    value = at_front(x, level).movedim(0, 1)
    return value.reshape(value.shape[0], -1, *value.shape[3:])


def _statistics(running: Any, level: Level) -> Any:
    """Running statistics of all channels; memory of the examples themselves where they have their own."""
    if running is None:
        return None
    return running.value.reshape(-1) if batched(running, level) else running.repeat(level.size)


@rule(op("batch_norm"))
def batch_norm(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every channel of every example, by its own statistics or by running ones."""
    bound = bind(function, args, kwargs)
    x, weight, bias = bound["input"], bound["weight"], bound["bias"]
    running = bound["running_mean"], bound["running_var"]
    shared = any(each is not None and not batched(each, level) for each in running)
    if bound["training"] and shared and any(batched(each, level) for each in (x, *running)):
        raise RuntimeError(RUNNING)
    flat = _channels_first(x, level)
    rest = (bound["training"], bound["momentum"], bound["eps"])
    statistics = [_statistics(each, level) for each in running]
    made = function(flat, None, None, *statistics, *rest)
    if bound["training"]:
        for each, now in zip(running, statistics, strict=True):
            if now is not None and now._base is not each.value:  # they were copied together
                each.value.copy_(now.reshape(each.value.shape))
    made = made.reshape(made.shape[0], level.size, -1, *made.shape[2:]).movedim(1, 0)
    return wrap(affine(made, weight, bias, (1, x.shape[1], *(1,) * (x.ndim - 2)), level), level)


@rule(op("group_norm"))
def group_norm(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Normalised over groups of channels."""
    bound = bind(function, args, kwargs)
    x, weight, bias = bound["input"], bound["weight"], bound["bias"]
    value = at_front(x, level)
    made = function(value.reshape(-1, *x.shape[1:]), bound["num_groups"], None, None, bound["eps"]).reshape(value.shape)
    return wrap(affine(made, weight, bias, (1, x.shape[1], *(1,) * (x.ndim - 2)), level), level)


@rule(op("instance_norm"))
def instance_norm(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every channel of every member, by its own statistics; with running ones, one example after the other."""
    bound = bind(function, args, kwargs)
    x, weight, bias = bound["input"], bound["weight"], bound["bias"]
    if bound["running_mean"] is not None:
        return looped(function, level, args, kwargs)
    named = {name: each for name, each in bound.items() if name not in ("input", "weight", "bias")}
    made = function(_channels_first(x, level), weight=None, bias=None, **named)
    made = made.reshape(made.shape[0], level.size, -1, *made.shape[2:]).movedim(1, 0)
    return wrap(affine(made, weight, bias, (1, x.shape[1], *(1,) * (x.ndim - 2)), level), level)


@rule(op("embedding"))
def embedding(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Rows of a table; of a table of its own for every example."""
    bound = bind(function, args, kwargs)
    weight, indices = bound["weight"], bound["indices"]
    rest = {name: bound[name] for name in ("padding_idx", "scale_grad_by_freq", "sparse")}
    if not batched(weight, level):
        return wrap(function(weight, indices.value, **rest), level)
    if rest["scale_grad_by_freq"] or rest["sparse"]:
        return looped(function, level, args, kwargs)
    where = at_front(indices, level)
    numbers = op("arange")(level.size).reshape(level.size, *(1,) * indices.ndim)
    made = weight.value[numbers, where]
    padding = rest["padding_idx"]
    if padding is not None and padding >= 0:
        made = _where((where == padding).unsqueeze(-1), made.detach(), made)
    return wrap(made, level)


@rule(op("prelu"))
@in_terms_of_ops
def prelu(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A slope for each channel, or one."""
    bound = bind(function, args, kwargs)
    x, weight = bound["input"], bound["weight"]
    channels = x.shape[1] if x.ndim >= 2 else 1
    if weight.numel() != 1 and weight.numel() != channels:
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} and channel "
            f"size = {channels}."
        )
    if weight.numel() != 1 and x.ndim >= 2:
        weight = weight.reshape(-1, *(1,) * (x.ndim - 2))
    elif weight.ndim:
        weight = weight.reshape(())
    return _where(x > 0, x, weight * x)


@rule(op("lstm_cell_step"), op("gru_cell_step"))
def cell(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """One step: every row of every example is a row; biases of their own are added before."""
    bound = bind(function, args, kwargs)
    names = [name for name in bound if not name.endswith("bias")]
    rank = max(bound[name].ndim for name in names)
    biases = {name: bound[name] for name in bound if name.endswith("bias")}
    rows: list[Tensor] = []
    for name in names:
        value = lift(bound[name], level, rank) if batched(bound[name], level) else at_front(bound[name], level)
        bias = biases.get(name.replace("gates", "bias")) if name.endswith("gates") else None
        if batched(bias, level):
            value = value + lift(bias, level, rank)
            biases[name.replace("gates", "bias")] = None
        rows.append(value.reshape(-1, value.shape[-1]))
    found = function(*rows, *(biases[name] for name in ("input_bias", "hidden_bias")))
    shape = (level.size, *bound[names[2]].shape)
    made = tuple(each.reshape(shape) for each in found) if isinstance(found, tuple) else found.reshape(shape)
    return wrapped(made, level)
