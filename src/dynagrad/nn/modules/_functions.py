"""Functions that PyTorch's modules are made of, and that scripts import: an identity to hook into, and normalisation across channels."""

from __future__ import annotations

from typing import Any

from dynagrad import Tensor
from dynagrad.autograd import Function
from dynagrad.nn.modules.groupnorm import CrossMapLRN2d as _Layer

__all__ = ["BackwardHookFunction", "CrossMapLRN2d"]


class BackwardHookFunction(Function):
    """The identity of several tensors, as a node of its own that hooks can be put on.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.modules._functions import BackwardHookFunction
    >>> BackwardHookFunction.apply(torch.ones(1, requires_grad=True))
    (tensor([1.], grad_fn=<BackwardHookFunctionBackward>),)
    """

    @staticmethod
    def forward(ctx: Any, *args: Tensor) -> tuple[Tensor, ...]:
        """The tensors."""
        shown = tuple(each.view_as(each) for each in args)
        ctx.mark_non_differentiable(*(made for made, each in zip(shown, args, strict=True) if not each.requires_grad))
        return shown

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # a part of the signature
        """Their gradients."""
        return grad_outputs


class CrossMapLRN2d:
    """What `nn.CrossMapLRN2d` applies, as a function.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.modules._functions import CrossMapLRN2d
    >>> CrossMapLRN2d.apply(torch.ones(1, 1, 1, 1), 1, 1.0, 1.0, 1.0).flatten()
    tensor([0.5000])
    """

    @staticmethod
    def apply(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> Tensor:
        """``x / (k + alpha * mean of the squares of the channels around)^beta``."""
        return _Layer(size, alpha, beta, k)(input)
