"""The order in memory of the weights of convolutions."""

from __future__ import annotations

from typing import TypeVar

import dynagrad
from dynagrad import Tensor
from dynagrad.nn.modules import conv
from dynagrad.nn.modules.module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Module)


def _laid_out(weight: Tensor, memory_format: dynagrad.memory_format) -> Tensor:
    if memory_format is dynagrad.channels_last:
        return weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    return weight.contiguous(memory_format=memory_format)


def _converted(module: M, kinds: tuple[type[Module], ...], memory_format: dynagrad.memory_format) -> M:
    for each in module.modules():
        if isinstance(each, kinds):
            each.weight.data = _laid_out(each.weight.detach().clone(), memory_format)
    return module


def convert_conv2d_weight_memory_format(module: M, memory_format: dynagrad.memory_format) -> M:
    """Lays the weights of all Conv2d and ConvTranspose2d of a module out in another order, in place.

    >>> import dynagrad as torch
    >>> layer = torch.nn.utils.convert_conv2d_weight_memory_format(torch.nn.Conv2d(2, 3, 2), torch.channels_last)
    >>> layer.weight.stride()
    (8, 1, 4, 2)
    """
    return _converted(module, (conv.Conv2d, conv.ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: M, memory_format: dynagrad.memory_format) -> M:
    """Lays the weights of all Conv3d and ConvTranspose3d of a module out in another order, in place.

    >>> import dynagrad as torch
    >>> layer = torch.nn.utils.convert_conv3d_weight_memory_format(torch.nn.Conv3d(2, 3, 2), torch.contiguous_format)
    >>> layer.weight.stride()
    (16, 8, 4, 2, 1)
    """
    return _converted(module, (conv.Conv3d, conv.ConvTranspose3d), memory_format)
