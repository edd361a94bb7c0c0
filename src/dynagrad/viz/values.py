"""What a recording keeps of a tensor's numbers: all of them up to a size, else statistics and a thumbnail.

Numbers are rounded for JSON at the end, by ``plain``; while the program runs they are only copied.
"""

from __future__ import annotations

import math
from typing import Any

from dynagrad._core.graph import is_grad_enabled, set_grad_mode

WHOLE = 64  # elements kept as they are
WHOLE_LATER = 16  # the same, once the budget is spent
THUMBNAIL = 12  # rows and columns
THUMBNAIL_LATER = 4
BUDGET = 400_000  # numbers in all, before the smaller limits hold


class Values:
    """The numbers of a recording, in the order in which they were seen."""

    def __init__(self) -> None:
        self.kept: list[tuple[tuple[int, ...], str, Any, Any, Any]] = []  # shape, dtype, data, stats, thumbnail
        self.numbers = 0

    def keep(self, tensor: Any) -> int:
        """Copies what is kept of ``tensor``; returns its id."""
        count = tensor.numel()
        later = self.numbers > BUDGET
        if count <= (WHOLE_LATER if later else WHOLE):
            self.numbers += count
            self.kept.append((tensor.shape, tensor.dtype.name, tensor.tolist(), None, None))
        else:
            before = is_grad_enabled()
            set_grad_mode(False)
            try:
                small = _thumbnail(tensor, THUMBNAIL_LATER if later else THUMBNAIL)
                self.kept.append((tensor.shape, tensor.dtype.name, None, _statistics(tensor), small))
            finally:
                set_grad_mode(before)
            self.numbers += sum(map(len, small))
        return len(self.kept) - 1

    def plain(self) -> list[dict[str, Any]]:
        """All values as plain data."""
        return [_plain(i, *one) for i, one in enumerate(self.kept)]


def _plain(i: int, shape: Any, dtype: str, data: Any, stats: Any, thumbnail: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"id": i, "shape": list(shape), "dtype": dtype}
    if stats is None:
        flat = _flat(data)
        made["data"] = _rounded(data)
        made["stats"] = _summary(flat)
    else:
        made["data"] = None
        made["stats"] = {name: number(value, 5) for name, value in stats.items()}
        made["thumbnail"] = _rounded(thumbnail, 4)
    return made


def number(value: Any, digits: int = 7) -> Any:
    """A number for JSON: rounded to significant digits; "nan", "inf" and "-inf" as text."""
    if isinstance(value, float):
        if math.isfinite(value):
            short = float(f"{value:.{digits}g}")
            return int(short) if short.is_integer() and abs(short) < 1e15 else short
        return str(value)
    return value


def _rounded(data: Any, digits: int = 7) -> Any:
    return [_rounded(one, digits) for one in data] if isinstance(data, list) else number(data, digits)


def _flat(data: Any) -> list[Any]:
    flat = data if isinstance(data, list) else [data]
    while flat and isinstance(flat[0], list):
        flat = [one for row in flat for one in row]
    return flat


def _summary(flat: list[Any]) -> dict[str, Any]:
    """The statistics of numbers that are kept whole; NaN and infinities are counted and left out."""
    finite = [float(x) for x in flat if math.isfinite(x)]
    made: dict[str, Any] = {"min": None, "max": None, "mean": None, "std": None, "norm": None}
    if finite:
        mean = math.fsum(finite) / len(finite)
        spread = math.sqrt(math.fsum((x - mean) ** 2 for x in finite) / len(finite))
        norm = math.sqrt(math.fsum(x * x for x in finite))
        made = {"min": min(finite), "max": max(finite), "mean": mean, "std": spread, "norm": norm}
    made = {name: number(value, 5) for name, value in made.items()}
    if len(finite) < len(flat):
        made["nan"] = sum(math.isnan(x) for x in flat)
        made["inf"] = len(flat) - len(finite) - made["nan"]
    return made


def _statistics(tensor: Any) -> dict[str, Any]:
    """The statistics of a large tensor, by ops that are not told to anyone."""
    from dynagrad import float32, float64, isfinite, isnan

    exact = tensor.detach()
    if exact.dtype not in (float32, float64):
        exact = exact.to(float64)
    least, most = exact.min().item(), exact.max().item()
    nan = infinite = 0
    if not (math.isfinite(least) and math.isfinite(most)):
        finite = isfinite(exact)
        nan = int(isnan(exact).sum().item())
        infinite = exact.numel() - int(finite.sum().item()) - nan
        exact = exact[finite]
        if not exact.numel():
            return {"min": None, "max": None, "mean": None, "std": None, "norm": None, "nan": nan, "inf": infinite}
        least, most = exact.min().item(), exact.max().item()
    made = {
        "min": least,
        "max": most,
        "mean": exact.mean().item(),
        "std": exact.std(correction=0).item(),
        "norm": exact.square().sum().sqrt().item(),
    }
    return {**made, "nan": nan, "inf": infinite} if nan or infinite else made


def _thumbnail(tensor: Any, size: int) -> list[list[Any]]:
    """Evenly spaced elements: the last dimension across, all others down."""
    rows = tensor.detach()
    while rows.dim() > 2:
        rows = rows[0] if rows.shape[1] * rows.shape[2] >= size * size else rows.flatten(0, 1)
    if rows.dim() == 1:
        side = math.isqrt(rows.shape[0])
        rows = rows[: side * side].reshape(side, side) if side > size else rows.reshape(1, -1)
    down, across = -(-rows.shape[0] // size), -(-rows.shape[1] // size)
    found: list[list[Any]] = rows[::down, ::across].tolist()
    return found
