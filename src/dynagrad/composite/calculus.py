"""Differences, sums under curves, distances, covariances and counts over bins."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core import return_types as named
from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.types import c_type_name, type_name

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def _cat(tensors: Sequence[Tensor], dim: int) -> Tensor:
    return CARDS["cat"].op(tuple(tensors), dim)


# ---- differences -----------------------------------------------------------------------------------------------------


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The n-th differences of neighbours along a dimension; of bools, whether they differ.

    >>> import dynagrad
    >>> dynagrad.diff(dynagrad.tensor([1, 3, 6]))
    tensor([2, 3])
    """
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    _check_ends(input, dim, prepend, append)
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return deliver(input.clone(), out)
    parts = [part for part in (prepend, input, append) if part is not None]
    t = _cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, t.shape[dim])):
        count = max(t.shape[dim] - 1, 0)
        later, earlier = t.narrow(dim, t.shape[dim] - count, count), t.narrow(dim, 0, count)
        t = later.logical_xor(earlier) if str(t.dtype) == "torch.bool" else later - earlier
    return deliver(t, out)


def _check_ends(input: Tensor, dim: int, *ends: Tensor | None) -> None:
    for end in ends:
        if end is None:
            continue
        if end.ndim != input.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for i, (size, wanted) in enumerate(zip(end.shape, input.shape, strict=True)):
            if size != wanted and i != dim % input.ndim:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the "
                    f"differencing dimension; input.size({i}) = {wanted}, but got tensor.size({i}) = {size}"
                )


