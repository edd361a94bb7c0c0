"""How many floating-point operations some ops take, by the usual formulas: a multiplication and an addition are two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from dynagrad.tensor import Tensor

__all__ = ["flops_of"]


def _product(a: Tensor, b: Tensor) -> int:
    """Of (batches of) matrices: 2 m k n."""
    return 2 * a.numel() * (b.shape[-1] if b.dim() > 1 else 1)


def _linear(x: Tensor, weight: Tensor) -> int:
    return 2 * x.numel() * (weight.shape[0] if weight.dim() > 1 else 1)


def _conv(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """2 · batch · channels out · positions out · (channels in / groups) · kernel positions."""
    x, weight = args[0], args[1]
    named = dict(zip(("bias", "stride", "padding", "dilation"), args[2:], strict=False)) | kwargs
    n = weight.dim() - 2
    stride, padding, dilation = (_each(named.get(name, default), n) for name, default in _GEOMETRY)
    if padding is None:
        padding = [(d * (k - 1)) / 2 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    out = [
        int((size + 2 * p - d * (k - 1) - 1) // s + 1)
        for size, p, d, k, s in zip(x.shape[-n:], padding, dilation, weight.shape[2:], stride, strict=True)
    ]
    batch = x.shape[0] if x.dim() == n + 2 else 1
    return 2 * batch * weight.shape[0] * math.prod(out) * math.prod(weight.shape[1:])


_GEOMETRY = (("stride", 1), ("padding", 0), ("dilation", 1))


def _each(value: Any, n: int) -> Any:
    if isinstance(value, str):
        return None if value == "same" else [0] * n
    return [value] * n if isinstance(value, int) else list(value)


def _elements(args: tuple[Any, ...]) -> int:
    """One for each element of the result, which has the larger operand's size."""
    return max(each.numel() for each in args[:2] if isinstance(each, Tensor))


_FORMULAS: dict[str, Callable[[tuple[Any, ...], dict[str, Any]], int]] = {
    "mm": lambda args, _: _product(args[0], args[1]),
    "bmm": lambda args, _: _product(args[0], args[1]),
    "matmul": lambda args, _: _product(args[0], args[1]),
    "addmm": lambda args, _: _product(args[1], args[2]),
    "baddbmm": lambda args, _: _product(args[1], args[2]),
    "linear": lambda args, _: _linear(args[0], args[1]),
    "conv1d": _conv,
    "conv2d": _conv,
    "conv3d": _conv,
    "add": lambda args, _: _elements(args),
    "mul": lambda args, _: _elements(args),
}


def flops_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """The operations of a call of the op ``aten::name``; 0 for one without a formula, and for arguments that do not fit.

    >>> import dynagrad as torch
    >>> from dynagrad.profiler.flops import flops_of
    >>> flops_of("aten::mm", (torch.ones(2, 3), torch.ones(3, 4)), {})
    48
    """
    formula = _FORMULAS.get(name.removeprefix("aten::"))
    if formula is None:
        return 0
    try:
        return formula(args, kwargs)
    except (AttributeError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return 0  # arguments by other names, or wrong ones, of which the op itself complains
