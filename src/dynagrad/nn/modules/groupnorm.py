"""Norms over groups of channels and over neighbouring channels; they are also names of `normalization`."""

from __future__ import annotations

from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn import init
from dynagrad.nn.modules.module import Module
from dynagrad.nn.parameter import Parameter

__all__ = ["CrossMapLRN2d", "GroupNorm", "LocalResponseNorm"]


class GroupNorm(Module):
    """Normalises each group of channels of each item by its mean and variance.

    Args:
        num_groups: into how many groups the channels are cut.
        num_channels: C of inputs (N, C, ...).
        eps: added to the variance.
        affine: whether there are a weight and a bias for each channel.
        bias: whether, besides the weight, there is a bias.

    Raises:
        ValueError: num_groups does not divide num_channels.

    >>> import dynagrad
    >>> dynagrad.nn.GroupNorm(2, 4)(dynagrad.ones(1, 4, 2)).abs().max().item()
    0.0
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = Parameter(dynagrad.empty(num_channels, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, ...)`` to the same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Numbers."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divides by ``(k + alpha * mean of squares) ** beta``, the mean being over ``size`` neighbouring channels."""

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, ...)`` to the same shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Numbers."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """The response norm of images from before LocalResponseNorm, with the windows that it has in PyTorch.

    Those are sums that move from channel to channel: a channel enters in front, and the one that leaves does so a step
    late, so that the windows of the first channels are longer.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        counts = dynagrad.tensor(self._windows(input.size(1)), dtype=input.dtype)
        sums = dynagrad.einsum("cd,ndhw->nchw", counts, input * input)
        return input * (sums * (self.alpha / self.size) + self.k).pow(-self.beta)

    def _windows(self, channels: int) -> list[list[int]]:
        """How often each channel's square counts in the sum of each."""
        reach = int((self.size - 1) / 2 + 1)
        rows = [[int(c < reach) for c in range(channels)]]
        for c in range(1, channels):
            row = list(rows[-1])
            if c < channels - reach + 1:
                row[c + reach - 1] += 1
            if c > reach:
                row[c - reach] -= 1
            rows.append(row)
        return rows

    def extra_repr(self) -> str:
        """Numbers."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
