"""Losses with a margin: what is right must be ahead of what is wrong, or alike closer than unlike, by so much."""

from __future__ import annotations

from collections.abc import Callable

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import interposed
from dynagrad._core.ops.whole import MultilabelMarginLossBackward0, MultiMarginLossBackward0, whole
from dynagrad.nn.functional.distance import pairwise_distance
from dynagrad.nn.functional.loss import _legacy, _reduced

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}  # the numbers under which nodes show them


def _check_targets(wanted: Tensor, least: int, classes: int) -> None:
    """Raises RuntimeError for a target that is no class. Under vmap none can be looked at; gather refuses those."""
    if getattr(wanted, "stands_for_many", False) or not wanted.numel():
        return
    if int(wanted.min()) < least or int(wanted.max()) >= classes:
        raise RuntimeError("target out of range")


def _margin_shapes(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if input.dim() > 2 or (input.dim() > 0 and input.shape[-1] == 0):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    if input.dim() < 2:
        return input.reshape(1, -1), target.reshape(1, -1)
    return input, target


@interposed
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``sum over j of max(0, margin - x[target] + x[j])^p / C``, j not the target.

    Args:
        input: ``[N, C]`` or ``[C]``.
        target: int64 ``[N]`` or ``[]``.
        p: 1 or 2.
        weight: ``[C]``, the weights of the classes.
    """
    reduction = _legacy(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    rows, target_rows = _margin_shapes(input, target)
    wanted = target_rows.reshape(-1)
    if target.dim() > 1 or wanted.shape[0] != rows.shape[0] or (target.dim() == 0 and input.dim() > 1):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size {[rows.shape[0]]}, but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    classes = rows.shape[1]
    _check_targets(wanted, 0, classes)

    def values() -> Tensor:
        chosen = rows.gather(1, wanted.unsqueeze(1))
        violated = (margin - chosen + rows).clamp_min(0)
        violated = violated if p == 1 else violated * violated
        if weight is not None:
            violated = violated * weight.detach().index_select(0, wanted).unsqueeze(1)
        others = dynagrad.ones_like(rows).scatter(1, wanted.unsqueeze(1), 0.0)
        loss = (violated * others).sum(1) / classes
        return _reduced(loss if target.dim() else loss[0], reduction)

    kept = (p, margin, REDUCTIONS.get(reduction, 0))
    return whole(MultiMarginLossBackward0, (input,), values, (input, target, weight), kept)


@interposed
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``sum of max(0, 1 - (x[j] - x[i])) / C`` over targets j and other classes i.

    Args:
        input: ``[N, C]`` or ``[C]``.
        target: int64 of that shape: the targets, ended by -1.
    """
    reduction = _legacy(size_average, reduce, reduction)
    rows, wanted = _margin_shapes(input, target)
    if input.shape != target.shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    classes = rows.shape[1]
    _check_targets(wanted, -1, classes)
    listed = (wanted < 0).long().cumsum(1) == 0
    index = wanted.masked_fill(~listed, 0)
    is_target = dynagrad.zeros_like(wanted).scatter_add(1, index, listed.long()) > 0

    def values() -> Tensor:
        gaps = (1 - rows.gather(1, index).unsqueeze(2) + rows.unsqueeze(1)).clamp_min(0)
        counted = listed.unsqueeze(2) & ~is_target.unsqueeze(1)
        loss = (gaps * counted).sum((1, 2)) / classes
        return _reduced(loss if input.dim() == 2 else loss[0], reduction)

    saved = (input, target, is_target.to(input.dtype).reshape(input.shape))
    return whole(MultilabelMarginLossBackward0, (input,), values, saved, (REDUCTIONS.get(reduction, 0),))


@interposed
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1."""
    reduction = _legacy(size_average, reduce, reduction)
    apart = dynagrad.where(target != 1, (margin - input).clamp_min(0), 0.0)
    alike = dynagrad.where(target != -1, input, 0.0)
    return _reduced(apart + alike, reduction)


@interposed
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1."""
    reduction = _legacy(size_average, reduce, reduction)
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.dim() != target.dim() + 1 or input2.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    dim = target.dim()
    eps = 1e-12
    product = (input1 * input2).sum(dim)
    lengths = (((input1 * input1).sum(dim) + eps) * ((input2 * input2).sum(dim) + eps)).sqrt()
    cos = product / lengths
    alike = dynagrad.where(target == 1, 1 - cos, 0.0)
    apart = dynagrad.where(target == -1, (cos - margin).clamp_min(0), 0.0)
    return _reduced(alike + apart, reduction)


@interposed
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, -target * (input1 - input2) + margin)``."""
    reduction = _legacy(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return _reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@interposed
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, d being the p-norm of the difference."""
    reduction = _legacy(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of one's own; the Euclidean one if none is given."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = dynagrad.minimum(far, distance(positive, negative))
    return _reduced((margin + near - far).clamp_min(0), reduction)
