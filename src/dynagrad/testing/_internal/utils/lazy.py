"""Values that are worked out when somebody looks at them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

_OPERATORS = (
    "add sub mul truediv floordiv mod pow lshift rshift and or xor neg pos abs invert eq ne lt le gt ge index".split()  # noqa: SIM905  # shorter than a list
)


class LazyVal:
    """What a function returns, asked once, as a value: in conditions, in comparisons, in arithmetic.

    >>> from dynagrad.testing._internal.common_utils import LazyVal
    >>> many = LazyVal(lambda: 3)
    >>> bool(many), many > 2, many + 1
    (True, True, 4)
    """

    def __init__(self, cb: Callable[[], Any]) -> None:
        self._cb: Callable[[], Any] | None = cb
        self._value: Any = None

    def _known(self) -> Any:
        if self._cb is not None:
            self._value, self._cb = self._cb(), None
        return self._value

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self._known())

    def __int__(self) -> int:
        return int(self._known())


def make_lazy_class(cls: Any) -> Any:
    """Gives a class like `LazyVal` the operators of the value that its ``_known()`` returns.

    >>> from dynagrad.testing._internal.common_utils import LazyVal, make_lazy_class
    >>> make_lazy_class(LazyVal) is LazyVal
    True
    """
    for name in _OPERATORS:
        setattr(cls, f"__{name}__", _forwarded(getattr(operator, f"__{name}__")))
    cls.__divmod__ = _forwarded(divmod)
    return cls


def _forwarded(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *rest: Any) -> Any:
        return function(self._known(), *rest)

    return method


make_lazy_class(LazyVal)
