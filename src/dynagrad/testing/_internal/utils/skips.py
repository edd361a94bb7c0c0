"""Decorators that skip a test, or expect it to fail, where something is as they say.

Those about compilers and devices that dynagrad does not have leave a test as it is, or skip it, as their names promise.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import unittest
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils import settings

Decorator = Callable[[Any], Any]


def lazy_skip_if(condition_fn: Callable[[], bool], reason: str) -> Decorator:
    """Skips a test where a condition holds when the test runs; a class, where it holds when the class is made.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import lazy_skip_if
    >>> @lazy_skip_if(lambda: True, "not today")
    ... class TestNothing(unittest.TestCase):
    ...     pass
    >>> TestNothing.__unittest_skip_why__
    'not today'
    """

    def decorator(fn: Any) -> Any:
        if isinstance(fn, type):
            return unittest.skipIf(condition_fn(), reason)(fn)

        @wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if condition_fn():
                raise unittest.SkipTest(reason)
            return fn(*args, **kwargs)

        return wrapper

    return decorator


def _with_or_without_brackets(condition: bool, name: str, message: str) -> Callable[..., Any]:
    """A decorator that is written ``@name``, ``@name()`` or ``@name(msg=...)``."""

    def decorate(func: Any = None, *, msg: str = message) -> Any:
        decorator = lazy_skip_if(lambda: condition, f"{name}: {msg}")
        return decorator if func is None else decorator(func)

    decorate.__name__ = decorate.__qualname__ = name
    decorate.__doc__ = f"Skips a test, or a class of them, where this is {condition}: {message}."
    return decorate


skipIfRocm = _with_or_without_brackets(
    settings.TEST_WITH_ROCM, "skipIfRocm", "test doesn't currently work on the ROCm stack"
)
skipIfXpu = _with_or_without_brackets(settings.TEST_XPU, "skipIfXpu", "test doesn't currently work on the XPU stack")
skipIfWindows = _with_or_without_brackets(
    settings.IS_WINDOWS, "skipIfWindows", "test doesn't currently work on the Windows stack"
)
skipIfWindowsXPU = _with_or_without_brackets(
    settings.IS_WINDOWS and settings.TEST_XPU,
    "skipIfWindowsXPU",
    "test doesn't currently work on the Windows stack",
)
skipIfHpu = lazy_skip_if(lambda: settings.TEST_HPU, "test doesn't currently work with HPU")
skipIfCrossRef = lazy_skip_if(lambda: settings.TEST_WITH_CROSSREF, "test doesn't currently with crossref")
skipIfNoLapack = lazy_skip_if(lambda: not torch.has_lapack, "PyTorch compiled without Lapack")
skipIfNoSciPy = lazy_skip_if(lambda: not settings.TEST_SCIPY, "test require SciPy, but SciPy not found")
skipIfNoXNNPACK = lazy_skip_if(
    lambda: True, "XNNPACK must be enabled for these tests. Please build with USE_XNNPACK=1."
)
skipIfNoXPU = lazy_skip_if(lambda: not settings.TEST_XPU, "test required PyTorched compiled with XPU")
skipIfNotMiopenSuggestNHWC = lazy_skip_if(
    lambda: not settings.TEST_WITH_MIOPEN_SUGGEST_NHWC, "test doesn't currently work without MIOpen NHWC activation"
)
skip_if_pytest = lazy_skip_if(lambda: "PYTEST_CURRENT_TEST" in os.environ, "does not work under pytest")
skipIfNoDill = unittest.skipIf(not settings.TEST_DILL, "no dill")
skipIfSlowGradcheckEnv = unittest.skipIf(
    settings.TEST_WITH_SLOW_GRADCHECK, "Tests that don't use gradcheck don't need to run on slow_gradcheck CI"
)
skipIfCompiledWithoutNumpy = unittest.skipIf(not settings.TEST_NUMPY, "PyTorch was compiled without numpy support")
requires_cuda = unittest.skipUnless(settings.TEST_CUDA, "Requires CUDA")
requires_mkl = unittest.skipUnless(settings.TEST_MKL, "Test requires MKL")
requires_onednn = unittest.skipUnless(settings.TEST_ONEDNN, "Test requires OneDNN/MKLDNN")


def skipIfMPS(fn: Any) -> Any:
    """Skips a test that runs on Apple's GPU: one that takes ``device`` where its class is for it, any other where it exists.

    >>> from dynagrad.testing._internal.common_utils import skipIfMPS
    >>> skipIfMPS(lambda self, device: 3)(None, "cpu")
    3
    """
    reason = "test doesn't currently work with MPS"
    if isinstance(fn, type):
        return unittest.skipIf(settings.TEST_MPS, reason)(fn)

    @wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if settings.TEST_MPS or (args and getattr(args[0], "device_type", None) == "mps"):
            raise unittest.SkipTest(reason)
        return fn(*args, **kwargs)

    return wrapper


skipIfMps = skipIfMPS  # its name before 2.7


def skipIfTorchDynamo(msg: str = "test doesn't currently work with dynamo") -> Decorator:
    """Skips a test where the suite runs under PyTorch's compiler, which is never the case here.

    Raises:
        AssertionError: for the test in place of a message: ``@skipIfTorchDynamo`` without brackets.

    >>> from dynagrad.testing._internal.common_utils import skipIfTorchDynamo
    >>> skipIfTorchDynamo("graphs break")(lambda self: 3)(None)
    3
    """
    if not isinstance(msg, str):
        raise AssertionError("Are you using skipIfTorchDynamo correctly?")
    return lazy_skip_if(lambda: settings.TEST_WITH_TORCHDYNAMO, msg)


def skipIfTorchInductor(
    msg: str = "test doesn't currently work with torchinductor", condition: bool = settings.TEST_WITH_TORCHINDUCTOR
) -> Decorator:
    """Skips a test where a condition holds: by default, where the suite runs under PyTorch's code generator.

    >>> from dynagrad.testing._internal.common_utils import skipIfTorchInductor
    >>> skipIfTorchInductor()(lambda self: 3)(None)
    3
    """
    return lazy_skip_if(lambda: condition, msg)


def skipRocmIfTorchInductor(msg: str = "test doesn't currently work with torchinductor on the ROCm stack") -> Decorator:
    """Skips a test where the suite runs under PyTorch's code generator for AMD's GPUs.

    >>> from dynagrad.testing._internal.common_utils import skipRocmIfTorchInductor
    >>> skipRocmIfTorchInductor()(lambda self: 3)(None)
    3
    """
    return skipIfTorchInductor(msg, settings.TEST_WITH_ROCM and settings.TEST_WITH_TORCHINDUCTOR)


def skipIfRocmVersionLessThan(version: tuple[int, ...] | None = None) -> Decorator:
    """Skips a test where AMD's libraries are there, and older.

    >>> from dynagrad.testing._internal.common_utils import skipIfRocmVersionLessThan
    >>> skipIfRocmVersionLessThan((6, 0))(lambda self: 3)(None)
    3
    """
    return lazy_skip_if(lambda: settings.TEST_WITH_ROCM, f"ROCm version less than {version} required")


def skipIfRocmArch(arch: tuple[str, ...]) -> Decorator:
    """Skips a test on some of AMD's GPUs.

    >>> from dynagrad.testing._internal.common_utils import skipIfRocmArch
    >>> skipIfRocmArch(("gfx942",))(lambda self: 3)(None)
    3
    """
    return lazy_skip_if(lambda: isRocmArchAnyOf(arch), f"skipIfRocm: test skipped on {arch}")


def isRocmArchAnyOf(arch: tuple[str, ...]) -> bool:  # noqa: ARG001  # there is none to compare with
    """Whether there is one of some of AMD's GPUs.

    >>> from dynagrad.testing._internal.common_utils import MI300_ARCH, isRocmArchAnyOf
    >>> isRocmArchAnyOf(MI300_ARCH)
    False
    """
    return False


def runOnRocmArch(arch: tuple[str, ...]) -> Decorator:
    """Skips a test on those of AMD's GPUs that are not among some, and nowhere else.

    >>> from dynagrad.testing._internal.common_utils import runOnRocmArch
    >>> runOnRocmArch(("gfx942",))(lambda self: 3)(None)
    3
    """
    unwanted = settings.TEST_WITH_ROCM and not isRocmArchAnyOf(arch)
    return lazy_skip_if(lambda: unwanted, f"skipIfRocm: test only runs on {arch}")


def runOnRocm(fn: Any) -> Any:
    """Skips a test but on AMD's GPUs.

    >>> from dynagrad.testing._internal.common_utils import runOnRocm
    >>> runOnRocm(lambda self: 3)(None)
    Traceback (most recent call last):
    ...
    unittest.case.SkipTest: test currently only works on the ROCm stack
    """
    return lazy_skip_if(lambda: not settings.TEST_WITH_ROCM, "test currently only works on the ROCm stack")(fn)


def skipIfFreeThreaded(msg: str = "Test doesn't work with free-threaded python") -> Decorator:
    """Skips a test where Python has no global lock.

    >>> from dynagrad.testing._internal.common_utils import skipIfFreeThreaded
    >>> callable(skipIfFreeThreaded("it counts references"))
    True
    """
    return unittest.skipIf(sysconfig.get_config_var("Py_GIL_DISABLED") == 1, msg)


def skipIfPythonVersionMismatch(predicate: Callable[[int, int, int], bool]) -> Decorator:
    """Skips a test unless a function of Python's three version numbers says that it may run.

    >>> from dynagrad.testing._internal.common_utils import skipIfPythonVersionMismatch
    >>> skipIfPythonVersionMismatch(lambda major, minor, micro: major == 3)(lambda self: 3)(None)
    3
    """
    return lazy_skip_if(lambda: not predicate(*sys.version_info[:3]), "Python version mismatch")


def skipIfNotRegistered(op_name: str, message: str) -> Decorator:  # noqa: ARG001  # PyTorch's signature
    """Skips a test that needs an operator of Caffe2, which is gone.

    >>> from dynagrad.testing._internal.common_utils import skipIfNotRegistered
    >>> skipIfNotRegistered("Add", "no Add")(lambda self: 3).__unittest_skip_why__
    'Pytorch is compiled without Caffe2'
    """
    return unittest.skip("Pytorch is compiled without Caffe2")


def xfailIf(condition: bool) -> Decorator:
    """Expects a test to fail where a condition holds.

    >>> from dynagrad.testing._internal.common_utils import xfailIf
    >>> xfailIf(True)(lambda self: 3).__unittest_expecting_failure__
    True
    """
    return unittest.expectedFailure if condition else lambda fn: fn


xfailIfTorchDynamo = xfailIf(settings.TEST_WITH_TORCHDYNAMO)
xfailIfPy312Plus = xfailIf(sys.version_info >= (3, 12))
xfailIfLinux = xfailIf(settings.IS_LINUX and not settings.TEST_WITH_ROCM and not settings.IS_FBCODE)
xfailIfWindows = xfailIf(settings.IS_WINDOWS)
xfailIfROCm = xfailIf(settings.TEST_WITH_ROCM)
xfailIfS390X = xfailIf(settings.IS_S390X)
xfailIfACL = xfailIf(settings.TEST_ACL)


def slowTest(fn: Any) -> Any:
    """Skips a test unless PYTORCH_TEST_WITH_SLOW is 1.

    >>> from dynagrad.testing._internal.common_utils import slowTest
    >>> slowTest(lambda self: 3).slow_test
    True
    """
    reason = "test is slow; run with PYTORCH_TEST_WITH_SLOW to enable test"
    decorated = lazy_skip_if(lambda: not settings.TEST_WITH_SLOW, reason)(fn)
    decorated.slow_test = True
    return decorated


def slowTestIf(condition: bool) -> Decorator:
    """`slowTest` where a condition holds.

    >>> from dynagrad.testing._internal.common_utils import slowTestIf
    >>> slowTestIf(False)(lambda self: 3)(None)
    3
    """
    return slowTest if condition else lambda fn: fn


def skip_but_pass_in_sandcastle_if(condition: bool, reason: str) -> Decorator:
    """Skips a test where a condition holds; where SANDCASTLE is 1 the test passes unseen instead.

    >>> from dynagrad.testing._internal.common_utils import skip_but_pass_in_sandcastle_if
    >>> skip_but_pass_in_sandcastle_if(True, "no GPU")(lambda self: 3).__unittest_skip_why__
    'no GPU'
    """
    if not condition:
        return lambda fn: fn
    if not settings.IS_SANDCASTLE:
        return unittest.skip(reason)

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def wrapper(*_: Any, **__: Any) -> None:
            sys.stderr.write(f"Skipping {fn.__name__} on sandcastle for following reason: {reason}\n")

        return wrapper

    return decorator


def skip_but_pass_in_sandcastle(reason: str) -> Decorator:
    """`skip_but_pass_in_sandcastle_if` without a condition.

    >>> from dynagrad.testing._internal.common_utils import skip_but_pass_in_sandcastle
    >>> skip_but_pass_in_sandcastle("no GPU")(lambda self: 3).__unittest_skip_why__
    'no GPU'
    """
    return skip_but_pass_in_sandcastle_if(True, reason)


sandcastle_skip = skip_but_pass_in_sandcastle  # their names before 2.0
sandcastle_skip_if = skip_but_pass_in_sandcastle_if


def xfail_inherited_tests(tests: list[str]) -> Decorator:
    """Expects some of the tests that a class inherits to fail.

    >>> from dynagrad.testing._internal.common_utils import xfail_inherited_tests
    >>> class Base:
    ...     def test_it(self):
    ...         pass
    >>> @xfail_inherited_tests(["test_it"])
    ... class Derived(Base):
    ...     pass
    >>> hasattr(Derived.test_it, "__unittest_expecting_failure__"), hasattr(Base.test_it, "__unittest_expecting_failure__")
    (True, False)
    """

    def decorator(cls: Any) -> Any:
        for name in tests:
            setattr(cls, name, unittest.expectedFailure(copy_func(getattr(cls, name))))
        return cls

    return decorator


def copy_func(f: Any) -> Any:
    """Another function with the same code, which can be marked by itself.

    >>> from dynagrad.testing._internal.common_utils import copy_func
    >>> copied = copy_func(len.__class__ and (lambda x: x + 1))
    >>> copied(1)
    2
    """
    from functools import update_wrapper
    from types import FunctionType

    copied = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
    copied.__kwdefaults__ = f.__kwdefaults__
    return update_wrapper(copied, f)


def _marked(name: str) -> Callable[..., Any]:
    """A decorator with a condition that notes on a test what a GPU's checks are not to do."""

    def mark_if(condition: bool) -> Decorator:
        def decorator(fn: Any) -> Any:
            if getattr(fn, name, True):
                setattr(fn, name, not condition)
            return fn

        return decorator

    mark_if.__doc__ = f"Sets a test's ``{name}`` to False where a condition holds."
    return mark_if


