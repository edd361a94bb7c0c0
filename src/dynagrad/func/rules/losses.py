"""Losses: element by element on all examples, then reduced over the dimensions of each."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, in_terms_of_ops, rule
from dynagrad.func.rules.common import bind, op
from dynagrad.func.rules.pointwise import pointwise

__all__: list[str] = []


def _reduced(loss: Any, reduction: str) -> Any:
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


@rule(
    op("mse_loss"),
    op("smooth_l1_loss"),
    op("huber_loss"),
    op("binary_cross_entropy"),
    op("binary_cross_entropy_with_logits"),
    op("soft_margin_loss"),
)
@in_terms_of_ops
def elementwise(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """A loss of pairs of elements."""
    bound = bind(function, args, kwargs)
    reduction = bound.pop("reduction")
    if bound.get("weight") is not None:  # a weight broadcasts, and has to be told from another input
        weight = bound.pop("weight")
        others = {name: each for name, each in bound.items() if each is not None}
        made = pointwise(function, level, (), others | {"reduction": "none"}) * weight.detach()
    else:
        made = pointwise(function, level, (), {k: v for k, v in bound.items() if v is not None} | {"reduction": "none"})
    return _reduced(made, reduction)


@rule(op("nll_loss"))
@in_terms_of_ops
def nll_loss(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The negative log-probability of each target, weighted by its class."""
    bound = bind(function, args, kwargs)
    x, target, weight, ignored = bound["input"], bound["target"], bound["weight"], bound["ignore_index"]
    dim = 1 if x.ndim > 1 else 0
    counts = target != ignored
    chosen = op("where")(counts, target, 0).reshape(target.shape if x.ndim > 1 else ())
    counts = counts.reshape(chosen.shape)
    picked = -x.gather(dim, chosen.unsqueeze(dim)).squeeze(dim)
    by_class = counts.to(x.dtype) if weight is None else weight.detach()[chosen] * counts
    loss = op("where")(counts, picked * by_class, 0.0)
    if bound["reduction"] == "mean":
        return loss.sum() / by_class.sum()
    return _reduced(loss, bound["reduction"])
