"""Pairs of values other than tensors: None, booleans, numbers, and anything that has an ``==``."""

from __future__ import annotations

import abc
import cmath
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

import dynagrad as torch
from dynagrad.testing._comparison.errors import ErrorMeta, UnsupportedInputs
from dynagrad.testing._comparison.messages import make_scalar_mismatch_msg
from dynagrad.testing._comparison.tolerances import get_tolerances


def numpy_types(*names: str) -> tuple[Any, ...]:
    """NumPy's types of these names; none of them while nobody has imported NumPy, for then no value can be of one.

    >>> import numpy
    >>> from dynagrad.testing._comparison.pairs import numpy_types
    >>> numpy_types("ndarray") == (numpy.ndarray,)
    True
    """
    numpy = sys.modules.get("numpy")
    return () if numpy is None else tuple(getattr(numpy, name) for name in names)


class Pair(abc.ABC):
    """Two values to be compared. A subclass refuses what it does not know, and compares in ``compare``.

    Its ``__init__`` takes every option of the comparison, keeps its own, and hands the rest on.
    """

    def __init__(self, actual: Any, expected: Any, *, id: tuple[Any, ...] = (), **unknown_parameters: Any) -> None:
        self.actual = actual
        self.expected = expected
        self.id = id
        self._unknown_parameters = unknown_parameters

    @staticmethod
    def _inputs_not_supported() -> NoReturn:
        raise UnsupportedInputs

    @staticmethod
    def _check_inputs_isinstance(*inputs: Any, cls: type | tuple[type, ...]) -> None:
        if not all(isinstance(value, cls) for value in inputs):
            Pair._inputs_not_supported()

    def _fail(self, type: type[Exception], msg: str, *, id: tuple[Any, ...] = ()) -> NoReturn:
        """Raises what becomes an error of ``type``. Before ``Pair.__init__`` ran, ``id`` has to be given."""
        raise ErrorMeta(type, msg, id=id or getattr(self, "id", ()))

    @abc.abstractmethod
    def compare(self) -> None:
        """Raises an ErrorMeta if the two differ."""

    def extra_repr(self) -> Sequence[str | tuple[str, Any]]:
        """Options that the representation shows: names of attributes, or names with their values."""
        return []

    def __repr__(self) -> str:
        extra = [(each, getattr(self, each)) if isinstance(each, str) else each for each in self.extra_repr()]
        shown = [("id", self.id), ("actual", self.actual), ("expected", self.expected), *extra]
        return "\n".join([f"{type(self).__name__}(", *(f"    {name}={value!s}," for name, value in shown), ")"])


class ObjectPair(Pair):
    """Anything, compared by ``==``; the last resort."""

    def compare(self) -> None:
        """Raises an ErrorMeta if the two differ, or cannot be compared."""
        try:
            same = self.actual == self.expected
        except Exception as error:
            text = f"{self.actual} == {self.expected} failed with:\n{error}."
            raise ErrorMeta(ValueError, text, id=self.id) from error
        if not same:
            self._fail(AssertionError, f"{self.actual} != {self.expected}")


class NonePair(Pair):
    """Two values of which one is None, which only None equals."""

    def __init__(self, actual: Any, expected: Any, **other_parameters: Any) -> None:
        if actual is not None and expected is not None:
            self._inputs_not_supported()
        super().__init__(actual, expected, **other_parameters)

    def compare(self) -> None:
        """Raises an ErrorMeta unless both are None."""
        if self.actual is not None or self.expected is not None:
            self._fail(AssertionError, f"None mismatch: {self.actual} is not {self.expected}")


class BooleanPair(Pair):
    """Two booleans, Python's or NumPy's."""

    def __init__(self, actual: Any, expected: Any, *, id: tuple[Any, ...] = (), **other_parameters: Any) -> None:
        actual, expected = self._process_inputs(actual, expected, id=id)
        super().__init__(actual, expected, id=id, **other_parameters)

    @property
    def _supported_types(self) -> tuple[type, ...]:
        return (bool, *numpy_types("bool_"))

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> tuple[bool, bool]:
        self._check_inputs_isinstance(actual, expected, cls=self._supported_types)
        return self._to_bool(actual, id=id), self._to_bool(expected, id=id)

    def _to_bool(self, bool_like: Any, *, id: tuple[Any, ...]) -> bool:
        if isinstance(bool_like, bool):
            return bool_like
        if isinstance(bool_like, numpy_types("bool_")):
            return bool(bool_like)
        raise ErrorMeta(TypeError, f"Unknown boolean type {type(bool_like)}.", id=id)

    def compare(self) -> None:
        """Raises an ErrorMeta if the two differ."""
        if self.actual is not self.expected:
            self._fail(AssertionError, f"Booleans mismatch: {self.actual} is not {self.expected}")


class NumberPair(Pair):
    """Two numbers, Python's or NumPy's; their types stand for the dtypes that choose the tolerances.

    Args:
        rtol, atol: tolerances, both or neither.
        equal_nan: whether two NaN are close.
        check_dtype: whether the two must be of one type.
    """

    _TYPE_TO_DTYPE: ClassVar[dict[type, torch.dtype]] = {
        int: torch.int64,
        float: torch.float64,
        complex: torch.complex128,
    }
    _NUMBER_TYPES: ClassVar[tuple[Any, ...]] = tuple(_TYPE_TO_DTYPE)

    def __init__(
        self,
        actual: Any,
        expected: Any,
        *,
        id: tuple[Any, ...] = (),
        rtol: float | None = None,
        atol: float | None = None,
        equal_nan: bool = False,
        check_dtype: bool = False,
        **other_parameters: Any,
    ) -> None:
        actual, expected = self._process_inputs(actual, expected, id=id)
        super().__init__(actual, expected, id=id, **other_parameters)
        dtypes = (self._TYPE_TO_DTYPE[type(value)] for value in (actual, expected))
        self.rtol, self.atol = get_tolerances(*dtypes, rtol=rtol, atol=atol, id=id)
        self.equal_nan = equal_nan
        self.check_dtype = check_dtype

    @property
    def _supported_types(self) -> tuple[type, ...]:
        return (*self._NUMBER_TYPES, *numpy_types("number"))

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> tuple[complex, complex]:
        self._check_inputs_isinstance(actual, expected, cls=self._supported_types)
        return self._to_number(actual, id=id), self._to_number(expected, id=id)

    def _to_number(self, number_like: Any, *, id: tuple[Any, ...]) -> complex:
        if isinstance(number_like, numpy_types("number")):
            number: complex = number_like.item()
            return number
        if isinstance(number_like, self._NUMBER_TYPES):
            return number_like
        raise ErrorMeta(TypeError, f"Unknown number type {type(number_like)}.", id=id)

    def compare(self) -> None:
        """Raises an ErrorMeta unless |actual - expected| <= atol + rtol * |expected|."""
        a, b = self.actual, self.expected
        if self.check_dtype and type(a) is not type(b):
            self._fail(AssertionError, f"The (d)types do not match: {type(a)} != {type(b)}.")
        if a == b or (self.equal_nan and cmath.isnan(a) and cmath.isnan(b)):
            return
        apart = abs(a - b)
        if cmath.isfinite(apart) and apart <= self.atol + self.rtol * abs(b):
            return
        self._fail(AssertionError, make_scalar_mismatch_msg(a, b, rtol=self.rtol, atol=self.atol))

    def extra_repr(self) -> Sequence[str]:
        """The options."""
        return ("rtol", "atol", "equal_nan", "check_dtype")
