"""``TestCase``: unittest's, which compares tensors, seeds the generators, and knows more about warnings."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import subprocess
import sys
import unittest
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from types import MethodType
from typing import Any
from unittest import mock

import dynagrad as torch
from dynagrad.testing._comparison import NonePair, not_close_error_metas
from dynagrad.testing._comparison.pairs import numpy_types
from dynagrad.testing._internal.utils import disabled, pairs, settings
from dynagrad.testing._internal.utils.dtypes import has_corresponding_torch_dtype, torch_to_numpy
from dynagrad.testing._internal.utils.expected import ExpectedTexts
from dynagrad.testing._internal.utils.guards import (
    DeterministicGuard,
    set_rng_seed,
    set_warn_always_context,
    skip_exception_type,
)
from dynagrad.testing._internal.utils.processes import child_environment, python_command

_PAIRS = (
    NonePair,
    pairs.RelaxedBooleanPair,
    pairs.RelaxedNumberPair,
    pairs.TensorOrArrayPair,
    pairs.TypedStoragePair,
    pairs.StringPair,
    pairs.SetPair,
    pairs.TypePair,
    pairs.ObjectPair,
)


class TestCase(ExpectedTexts):
    """A class of tests.

    Attributes:
        precision, rel_tol: absolute and relative tolerances that `assertEqual` allows at least; `precisionOverride` and
            `toleranceOverride` set them for a test.
        longMessage: whether a test's message is added to that of a comparison, or stands in its place.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.common_utils import TestCase
    >>> TestCase().assertEqual(torch.tensor([1.0, 2.0]), [1, 2])
    """

    __test__ = True

    _precision: float = 0
    _rel_tol: float = 0
    _default_dtype_check_enabled = False
    _ignore_not_implemented_error = False
    _do_cuda_memory_leak_check = False
    _do_cuda_non_default_stream = False

    longMessage = True
    maxDiff = None
    _diffThreshold = sys.maxsize  # unittest's: differences are shown line by line, however long

    def __init__(self, method_name: str = "runTest", methodName: str = "runTest") -> None:
        name = method_name if methodName == "runTest" else methodName
        super().__init__(name)
        if not hasattr(self, name):
            return
        if self._ignore_not_implemented_error:
            self.wrap_with_policy(name, lambda: skip_exception_type(NotImplementedError))
        if settings.PRINT_REPRO_ON_FAILURE:
            self.wrap_with_policy(name, lambda: disabled.print_repro_on_failure(self._repro_parts(name)))

    def _repro_parts(self, method_name: str) -> list[str]:
        file = str(getattr(sys.modules.get(type(self).__module__), "__file__", None) or type(self).__module__)
        _, inside, rest = file.replace(os.sep, "/").rpartition("/test/")
        shown = f"test/{rest}" if inside else os.path.basename(file)
        command = f"python {shown} {type(self).__name__}.{method_name}"
        return [settings.TestEnvironment.repro_env_var_prefix(), command]

    @property
    def precision(self) -> float:
        """The absolute tolerance that `assertEqual` allows at least."""
        return self._precision

    @precision.setter
    def precision(self, prec: float) -> None:
        self._precision = prec

    @property
    def rel_tol(self) -> float:
        """The relative tolerance that `assertEqual` allows at least."""
        return self._rel_tol

    @rel_tol.setter
    def rel_tol(self, prec: float) -> None:
        self._rel_tol = prec

    # ---- a test's run ------------------------------------------------------------------------------------------------
    def setUp(self) -> None:
        """Skips what lists of disabled and slow tests name, and seeds the generators."""
        disabled.check_if_enable(self)
        set_rng_seed()
        self._check_default_dtype()
        self._grad_before = torch.is_grad_enabled()

    def tearDown(self) -> None:
        """Puts back whether gradients are recorded."""
        self._check_default_dtype()
        if hasattr(self, "_grad_before"):
            torch.set_grad_enabled(self._grad_before)

    def _check_default_dtype(self) -> None:
        if self._default_dtype_check_enabled and torch.get_default_dtype() != torch.float32:
            raise AssertionError(f"expected default dtype to be torch.float, got {torch.get_default_dtype()}")

    def _should_stop_test_suite(self) -> bool:
        """Whether nothing more can be tested: never, on a CPU."""
        return False

    def wrap_with_policy(self, method_name: str, policy: Callable[[], Any]) -> None:
        """Runs a method of this object inside of a context, which ``policy()`` makes each time."""
        setattr(self, method_name, self.wrap_method_with_policy(getattr(self, method_name), policy))

    def wrap_method_with_policy(self, method: Callable[..., Any], policy: Callable[[], Any]) -> Any:
        """The method of this object that runs ``method`` inside of a context."""

        @wraps(method)
        def wrapper(_: Any, *args: Any, **kwargs: Any) -> Any:
            with policy():
                return method(*args, **kwargs)

        return MethodType(wrapper, self)

    # ---- equality ----------------------------------------------------------------------------------------------------
    def assertEqual(
        self,
        x: Any,
        y: Any,
        msg: str | Callable[[str], str] | None = None,
        *,
        atol: float | None = None,
        rtol: float | None = None,
        equal_nan: bool = True,
        exact_dtype: bool = True,
        exact_device: bool = False,
        exact_layout: bool = False,
        exact_stride: bool = False,
        exact_is_coalesced: bool = False,
    ) -> None:
        """Raises AssertionError unless two values are equal; floating point, up to tolerances.

        Tensors, arrays and numbers are compared with one another, and with sequences of numbers; sequences and mappings
        item by item; strings, sets, classes and all the rest by ``==``.

        Args:
            msg: added to the message (in its place, where ``longMessage`` is False), or a function of it.
            atol, rtol: tolerances, both or neither; by the dtypes if not given, and at least `precision` and `rel_tol`.
            equal_nan: whether two NaN are equal.
            exact_dtype, exact_device, exact_layout, exact_stride, exact_is_coalesced: what must be the same beside
                shape and values, for tensors. Sparse tensors, of which the last one speaks, do not exist here.
        """
        __tracebackhide__ = True
        array = numpy_types("ndarray")
        if any(isinstance(value, array) and not has_corresponding_torch_dtype(value.dtype) for value in (x, y)):
            # There is no tensor of this dtype: its elements are compared.
            x, y = (value.tolist() if isinstance(value, pairs.arrays()) else list(value) for value in (x, y))
        elif isinstance(x, torch.Tensor) and isinstance(y, Sequence):
            y = torch.as_tensor(y, dtype=x.dtype, device=x.device)
        elif isinstance(x, Sequence) and isinstance(y, torch.Tensor):
            x = torch.as_tensor(x, dtype=y.dtype, device=y.device)
        wrong = not_close_error_metas(
            x,
            y,
            pair_types=_PAIRS,
            sequence_types=_sequences(),
            mapping_types=(Mapping, torch.nn.ModuleDict, torch.nn.ParameterDict),
            rtol=rtol,
            rtol_override=self.rel_tol,
            atol=atol,
            atol_override=self.precision,
            equal_nan=equal_nan,
            check_device=exact_device,
            check_dtype=exact_dtype,
            check_layout=exact_layout,
            check_stride=exact_stride,
            check_is_coalesced=exact_is_coalesced,
        )
        if wrong:
            added = isinstance(msg, str) and self.longMessage
            raise wrong[0].to_error((lambda text: f"{text}\n{msg}") if added else msg)

    def assertNotEqual(
        self,
        x: Any,
        y: Any,
        msg: str | None = None,
        *,
        atol: float | None = None,
        rtol: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Raises AssertionError if `assertEqual` would not. Arguments are its."""
        with self.assertRaises(AssertionError, msg=msg):
            self.assertEqual(x, y, msg, atol=atol, rtol=rtol, **kwargs)

    def assertEqualIgnoreType(self, *args: Any, **kwargs: Any) -> None:
        """`assertEqual` without a look at dtypes."""
        self.assertEqual(*args, exact_dtype=False, **kwargs)

    def assertEqualBroadcasting(self, x: torch.Tensor, y: Any, *args: Any, **kwargs: Any) -> None:
        """`assertEqual` with ``y``, a number, sequence or tensor, broadcast to the shape of ``x``."""
        if not isinstance(y, torch.Tensor):
            y = torch.ones_like(x) * (torch.tensor(y) if isinstance(y, Iterable) else y)
        self.assertEqual(x, y, *args, **kwargs)

    def assertEqualTypeString(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Asserts that two tensors have one device, dtype and layout."""
        for name in ("device", "dtype", "is_sparse"):
            self.assertEqual(getattr(x, name), getattr(y, name))

    def assertObjectIn(self, obj: Any, iterable: Iterable[Any]) -> None:
        """Asserts that an object itself, not one that equals it, is among others."""
        if not any(each is obj for each in iterable):
            raise AssertionError("object not found in iterable")

    def assertGreaterAlmostEqual(
        self, first: Any, second: Any, places: int | None = None, msg: str | None = None, delta: float | None = None
    ) -> None:
        """Asserts that a number is greater than another, or less by ``delta``, or by nothing in ``places`` (7) digits."""
        if delta is not None and places is not None:
            raise TypeError("specify delta or places not both")
        if first >= second:
            return
        below = second - first
        digits = 7 if places is None else places
        if below <= delta if delta is not None else round(below, digits) == 0:
            return
        within = f"{delta} delta" if delta is not None else f"{digits} places"
        raise self.failureException(
            self._formatMessage(msg, f"{first} not greater than or equal to {second} within {within}")
        )

    def compare_with_numpy(
        self,
        torch_fn: Callable[..., Any],
        np_fn: Callable[..., Any],
        tensor_like: Any,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **kwargs: Any,
    ) -> None:
        """Asserts that a function of a tensor and one of an array return the same; ``kwargs`` are `assertEqual`'s.

        Args:
            tensor_like: a tensor, or what a tensor of ``dtype`` on ``device`` is made of.
        """
        import numpy as np

        if isinstance(tensor_like, torch.Tensor):
            if device is not None or dtype is not None:
                raise AssertionError("device and dtype must be None when tensor_like is a Tensor")
            tensor, plain = tensor_like, tensor_like.detach().cpu()
            array = (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
        else:
            assert dtype is not None
            array = np.array(tensor_like, dtype=torch_to_numpy()[dtype])
            tensor = torch.tensor(tensor_like, device=device, dtype=dtype)
        expected, actual = np_fn(array), torch_fn(tensor).cpu()
        if isinstance(expected, np.ndarray):
            expected = torch.from_numpy(expected.copy())  # which has no negative strides
            if tensor.dtype is torch.bfloat16 and actual.dtype is torch.bfloat16 and expected.dtype is torch.float32:
                actual = actual.float()
        self.assertEqual(expected, actual, **kwargs)

    def compare_with_reference(
        self, torch_fn: Callable[..., Any], ref_fn: Callable[..., Any], sample_input: Any, **kwargs: Any
    ) -> None:
        """Asserts that two functions return the same for a sample, the second for what its ``numpy()`` gives."""
        arrays = sample_input.numpy()
        actual = torch_fn(sample_input.input, *sample_input.args, **sample_input.kwargs)
        expected = ref_fn(arrays.input, *arrays.args, **arrays.kwargs)
        self.assertEqual(actual, expected, exact_device=False, **kwargs)

    # ---- errors and warnings -----------------------------------------------------------------------------------------
    def assertRaises(self, expected_exception: Any, *args: Any, **kwargs: Any) -> Any:
        """unittest's; where the class says ``_ignore_not_implemented_error``, NotImplementedError skips the test."""
        if not self._ignore_not_implemented_error:
            return super().assertRaises(expected_exception, *args, **kwargs)
        return _SkipsNotImplemented(expected_exception, self).handle("assertRaises", list(args), kwargs)

    def assertRaisesRegex(self, expected_exception: Any, expected_regex: Any, *args: Any, **kwargs: Any) -> Any:
        """unittest's, with what `assertRaises` adds; texts of a device that is not PyTorch's own are not looked at."""
        if getattr(self, "device_type", "cpu") not in settings.NATIVE_DEVICES:
            expected_regex = ""
        if not self._ignore_not_implemented_error:
            return super().assertRaisesRegex(expected_exception, expected_regex, *args, **kwargs)
        checked = _SkipsNotImplemented(expected_exception, self, expected_regex)
        return checked.handle("assertRaisesRegex", list(args), kwargs)

    def assertNotWarn(self, callable: Callable[[], Any], msg: str = "") -> None:
        """Asserts that a call gives no warning."""
        with _recorded() as seen:
            callable()
        self.assertTrue(len(seen) == 0, msg)

    @contextlib.contextmanager
    def assertWarnsOnceRegex(self, category: type[Warning], regex: str = "") -> Iterator[None]:
        """Asserts that a block gives a warning of exactly a category, and one that a regex matches from its start."""
        with _recorded() as seen:
            yield
        if not seen:
            self.fail("no warning caught")
        of_it = [warning.message for warning in seen if type(warning.message) is category]
        self.assertTrue(bool(of_it))
        found = any(re.match(regex, str(warning.message)) for warning in seen)
        self.assertTrue(found, f"{re.compile(regex)}, {of_it}")

    @contextlib.contextmanager
    def maybeWarnsRegex(self, category: type[Warning], regex: str = "") -> Iterator[None]:
        """Asserts that the warnings of a block, if it gives any, are of a category and matched by a regex."""
        with _recorded() as seen:
            yield
        for warning in seen:
            if not (issubclass(warning.category, category) and re.match(regex, str(warning.message))):
                self.fail(f"unexpected warning caught: {warning.message!r}")

    def assertNoUnraisable(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Asserts that a call leaves no exception that nobody could be given, as ``__del__`` may."""
        seen: list[Any] = []
        was_on = gc.isenabled()
        gc.disable()
        try:
            with mock.patch("sys.unraisablehook", seen.append):
                callable(*args, **kwargs)
        finally:
            if was_on:
                gc.enable()
        self.assertIsNone(seen[-1] if seen else None)

    def assertLogs(self, logger: Any = None, level: Any = None) -> Any:
        """unittest's, for the logger ``torch`` unless another is given."""
        return super().assertLogs(logging.getLogger("torch") if logger is None else logger, level)

    def assertNoLogs(self, logger: Any = None, level: Any = None) -> Any:
        """unittest's, for the logger ``torch`` unless another is given."""
        return super().assertNoLogs(logging.getLogger("torch") if logger is None else logger, level)

    def check_nondeterministic_alert(self, fn: Callable[[], Any], caller_name: str, should_alert: bool = True) -> None:
        """Asserts that a call is an error, or a warning, where deterministic algorithms are asked for, or that it is none.

        Args:
            caller_name: what the message says is not deterministic.
            should_alert: whether there is to be one.
        """
        alert = f"{caller_name} does not have a deterministic implementation, but you set"
        with DeterministicGuard(True):
            if should_alert:
                with self.assertRaisesRegex(RuntimeError, alert):
                    fn()
            else:
                fn()
        with DeterministicGuard(True, warn_only=True):
            if should_alert:
                with self.assertWarnsRegex(UserWarning, alert):
                    fn()
                return
            with _recorded() as seen:
                fn()
        self.assertFalse([warning for warning in seen if re.search(alert, str(warning.message))])

    # ---- other processes ---------------------------------------------------------------------------------------------
    @staticmethod
    def run_process_no_exception(code: str, env: Mapping[str, str] | None = None) -> tuple[bytes, bytes]:
        """What Python prints and what it says of errors, run on a piece of code."""
        done = subprocess.run([*python_command(), "-c", code], capture_output=True, env=env, check=False)  # noqa: S603  # the test's own code
        return done.stdout, done.stderr

    @staticmethod
    def runWithPytorchAPIUsageStderr(code: str) -> str:
        """What Python says of errors, run on a piece of code with PYTORCH_API_USAGE_STDERR."""
        env = child_environment() | {"PYTORCH_API_USAGE_STDERR": "1"}
        return TestCase.run_process_no_exception(code, env=env)[1].decode("ascii")


class TestCaseBase(TestCase):
    """`TestCase` under another name, for classes that are made by functions and name their base."""


def _sequences() -> tuple[type, ...]:
    from dynagrad.utils.data import Subset

    return (Sequence, torch.nn.Sequential, torch.nn.ModuleList, torch.nn.ParameterList, Subset)


@contextlib.contextmanager
def _recorded() -> Iterator[list[warnings.WarningMessage]]:
    """The warnings of a block, all of them."""
    with warnings.catch_warnings(record=True) as seen, set_warn_always_context(True):
        warnings.simplefilter("always")
        yield seen


class _SkipsNotImplemented(unittest.case._AssertRaisesContext):  # type: ignore[type-arg]
    """unittest's context of ``assertRaises``, in which NotImplementedError skips the test."""

    def __exit__(  # unittest's annotations
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: Any,  # noqa: PYI036  # TracebackType or None: it is handed on
    ) -> bool:
        if exc_type is not None and issubclass(exc_type, NotImplementedError):
            raise unittest.SkipTest(f"not_implemented: {exc_value}")
        return super().__exit__(exc_type, exc_value, tb)