def gradient(
    input: Tensor, *, spacing: Any = None, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The slopes along dimensions, by differences of second order inside and of first or second at the edges.

    Args:
        spacing: the step, one for each dimension, or the coordinates along each.

    >>> import dynagrad
    >>> dynagrad.gradient(dynagrad.tensor([1., 2., 4.]))
    (tensor([1.0000, 1.5000, 2.0000]),)
    """
    spacing = 1 if spacing is None else spacing
    dims = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(steps) != len(dims):
        wanted = (
            f"{len(dims)}"
            if dim is not None
            else f"equal to 'self.dim() = {input.ndim}', since dim argument was not given,"
        )
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length {wanted} but got a list of "
            f"length {len(steps)}"
        )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if str(input.dtype) == "torch.uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    _check_dims(input, dims)
    return tuple(_slopes(input, step, d % input.ndim, edge_order) for d, step in zip(dims, steps, strict=True))


def _check_dims(t: Tensor, dims: list[int]) -> None:
    for i, d in enumerate(dims):
        if not -t.ndim <= d < t.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-t.ndim}, {t.ndim - 1}], but got {d})"
            )
        if d % t.ndim in [each % t.ndim for each in dims[:i]]:
            raise RuntimeError(f"dim {d % t.ndim} appears multiple times in the list of dims")


def _slopes(f: Tensor, step: Any, dim: int, edge_order: int) -> Tensor:
    n = f.shape[dim]
    if n < edge_order + 1:
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    if not f.is_floating_point() and str(f.dtype) != "torch.bool":
        f = f.float()

    def at(start: int, count: int = 1) -> Tensor:
        return f.narrow(dim, start, count)

    if not hasattr(step, "ndim") or step.ndim == 0:
        inside = (at(2, n - 2) - at(0, n - 2)) / (step * 2)
        if edge_order == 1:
            first, last = (at(1) - at(0)) / step, (at(n - 1) - at(n - 2)) / step
        else:
            first = (-1.5 * at(0) + 2 * at(1) - 0.5 * at(2)) / step
            last = (1.5 * at(n - 1) - 2 * at(n - 2) + 0.5 * at(n - 3)) / step
        return _cat((first, inside, last), dim)
    if step.ndim != 1:
        raise RuntimeError(
            "torch.gradient expected each element of spacing to have one dimension, but got an element with "
            f"{step.ndim} dimensions!"
        )
    gaps = step.diff().to(f.dtype).reshape([-1 if d == dim else 1 for d in range(f.ndim)])
    inside = _parabola(
        at(0, n - 2), at(1, n - 2), at(2, n - 2), gaps.narrow(dim, 0, n - 2), gaps.narrow(dim, 1, n - 2), 1
    )
    if edge_order == 1:
        first = (at(1) - at(0)) / gaps.narrow(dim, 0, 1)
        last = (at(n - 1) - at(n - 2)) / gaps.narrow(dim, n - 2, 1)
    else:
        first = _parabola(at(0), at(1), at(2), gaps.narrow(dim, 0, 1), gaps.narrow(dim, 1, 1), 0)
        last = _parabola(at(n - 3), at(n - 2), at(n - 1), gaps.narrow(dim, n - 3, 1), gaps.narrow(dim, n - 2, 1), 2)
    return _cat((first, inside, last), dim)


def _parabola(a: Tensor, b: Tensor, c: Tensor, left: Tensor, right: Tensor, place: int) -> Tensor:
    """The slope of the parabola through three points with these gaps, at the first, middle or last of them."""
    both = left + right
    if place == 1:
        weights = -right / (left * both), (right - left) / (left * right), left / (right * both)
    elif place == 0:
        weights = -(left + both) / (left * both), both / (left * right), -left / (right * both)
    else:
        weights = right / (left * both), -both / (left * right), (right + both) / (right * both)
    return weights[0] * a + weights[1] * b + weights[2] * c


# ---- sums under curves -----------------------------------------------------------------------------------------------


def _areas(y: Tensor, x: Any, dx: Any, dim: int, name: str) -> Tensor:
    n = y.shape[dim]
    if x is not None and n != (x.shape[0] if x.ndim == 1 else ((1,) * (y.ndim - x.ndim) + tuple(x.shape))[dim]):
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    pairs = y.narrow(dim, 0, max(n - 1, 0)) + y.narrow(dim, 1, max(n - 1, 0)) if n else y
    if x is None:
        return pairs * (dx / 2) if not hasattr(dx, "ndim") else pairs * dx / 2
    if x.ndim == 1:
        gaps = x.diff().reshape([-1 if d == dim % y.ndim else 1 for d in range(y.ndim)])
    else:
        gaps = x.reshape((1,) * (y.ndim - x.ndim) + tuple(x.shape)).diff(dim=dim)
    return pairs * gaps / 2


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area under the lines that join the points, along a dimension.

    Args:
        x: the places of the points; without them they are ``dx`` apart, 1 unless given.

    >>> import dynagrad
    >>> dynagrad.trapezoid(dynagrad.tensor([1., 2., 4.]))
    tensor(4.5000)
    """
    if y.shape[dim] == 0:
        return (y if y.is_floating_point() else y.float()).sum(dim) * 0
    return _areas(y, x, 1 if dx is None else dx, dim, "trapezoid").sum(dim)


def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area under the lines that join the points: `trapezoid`.

    >>> import dynagrad
    >>> dynagrad.trapz(dynagrad.tensor([1., 2., 4.]))
    tensor(4.5000)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The areas under the lines up to each point but the first.

    >>> import dynagrad
    >>> dynagrad.cumulative_trapezoid(dynagrad.tensor([1., 2., 4.]))
    tensor([1.5000, 4.5000])
    """
    return _areas(y, x, 1 if dx is None else dx, dim, "cumulative_trapezoid").cumsum(dim)


# ---- covariance ------------------------------------------------------------------------------------------------------


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of the rows of a matrix, each row a variable and each column an observation of all.

    Args:
        fweights: how often each observation counts; aweights: how much.

    >>> import dynagrad
    >>> dynagrad.cov(dynagrad.tensor([[0., 1., 2.], [2., 1., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    X = input.reshape(1, -1) if input.ndim < 2 else input
    n = X.shape[1]
    weights = fweights
    if aweights is not None:
        weights = aweights if fweights is None else fweights * aweights
    total: Any = n if weights is None else weights.sum()
    mean = X.sum(1) / n if weights is None else (X * weights).sum(1) / total
    norm = total - correction
    if aweights is not None and correction:
        norm = total - correction * (weights * aweights).sum() / total
    centred = X - mean.unsqueeze(1)
    weighted = centred if weights is None else centred * weights
    norm = norm.clamp(min=0) if hasattr(norm, "ndim") else max(norm, 0)
    return (centred @ weighted.mT.to(centred.dtype) / norm).squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of the rows of a matrix.

    >>> import dynagrad
    >>> dynagrad.corrcoef(dynagrad.tensor([[0., 1., 2.], [2., 1., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov(input)
    if c.ndim == 0:
        return c / c
    deviations = c.diagonal().sqrt()
    return (c / deviations.unsqueeze(1) / deviations.unsqueeze(0)).clamp(-1, 1)


# ---- counts over bins ------------------------------------------------------------------------------------------------


def _range(input: Tensor, low: float, high: float, name: str) -> tuple[float, float]:
    if low == high == 0 and input.numel():
        low, high = input.min().item(), input.max().item()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.{name}: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.{name}: max must be larger than min")
    return (low - 1, high + 1) if low == high else (low, high)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements fall into each of equal bins from min to max, or over the range of the elements.

    >>> import dynagrad
    >>> dynagrad.histc(dynagrad.tensor([1., 2., 1.]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    _check_count(bins, 0)
    x = input.detach().flatten()
    if not x.is_floating_point():
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{type_name(x.dtype)}'")
    low, high = _range(x, min, max, "histc")
    x = x[(x >= low) & (x <= high)]
    places = ((x - low) * (bins / (high - low))).long().clamp(max=bins - 1)
    return deliver(places.bincount(minlength=bins).to(input.dtype), out)


def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: Sequence[Tensor] | None = None,
) -> Any:
    """(counts or densities, edges of the bins).

    Args:
        bins: how many of equal width, or the edges.
        weight: what each element counts for.

    >>> import dynagrad
    >>> dynagrad.histogram(dynagrad.tensor([1., 2., 1.]), 3, range=(0., 3.)).hist
    tensor([0., 2., 1.])
    """
    if range is not None and hasattr(bins, "ndim"):
        raise TypeError(
            "histogram() received an invalid combination of arguments - got (Tensor, Tensor, range=tuple): the edges "
            "are the range"
        )
    for name, made in zip(("hist", "bin_edges"), out or (), strict=False):
        if made.dtype is not input.dtype:
            raise RuntimeError(
                f"torch.histogram: input tensor and {name} tensor should have the same dtype, but got input "
                f"{c_type_name(input.dtype)} and {name} {c_type_name(made.dtype)}"
            )
    counts, edges = histogramdd(
        input.reshape(-1, 1),
        [bins],
        range=range and list(range),
        weight=None if weight is None else weight.flatten(),
        density=density,
    )
    if out is not None:
        return named.histogram((deliver(counts, out[0]), deliver(edges[0], out[1])))
    return named.histogram((counts, edges[0]))


def _check_count(bins: int, dim: int) -> None:
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension {dim}")


def _edges(x: Tensor, bins: Any, limits: Sequence[float] | None, dim: int) -> Tensor:
    if hasattr(bins, "ndim"):
        if bins.dtype is not x.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{c_type_name(x.dtype)} and bins for dimension {dim} with dtype {c_type_name(bins.dtype)}"
            )
        if bins.ndim != 1:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {bins.ndim} dimensions in the bins "
                f"tensor for dimension {dim}"
            )
        if not bins.numel():
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor "
                f"for dimension {dim}"
            )
        return bins
    _check_count(bins, dim)
    low, high = (0.0, 1.0) if not x.numel() else (x.min().item(), x.max().item())
    if limits is not None:
        low, high = limits
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histogramdd: dimension {dim}'s range [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(
            f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {dim}"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return CARDS["linspace"].op(low, high, bins + 1, dtype=x.dtype)


def _check_points(input: Tensor, bins: Any, range: Sequence[float] | None, weight: Tensor | None) -> int:
    """How many coordinates the points of `histogramdd` have; RuntimeError where its other arguments don't fit them."""
    if not input.ndim:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    if not input.is_floating_point():
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{type_name(input.dtype)}'")
    n: int = input.shape[-1]
    if not isinstance(bins, int) and len(bins) != n:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if range is not None and len(range) != 2 * n:
        raise RuntimeError(
            f"torch.histogramdd: for a {n}-dimensional histogram range should have {2 * n} elements, but got {len(range)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, "
            f"but got input({c_type_name(input.dtype)}), and weight({c_type_name(weight.dtype)})"
        )
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding "
            f"its innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
            f"{list(weight.shape)}"
        )
    return n