skipCUDAMemoryLeakCheckIf = _marked("_do_cuda_memory_leak_check")
skipCUDANonDefaultStreamIf = _marked("_do_cuda_non_default_stream")


def serialTest(condition: bool = True) -> Decorator:
    """Marks a test as ``serial`` for pytest, where that is installed.

    >>> from dynagrad.testing._internal.common_utils import serialTest
    >>> serialTest(False)(len)([1])
    1
    """
    if not isinstance(condition, bool):
        raise AssertionError(f"expected condition to be bool, got {type(condition)}")

    def decorator(fn: Any) -> Any:
        if not condition or not settings.check_module_exists("pytest"):
            return fn
        import pytest

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mark is the suite's to register
            return pytest.mark.serial(fn)

    return decorator


def unMarkDynamoStrictTest(cls: Any = None) -> Any:
    """Notes on a class that PyTorch's compiler may give up on it.

    >>> from dynagrad.testing._internal.common_utils import unMarkDynamoStrictTest
    >>> unMarkDynamoStrictTest(type("Some", (), {})).dynamo_strict
    False
    """

    def decorator(cls: Any) -> Any:
        cls.dynamo_strict = False
        return cls

    return decorator if cls is None else decorator(cls)


def markDynamoStrictTest(cls_or_func: Any = None, nopython: bool = False) -> Any:
    """Notes on a class that PyTorch's compiler must not give up on it; a test is left as it is.

    >>> from dynagrad.testing._internal.common_utils import markDynamoStrictTest
    >>> markDynamoStrictTest(nopython=True)(type("Some", (), {})).dynamo_strict_nopython
    True
    """

    def decorator(marked: Any) -> Any:
        if isinstance(marked, type):
            marked.dynamo_strict = True  # type: ignore[attr-defined]
            marked.dynamo_strict_nopython = nopython  # type: ignore[attr-defined]
        return marked

    return decorator if cls_or_func is None else decorator(cls_or_func)
