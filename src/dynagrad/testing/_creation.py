"""Tensors for tests: random numbers of a chosen range, dtype and layout in memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import dynagrad as torch

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def make_tensor(
    *shape: Any,
    dtype: torch.dtype,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> torch.Tensor:
    """A tensor of numbers drawn evenly from [low, high): the same ones as PyTorch's, for the same seed.

    The limits are kept within what the dtype holds. If not given they are 0 and 2 for booleans, 0 and 10 for uint8,
    -9 and 10 for other integers, -9 and 9 for floating point.

    Args:
        shape: sizes, or one sequence of them.
        requires_grad: for floating point only.
        noncontiguous: whether it is every second element, along the last dimension, of a larger memory; without effect
            on fewer than two elements.
        exclude_zero: whether zeros are replaced: by 1, in floating point by the smallest normal number.
        memory_format: the order of its elements in memory; not together with ``noncontiguous``.

    Raises:
        ValueError: for limits that are NaN, in the wrong order or outside of the dtype, and for arguments that exclude
            each other.
        TypeError: for a dtype of which there are no tensors here.

    >>> import dynagrad as torch
    >>> torch.testing.make_tensor(2, 3, dtype=torch.int64, low=5, high=6, noncontiguous=True)
    tensor([[5, 5, 5],
            [5, 5, 5]])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else tuple(shape)
    floating = dtype in _FLOATS
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got {noncontiguous=} and {memory_format=}"
        )
    if not floating and dtype is not torch.bool and dtype not in _INTEGERS:
        raise TypeError(f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor().")
    if requires_grad and not floating:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    gaps = noncontiguous and math.prod(sizes) > 1
    if gaps:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    least, most = _limits(dtype, low, high)
    if floating:
        made = _evenly(torch.empty(sizes, dtype=dtype, device=device), least, most)
    else:
        made = torch.randint(int(least), int(most), sizes, dtype=dtype, device=device)
    if gaps:
        made = made[..., 1::2]  # from the second on, so that a forgotten offset shows
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        made.masked_fill_(made == 0, torch.finfo(dtype).tiny if floating else 1)
    return made.requires_grad_(requires_grad) if floating else made


def _evenly(made: torch.Tensor, low: float, high: float) -> torch.Tensor:
    # The width of the range has to be a number of the dtype: the widest is drawn at half its size.
    if high - low >= torch.finfo(made.dtype).max:
        return made.uniform_(low / 2, high / 2).mul_(2)
    return made.uniform_(low, high)


def _limits(dtype: torch.dtype, low: float | None, high: float | None) -> tuple[float, float]:
    """What numbers are drawn between, once the limits that were asked for are found possible."""
    floating = dtype in _FLOATS
    least: float
    most: float
    if dtype is torch.bool:
        least, most, usual = 0, 2, (0, 2)
    elif floating:
        least, most, usual = torch.finfo(dtype).min, torch.finfo(dtype).max, (-9, 9)
    else:
        # One past the greatest, but for int64, whose next number no limit can be.
        least, most, usual = torch.iinfo(dtype).min, torch.iinfo(dtype).max + (dtype is not torch.int64), (-9, 10)
    low = usual[0] if low is None else low
    high = usual[1] if high is None else high
    if any(isinstance(limit, float) and math.isnan(limit) for limit in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if floating and low == high:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types "
            "is deprecated since 2.1 and will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), "
            f"but {dtype} only supports [{least}, {most})"
        )
    low, high = min(max(low, least), most), min(max(high, least), most)
    # Rounded up, both: no integer below `low` is drawn, and `high` itself never is.
    return (low, high) if floating else (math.ceil(low), math.ceil(high))
