"""Statistics made of reductions and orders: nanmean, quantile, nanquantile.

What has a kernel or a derivative of its own is in ``_core/ops``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.types import dtype as _dtype

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def nanmean(
    input: Tensor,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: _dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The mean of the elements that are not NaN, over the dimensions ``dim`` or all.

    >>> import dynagrad
    >>> dynagrad.nanmean(dynagrad.tensor([1., float("nan"), 3.]))
    tensor(2.)
    """
    if not input.is_floating_point():
        raise RuntimeError(f"nanmean(): expected input to have floating point dtype but got {input.dtype}")
    if not isinstance(dtype, _dtype | None):
        raise TypeError(f"nanmean(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if dtype is not None and not dtype.is_floating_point:
        raise RuntimeError(f"nanmean(): Optional dtype must be a floating point dtype. Got: {dtype}")
    count = input.isnan().logical_not().sum(dim, keepdim)
    return deliver(input.nansum(dim, keepdim, dtype=dtype) / count, out)


def _positions(ranks: Tensor, interpolation: str) -> tuple[Tensor, Tensor]:
    """The places below and above each rank that the interpolation reads."""
    if interpolation == "nearest":
        ranks = ranks.round()
    below, above = ranks.floor(), ranks.ceil()
    if interpolation == "lower":
        above = below
    elif interpolation == "higher":
        below = above
    return below.long(), above.long()


def _along_last(x: Tensor, q: Tensor, interpolation: str, ignore_nan: bool) -> Tensor:
    """The quantiles of the last dimension, as the last dimension of the result."""
    nans, last = x.isnan(), x.shape[-1] - 1
    if ignore_nan:
        ranks = q * (nans.logical_not().sum(-1, True) - 1).clamp(min=0)
    else:
        ranks = CARDS["where"].op(nans.any(-1, True), float(last), q * last)
    ranks = ranks.expand(*x.shape[:-1], q.shape[0])
    ordered = x.sort(-1)[0]
    below, above = _positions(ranks, interpolation)
    low, high = ordered.gather(-1, below), ordered.gather(-1, above)
    if interpolation in ("linear", "midpoint"):
        weight = ranks - below if interpolation == "linear" else (ranks != below) * 0.5
        return low.lerp(high, weight.to(low.dtype))
    return low


def _check(input: Tensor, q: Tensor, number: bool, name: str, interpolation: str) -> None:
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if str(input.dtype) not in ("torch.float32", "torch.float64"):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if not hasattr(q, "requires_grad_"):
        raise TypeError(f"{name}(): argument 'q' (position 2) must be Tensor or a number, not {type(q).__name__}")
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype != input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not bool(((q >= 0) & (q <= 1)).all()):
        what = "must be in the range [0, 1] but got" if number else "values must be in the range [0, 1]. They are"
        raise RuntimeError(f"{name}() q {what} {q.item() if q.dim() == 0 else q.tolist()}")


def _quantile(
    input: Tensor, q: float | Tensor, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Tensor:
    wanted = input.new_tensor(q) if isinstance(q, (int, float)) else q
    _check(input, wanted, wanted is not q, "nanquantile" if ignore_nan else "quantile", interpolation)
    x = input.reshape(-1) if dim is None or input.dim() == 0 else input.movedim(dim, -1)
    found = _along_last(x, wanted.reshape(-1), interpolation, ignore_nan).movedim(-1, 0)
    if keepdim and dim is None:
        found = found.reshape([found.shape[0], *([1] * input.dim())])
    elif keepdim and input.dim():
        found = found.unsqueeze(dim + 1 if dim >= 0 else dim)  # type: ignore[operator]  # dim is a number here
    return found[0] if wanted.dim() == 0 else found


def _delivered(input: Tensor, found: Tensor, out: Tensor | None) -> Tensor:
    if out is not None and out.dtype is not input.dtype:
        raise RuntimeError(
            f"quantile() out tensor must be same dtype as the input tensor: {input.dtype}, not {out.dtype}"
        )
    return deliver(found, out)


def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """The q-th quantiles of all elements, or along ``dim``; those of several q are the first dimension. NaN propagates.

    Args:
        q: a number in [0, 1] or a 1-d tensor of them. RuntimeError outside.
        interpolation: between two elements: "linear", "lower", "higher", "midpoint" or "nearest".

    >>> import dynagrad
    >>> dynagrad.quantile(dynagrad.tensor([1., 2., 3., 5.]), 0.5)
    tensor(2.5000)
    """
    return _delivered(input, _quantile(input, q, dim, keepdim, interpolation, False), out)


def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """``quantile`` of the elements that are not NaN.

    >>> import dynagrad
    >>> dynagrad.nanquantile(dynagrad.tensor([1., float("nan"), 3.]), 0.5)
    tensor(2.)
    """
    return _delivered(input, _quantile(input, q, dim, keepdim, interpolation, True), out)


register(Card("nanmean", nanmean, None, "composite", samples="reduce"))
register(Card("quantile", quantile, None, "composite", samples="quantile"))
register(Card("nanquantile", nanquantile, None, "composite", samples="quantile"))
