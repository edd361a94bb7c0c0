"""Sums to a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynagrad._core.card import Card, register

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def sum_to_size(input: Tensor, *size: int | Sequence[int]) -> Tensor:
    """The sum over the dimensions that broadcasting would have made of a tensor of this size."""
    given = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    shape = tuple(given)
    extra = input.ndim - len(shape)
    if extra < 0 or any(s not in (1, n) for s, n in zip(shape, input.shape[extra:], strict=True)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(input.shape)}}}.")
    if not shape:
        return input.sum()
    dims = [d for d in range(input.ndim) if d < extra or (shape[d - extra] == 1 and input.shape[d] != 1)]
    return input.sum(dims, keepdim=True).reshape(shape) if dims else input


register(Card("sum_to_size", sum_to_size, samples="database", function=False))
