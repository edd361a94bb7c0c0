"""Pools of lines (N, C, L), images (N, C, H, W) and volumes (N, C, D, H, W), N being optional.

Averages, largest elements, norms of windows, and the way back from largest elements.

The loops are in `_core/ops/pool.pyx`, the forms that PyTorch also has at its root in `composite/pools.py`.
"""

from __future__ import annotations

from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS
from dynagrad.nn.functional.activation import relu

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

avg_pool1d = CARDS["avg_pool1d"].op
avg_pool2d = CARDS["avg_pool2d"].op
avg_pool3d = CARDS["avg_pool3d"].op
adaptive_avg_pool1d = CARDS["adaptive_avg_pool1d"].op
adaptive_avg_pool2d = CARDS["adaptive_avg_pool2d"].op
adaptive_avg_pool3d = CARDS["adaptive_avg_pool3d"].op
max_pool1d_with_indices = CARDS["max_pool1d_with_indices"].op
_max_pools = {1: max_pool1d_with_indices} | {d: CARDS[f"max_pool{d}d_with_indices"].op for d in (2, 3)}
_adaptive_max_pools = {1: CARDS["adaptive_max_pool1d"].op} | {
    d: CARDS[f"adaptive_max_pool{d}d_with_indices"].op for d in (2, 3)
}
_unpools = {d: CARDS[f"max_unpool{d}d"].op for d in (2, 3)}
_fractional = {d: CARDS[f"fractional_max_pool{d}d_with_indices"].op for d in (2, 3)}


def _first_or_both(pooled: tuple[Tensor, Tensor], return_indices: bool) -> Any:
    return pooled if return_indices else pooled[0]


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest elements of windows of lines; with return_indices their places too."""
    return _first_or_both(_max_pools[1](input, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """The largest elements of as many windows as output_size says, over lines, and their places."""
    return _adaptive_max_pools[1](input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of as many windows as output_size says, over lines."""
    return _first_or_both(_adaptive_max_pools[1](input, output_size), return_indices)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest elements of windows of images, and their places in the plane."""
    return _max_pools[2](input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest elements of windows of images; with return_indices their places too."""
    return _first_or_both(_max_pools[2](input, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """The largest elements of as many windows as output_size says, over images, and their places."""
    return _adaptive_max_pools[2](input, output_size)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of as many windows as output_size says, over images."""
    return _first_or_both(_adaptive_max_pools[2](input, output_size), return_indices)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest elements of windows of volumes, and their places in the plane."""
    return _max_pools[3](input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest elements of windows of volumes; with return_indices their places too."""
    return _first_or_both(_max_pools[3](input, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """The largest elements of as many windows as output_size says, over volumes, and their places."""
    return _adaptive_max_pools[3](input, output_size)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of as many windows as output_size says, over volumes."""
    return _first_or_both(_adaptive_max_pools[3](input, output_size), return_indices)


# ---- windows at pseudo-random places ----
def _fractional_pool(
    rank: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> Any:
    name = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * rank
        if len(ratios) > rank:
            raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        output_size = [int(size * ratio) for size, ratio in zip(input.shape[-rank:], ratios, strict=True)]
    if samples is None:
        batch = 1 if input.dim() == rank + 1 else input.size(0)
        samples = dynagrad.rand(batch, input.size(-rank - 1), rank, dtype=input.dtype)
    return _fractional[rank](input, kernel_size, output_size, samples)


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> tuple[Tensor, Tensor]:
    """The largest elements of windows at pseudo-random places of images (Graham, 2014), and where they are."""
    return _fractional_pool(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """The largest elements of windows at pseudo-random places of images."""
    pooled = _fractional_pool(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return _first_or_both(pooled, return_indices)


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> tuple[Tensor, Tensor]:
    """The largest elements of windows at pseudo-random places of volumes (Graham, 2014), and where they are."""
    return _fractional_pool(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """The largest elements of windows at pseudo-random places of volumes."""
    pooled = _fractional_pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return _first_or_both(pooled, return_indices)


# ---- the way back ----
def _tuple(given: Any, rank: int) -> list[Any]:
    return list(given) if isinstance(given, (tuple, list)) else [given] * rank


def _unpooled_size(input: Tensor, kernel: list[int], stride: list[int], padding: list[int], wanted: Any) -> list[int]:
    """The output size of an unpooling: the one asked for, if it is near enough to the one that follows."""
    rank = len(kernel)
    sizes = input.shape[-rank:]
    default = [(n - 1) * s + k - 2 * p for n, k, s, p in zip(sizes, kernel, stride, padding, strict=True)]
    if wanted is None:
        return default
    if len(wanted) == rank + 2:
        wanted = wanted[2:]
    if len(wanted) != rank:
        raise ValueError(
            f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length of "
            f"'{len(wanted)}'"
        )
    for i, (size, guess, s) in enumerate(zip(wanted, default, stride, strict=True)):
        if not guess - s < size < guess + s:
            raise ValueError(
                f'invalid output_size "{list(wanted)}" (dim {i} must be between {guess - s} and {guess + s})'
            )
    return list(wanted)


def _unpool(
    rank: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    kernel, padding = _tuple(kernel_size, rank), _tuple(padding, rank)
    stride = kernel if stride is None else _tuple(stride, rank)
    size = _unpooled_size(input, kernel, stride, padding, output_size)
    if rank == 1:
        return _unpools[2](input.unsqueeze(-1), indices.unsqueeze(-1), [*size, 1]).squeeze(-1)
    return _unpools[rank](input, indices, size)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Puts largest elements back to their places in lines; zeros elsewhere."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Puts largest elements back to their places in images; zeros elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Puts largest elements back to their places in volumes; zeros elsewhere."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# ---- norms of windows ----
def _rooted(sums: Tensor, taps: int, norm_type: float) -> Tensor:
    return (dynagrad.sign(sums) * relu(dynagrad.abs(sums))).mul(taps).pow(1.0 / norm_type)


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The norm of order norm_type of each window of lines."""
    means = avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    taps = 1
    for k in _tuple(kernel_size, 1):
        taps *= k
    return _rooted(means, taps, norm_type)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The norm of order norm_type of each window of images."""
    means = avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    taps = 1
    for k in _tuple(kernel_size, 2):
        taps *= k
    return _rooted(means, taps, norm_type)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The norm of order norm_type of each window of volumes."""
    means = avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    taps = 1
    for k in _tuple(kernel_size, 3):
        taps *= k
    return _rooted(means, taps, norm_type)
