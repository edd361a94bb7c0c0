"""The classes that a device's tests inherit: what the device is called, and how a test becomes one of its tests."""

from __future__ import annotations

import inspect
import unittest
from collections.abc import Iterable, Iterator
from functools import wraps
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.common_dtype import COMPUTABLE
from dynagrad.testing._internal.device.naming import _dtype_test_suffix, _update_param_kwargs
from dynagrad.testing._internal.utils.case import TestCase
from dynagrad.testing._internal.utils.parametrize import Test, Variant, compose_parametrize_fns


class DeviceTypeTestBase(TestCase):
    """The base of the tests of one kind of device.

    Attributes:
        device_type: its name, as ``torch.device`` takes it.
        bypass_device_restrictions: whether decorators like ``onlyCUDA`` let these tests run.
    """

    device_type: str = "generic_device_type"
    bypass_device_restrictions = False
    _stop_test_suite = False

    @classmethod
    def get_primary_device(cls) -> str:
        """The device that a test is given."""
        return cls.device_type

    @classmethod
    def get_all_devices(cls) -> list[str]:
        """The devices that a test of several is given, the primary one first."""
        return [cls.get_primary_device()]

    @classmethod
    def _init_and_get_primary_device(cls) -> str:
        """The primary device of a class that may know it only once it is set up."""
        try:
            return cls.get_primary_device()
        except Exception:  # noqa: BLE001  # whatever a base that is not set up raises
            cls.setUpClass()
            return cls.get_primary_device()

    @classmethod
    def _get_dtypes(cls, test: Test) -> Iterable[Any] | None:
        """The dtypes, or tuples of them, that a test asks for on this device; None if it asks for none."""
        asked = getattr(test, "dtypes", None)
        if asked is None:
            return None
        if "all" not in asked:
            raise AssertionError(
                f"@dtypes is mandatory when using @dtypesIf however '{test.__name__}' didn't specify it"
            )
        found: Iterable[Any] = asked.get(cls.device_type, asked["all"])
        return found

    def _get_precision_override(self, test: Test, dtype: Any) -> float:
        found: float = getattr(test, "precision_overrides", {}).get(dtype, self.precision)
        return found

    def _get_tolerance_override(self, test: Test, dtype: Any) -> tuple[float, float]:
        found: tuple[float, float] = getattr(test, "tolerance_overrides", {}).get(dtype, (self.precision, self.rel_tol))
        return found

    def _apply_precision_override_for_test(self, test: Test, param_kwargs: dict[str, Any]) -> None:
        dtype = param_kwargs.get("dtypes", param_kwargs.get("dtype"))
        if dtype:
            dtype = tuple(dtype) if isinstance(dtype, list) else dtype
            self.precision = self._get_precision_override(test, dtype)
            self.precision, self.rel_tol = self._get_tolerance_override(test, dtype)

    @classmethod
    def instantiate_test(cls, name: str, test: Test, *, generic_cls: Any = None) -> None:
        """Puts into this class what a test of a generic class becomes on this device: one test, or one per variant.

        The name gets an end for what ``parametrize`` and its kin give, one for the device and one for the dtype.
        """
        for variant, ending, arguments, decorators in cls._variants(test, generic_cls):
            suffix = f"_{ending}" if ending else ""
            dtype = arguments.get("dtypes", arguments.get("dtype"))
            full_name = f"{name}{suffix}_{cls.device_type}{_dtype_test_suffix(dtype)}"
            signature = inspect.signature(variant).parameters
            if "device" in signature or "devices" in signature:
                several = hasattr(variant, "num_required_devices")
                primary = cls._init_and_get_primary_device()
                _update_param_kwargs(arguments, "device", cls.get_all_devices() if several else primary)
            decorated = variant
            for decorator in decorators(arguments):
                decorated = decorator(decorated)
            if hasattr(cls, full_name):
                raise AssertionError(f"Redefinition of test {full_name}")
            setattr(cls, full_name, _instantiated(decorated, arguments))

    @classmethod
    def _variants(cls, test: Test, generic_cls: Any) -> Iterable[Variant]:
        parametrize_fn = getattr(test, "parametrize_fn", _as_it_is)
        dtypes = cls._get_dtypes(test)
        if dtypes is not None:

            def by_dtype(test: Test, _generic_cls: Any, _device_cls: Any) -> Iterator[Variant]:
                for dtype in dtypes:
                    arguments: dict[str, Any] = {}
                    _update_param_kwargs(arguments, "dtype", dtype)
                    yield test, "", arguments, lambda _: []  # the dtype's name comes after the device's

            parametrize_fn = compose_parametrize_fns(by_dtype, parametrize_fn)
        return parametrize_fn(test, generic_cls, cls)

    def run(self, result: unittest.TestResult | None = None) -> Any:
        """Runs the test, and no further one where the device is lost."""
        done = super().run(result=result)
        if self._stop_test_suite and result is not None:
            result.stop()
        return done


class CPUTestBase(DeviceTypeTestBase):
    """The base of tests on the CPU."""

    device_type = "cpu"


def _as_it_is(test: Test, _generic_cls: Any, _device_cls: Any) -> Iterator[Variant]:
    yield test, "", {}, lambda _: []


def _instantiated(test: Test, arguments: dict[str, Any]) -> Test:
    @wraps(test)
    def instantiated(self: Any) -> Any:
        _skip_what_no_tensor_has(arguments)
        precision, rel_tol = self.precision, self.rel_tol
        try:
            self._apply_precision_override_for_test(test, arguments)
            return test(self, **arguments)
        except RuntimeError:
            self._stop_test_suite = self._should_stop_test_suite()
            raise
        finally:
            self.precision, self.rel_tol = precision, rel_tol

    return instantiated


def _skip_what_no_tensor_has(arguments: dict[str, Any]) -> None:
    """A test that names a dtype is made under its name, like PyTorch's; without tensors of it, there is nothing to run."""
    asked = arguments.get("dtypes", arguments.get("dtype"))
    for dtype in asked if isinstance(asked, (list, tuple)) else (asked,):
        if isinstance(dtype, torch.dtype) and dtype not in COMPUTABLE:
            raise unittest.SkipTest(f"dynagrad has no tensors of {dtype}")
