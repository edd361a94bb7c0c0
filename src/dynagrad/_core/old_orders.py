"""The order of arguments from before keywords: ``x.add_(2, y)`` for ``x.add_(y, alpha=2)``, which PyTorch still takes."""

from __future__ import annotations

import warnings
from typing import Any

_said: set[str] = set()


def scaled_sum(op: str, scale: Any, other: Any, given: Any) -> tuple[Any, Any]:
    """``other`` and ``alpha`` of ``op(input, scale, other)``; TypeError if that is no such call."""
    _check(op, scale, (other,), given)
    _warn(op, "Number alpha, Tensor other", "Tensor other, *, Number alpha = 1")
    return other, scale


def scaled_product(op: str, scale: Any, tensor1: Any, tensor2: Any, given: Any) -> tuple[Any, Any, Any]:
    """``tensor1``, ``tensor2`` and ``value`` of ``op(input, scale, tensor1, tensor2)``; TypeError if that is no such call."""
    _check(op, scale, (tensor1, tensor2), given)
    _warn(op, "Number value, Tensor tensor1, Tensor tensor2", "Tensor tensor1, Tensor tensor2, *, Number value = 1")
    return tensor1, tensor2, scale


def _check(op: str, scale: Any, tensors: tuple[Any, ...], given: Any) -> None:
    """A 0-d tensor may stand for the number, as everywhere; ``given`` is the keyword that the number would be."""
    number = isinstance(scale, (int, float)) or getattr(scale, "ndim", None) == 0
    if not number or given is not None or not all(hasattr(each, "requires_grad_") for each in tensors):
        wanted = len(tensors) + (not op.endswith("_"))
        many = f"argument{'s' * (wanted > 1)} but {wanted + 1} were"
        raise TypeError(f"{op}() takes {wanted} positional {many} given")


def _warn(op: str, old: str, new: str) -> None:
    """Once in a process, as PyTorch."""
    if not _said:
        _said.add(op)
        warnings.warn(
            f"This overload of {op} is deprecated:\n\t{op}({old})\n"
            f"Consider using one of the following signatures instead:\n\t{op}({new})",
            stacklevel=3,
        )
