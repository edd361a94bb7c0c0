"""Convolutions; the loops and derivatives are in `_core/ops/conv.pyx`."""

from __future__ import annotations

from dynagrad._core.card import CARDS

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

conv1d = CARDS["conv1d"].op
conv2d = CARDS["conv2d"].op
conv3d = CARDS["conv3d"].op
conv_transpose1d = CARDS["conv_transpose1d"].op
conv_transpose2d = CARDS["conv_transpose2d"].op
conv_transpose3d = CARDS["conv_transpose3d"].op
