"""PixelShuffle and PixelUnshuffle."""

from __future__ import annotations

from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn.modules.module import Module

__all__ = ["PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Spreads channels over pixels: (..., C * r * r, H, W) to (..., C, H * r, W * r)."""

    __constants__ = ["upscale_factor"]

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Rearranges."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Numbers."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Gathers pixels into channels: (..., C, H * r, W * r) to (..., C * r * r, H, W)."""

    __constants__ = ["downscale_factor"]

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Rearranges."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Numbers."""
        return f"downscale_factor={self.downscale_factor}"
