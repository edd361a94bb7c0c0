"""Padding, interpolation, unfolding and shuffling of images.

The loops are in `_core/ops/resample.pyx`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from dynagrad import Tensor
from dynagrad._core.card import CARDS
from dynagrad.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = [
    "channel_shuffle",
    "fold",
    "interpolate",
    "native_channel_shuffle",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

pixel_shuffle = CARDS["pixel_shuffle"].op
pixel_unshuffle = CARDS["pixel_unshuffle"].op
channel_shuffle = CARDS["channel_shuffle"].op
native_channel_shuffle = channel_shuffle
_constant_pad, _pad_by = CARDS["constant_pad_nd"].op, CARDS["pad_by"].op
_im2col, _col2im, _upsample = CARDS["im2col"].op, CARDS["col2im"].op, CARDS["upsample"].op


# ---- padding ----
def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Makes the last axes wider: ``pad`` is (before, after) of the last axis, then of the one before it, and so on.

    Args:
        input: any shape for "constant"; else with one or two axes in front of the one to three padded ones.
        pad: widths; negative ones cut off.
        mode: "constant", "reflect", "replicate" or "circular".
        value: the number for "constant", 0 by default.

    Raises:
        RuntimeError: the widths do not fit the input.
        NotImplementedError: a mode that there is not, or not for so many axes.

    >>> import dynagrad
    >>> dynagrad.nn.functional.pad(dynagrad.tensor([[1., 2., 3.]]), (2, 0), "reflect")
    tensor([[3., 2., 1., 2., 3.]])
    """
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, but got {len(pad)}")
    if len(pad) // 2 > input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(pad)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return _constant_pad(input, tuple(pad), 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value not in (None, 0):
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    rank = len(pad) // 2
    if rank not in (1, 2, 3) or input.dim() not in (rank + 1, rank + 2):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {input.dim()}D input tensor.\n"
            "Supported combinations for non-constant padding: 2 numbers for the last dimension of 2D or 3D input, "
            "4 for the last two of 3D or 4D input, 6 for the last three of 4D or 5D input"
        )
    return _pad_by(input, tuple(pad), mode)


# ---- unfolding ----
def _pair(given: Any, name: str) -> tuple[int, int]:
    found = tuple(given) if isinstance(given, (tuple, list)) else (given, given)
    if len(found) == 1:
        found *= 2
    if len(found) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(found)}")
    return found


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of images, (N, C, H, W) or (C, H, W), as columns: (N, C * kh * kw, number of windows)."""
    if input.dim() < 3:
        input.size(max(input.dim(), 1))  # raises PyTorch's IndexError
    if input.dim() not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {list(input.shape)}"
        )
    pairs = (
        _pair(kernel_size, "kernel_size"),
        _pair(dilation, "dilation"),
        _pair(padding, "padding"),
        _pair(stride, "stride"),
    )
    if input.dim() == 3:
        return _im2col(input.unsqueeze(0), *pairs).squeeze(0)
    return _im2col(input, *pairs)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Adds columns, (N, C * kh * kw, number of windows), to the images of output_size that they are windows of."""
    if input.dim() not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
            f"for input, but got: {list(input.shape)}"
        )
    pairs = (
        _pair(output_size, "output_size"),
        _pair(kernel_size, "kernel_size"),
        _pair(dilation, "dilation"),
        _pair(padding, "padding"),
        _pair(stride, "stride"),
    )
    if input.dim() == 2:
        return _col2im(input.unsqueeze(0), *pairs).squeeze(0)
    return _col2im(input, *pairs)


# ---- interpolation ----
_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def _sizes_and_scales(input: Tensor, size: Any, scale_factor: Any, recompute: bool | None) -> tuple[list[int], Any]:
    rank = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given = size if size is not None else scale_factor
    if isinstance(given, (tuple, list)):
        if len(given) != rank:
            what, word = ("output size", "output size") if size is not None else ("scale_factor", "scale_factor")
            raise ValueError(
                f"Input and {what} must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(input.shape[2:])} and {word} of shape {given}."
            )
        each = list(given)
    else:
        each = [given] * rank
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return [int(n) for n in each], None
    sizes = [math.floor(float(n) * float(s)) for n, s in zip(input.shape[2:], each, strict=True)]
    return sizes, None if recompute else [float(s) for s in each]


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resamples lines, images or volumes, (N, C, ...), to ``size`` or by ``scale_factor``.

    Args:
        input: one to three axes behind N and C.
        size: sizes of the result; or
        scale_factor: how many times larger each axis becomes.
        mode: "nearest", "nearest-exact", "area"; "linear", "bilinear", "bicubic", "trilinear" for their axes.
        align_corners: whether the centres of the corner pixels stay where they are, or the edges.
        recompute_scale_factor: whether positions follow from the rounded sizes and not from ``scale_factor``.
        antialias: for "bilinear" and "bicubic": whether to smooth where the result is smaller.

    Raises:
        ValueError: arguments that contradict each other.
        NotImplementedError: a mode that there is not for so many axes.

    >>> import dynagrad
    >>> dynagrad.nn.functional.interpolate(dynagrad.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    elif align_corners is None:
        align_corners = False
    if antialias and not (mode in ("bilinear", "bicubic") and input.dim() == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    sizes, scales = _sizes_and_scales(input, size, scale_factor, recompute_scale_factor)
    _check_mode(mode, input.dim())
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[input.dim() - 3]
        return pool(input, sizes)
    return _upsample(input, sizes, f"{mode} smooth" if antialias else mode, bool(align_corners), scales)


def _check_mode(mode: str, ndim: int) -> None:
    if mode in _RANKS and mode != "bicubic" and 3 <= ndim <= 5 and ndim != _RANKS[mode] + 2:
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {_RANKS[mode] + 2}D input")
    if (
        ndim not in (3, 4, 5)
        or mode not in ("nearest", "nearest-exact", "area", *_RANKS)
        or (mode == "bicubic" and ndim != 4)
    ):
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{ndim}D) for the modes: "
            "nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact "
            f"(got {mode})"
        )


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The old name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` by the nearest pixel."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` bilinearly, with aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
