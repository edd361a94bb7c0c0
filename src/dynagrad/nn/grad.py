"""The gradients of convolutions as functions of their own: by the input, and by the weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dynagrad
from dynagrad import Tensor

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _by(convolve: Callable[[Tensor], Tensor], shape: Sequence[int], like: Tensor, grad_output: Tensor) -> Tensor:
    """The gradient by the tensor of this shape: a convolution is linear in it, so its value does not matter."""
    recorded = dynagrad.is_grad_enabled() and (like.requires_grad or grad_output.requires_grad)
    with dynagrad.enable_grad():
        variable = dynagrad.zeros(tuple(shape), dtype=like.dtype, requires_grad=True)
        made = convolve(variable)
    return dynagrad.autograd.grad(made, variable, grad_output, create_graph=recorded)[0]


def conv1d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` by its input, of ``input_size``, where that of its result is ``grad_output``.

    >>> import dynagrad as torch
    >>> torch.nn.grad.conv1d_input((1, 1, 3), torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    tensor([[[1., 2., 1.]]])
    """
    options = (None, stride, padding, dilation, groups)
    return _by(lambda x: dynagrad.conv1d(x, weight, *options), input_size, weight, grad_output)


def conv1d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` by its weight, of ``weight_size``, where that of its result is ``grad_output``.

    >>> import dynagrad as torch
    >>> torch.nn.grad.conv1d_weight(torch.ones(1, 1, 3), (1, 1, 2), torch.ones(1, 1, 2))
    tensor([[[2., 2.]]])
    """
    options = (None, stride, padding, dilation, groups)
    return _by(lambda w: dynagrad.conv1d(input, w, *options), weight_size, input, grad_output)


def conv2d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv2d` by its input; the arguments are those of `conv1d_input`.

    >>> import dynagrad as torch
    >>> torch.nn.grad.conv2d_input((1, 1, 2, 2), torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1)).sum()
    tensor(4.)
    """
    options = (None, stride, padding, dilation, groups)
    return _by(lambda x: dynagrad.conv2d(x, weight, *options), input_size, weight, grad_output)


def conv2d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv2d` by its weight; the arguments are those of `conv1d_weight`.

    >>> import dynagrad as torch
    >>> torch.nn.grad.conv2d_weight(torch.ones(1, 1, 2, 2), (1, 1, 2, 2), torch.ones(1, 1, 1, 1)).sum()
    tensor(4.)
    """
    options = (None, stride, padding, dilation, groups)
    return _by(lambda w: dynagrad.conv2d(input, w, *options), weight_size, input, grad_output)


def conv3d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` by its input; the arguments are those of `conv1d_input`.

    >>> import dynagrad as torch
    >>> torch.nn.grad.conv3d_input((1, 1, 1, 2, 2), torch.ones(1, 1, 1, 2, 2), torch.ones(1, 1, 1, 1, 1)).sum()
    tensor(4.)
    """
    options = (None, stride, padding, dilation, groups)
    return _by(lambda x: dynagrad.conv3d(x, weight, *options), input_size, weight, grad_output)


def conv3d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` by its weight; the arguments are those of `conv1d_weight`.

    >>> import dynagrad as torch
    >>> torch.nn.grad.conv3d_weight(torch.ones(1, 1, 1, 2, 2), (1, 1, 1, 2, 2), torch.ones(1, 1, 1, 1, 1)).sum()
    tensor(4.)
    """
    options = (None, stride, padding, dilation, groups)
    return _by(lambda w: dynagrad.conv3d(input, w, *options), weight_size, input, grad_output)
