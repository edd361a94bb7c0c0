"""A convolution or linear layer and the BatchNorm after it as one layer, for inference."""

from __future__ import annotations

import copy
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of ``conv`` that gives what ``bn(conv(x))`` gives; ``transpose`` says that it is a transposed one.

    Raises AssertionError if one of them is in training, or ``bn`` has no running statistics.

    >>> from dynagrad.nn import BatchNorm2d, Conv2d
    >>> fuse_conv_bn_eval(Conv2d(3, 8, 1, bias=False).eval(), BatchNorm2d(8).eval()).bias.shape
    torch.Size([8])
    """
    return _fused(conv, bn, lambda *parts: fuse_conv_bn_weights(*parts, transpose))  # type: ignore[call-arg]  # seven parts


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of ``linear`` that gives what ``bn(linear(x))`` gives.

    Raises AssertionError if one of them is in training, ``bn`` has no running statistics, or their features differ.

    >>> from dynagrad.nn import BatchNorm1d, Linear
    >>> fuse_linear_bn_eval(Linear(3, 8).eval(), BatchNorm1d(8).eval()).weight.shape
    torch.Size([8, 3])
    """
    if not linear.training and not bn.training and bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    return _fused(linear, bn, fuse_linear_bn_weights)


def _fused(layer: Any, bn: Any, fuse: Any) -> Any:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    made = copy.deepcopy(layer)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    statistics = (bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    made.weight, made.bias = fuse(made.weight, made.bias, *statistics)
    return made


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the one convolution: the channels' weights ``[C, ...]``, or ``[in, C, ...]``, scaled and moved."""
    scale = dynagrad.rsqrt(bn_rv + bn_eps)
    if bn_w is not None:
        scale = bn_w * scale
    channels = [1] * conv_w.dim()
    channels[1 if transpose else 0] = -1
    return _parameters(conv_w, conv_w * scale.reshape(channels), conv_b, bn_rm, scale, bn_b)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight, ``[out, in]``, and bias of the one linear layer."""
    scale = bn_w * dynagrad.rsqrt(bn_rv + bn_eps)
    return _parameters(linear_w, linear_w * scale.unsqueeze(-1), linear_b, bn_rm, scale, bn_b)


def _parameters(
    weight: Tensor, scaled: Tensor, bias: Tensor | None, mean: Tensor, scale: Tensor, shift: Tensor | None
) -> tuple[Parameter, Parameter]:
    """The scaled weight, and the bias after BatchNorm, in the dtypes and with the requires_grad of those given."""
    moved = (-mean if bias is None else bias - mean) * scale
    if shift is not None:
        moved = moved + shift
    like = weight if bias is None else bias
    return (
        Parameter(scaled.to(weight.dtype), weight.requires_grad),
        Parameter(moved.to(like.dtype), bias is not None and bias.requires_grad),
    )
