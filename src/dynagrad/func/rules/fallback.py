"""Ops without a rule: one example after the other, and the results stacked. PyTorch does the same, and says so."""

from __future__ import annotations

import warnings
from typing import Any

from dynagrad.func.batched import (
    CONTROL_FLOW,
    ITEM,
    NO_STORAGE,
    Level,
    batched,
    default_rule,
    refuse_requires_grad,
    rule,
    wrap,
)
from dynagrad.func.rules.common import INPLACE, forms, like, map_tensors, op, refuse_out
from dynagrad.tensor import Tensor

__all__ = ["looped"]


def _public_name(function: Any) -> str:
    return getattr(function, "__name__", str(function)).lstrip("_")


def _stacked(results: list[Any], level: Level) -> Any:
    first = results[0]
    if isinstance(first, Tensor):
        return wrap(op("stack")(results), level)
    if isinstance(first, (tuple, list)):
        parts = [_stacked(list(column), level) for column in zip(*results, strict=True)]
        return like(first, parts)
    return first


@default_rule
def looped(function: Any, level: Level, args: Any, kwargs: dict[str, Any], warn: bool = True) -> Any:
    """The op on one example after the other; in place where the op is. Warns as PyTorch does."""
    refuse_out(function, kwargs)
    name = _public_name(function)
    if warn:
        warnings.warn(
            f"There is a performance drop because we have not yet implemented the batching rule for aten::{name}. Please "
            "file us an issue on GitHub so that we can prioritize its implementation.",
            stacklevel=4,
        )
    inplace = name.endswith("_") and not name.endswith("__")
    if inplace and not batched(args[0], level):
        raise RuntimeError(INPLACE)
    if level.size == 0:
        raise RuntimeError(
            f"The fallback for vmap over {name} does not support a batch size of 0: there is no example that would tell the "
            "shape of the result"
        )
    named = list(kwargs)
    results = []
    for i in range(level.size):

        def one(x: Tensor, i: int = i) -> Tensor:
            return x.value[i] if batched(x, level) else x

        each = map_tensors(one, (*args, *kwargs.values()))
        results.append(function(*each[: len(args)], **dict(zip(named, each[len(args) :], strict=True))))
    return args[0] if inplace else _stacked(results, level)


def _dynamic(function: Any, _level: Level, _args: Any, _kwargs: dict[str, Any]) -> Any:
    raise RuntimeError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over "
        f"aten::{_public_name(function)}. Please file an issue at https://github.com/pytorch/pytorch/issues if you need this "
        "feature."
    )


def _refusing(message: str) -> Any:
    def refuse(_function: Any, _level: Level, _args: Any, _kwargs: dict[str, Any]) -> Any:
        raise RuntimeError(message)

    return refuse


rule(*forms("nonzero argwhere masked_select unique unique_consecutive"))(_dynamic)


@rule(op("repeat_interleave"))
def repeated(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """How often each element is repeated may not depend on the example."""
    repeats = args[1] if len(args) > 1 else kwargs.get("repeats")
    if repeats is None or batched(repeats, level):
        return _dynamic(function, level, args, kwargs)
    return NotImplemented  # made of ops that have rules


rule(*forms("histc histogram histogramdd"))(looped)
rule("item")(_refusing(ITEM))
rule("tolist", *forms("numpy __array__ __dlpack__ __dlpack_device__ to_dlpack"))(_refusing(NO_STORAGE))
rule(op("equal"))(_refusing("Batching rule not implemented for aten::equal. We could not generate a fallback."))
rule(op("allclose"))(
    _refusing(
        "vmap over torch.allclose isn't supported yet. Please file an issue at https://github.com/pytorch/pytorch/issues if "
        "you need this feature."
    )
)
rule(op("is_nonzero"))(_refusing(CONTROL_FLOW))
rule(*forms("apply_ map_"))(_refusing(ITEM))
rule("requires_grad_", "requires_grad=")(lambda *_: refuse_requires_grad())
rule("backward")(
    _refusing(
        "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp "
        "instead or call backward() outside of functorch transforms."
    )
)
rule("retain_grad", "register_hook", "register_post_accumulate_grad_hook", "grad=", "data=")(
    _refusing(
        "hooks and .grad belong to one tensor, and inside of vmap a tensor stands for many examples: use the transforms of "
        "torch.func, or set them outside"
    )
)