def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(counts or densities, edges in each dimension) of points, which are the last dimension of the input.

    >>> import dynagrad
    >>> dynagrad.histogramdd(dynagrad.tensor([[0., 1.], [1., 0.]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 0.]])
    """
    n = _check_points(input, bins, range, weight)
    points = input.detach().reshape(math.prod(input.shape[:-1]), n)
    bins = [bins] * n if isinstance(bins, int) else list(bins)
    if n == 0:  # points without coordinates are in no bin
        return named.histogramdd((points.new_full((), math.nan if density else 0.0), ()))
    limits = [None] * n if range is None else [range[2 * d : 2 * d + 2] for d in builtins.range(n)]
    edges = [_edges(points[:, d], bins[d], limits[d], d) for d in builtins.range(n)]
    flat, inside = points.new_zeros((points.shape[0],)).long(), points.new_ones((points.shape[0],)).bool()
    for d in builtins.range(n):
        column, count = points[:, d].contiguous(), edges[d].numel() - 1
        place = CARDS["searchsorted"].op(edges[d].contiguous(), column, right=True) - 1
        place = place - (column == edges[d][-1]).long()  # the last bin holds its upper edge
        inside = inside & (place >= 0) & (place < count) & (column >= edges[d][0]) & (column <= edges[d][-1])
        flat = flat * count + place
    sizes = [edge.numel() - 1 for edge in edges]
    given = points.new_ones((points.shape[0],)) if weight is None else weight.detach().flatten().to(points.dtype)
    counts = points.new_zeros((math.prod(sizes),)).index_add(0, flat[inside], given[inside]).reshape(sizes)
    if density:
        counts = counts / counts.sum()
        for d, edge in enumerate(edges):
            counts = counts / edge.diff().reshape([-1 if d == e else 1 for e in builtins.range(n)])
    return named.histogramdd((counts, tuple(edges)))


_op: Callable[..., Any]
for _op in (diff, corrcoef, cov, histc, histogram):
    register(Card(_op.__name__, _op, samples="database"))
for _op in (gradient, trapezoid, trapz, cumulative_trapezoid, histogramdd):
    register(Card(_op.__name__, _op, samples="database", method=False))
