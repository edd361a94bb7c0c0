"""Losses. Those that PyTorch records as one node are native; the others are put together here."""

from __future__ import annotations

import math
import warnings

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS, interposed
from dynagrad.nn.functional.activation import log_softmax, logsigmoid

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]

_nll = CARDS["nll_loss"].op
_mse = CARDS["mse_loss"].op
_smooth_l1 = CARDS["smooth_l1_loss"].op
_huber = CARDS["huber_loss"].op
_bce = CARDS["binary_cross_entropy"].op
_bce_logits = CARDS["binary_cross_entropy_with_logits"].op
_soft_margin = CARDS["soft_margin_loss"].op

REDUCTIONS = ("none", "mean", "sum")


def _legacy(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that the arguments of old mean."""
    if size_average is None and reduce is None:
        return reduction
    mean = size_average is None or size_average
    meant = "none" if reduce is not None and not reduce else "mean" if mean else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{meant}' instead.", stacklevel=3
    )
    return meant


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction != "none":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return loss


def _broadcast(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one shape, with PyTorch's warning where they differ: that is seldom what was meant."""
    if input.shape == target.shape:
        return input, target
    warnings.warn(
        f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will likely "
        "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=3,
    )
    input, target = dynagrad.broadcast_tensors(input, target)
    return input, target


# ---- classes ---------------------------------------------------------------------------------------------------------


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-input[n, target[n]]``, the loss of log-probabilities.

    Args:
        input: ``[N, C, ...]`` or ``[C]``.
        target: int64 ``[N, ...]`` or ``[]``; IndexError for one that is no class.
        weight: ``[C]``, the weights of the classes.
        ignore_index: a target that counts for nothing.
        reduction: "mean" (by weight), "sum" or "none".
    """
    reduction = _legacy(size_average, reduce, reduction)
    if target.dtype.is_floating_point:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype}")
    if input.dim() < 1:
        raise ValueError("input tensor should be 1D or 2D")
    batch = input.shape[:1] + input.shape[2:] if input.dim() > 1 else input.shape[:0]
    if target.shape != batch and not (input.dim() == 1 and target.shape == (1,)):
        if input.dim() >= 2 and target.dim() and input.shape[0] != target.shape[0]:
            raise ValueError(
                f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
            )
        if input.dim() == 1 and target.dim() == 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}")
        if input.dim() <= 2 and target.dim() > 1:
            raise RuntimeError(
                "0D or 1D target tensor expected, multi-target not supported: "
                f"the target has shape {list(target.shape)}, the input {list(input.shape)}"
            )
        raise RuntimeError(
            f"Expected target size {list(batch)}, got {list(target.shape)}: the input of shape {list(input.shape)} has "
            f"its classes in dimension {1 if input.dim() > 1 else 0}"
        )
    return _nll(input, target, weight, reduction, ignore_index)


@interposed
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The loss of logits: ``nll_loss(log_softmax(input, 1), target)``.

    Args:
        input: ``[N, C, ...]`` or ``[C]``.
        target: int64 classes ``[N, ...]``; or probabilities of the shape of ``input``.
        weight: ``[C]``, the weights of the classes.
        ignore_index: a class that counts for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: how much of each target is spread over all classes, from 0 to 1.

    >>> import dynagrad
    >>> dynagrad.nn.functional.cross_entropy(dynagrad.zeros(1, 2), dynagrad.tensor([1]))
    tensor(0.6931)
    """
    reduction = _legacy(size_average, reduce, reduction)
    dim = 1 if input.dim() > 1 else 0
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.shape == input.shape and target.is_floating_point():
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing, dim)
    log_p = log_softmax(input, dim)
    if label_smoothing == 0:
        return nll_loss(log_p, target, weight, None, ignore_index, None, reduction)
    return _smoothed(log_p, target, weight, reduction, ignore_index, label_smoothing, dim)


