"""The text of a tensor, as PyTorch prints it, and the options that shape that text.

Only the elements that will be shown are read, through a detached alias, as plain Python numbers: printing records
nothing and calls no hook. What a tensor *is* (its dtype, its history) is asked of its public attributes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dynagrad

if TYPE_CHECKING:
    from dynagrad import Tensor

__all__ = ["get_printoptions", "printoptions", "set_printoptions", "tensor_text"]

# A range of magnitudes wider than this, or one outside these bounds, is written in scientific notation.
WIDEST_RATIO = 1000.0
LARGEST_FIXED = 1e8
SMALLEST_FIXED = 1e-4


class PrintOptions:
    """How tensors are written; ``sci_mode=None`` lets the values decide."""

    def __init__(
        self,
        precision: int = 4,
        threshold: float = 1000,
        edgeitems: int = 3,
        linewidth: int = 80,
        sci_mode: bool | None = None,
    ) -> None:
        self.precision, self.threshold, self.edgeitems = precision, threshold, edgeitems
        self.linewidth, self.sci_mode = linewidth, sci_mode


PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed.

    Args:
        precision: digits after the point (4).
        threshold: the number of elements above which only the edges are shown (1000).
        edgeitems: how many items at each end of a dimension are shown then (3).
        linewidth: characters per line (80).
        profile: ``default``, ``short`` or ``full``: a starting point that the other arguments refine.
        sci_mode: always (True), never (False) or as the values demand (None, also when it is left out).

    Raises:
        ValueError: an unknown profile or a negative number.

    Example:
        >>> set_printoptions(precision=2)
        >>> dynagrad.tensor([1.12345])
        tensor([1.12])
        >>> set_printoptions(profile="default")
    """
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, value in changes.items():
        if value < 0:
            raise ValueError(f"set_printoptions: {name} must not be negative, got {value}")
    vars(_options).update({**vars(_profile(profile)), **changes, "sci_mode": sci_mode})


def _profile(name: str | None) -> PrintOptions:
    if name is None:
        return _options
    try:
        return PROFILES[name.lower()]
    except KeyError:
        raise ValueError(f"set_printoptions: unknown profile {name!r}, expected one of {', '.join(PROFILES)}") from None


def get_printoptions() -> dict[str, Any]:
    """Returns the options in force, by name."""
    return dict(vars(_options))


@contextmanager
def printoptions(**changes: Any) -> Iterator[None]:
    """Sets print options, as :func:`set_printoptions` does, for the length of a ``with`` block."""
    before = get_printoptions()
    set_printoptions(**changes)
    try:
        yield
    finally:
        vars(_options).update(before)


def tensor_text(t: Tensor, *, tensor_contents: str | None = None) -> str:
    """Returns what ``repr(t)`` shows: the elements, then whatever about ``t`` is not the default."""
    head = f"{_printed_name(t)}("
    indent = len(head)
    if tensor_contents is None:
        tensor_contents = _contents(t, indent) if t.numel() else "[]"
    text = _append(head + tensor_contents, _suffixes(t), indent) + ")"
    return f"Parameter({text})" if getattr(t, "_is_param", False) else text


def _printed_name(t: Tensor) -> str:
    cls = type(t)
    return "tensor" if cls is dynagrad.Tensor else getattr(cls, "_printed_as", cls.__name__)


def _suffixes(t: Tensor) -> Iterator[str]:
    default = dynagrad.get_default_dtype()
    empty = t.numel() == 0
    if t.device.type != "cpu":
        yield f"device='{t.device}'"
    if t.dim() != 1 if empty else _options.edgeitems == 0:
        yield f"size={tuple(t.shape)}"
    if t.dtype is not default and (empty or t.dtype not in (dynagrad.int64, dynagrad.bool)):
        yield f"dtype={t.dtype}"
    history = _history(t)
    if history:
        yield history
    forward = sys.modules.get("dynagrad.autograd.forward_ad")  # where tangents are, if there are any
    if forward is not None and (tangent := forward.shown_tangent(t)) is not None:
        yield f"tangent={tangent}"


