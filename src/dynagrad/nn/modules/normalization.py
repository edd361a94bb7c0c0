"""LayerNorm and RMSNorm."""

from __future__ import annotations

from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn import init
from dynagrad.nn.modules.groupnorm import CrossMapLRN2d, GroupNorm, LocalResponseNorm  # noqa: F401  # PyTorch's place
from dynagrad.nn.modules.module import Module
from dynagrad.nn.parameter import Parameter

__all__ = ["LayerNorm", "RMSNorm"]


class LayerNorm(Module):
    """``(x - mean) / sqrt(variance + eps) * weight + bias``, over the last dimensions.

    Args:
        normalized_shape: their sizes.
        eps: added to the variance.
        elementwise_affine: whether there is a weight, of ones at first.
        bias: whether there is a bias, of zeros at first, beside the weight.

    >>> import dynagrad
    >>> dynagrad.nn.LayerNorm(2)(dynagrad.tensor([[1., 3.]]))
    tensor([[-1.0000,  1.0000]], grad_fn=<NativeLayerNormBackward0>)
    """

    __constants__ = ["elementwise_affine", "eps", "normalized_shape"]

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            made = Parameter(dynagrad.empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Ones and zeros."""
        if self.elementwise_affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class RMSNorm(Module):
    """``x / sqrt(mean(x²) + eps) * weight``, over the last dimensions.

    Args:
        normalized_shape: their sizes.
        eps: added to the mean; the machine epsilon of the input's dtype if not given.
        elementwise_affine: whether there is a weight, of ones at first.
    """

    __constants__ = ["elementwise_affine", "eps", "normalized_shape"]

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = dynagrad.empty(self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        self.register_parameter("weight", None if weight is None else Parameter(weight))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Ones."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


def _sizes(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
