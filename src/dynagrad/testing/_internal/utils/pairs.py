"""The pairs of ``TestCase.assertEqual``, which takes more for equal than ``assert_close``: 1 for 1.0, arrays for tensors."""

from __future__ import annotations

import enum
import unittest
from typing import Any, ClassVar

import dynagrad as torch
from dynagrad.testing._comparison import BooleanPair, ErrorMeta, NumberPair, Pair, TensorLikePair
from dynagrad.testing._comparison.pairs import numpy_types


def _holds_one(value: Any, kind: str, id: tuple[Any, ...]) -> Any:
    """The number in a tensor or array."""
    count = value.numel() if isinstance(value, torch.Tensor) else value.size
    if count > 1:
        raise ErrorMeta(
            ValueError,
            f"Only single element tensor-likes can be compared against a {kind}. Got {count} elements instead.",
            id=id,
        )
    return value.item()


def arrays() -> tuple[Any, ...]:
    """The types of tensors and arrays.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.utils.pairs import arrays
    >>> isinstance(torch.ones(1), arrays())
    True
    """
    return (torch.Tensor, *numpy_types("ndarray"))


class _OneIsExact(Pair):
    """One value is of a supported type, and the other may be something that holds one."""

    def _check_one(self, actual: Any, expected: Any, types: tuple[type, ...], others: tuple[type, ...]) -> None:
        for one, other in ((actual, expected), (expected, actual)):
            if isinstance(one, types) and isinstance(other, (*types, *others)):
                return
        self._inputs_not_supported()


class RelaxedBooleanPair(BooleanPair, _OneIsExact):
    """A boolean, and a boolean, a number, or a tensor or array of one element."""

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> tuple[bool, bool]:
        numbers = (int, float, complex, *numpy_types("number"))
        self._check_one(actual, expected, self._supported_types, (*numbers, *arrays()))
        return self._to_bool(actual, id=id), self._to_bool(expected, id=id)

    def _to_bool(self, bool_like: Any, *, id: tuple[Any, ...]) -> bool:
        if isinstance(bool_like, arrays()):
            return bool(_holds_one(bool_like, "boolean", id))
        if isinstance(bool_like, (int, float, complex, *numpy_types("number"))):
            return bool(bool_like)
        return super()._to_bool(bool_like, id=id)


class RelaxedNumberPair(NumberPair, _OneIsExact):
    """A number, and a number, or a tensor or array of one element; types may differ, and floats are float32's.

    Args:
        rtol_override, atol_override: tolerances that the test set for all of its comparisons; the larger ones count.
    """

    _TYPE_TO_DTYPE: ClassVar[dict[type, torch.dtype]] = {
        int: torch.int64,
        float: torch.float32,
        complex: torch.complex64,
    }

    def __init__(
        self,
        actual: Any,
        expected: Any,
        *,
        rtol_override: float = 0.0,
        atol_override: float = 0.0,
        check_dtype: bool | None = None,  # noqa: ARG002  # types are not compared here
        **other_parameters: Any,
    ) -> None:
        super().__init__(actual, expected, check_dtype=False, **other_parameters)
        self.rtol = max(self.rtol, rtol_override)
        self.atol = max(self.atol, atol_override)

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> tuple[complex, complex]:
        self._check_one(actual, expected, self._supported_types, arrays())
        return self._to_number(actual, id=id), self._to_number(expected, id=id)

    def _to_number(self, number_like: Any, *, id: tuple[Any, ...]) -> complex:
        if isinstance(number_like, arrays()):
            number: complex = _holds_one(number_like, "number", id)
            return int(number) if isinstance(number, bool) else number
        if isinstance(number_like, enum.Enum):
            return int(number_like)  # type: ignore[call-overload]
        number = super()._to_number(number_like, id=id)
        if type(number) not in self._TYPE_TO_DTYPE:
            self._inputs_not_supported()
        return number


class TensorOrArrayPair(TensorLikePair):
    """Two tensors or arrays, one of each if need be.

    Args:
        rtol_override, atol_override: tolerances that the test set for all of its comparisons; the larger ones count.
    """

    def __init__(
        self, actual: Any, expected: Any, *, rtol_override: float = 0.0, atol_override: float = 0.0, **options: Any
    ) -> None:
        super().__init__(actual, expected, **options)
        self.rtol = max(self.rtol, rtol_override)
        self.atol = max(self.atol, atol_override)

    def _process_inputs(
        self,
        actual: Any,
        expected: Any,
        *,
        id: tuple[Any, ...],
        allow_subclasses: bool,  # noqa: ARG002  # types need not be related here
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self._check_inputs_isinstance(actual, expected, cls=arrays())
        a, b = self._to_tensor(actual), self._to_tensor(expected)
        self._check_supported(a, id=id)
        self._check_supported(b, id=id)
        return a, b


class TypedStoragePair(TensorOrArrayPair):
    """Two storages, compared as the tensors of their elements."""

    def _process_inputs(
        self,
        actual: Any,
        expected: Any,
        *,
        id: tuple[Any, ...],  # noqa: ARG002  # there is nothing to refuse
        allow_subclasses: bool,  # noqa: ARG002  # likewise
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self._check_inputs_isinstance(actual, expected, cls=torch.TypedStorage)
        return self._to_tensor(actual), self._to_tensor(expected)

    def _to_tensor(self, tensor_like: Any) -> torch.Tensor:
        return torch.tensor(tensor_like.tolist(), dtype=tensor_like.dtype)


class UnittestPair(Pair):
    """Two values of the class ``CLS``, compared and described by ``unittest``."""

    CLS: type | tuple[type, ...]
    TYPE_NAME: str | None = None

    def __init__(self, actual: Any, expected: Any, **other_parameters: Any) -> None:
        self._check_inputs_isinstance(actual, expected, cls=self.CLS)
        super().__init__(actual, expected, **other_parameters)

    def compare(self) -> None:
        """Raises an ErrorMeta with what unittest says."""
        try:
            unittest.TestCase().assertEqual(self.actual, self.expected)
        except AssertionError as error:
            first = self.CLS if isinstance(self.CLS, type) else self.CLS[0]
            name = self.TYPE_NAME or first.__name__
            self._fail(AssertionError, f"{name.title()} comparison failed: {error}")


class StringPair(UnittestPair):
    """Two strings, or two of bytes."""

    CLS = (str, bytes)
    TYPE_NAME = "string"


class SetPair(UnittestPair):
    """Two sets."""

    CLS = set


class TypePair(UnittestPair):
    """Two classes."""

    CLS = type


class ObjectPair(UnittestPair):
    """Any two objects; the last resort."""

    CLS = object
