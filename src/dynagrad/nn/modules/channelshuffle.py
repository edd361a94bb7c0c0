"""ChannelShuffle."""

from __future__ import annotations

from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn.modules.module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """Deals the channels of (N, C, ...), which stand in so many groups, one group after the other."""

    __constants__ = ["groups"]

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Rearranges."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Numbers."""
        return f"groups={self.groups}"
