"""linear and bilinear."""

from __future__ import annotations

from dynagrad._core.card import CARDS

__all__ = ["bilinear", "linear"]

linear = CARDS["linear"].op
bilinear = CARDS["bilinear"].op
