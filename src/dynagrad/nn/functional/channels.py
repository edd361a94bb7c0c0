"""Normalisation by channel, by group of channels, by item and by neighbouring channels.

Norms over the last dimensions are in `normalization`. The loops are in `_core/ops/norm.pyx`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS
from dynagrad.nn.functional.pooling import avg_pool2d, avg_pool3d
from dynagrad.nn.functional.resampling import pad

__all__ = ["batch_norm", "group_norm", "instance_norm", "local_response_norm"]

_batch_norm = CARDS["batch_norm"].op
_group_norm = CARDS["group_norm"].op


def _refuse_single_values(size: Sequence[int]) -> None:
    """One number for each channel has no variance."""
    if size[0] * prod(size[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel of (N, C, ...), in training by its own mean and variance, else by the running ones.

    Args:
        input: floating; at least two dimensions.
        running_mean, running_var: C elements; in training they move towards the input's, or are None.
        weight, bias: C elements, by which the result is scaled and shifted.
        training: whose mean and variance.
        momentum: how far the running ones move.
        eps: added to the variance.

    Raises:
        ValueError: one number for each channel in training.
        RuntimeError: vectors that do not have C elements.
    """
    if training:
        _refuse_single_values(input.shape)
    return _batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalises each group of channels of each item of (N, C, ...), then scales and shifts each channel."""
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    _refuse_single_values([input.size(0) * input.size(1) // num_groups, num_groups, *input.shape[2:]])
    return _group_norm(input, num_groups, weight, bias, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises each channel of each item of (N, C, ...); the running statistics take means over N."""
    if use_input_stats and prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    return dynagrad.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divides by ``(k + alpha * mean of squares) ** beta``, the mean being over ``size`` neighbouring channels."""
    if input.dim() < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)")
    if input.numel() == 0:
        return input
    squares = input.mul(input)
    if input.dim() == 3:
        windows = pad(squares.unsqueeze(1), (0, 0, size // 2, (size - 1) // 2))
        means = avg_pool2d(windows, (size, 1), stride=1).squeeze(1)
    else:
        n, c, h, *_ = input.shape
        windows = pad(squares.view(n, 1, c, h, -1), (0, 0, 0, 0, size // 2, (size - 1) // 2))
        means = avg_pool3d(windows, (size, 1, 1), stride=1).squeeze(1).view(input.shape)
    return input / means.mul(alpha).add(k).pow(beta)
