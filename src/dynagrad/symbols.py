"""PyTorch's functions of numbers that may be symbols of a traced program. Here programs run as they are: numbers are numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

__all__ = [
    "SymBool",
    "SymFloat",
    "SymInt",
    "sym_float",
    "sym_int",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_not",
    "sym_sqrt",
    "sym_sum",
]


class _Symbol:
    def __init__(self, node: Any = None) -> None:
        raise NotImplementedError(
            f"{type(self).__name__}: programs are not traced, and so have no symbols (got {node!r})"
        )


class SymInt(_Symbol):
    """The class of traced integers, to ask `isinstance` for: nothing here is one."""


class SymFloat(_Symbol):
    """The class of traced floating numbers, to ask `isinstance` for: nothing here is one."""


class SymBool(_Symbol):
    """The class of traced conditions, to ask `isinstance` for: nothing here is one."""


def sym_float(a: Any) -> float:
    """``float(a)``.

    >>> import dynagrad as torch
    >>> torch.sym_float(3)
    3.0
    """
    return float(a)


def sym_int(a: Any) -> int:
    """The integer towards zero.

    >>> import dynagrad as torch
    >>> torch.sym_int(-3.7)
    -3
    """
    return int(a)


def sym_max(a: Any, b: Any) -> Any:
    """The larger number, floating if one of the two is.

    >>> import dynagrad as torch
    >>> torch.sym_max(3, 2.0)
    3.0
    """
    found = max(a, b)
    return float(found) if float in (type(a), type(b)) else found


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number, floating if one of the two is.

    >>> import dynagrad as torch
    >>> torch.sym_min(3, 2.0)
    2.0
    """
    found = min(a, b)
    return float(found) if float in (type(a), type(b)) else found


def sym_not(a: Any) -> bool:
    """``not a``.

    >>> import dynagrad as torch
    >>> torch.sym_not(True)
    False
    """
    return not a


def sym_sqrt(a: Any) -> float:
    """The square root.

    >>> import dynagrad as torch
    >>> torch.sym_sqrt(4)
    2.0
    """
    return math.sqrt(a)


def sym_sum(args: Iterable[Any]) -> Any:
    """The sum of several numbers.

    >>> import dynagrad as torch
    >>> torch.sym_sum([1, 2])
    3
    """
    return sum(args)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """``t if b else f``. TypeError unless both have one type.

    >>> import dynagrad as torch
    >>> torch.sym_ite(True, 1, 2)
    1
    """
    if type(t) is not type(f):
        raise TypeError(f"sym_ite expects two values of one type, but got {type(t).__name__} and {type(f).__name__}")
    return t if b else f