def _history(t: Tensor) -> str:
    try:
        node = t.grad_fn
    except RuntimeError:  # a view whose base was overwritten in a way that history cannot follow
        return "grad_fn=<Invalid>"
    if node is not None:
        return f"grad_fn=<{node.name().rpartition('::')[2]}>"
    return "requires_grad=True" if t.requires_grad else ""


def _append(text: str, suffixes: Iterator[str], indent: int) -> str:
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text


def _contents(t: Tensor, indent: int) -> str:
    summarise = t.numel() > _options.threshold
    alias = t.detach()
    values = _visible(alias) if summarise else alias.tolist()
    write = _Notation(_flatten(values, t.dim()), t.dtype.is_floating_point)
    return _block(values, tuple(t.shape), write, summarise, indent)


def _visible(t: Tensor) -> Any:
    """The elements that a summary shows, as nested lists: the two ends of every long dimension."""
    edge = _options.edgeitems
    if all(size <= 2 * edge for size in t.shape):
        return t.tolist()
    size = t.shape[0]
    ends = [t] if size <= 2 * edge else [t[:edge], t[size - edge :]]
    if t.dim() == 1:
        return [value for end in ends for value in end.tolist()]
    return [_visible(row) for end in ends for row in end.unbind(0)]


def _flatten(values: Any, dims: int) -> list[Any]:
    if dims == 0:
        return [values]
    for _ in range(dims - 1):
        values = [item for row in values for item in row]
    return values


def _block(values: Any, shape: tuple[int, ...], write: _Notation, summarise: bool, indent: int) -> str:
    if not shape:
        return write(values)
    edge = _options.edgeitems
    if len(shape) == 1:
        parts = [write(value) for value in values]
        dots, between = (" ..." if edge else "..."), ", "
    else:
        parts = [_block(row, shape[1:], write, summarise, indent + 1) for row in values]
        dots, between = "...", "," + "\n" * (len(shape) - 1) + " " * (indent + 1)
    if summarise and shape[0] > 2 * edge:
        parts.insert(edge, dots)
    if len(shape) == 1:
        parts, between = _wrap(parts, write.width, indent), ",\n" + " " * (indent + 1)
    return "[" + between.join(parts) + "]"


def _wrap(cells: list[str], width: int, indent: int) -> list[str]:
    count = max(1, (_options.linewidth - indent) // (width + 2))
    return [", ".join(cells[i : i + count]) for i in range(0, len(cells), count)]


class _Notation:
    """One notation for all the values of a tensor: called with a value, it returns its text, aligned."""

    def __init__(self, values: list[Any], floating: bool) -> None:
        self.spell: Callable[[Any], str] = str
        # Zeros and non-finite values neither choose a float's notation nor widen the column.
        telling = [value for value in values if value and math.isfinite(value)] if floating else values
        if floating:
            self.spell = _float_speller(telling)
        self.width = max((len(self.spell(value)) for value in telling), default=1)

    def __call__(self, value: Any) -> str:
        return self.spell(value).rjust(self.width)


def _float_speller(values: list[float]) -> Callable[[float], str]:
    precision = _options.precision
    whole = all(value.is_integer() for value in values)
    if _scientific([abs(value) for value in values], whole):
        return lambda value: f"{value:.{precision}e}"
    if whole:
        return lambda value: f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
    return lambda value: f"{value:.{precision}f}"


def _scientific(magnitudes: list[float], whole: bool) -> bool:
    if not magnitudes:
        return False
    if _options.sci_mode is not None:
        return _options.sci_mode
    low, high = min(magnitudes), max(magnitudes)
    return high / low > WIDEST_RATIO or high > LARGEST_FIXED or (not whole and low < SMALLEST_FIXED)