def _weight_along(weight: Tensor, input: Tensor, dim: int) -> Tensor:
    return weight.view([-1 if i == dim else 1 for i in range(input.dim())])


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, dim: int
) -> Tensor:
    classes = input.shape[dim]
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got "
            f"weight tensor of shape: {list(weight.shape)}"
        )
    log_p = log_softmax(input, dim)
    if smoothing > 0:
        target = target * (1 - smoothing) + smoothing / classes
    product = log_p * target
    if weight is not None:
        product = product * _weight_along(weight, input, dim)
    if reduction == "mean":
        members = (input.numel() // classes if classes else 0) if input.dim() > 1 else 1  # of no classes: 0 / 0
        return -product.sum() / members
    if reduction == "sum":
        return -product.sum()
    return -product.sum(dim)


def _smoothed(
    log_p: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore: int, smoothing: float, dim: int
) -> Tensor:
    """The loss of the targets and of the even distribution, mixed."""
    classes = log_p.shape[dim]
    sharp = nll_loss(log_p, target, weight, None, ignore, None, reduction)
    even = -(log_p if weight is None else log_p * _weight_along(weight, log_p, dim)).sum(dim)
    ignored = target == ignore
    even = even.masked_fill(ignored, 0.0)
    if reduction == "mean":
        if weight is None:
            even = even.sum() / (~ignored).sum()
        else:
            counted = weight.gather(0, target.masked_fill(ignored, 0).flatten()).masked_fill(ignored.flatten(), 0.0)
            even = even.sum() / counted.sum()
    elif reduction == "sum":
        even = even.sum()
    return sharp * (1 - smoothing) + even * (smoothing / classes)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of the binary cross-entropy of logits."""
    reduction = _legacy(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduced(loss.sum(input.dim() - 1) / input.size(input.dim() - 1), reduction)


# ---- numbers ---------------------------------------------------------------------------------------------------------


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """``(input - target)²``, its mean if not said otherwise.

    Args:
        weight: factors of the elements; the mean is then taken by weight.

    >>> import dynagrad
    >>> dynagrad.nn.functional.mse_loss(dynagrad.tensor([1., 2.]), dynagrad.tensor([0., 0.]))
    tensor(2.5000)
    """
    reduction = _legacy(size_average, reduce, reduction)
    input, target = _broadcast(input, target)
    if weight is None:
        return _mse(input, target, reduction)
    return _weighted(_mse(input, target, "none"), weight, reduction)


def _weighted(loss: Tensor, weight: Tensor, reduction: str) -> Tensor:
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    return loss.sum() / weight.sum() if reduction == "mean" else _reduced(loss, reduction)


@interposed
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """``|input - target|``, its mean if not said otherwise."""
    reduction = _legacy(size_average, reduce, reduction)
    input, target = _broadcast(input, target)
    loss = (input - target).abs()
    return _reduced(loss, reduction) if weight is None else _weighted(loss, weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squares for differences below ``beta``, absolute values above."""
    reduction = _legacy(size_average, reduce, reduction)
    input, target = _broadcast(input, target)
    if beta == 0.0:
        return _reduced((input - target).abs(), reduction)
    return _smooth_l1(input, target, reduction, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Squares for differences up to ``delta``, straight lines of slope ``delta`` above."""
    input, target = _broadcast(input, target)
    if weight is None:
        return _huber(input, target, reduction, delta)
    return _weighted(_huber(input, target, "none", delta), weight, reduction)


@interposed
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The loss of a Poisson rate, or of its logarithm: ``exp(x) - t x``. ``full`` adds Stirling's approximation."""
    reduction = _legacy(size_average, reduce, reduction)
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """``(log(var) + (input - target)² / var) / 2``; variances are taken to be at least ``eps``.

    Raises ValueError for a negative variance or one of a wrong size.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * dynagrad.ones_like(input)
    elif dynagrad.any(var < 0):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not (input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1) and not _expands(var, input):
            raise ValueError("var is of incorrect size")
    if reduction not in REDUCTIONS:
        raise ValueError(reduction + " is not valid")
    var = var.clone()  # type: ignore[union-attr]  # a tensor by now
    with dynagrad.no_grad():
        var.clamp_(min=eps)  # type: ignore[union-attr]  # likewise
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)  # type: ignore[union-attr]  # likewise
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction)


def _expands(var: Tensor, input: Tensor) -> bool:
    pairs = zip(var.shape, input.shape, strict=False)
    return var.dim() == input.dim() and sum(a != b for a, b in pairs) == 1 and 1 in var.shape


# ---- probabilities ---------------------------------------------------------------------------------------------------


@interposed
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """``target * (log(target) - input)``, the input being log-probabilities; "batchmean" is as in mathematics."""
    reduction = _legacy(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only "
            "by the batch size, and aligns with the KL div math definition.",
            stacklevel=2,
        )
    loss = target.exp() * (target - input) if log_target else dynagrad.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.size(0) if input.dim() else loss.sum()
    return _reduced(loss, reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-(t log x + (1 - t) log(1 - x))`` of probabilities x. ValueError unless both have one shape."""
    reduction = _legacy(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is no longer "
            "possible: give both one size"
        )
    if weight is not None:
        weight = weight.expand(dynagrad.broadcast_shapes(target.size(), weight.size()))
    return _bce(input, target, weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy of ``sigmoid(input)``, without its loss of digits."""
    reduction = _legacy(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return _bce_logits(input, target, weight, pos_weight, reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``log(1 + exp(-target * input))``; the targets are 1 and -1."""
    reduction = _legacy(size_average, reduce, reduction)
    return _soft_margin(*dynagrad.broadcast_tensors(input, target), reduction)
