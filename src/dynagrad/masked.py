"""``torch.masked``: reductions and normalisations over the elements where a mask is true, for plain tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad._core.ops.reduce import counted_dim
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
    """The dimensions to reduce, from 0 on: all for None and for ``()``, and none for ``[]``."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    found = list[int]()
    for d in (dim,) if isinstance(dim, int) else dim:
        at = counted_dim(d, ndim)
        if at in found:  # named twice by one number, which is found here in PyTorch, or from both ends, found by the op
            raise RuntimeError(f"dim{'=' if d >= 0 else ' '}{at} appears multiple times in the list of dims")
        found.append(at)
    return tuple(sorted(found))


def _bool_mask(input: Tensor, mask: Tensor) -> Tensor:
    """The mask in the shape of the input; it may lack leading dimensions, and have no more than the input."""
    if mask.ndim > input.ndim:
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input): "
            f"{list(mask.shape)} for {list(input.shape)}"
        )
    return CARDS["broadcast_to"].op(mask.bool(), input.shape)


def _filled(input: Tensor, mask: Tensor | None, value: float) -> Tensor:
    """The input with a value of its dtype where the mask is false."""
    return input if mask is None else input.where(_bool_mask(input, mask), input.new_full((), value))


def _without(input: Tensor, mask: Tensor | None, largest: bool, name: str) -> Tensor:
    """The input with the number that no other exceeds, or falls below, where the mask is false."""
    if mask is None:
        return input
    if input.is_floating_point():
        return _filled(input, mask, -math.inf if largest else math.inf)
    if input.dtype is BY_NAME["bool"]:
        raise NotImplementedError(f"identity of {name} on {input.dtype} input")
    bits = 8 * input.dtype.itemsize
    if input.dtype is BY_NAME["uint8"]:
        return _filled(input, mask, 0 if largest else 255)
    return _filled(input, mask, -(2 ** (bits - 1)) if largest else 2 ** (bits - 1) - 1)


def _wide(input: Tensor, dtype: Any) -> Any:
    """The dtype of a sum: the given one, or int64 for integers, or the input's."""
    return dtype or (input.dtype if input.is_floating_point() else BY_NAME["int64"])


# ---- reductions ------------------------------------------------------------------------------------------------------


def sum(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The sums of the elements where the mask is true.

    >>> import dynagrad
    >>> dynagrad.masked.sum(dynagrad.tensor([1, 2, 4]), 0, mask=dynagrad.tensor([True, False, True]))
    tensor(5)
    """
    dims = _dims(dim, input.ndim)
    total: Tensor = _filled(input, mask, 0).sum(dims, bool(keepdim), dtype=_wide(input, dtype))
    return total


def prod(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The products of the elements where the mask is true."""
    dims, result = _dims(dim, input.ndim), _filled(input, mask, 1).to(_wide(input, dtype))
    for d in reversed(dims):
        result = result.prod(d, bool(keepdim))
    return result


def amax(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The largest elements where the mask is true; the smallest number of the dtype where it is nowhere."""
    found: Tensor = _without(input, mask, True, "amax").amax(_dims(dim, input.ndim), bool(keepdim))
    return found.to(dtype or input.dtype)


def amin(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest elements where the mask is true; the largest number of the dtype where it is nowhere."""
    found: Tensor = _without(input, mask, False, "amin").amin(_dims(dim, input.ndim), bool(keepdim))
    return found.to(dtype or input.dtype)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the largest element is among those where the mask is true, as a number of the input's dtype."""
    place: Tensor = _without(input, mask, True, "argmax").argmax(dim, bool(keepdim))
    return place.to(dtype or input.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the smallest element is among those where the mask is true, as a number of the input's dtype."""
    place: Tensor = _without(input, mask, False, "argmin").argmin(dim, bool(keepdim))
    return place.to(dtype or input.dtype)


def _count(input: Tensor, dim: DimOrDims, keepdim: bool | None, mask: Tensor | None) -> Tensor:
    """How many elements of each mean the mask shows."""
    shown = input.new_ones(input.shape, dtype=BY_NAME["bool"]) if mask is None else _bool_mask(input, mask)
    return sum(shown, dim, keepdim=keepdim)


def mean(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The means of the elements where the mask is true; NaN where it is nowhere.

    Raises ValueError where neither the input nor ``dtype`` is floating.
    """
    kind = dtype or input.dtype
    if not kind.is_floating_point:
        raise ValueError(
            f"mean(): Could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either "
            f"a floating point or complex dtype. Got: {kind}"
        )
    count = _count(input, dim, keepdim, mask)
    return sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask) / count


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The medians of the elements where the mask is true, the lower of two; NaN where it is nowhere.

    Raises ValueError where there would be a NaN among integers.
    """
    x = input if input.is_floating_point() else input.float()
    result: Tensor = _filled(x, mask, math.nan).nanmedian(_dims(dim, x.ndim)[0], keepdim)[0]
    if x is input:
        return result
    if result.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return result.to(dtype or input.dtype)


def logsumexp(
    input: Tensor, dim: DimOrDims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The logarithms of the sums of exponentials of the elements where the mask is true."""
    dims = _dims(dim, input.ndim)
    found: Tensor = _without(input, mask, True, "logsumexp").logsumexp(dims, keepdim)
    return found.to(dtype or input.dtype)


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
    x = _filled(input, mask, math.inf if order == -math.inf and input.is_floating_point() else 0)
    dims = _dims(dim, x.ndim)
    return CARDS["linalg_vector_norm"].op(x, order, dims, bool(keepdim), dtype=dtype or input.dtype)


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
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    off = correction if correction is not None else 0 if unbiased is False else 1
    kind = dtype or (input.dtype if input.is_floating_point() else BY_NAME["float32"])
    count = _count(input, dim, True, mask)
    centre = sum(input, dim, keepdim=True, dtype=kind, mask=mask) / count
    away = input - centre
    squares = sum(
        away * away, dim, keepdim=keepdim, dtype=kind if kind.is_floating_point else BY_NAME["float32"], mask=mask
    )
    degrees = (count if keepdim else count.reshape(squares.shape)).to(squares.dtype) - off
    result = (squares / degrees.clamp(min=0)).to(kind)
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
    return _filled(input, mask, 0).cumsum(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running products of the elements where the mask is true."""
    return _filled(input, mask, 1).cumprod(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` over the elements where the mask is true; 0 elsewhere."""
    return _without(input, mask, True, "amax").softmax(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`log_softmax` over the elements where the mask is true; -inf elsewhere."""
    return _without(input, mask, True, "amax").log_softmax(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` of the negated elements where the mask is true; 0 elsewhere."""
    return (-_without(input, mask, False, "amin")).softmax(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The elements where the mask is true over their norm, or over ``eps`` where that is smaller; 0 elsewhere."""
    x = _filled(input, mask, 0)
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
    x, y = _without(input, input_mask, True, "logaddexp"), _without(other, other_mask, True, "logaddexp")
    result: Tensor = x.logaddexp(y)
    return result.to(dtype or input.dtype)
