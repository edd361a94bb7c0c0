"""Dropout: elements or whole channels become 0, or the value that keeps mean and variance, with probability p."""

from __future__ import annotations

import warnings

import dynagrad
from dynagrad import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

# What SELU tends to for large negative inputs, -scale * alpha.
_SELU_FLOOR = -1.7580993408473766


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _check_tensor(name: str, input: Tensor, inplace: bool) -> None:
    if not isinstance(input, Tensor):
        name = f"{name}_" if inplace else name
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")


def _mask(input: Tensor, feature: bool) -> Tensor:
    """Memory for the draws: one for each element, or one for each channel of each member of the batch."""
    if not feature:
        return dynagrad.empty_like(input)
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return input.new_empty((*input.shape[:2], *(1 for _ in range(input.dim() - 2))))


def _dropped(input: Tensor, p: float, training: bool, inplace: bool, feature: bool) -> Tensor:
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        zeros = dynagrad.zeros((), dtype=input.dtype)
        return input.mul_(zeros) if inplace else input * zeros
    noise = _mask(input, feature).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else input * noise


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements become 0 with probability ``p``, the others are divided by ``1 - p``; nothing outside of training.

    Raises ValueError for a probability outside of [0, 1].
    """
    _check(p)
    _check_tensor("dropout", input, inplace)
    return _dropped(input, p, training, inplace, feature=False)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of ``[N, C, L]`` or ``[C, L]`` become 0 with probability ``p``. RuntimeError for other inputs."""
    _check(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input")
    return _channels_dropped(input, p, training, inplace, batched=input.dim() == 3)


def _warn_dims(name: str, input: Tensor, expected: str) -> None:
    warnings.warn(
        f"{name}: Received a {input.dim()}-D input to {name}, which is deprecated and will result in an error in a future "
        "release. To retain the behavior and silence this warning, please use dropout instead: whole channels are those of "
        f"{expected} inputs",
        stacklevel=3,
    )


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of ``[N, C, H, W]`` become 0 with probability ``p``."""
    _check(p)
    if input.dim() not in (3, 4):
        _warn_dims("dropout2d", input, "3-D or 4-D")
    if input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - "
            "input is interpreted as shape (N, C, L), where C is the channel dim. To maintain the behavior of channel-wise "
            "1D dropout on inputs of shape (N, C, L) without this warning, please use dropout1d instead",
            stacklevel=2,
        )
    return _dropped(input, p, training, inplace, feature=True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of ``[N, C, D, H, W]`` or ``[C, D, H, W]`` become 0 with probability ``p``."""
    _check(p)
    if input.dim() not in (4, 5):
        _warn_dims("dropout3d", input, "4-D or 5-D")
        return _dropped(input, p, training, inplace, feature=True)
    return _channels_dropped(input, p, training, inplace, batched=input.dim() == 5)


def _channels_dropped(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if batched:
        return _dropped(input, p, training, inplace, feature=True)
    given = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    made = _dropped(given, p, training, inplace, feature=True)
    return made.squeeze_(0) if inplace else made.squeeze(0)


def _alpha_dropped(input: Tensor, p: float, training: bool, inplace: bool, feature: bool) -> Tensor:
    """What is dropped becomes SELU's floor; then all is scaled and moved so that mean and variance stay."""
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        zeros = dynagrad.zeros((), dtype=input.dtype)
        return input.mul_(zeros) if inplace else input * zeros
    kept = _mask(input, feature).bernoulli_(1 - p)
    floor = -_SELU_FLOOR
    scale = 1.0 / ((floor * floor * p + 1) * (1 - p)) ** 0.5
    shift = kept.add(-1).mul_(floor * scale).add_(floor * scale * p)
    kept.mul_(scale)
    return input.mul_(kept).add_(shift) if inplace else input * kept + shift


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1, for networks with SELU."""
    _check(p)
    _check_tensor("alpha_dropout", input, inplace)
    return _alpha_dropped(input, p, training, inplace, feature=False)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels."""
    _check(p)
    _check_tensor("feature_alpha_dropout", input, inplace)
    return _alpha_dropped(input, p, training, inplace, feature=True)
