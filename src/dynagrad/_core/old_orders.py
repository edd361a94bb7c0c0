"""The order of arguments from before keywords: ``x.add_(2, y)`` for ``x.add_(y, alpha=2)``, which PyTorch still takes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
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


def sum_with_product(function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The result of ``addmm(beta, input, [alpha,] mat1, mat2)`` or ``input.addmm(beta, [alpha,] mat1, mat2)`` and its kin."""
    op = function.__name__.lstrip("_")
    input, beta = (args[1], args[0]) if isinstance(args[0], (int, float)) else args[:2]
    numbers, factors = (beta, *args[2:-2]), args[-2:]
    names = ("beta", "alpha")[: len(numbers)]
    if (
        not named.keys().isdisjoint(names)
        or not all(map(_is_number, numbers))
        or not all(hasattr(each, "requires_grad_") for each in (input, *factors))
    ):
        got = ", ".join(type(each).__name__ for each in args)
        raise TypeError(f"{op}() received an invalid combination of arguments - got ({got}): it takes three tensors")
    first, second = function.__code__.co_varnames[1:3]
    given = "".join(f"Number {name}, " for name in names)
    tensors = f"Tensor {first}, Tensor {second}"
    _warn(op, given + tensors, f"{tensors}, *, Number beta = 1, Number alpha = 1")
    return function(input, *factors, **dict(zip(names, numbers, strict=True)), **named)


def _is_number(given: Any) -> bool:
    """A 0-d tensor may stand for a number, as everywhere."""
    return isinstance(given, (int, float)) or getattr(given, "ndim", None) == 0


def _check(op: str, scale: Any, tensors: tuple[Any, ...], given: Any) -> None:
    """``given`` is the keyword that the number would be."""
    if not _is_number(scale) or given is not None or not all(hasattr(each, "requires_grad_") for each in tensors):
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
