"""Pairs of tensors, and of what tensors can be made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dynagrad as torch
from dynagrad.testing._comparison.errors import ErrorMeta
from dynagrad.testing._comparison.messages import Identifier, make_scalar_mismatch_msg, make_tensor_mismatch_msg
from dynagrad.testing._comparison.pairs import Pair
from dynagrad.testing._comparison.tolerances import get_tolerances


class TensorLikePair(Pair):
    """Two tensors, or two values of related types that ``as_tensor`` takes: NumPy arrays, for example.

    Args:
        allow_subclasses: whether their types may differ where one is a subclass of the other.
        rtol, atol: tolerances, both or neither; by the dtypes if not given.
        equal_nan: whether two NaN are close.
        check_device, check_dtype, check_layout, check_stride: what must be the same beside shape and values.
    """

    def __init__(
        self,
        actual: Any,
        expected: Any,
        *,
        id: tuple[Any, ...] = (),
        allow_subclasses: bool = True,
        rtol: float | None = None,
        atol: float | None = None,
        equal_nan: bool = False,
        check_device: bool = True,
        check_dtype: bool = True,
        check_layout: bool = True,
        check_stride: bool = False,
        **other_parameters: Any,
    ) -> None:
        actual, expected = self._process_inputs(actual, expected, id=id, allow_subclasses=allow_subclasses)
        super().__init__(actual, expected, id=id, **other_parameters)
        self.rtol, self.atol = get_tolerances(actual, expected, rtol=rtol, atol=atol, id=id)
        self.equal_nan = equal_nan
        self.check_device = check_device
        self.check_dtype = check_dtype
        self.check_layout = check_layout
        self.check_stride = check_stride

    def _process_inputs(
        self, actual: Any, expected: Any, *, id: tuple[Any, ...], allow_subclasses: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if not related or not (allow_subclasses or type(actual) is type(expected)):
            self._inputs_not_supported()
        a, b = self._to_tensor(actual), self._to_tensor(expected)
        self._check_supported(a, id=id)
        self._check_supported(b, id=id)
        return a, b

    def _to_tensor(self, tensor_like: Any) -> torch.Tensor:
        if isinstance(tensor_like, torch.Tensor):
            return tensor_like
        try:
            return torch.as_tensor(tensor_like)
        except Exception:  # noqa: BLE001  # what no tensor can be made of is no matter of this pair
            self._inputs_not_supported()

    def _check_supported(self, tensor: torch.Tensor, *, id: tuple[Any, ...]) -> None:
        if tensor.layout is not torch.strided:
            raise ErrorMeta(ValueError, f"Unsupported tensor layout {tensor.layout}", id=id)

    def compare(self) -> None:
        """Raises an ErrorMeta if shapes, attributes that are checked, or values differ."""
        self._compare_attributes(self.actual, self.expected)
        self._compare_values(*self._equalize_attributes(self.actual, self.expected))

    def _compare_attributes(self, actual: torch.Tensor, expected: torch.Tensor) -> None:
        checks = (
            ("shape", True, actual.shape, expected.shape),
            ("layout", self.check_layout, actual.layout, expected.layout),
            ("stride()", self.check_stride, actual.stride(), expected.stride()),
            ("device", self.check_device, actual.device, expected.device),
            ("dtype", self.check_dtype, actual.dtype, expected.dtype),
        )
        for name, checked, a, b in checks:
            if checked and a != b:
                self._fail(AssertionError, f"The values for attribute '{name}' do not match: {a} != {b}.")

    def _equalize_attributes(self, actual: torch.Tensor, expected: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both in one memory and of one dtype, for differences that were not asked about."""
        if actual.device != expected.device:
            actual, expected = actual.cpu(), expected.cpu()
        if actual.dtype != expected.dtype:
            common = torch.promote_types(actual.dtype, expected.dtype)
            actual, expected = actual.to(common), expected.to(common)
        return actual, expected

    def _compare_values(self, actual: torch.Tensor, expected: torch.Tensor) -> None:
        self._compare_regular_values_close(actual, expected, rtol=self.rtol, atol=self.atol, equal_nan=self.equal_nan)

    def _compare_regular_values_equal(
        self,
        actual: torch.Tensor,
        expected: torch.Tensor,
        *,
        equal_nan: bool = False,
        identifier: Identifier = None,
    ) -> None:
        self._compare_regular_values_close(actual, expected, rtol=0, atol=0, equal_nan=equal_nan, identifier=identifier)

    def _compare_regular_values_close(
        self,
        actual: torch.Tensor,
        expected: torch.Tensor,
        *,
        rtol: float,
        atol: float,
        equal_nan: bool,
        identifier: Identifier = None,
    ) -> None:
        matches = torch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan)
        if torch.all(matches):
            return
        if actual.dim():
            text = make_tensor_mismatch_msg(actual, expected, matches, rtol=rtol, atol=atol, identifier=identifier)
        else:
            text = make_scalar_mismatch_msg(actual.item(), expected.item(), rtol=rtol, atol=atol, identifier=identifier)
        self._fail(AssertionError, text)

    def extra_repr(self) -> Sequence[str]:
        """The options."""
        return ("rtol", "atol", "equal_nan", "check_device", "check_dtype", "check_layout", "check_stride")
