"""Normalisations at the root, and those that also give the statistics by which they normalised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS, says_what_is_no_tensor

__all__ = [
    "layer_norm",
    "native_batch_norm",
    "native_group_norm",
    "native_layer_norm",
    "norm_except_dim",
    "rms_norm",
]

_layer_norm = CARDS["layer_norm"].op
_rms_norm = CARDS["rms_norm"].op


def _shape(name: str, given: Any) -> tuple[int, ...]:
    if isinstance(given, int):
        raise TypeError(f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int")
    return tuple(given)


@says_what_is_no_tensor
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,  # a part of the signature
) -> Tensor:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over the last dimensions, whose sizes are given.

    >>> import dynagrad as torch
    >>> torch.layer_norm(torch.tensor([1.0, 3.0]), (2,))
    tensor([-1.0000,  1.0000])
    """
    return _layer_norm(input, _shape("layer_norm", normalized_shape), weight, bias, eps)


@says_what_is_no_tensor
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """``x / sqrt(mean(x²) + eps) * weight`` over the last dimensions; eps is that of the dtype if not given.

    >>> import dynagrad as torch
    >>> torch.rms_norm(torch.tensor([3.0, 3.0]), (2,))
    tensor([1., 1.])
    """
    return _rms_norm(input, _shape("rms_norm", normalized_shape), weight, eps)


def _moments(x: Tensor, dims: Any, eps: float) -> tuple[Tensor, Tensor]:
    """(mean, 1 / sqrt(variance + eps)), the dimensions kept."""
    variance, mean = dynagrad.var_mean(x, dims, correction=0, keepdim=True)
    return mean, (variance + eps).rsqrt()


@says_what_is_no_tensor
def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`layer_norm`, and the mean and ``1 / sqrt(variance + eps)`` of each slice.

    >>> import dynagrad as torch
    >>> _, mean, rstd = torch.native_layer_norm(torch.tensor([[1.0, 3.0]]), [2], None, None, 0.0)
    >>> mean, rstd
    (tensor([[2.]]), tensor([[1.]]))
    """
    shape = _shape("native_layer_norm", normalized_shape)
    mean, scale = _moments(input.detach(), list(range(-len(shape), 0)), eps)
    return _layer_norm(input, shape, weight, bias, eps), mean, scale


@says_what_is_no_tensor
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`group_norm` of ``[N, C, ...]`` with HxW positions, and the mean and ``1 / sqrt(variance + eps)`` of each group.

    >>> import dynagrad as torch
    >>> _, mean, rstd = torch.native_group_norm(torch.tensor([[1.0, 3.0]]), None, None, 1, 2, 1, 1, 0.0)
    >>> mean, rstd
    (tensor([[2.]]), tensor([[1.]]))
    """
    if input.numel() != N * C * HxW:
        raise RuntimeError(f"Expected the input of {input.numel()} elements to have N * C * HxW = {N * C * HxW}")
    mean, scale = _moments(input.reshape(N, group, -1), 2, eps)  # which are differentiable, unlike those of the others
    made = dynagrad.group_norm(input.reshape(N, C, -1), group, weight, bias, eps).reshape(input.shape)
    return made, mean.reshape(N, group), scale.reshape(N, group)


@says_what_is_no_tensor
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`batch_norm`, and the mean and ``1 / sqrt(variance + eps)`` of each channel; both empty outside of training.

    >>> import dynagrad as torch
    >>> x = torch.tensor([[1.0], [3.0]])
    >>> torch.native_batch_norm(x, None, None, None, None, True, 0.1, 0.0)
    (tensor([[-1.],
            [ 1.]]), tensor([2.]), tensor([1.]))
    """
    mean = scale = input.new_empty(0)
    if training:
        mean, scale = (
            each.reshape(-1) for each in _moments(input.detach(), [d for d in range(input.dim()) if d != 1], eps)
        )
    made = dynagrad.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, False)
    return made, mean, scale


@says_what_is_no_tensor
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norms of the slices along ``dim``, shaped to divide by; the norm of the whole for ``dim=-1``.

    >>> import dynagrad as torch
    >>> torch.norm_except_dim(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
    tensor([[5.],
            [2.]])
    """
    from dynagrad.nn.utils.parametrizations import norm_except_dim as norms

    return norms(v, pow, dim)
