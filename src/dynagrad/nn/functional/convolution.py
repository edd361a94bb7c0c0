"""Convolutions; the loops and derivatives are in `_core/ops/conv.pyx`."""

from __future__ import annotations

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS, says_what_is_no_tensor

__all__ = ["conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

conv1d = CARDS["conv1d"].op
conv2d = CARDS["conv2d"].op
conv3d = CARDS["conv3d"].op
conv_transpose1d = CARDS["conv_transpose1d"].op
conv_transpose2d = CARDS["conv_transpose2d"].op
conv_transpose3d = CARDS["conv_transpose3d"].op


@says_what_is_no_tensor
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """A convolution over time of ``[time, batch, channels in]``.

    Args:
        weight: ``[width, channels in, channels out]``.
        bias: ``[channels out]``.
        pad: zeros ahead of the first step and behind the last.

    Returns:
        ``[time + 2 pad - width + 1, batch, channels out]``.

    >>> import dynagrad as torch
    >>> torch.conv_tbc(torch.ones(3, 1, 2), torch.ones(2, 2, 1), torch.zeros(1)).flatten()
    tensor([4., 4.])
    """
    if input.dim() != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.dim() != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if bias.dim() != 1:
        raise RuntimeError("Bias must be 1-D")
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if bias.shape[0] != weight.shape[2]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    return dynagrad.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad).permute(2, 0, 1)
