"""layer_norm and rms_norm. The normalisations of images are in a file of their own."""

from __future__ import annotations

from dynagrad._core.card import CARDS

__all__ = ["layer_norm", "rms_norm"]

layer_norm = CARDS["layer_norm"].op
rms_norm = CARDS["rms_norm"].op
