"""Sampling by grids, and the loss of unaligned sequences (CTC)."""

from __future__ import annotations

import warnings
from typing import Any

import dynagrad
from dynagrad import Tensor

__all__ = ["affine_grid", "ctc_loss", "grid_sample"]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def _aligned(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
            "Please specify align_corners=True if the old behavior is desired. "
            "See the documentation of grid_sample for details.",
            stacklevel=3,
        )
    return bool(align_corners)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The pixels of images (N, C, H, W) or volumes (N, C, D, H, W) at the places of a grid (N, ..., 2 or 3).

    Args:
        input: floating.
        grid: of input's dtype; places as (x, y) or (x, y, z), -1 and 1 being the image's ends.
        mode: "bilinear", "nearest" or "bicubic" (images only).
        padding_mode: what is outside: "zeros", the "border" or a "reflection".
        align_corners: whether -1 and 1 are the centres of the outermost pixels, or their outer edges.

    Raises:
        ValueError: a mode that there is not.
        RuntimeError: shapes that do not fit.
    """
    if mode not in _MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in _PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    how = (_MODES.index(mode), _PADDINGS.index(padding_mode))
    return dynagrad.grid_sampler(input, grid, *how, _aligned(align_corners))


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid of places that affine maps theta, (N, 2, 3) or (N, 3, 4), give to the pixels of size (N, C, ...).

    Raises ValueError where theta does not fit size, NotImplementedError for other than images and volumes.
    """
    aligned = _aligned(align_corners)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {size}."
        )
    rank = len(size) - 2
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. "
            f"Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if aligned and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. "
            "This is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    return dynagrad.affine_grid_generator(theta, size, aligned)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification: how improbable a sequence of labels is, wherever it stands in the input.

    Args:
        log_probs: logarithms of probabilities, (T, N, classes) or (T, classes).
        targets: labels, (N, longest) or one sequence after the other.
        input_lengths, target_lengths: N numbers each.
        blank: the class that stands for no label.
        reduction: "none", "mean" (of losses divided by their targets' lengths) or "sum".
        zero_infinity: whether targets that no path spells count 0, with no gradient.

    Raises:
        RuntimeError: lengths or labels out of range.
        ValueError: another reduction.
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    lengths = (input_lengths, target_lengths)
    return dynagrad.ctc_loss(log_probs, targets, *lengths, blank, _REDUCTIONS[reduction], zero_infinity)
