"""``torch.masked``: reductions and normalisations over the elements where a mask is true, for plain tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad._core.types import BY_NAME
from dynagrad.tensor import Tensor

DimOrDims = int | Sequence[int] | None

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]


def _dims(dim: DimOrDims, ndim: int) -> tuple[int, ...]:
    """The dimensions to reduce, from 0 on; all where none are named."""
    if dim is None or (not isinstance(dim, int) and not dim):
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    found = tuple(sorted(d % max(ndim, 1) for d in given))
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim={given} contains repeated dimensions")
    return found


def _bool_mask(input: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return input.new_ones(input.shape, dtype=BY_NAME["bool"])
    return CARDS["broadcast_to"].op(mask.bool(), input.shape)


def _filled(input: Tensor, mask: Tensor | None, value: float) -> Tensor:
    """The input with a value where the mask is false."""
    return input if mask is None else input.where(_bool_mask(input, mask), input.new_full((), value))


def _lowest(input: Tensor) -> float:
    if input.is_floating_point():
        return -math.inf
    if input.dtype is BY_NAME["bool"]:
        return 0
    return 0 if input.dtype is BY_NAME["uint8"] else -(2 ** (8 * input.dtype.itemsize - 1))


def _highest(input: Tensor) -> float:
    if input.is_floating_point():
        return math.inf
    if input.dtype is BY_NAME["bool"]:
        return 1
    return 255 if input.dtype is BY_NAME["uint8"] else 2 ** (8 * input.dtype.itemsize - 1) - 1


def _wide(input: Tensor, dtype: Any) -> Any:
    """The dtype in which integers are summed, unless one is given."""
    return dtype if dtype is not None or input.is_floating_point() else BY_NAME["int64"]


def _floating(input: Tensor, dtype: Any) -> Tensor:
    if dtype is not None:
        return input.to(dtype)
    return input if input.is_floating_point() else input.float()


# ---- reductions ------------------------------------------------------------------------------------------------------


def sum(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The sums of the elements where the mask is true.

    >>> import dynagrad
    >>> dynagrad.masked.sum(dynagrad.tensor([1, 2, 4]), 0, mask=dynagrad.tensor([True, False, True]))
    tensor(5)
    """
    x, dims = _filled(input, mask, 0), _dims(dim, input.ndim)
    return x.sum(dims, bool(keepdim), dtype=_wide(input, dtype)) if input.ndim else x.sum(dtype=_wide(input, dtype))


def prod(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The products of the elements where the mask is true."""
    result = _filled(input, mask, 1).to(_wide(input, dtype) or input.dtype)
    for d in reversed(_dims(dim, input.ndim)):
        result = result.prod(d, bool(keepdim))
    return result


def amax(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The largest elements where the mask is true; the smallest number of the dtype where it is nowhere."""
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _lowest(x)).amax(_dims(dim, x.ndim), bool(keepdim))


def amin(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest elements where the mask is true; the largest number of the dtype where it is nowhere."""
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _highest(x)).amin(_dims(dim, x.ndim), bool(keepdim))


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the largest element is among those where the mask is true, in the input's dtype."""
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _lowest(x)).argmax(dim, bool(keepdim)).to(x.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the smallest element is among those where the mask is true, in the input's dtype."""
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _highest(x)).argmin(dim, bool(keepdim)).to(x.dtype)


def _count(input: Tensor, dims: tuple[int, ...], keepdim: bool | None, mask: Tensor | None) -> Tensor:
    ones = _bool_mask(input, mask).long()
    return ones.sum(dims, bool(keepdim)) if input.ndim else ones


def mean(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The means of the elements where the mask is true; NaN where it is nowhere."""
    total = sum(_floating(input, dtype) if dtype else input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    return total / _count(input, _dims(dim, input.ndim), keepdim, mask)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The medians of the elements where the mask is true, the lower of two; NaN where it is nowhere."""
    x = input if dtype is None else input.to(dtype)
    if not x.is_floating_point():
        raise ValueError("input with dtype=torch.int64 cannot be used: there is no NaN to stand for a masked element")
    result: Tensor = _filled(x, mask, math.nan).nanmedian(dim, keepdim)[0]
    return result


def logsumexp(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The logarithms of the sums of exponentials of the elements where the mask is true."""
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, _lowest(x)).logsumexp(_dims(dim, x.ndim), keepdim).to(x.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: DimOrDims = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norms of the vectors of the elements where the mask is true."""
    order = 2.0 if ord is None else float(ord)
    x = input if dtype is None else input.to(dtype)
    value = math.inf if order < 0 else 0.0
    dims = _dims(dim, x.ndim)
    return CARDS["linalg_vector_norm"].op(_filled(x, mask, value), order, dims, bool(keepdim))


def _moment(
    input: Tensor,
    dim: DimOrDims,
    unbiased: bool | None,
    correction: float | None,
    keepdim: bool | None,
    dtype: Any,
    mask: Tensor | None,
    root: bool,
) -> Tensor:
    """The variances of the elements where the mask is true, or their roots."""
    off = correction if correction is not None else 0 if unbiased is False else 1
    x, dims = _floating(input, dtype), _dims(dim, input.ndim)
    count = _count(x, dims, True, mask)
    centre = sum(x, dims, keepdim=True, mask=mask) / count
    squares = sum((x - centre).square(), dims, keepdim=bool(keepdim), mask=mask)
    degrees = (count if keepdim or not x.ndim else count.reshape(squares.shape)) - off
    result = (squares / degrees.clamp(min=0)).to(x.dtype)
    return result.sqrt() if root else result


def var(
    input: Tensor,
    dim: DimOrDims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variances of the elements where the mask is true."""
    return _moment(input, dim, unbiased, correction, keepdim, dtype, mask, False)


def std(
    input: Tensor,
    dim: DimOrDims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviations of the elements where the mask is true."""
    return _moment(input, dim, unbiased, correction, keepdim, dtype, mask, True)


# ---- along a dimension -----------------------------------------------------------------------------------------------


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running sums of the elements where the mask is true."""
    return _filled(input, mask, 0).cumsum(dim, dtype=dtype or input.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running products of the elements where the mask is true."""
    return _filled(input, mask, 1).cumprod(dim, dtype=dtype or input.dtype)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` over the elements where the mask is true; 0 elsewhere."""
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, -math.inf).softmax(dim)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`log_softmax` over the elements where the mask is true; -inf elsewhere."""
    x = input if dtype is None else input.to(dtype)
    return _filled(x, mask, -math.inf).log_softmax(dim)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` of the negated elements where the mask is true; 0 elsewhere."""
    x = input if dtype is None else input.to(dtype)
    return (-_filled(x, mask, math.inf)).softmax(dim)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The elements where the mask is true over their norm, or over ``eps`` where that is smaller; 0 elsewhere."""
    x = _filled(input if dtype is None else input.to(dtype), mask, 0)
    sizes = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return x / sizes.maximum(sizes.new_full((), eps))


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """`logaddexp` of the elements where each mask is true; the others count as -inf."""
    x, y = (t if dtype is None else t.to(dtype) for t in (input, other))
    result: Tensor = _filled(x, input_mask, -math.inf).logaddexp(_filled(y, other_mask, -math.inf))
    return result
