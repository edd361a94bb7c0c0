"""Where a test runs, where it is skipped, and where it has to fail."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils.settings import (
    IS_FBCODE,
    IS_SANDCASTLE,
    IS_WINDOWS,
    NATIVE_DEVICES,
    TEST_MKL,
    TEST_ONEDNN,
)

GPU_TYPES = ("cuda", "mps", "xpu", "mtia")


class skipIf:
    """Skips a test on some devices, if a condition holds.

    Args:
        dep: the condition, or the name of an attribute of the test's class that says it (missing, it holds).
        device_type: a device's name, or several; every device if None.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_device_type import skipIf
    >>> skipIf(True, "too slow", device_type="cuda")(lambda self: 3)(SimpleNamespace(device_type="cpu"))
    3
    """

    def __init__(self, dep: bool | str, reason: str, device_type: str | Collection[str] | None = None) -> None:
        self.dep = dep
        self.reason = reason
        self.device_type = device_type

    def __call__(self, fn: Any) -> Any:
        where = (self.device_type,) if isinstance(self.device_type, str) else self.device_type

        @wraps(fn)
        def skippable(slf: Any, *args: Any, **kwargs: Any) -> Any:
            holds = getattr(slf, self.dep, True) if isinstance(self.dep, str) else bool(self.dep)
            if holds and (where is None or slf.device_type in where):
                raise unittest.SkipTest(self.reason)
            return fn(slf, *args, **kwargs)

        return skippable


def _skip_on(name: str, device_type: str | tuple[str, ...]) -> type[skipIf]:
    class skipOnIf(skipIf):
        def __init__(self, dep: bool | str, reason: str) -> None:
            super().__init__(dep, reason, device_type=device_type)

    skipOnIf.__name__ = skipOnIf.__qualname__ = name
    skipOnIf.__doc__ = f"Skips a test on {device_type}, if a condition holds; see `skipIf`."
    return skipOnIf


skipCPUIf = _skip_on("skipCPUIf", "cpu")
skipCUDAIf = _skip_on("skipCUDAIf", "cuda")
skipXPUIf = _skip_on("skipXPUIf", "xpu")
skipGPUIf = _skip_on("skipGPUIf", GPU_TYPES)
skipLazyIf = _skip_on("skipLazyIf", "lazy")
skipMetaIf = _skip_on("skipMetaIf", "meta")
skipMPSIf = _skip_on("skipMPSIf", "mps")
skipHPUIf = _skip_on("skipHPUIf", "hpu")
skipXLAIf = _skip_on("skipXLAIf", "xla")
skipPRIVATEUSE1If = _skip_on("skipPRIVATEUSE1If", "privateuseone")

skipLazy = skipLazyIf(True, "test doesn't work with lazy tensors")
skipMeta = skipMetaIf(True, "test doesn't work with meta tensors")
skipXLA = skipXLAIf(True, "Marked as skipped for XLA")
skipMPS = skipMPSIf(True, "test doesn't work on MPS backend")
skipHPU = skipHPUIf(True, "test doesn't work on HPU backend")
skipXPU = skipXPUIf(True, "test doesn't work on XPU backend")
skipPRIVATEUSE1 = skipPRIVATEUSE1If(True, "test doesn't work on privateuse1 backend")
skipCPUIfNoLapack = skipCPUIf(not torch.has_lapack, "PyTorch compiled without Lapack")
skipCPUIfNoFFT = skipCPUIf(not torch.has_spectral, "PyTorch is built without FFT support")
skipCPUIfNoMkl = skipCPUIf(not TEST_MKL, "PyTorch is built without MKL support")
skipCPUIfNoMklSparse = skipCPUIf(IS_WINDOWS or not TEST_MKL, "PyTorch is built without MKL support")
skipCPUIfNoMkldnn = skipCPUIf(not TEST_ONEDNN, "PyTorch is built without mkldnn support")

# What a build of PyTorch for GPUs may lack. No test runs on one here, and none of these skips any.
skipCUDAIfNoMagma = skipCUDAIf(True, "no MAGMA library detected")
skipCUDAIfNoCusolver = skipCUDAIf(True, "cuSOLVER not available")
skipCUDAIfNoMagmaAndNoCusolver = skipCUDAIfNoMagmaAndNoLinalgsolver = skipCUDAIfNoCusolver
skipCUDAIfNoCusolverROCMIfNoMagma = skipCUDAIfNoCusolver
skipCUDAIfNoCusparseGeneric = skipCUDAIf(True, "cuSparse Generic API not available")
skipCUDAIfNoHipsparseGeneric = skipCUDAIf(True, "hipSparse Generic API not available")
skipCUDAIfNoSparseGeneric = skipCUDAIf(True, "Sparse Generic API not available")
skipCUDAIfNotRocm = skipCUDAIf(True, "test doesn't currently work on the CUDA stack")
skipCUDAIfNotMiopenSuggestNHWC = skipCUDAIf(True, "test doesn't currently work without MIOpen NHWC activation")
skipCUDAIfNoCudnn = skipCUDAIf(True, "cuDNN not available")
skipCUDAIfMiopen = skipCUDAIf(False, "Marked as skipped for MIOpen")
skipCUDAIfNoMiopen = skipCUDAIf(True, "MIOpen is not available")


def skipCUDAIfRocm(func: Any = None, *, msg: str = "test doesn't currently work on the ROCm stack") -> Any:
    """Skips a test on CUDA's devices where they are AMD's. Written with brackets or without.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_device_type import skipCUDAIfRocm
    >>> skipCUDAIfRocm(msg="slow")(lambda self: 3)(SimpleNamespace(device_type="cpu"))
    3
    """
    decorator = skipCUDAIf(False, f"skipCUDAIfRocm: {msg}")
    return decorator if func is None else decorator(func)


def _skip_cuda_by_version(name: str) -> Callable[..., skipIf]:
    def by_version(*_: Any, **__: Any) -> skipIf:
        return skipCUDAIf(True, f"{name}: there is no CUDA")

    by_version.__name__ = by_version.__qualname__ = name
    by_version.__doc__ = "Skips a test on CUDA where its libraries are of some versions; those of none are."
    return by_version


skipCUDAIfRocmVersionLessThan = _skip_cuda_by_version("skipCUDAIfRocmVersionLessThan")
skipCUDAIfRocmHipBlasltVersionLessThan = _skip_cuda_by_version("skipCUDAIfRocmHipBlasltVersionLessThan")
skipCUDAIfCudnnVersionLessThan = _skip_cuda_by_version("skipCUDAIfCudnnVersionLessThan")
skipCUDAIfVersionLessThan = _skip_cuda_by_version("skipCUDAIfVersionLessThan")
skipCUDAVersionIn = _skip_cuda_by_version("skipCUDAVersionIn")


def has_cusolver() -> bool:
    """Whether NVIDIA's solvers are there.

    >>> from dynagrad.testing._internal.common_device_type import has_cusolver
    >>> has_cusolver()
    False
    """
    return False


has_hipsolver = has_cusolver


def _skip(name: str, reason: str) -> None:
    """Skips the test, or lets it pass unseen where skipped tests are not wanted."""
    if not IS_SANDCASTLE and not IS_FBCODE:
        raise unittest.SkipTest(reason)
    sys.stderr.write(f"Skipping {name} on sandcastle for following reason: {reason}\n")


class onlyOn:
    """Runs a test on one kind of device only, or on some.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_device_type import onlyOn
    >>> onlyOn(["cuda", "xpu"])(lambda self: 3)(SimpleNamespace(device_type="cpu"))
    Traceback (most recent call last):
    ...
    unittest.case.SkipTest: Only runs on ['cuda', 'xpu']
    """

    def __init__(self, device_type: str | list[str]) -> None:
        self.device_type = device_type

    def __call__(self, fn: Any) -> Any:
        where = (self.device_type,) if isinstance(self.device_type, str) else self.device_type

        @wraps(fn)
        def only_fn(slf: Any, *args: Any, **kwargs: Any) -> Any:
            if slf.device_type in where or getattr(slf, "bypass_device_restrictions", False):
                return fn(slf, *args, **kwargs)
            return _skip(fn.__name__, f"Only runs on {self.device_type}")

        return only_fn


onlyCPU = onlyOn("cpu")
onlyCUDA = onlyOn("cuda")
onlyMPS = onlyOn("mps")
onlyXPU = onlyOn("xpu")
onlyHPU = onlyOn("hpu")
onlyPRIVATEUSE1 = onlyOn("privateuseone")
onlyCUDAAndPRIVATEUSE1 = onlyOn(["cuda", "privateuseone"])


def onlyNativeDeviceTypesAnd(devices: Collection[str] | None = None) -> Callable[[Any], Any]:
    """Runs a test on PyTorch's own kinds of devices, and on those given.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_device_type import onlyNativeDeviceTypesAnd
    >>> onlyNativeDeviceTypesAnd(["hpu"])(lambda self: 3)(SimpleNamespace(device_type="hpu"))
    3
    """

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def only_fn(self: Any, *args: Any, **kwargs: Any) -> Any:
            if self.device_type not in NATIVE_DEVICES and self.device_type not in (devices or ()):
                raise unittest.SkipTest(f"onlyNativeDeviceTypesAnd {devices} : doesn't run on {self.device_type}")
            return fn(self, *args, **kwargs)

        return only_fn

    return decorator


def onlyNativeDeviceTypes(fn: Any) -> Any:
    """Runs a test on PyTorch's own kinds of devices only, of which the CPU is one.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_device_type import onlyNativeDeviceTypes
    >>> onlyNativeDeviceTypes(lambda self: 3)(SimpleNamespace(device_type="cpu"))
    3
    """

    @wraps(fn)
    def only_fn(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.device_type not in NATIVE_DEVICES:
            raise unittest.SkipTest(f"onlyNativeDeviceTypes: doesn't run on {self.device_type}")
        return fn(self, *args, **kwargs)

    return only_fn


def onlyAccelerator(fn: Any) -> Any:
    """Skips a test on the CPU, and on devices without values.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_device_type import onlyAccelerator
    >>> onlyAccelerator(lambda self: 3)(SimpleNamespace(device_type="cpu"))
    Traceback (most recent call last):
    ...
    unittest.case.SkipTest: onlyAccelerator: doesn't run on CPU or meta devices
    """
    return skipIf(True, "onlyAccelerator: doesn't run on CPU or meta devices", ("cpu", "meta"))(fn)


class expectedFailure:
    """A test that has to fail on a kind of device, or on all if None, and with a dtype, or with all if None.

    >>> from types import SimpleNamespace
    >>> from dynagrad.testing._internal.common_device_type import expectedFailure
    >>> expectedFailure("cpu")(lambda self: 1 / 0)(SimpleNamespace(device_type="cpu"))
    """

    def __init__(self, device_type: str | None, dtype: torch.dtype | None = None) -> None:
        self.device_type = device_type
        self.dtype = dtype

    def __call__(self, fn: Any) -> Any:
        @wraps(fn)
        def efail_fn(slf: Any, *args: Any, **kwargs: Any) -> Any:
            device = slf.device_type if hasattr(slf, "device_type") else slf.device
            dtype = kwargs.get("dtype", getattr(slf, "dtype", None))
            if self.device_type not in (None, device) or self.dtype not in (None, dtype):
                return fn(slf, *args, **kwargs)
            try:
                fn(slf, *args, **kwargs)
            except Exception:  # noqa: BLE001  # any failure is the one that is expected
                return None
            return slf.fail("expected test to fail, but it passed")

        return efail_fn


expectedFailureCPU = expectedFailure("cpu")
expectedFailureCUDA = expectedFailure("cuda")
expectedFailureXPU = expectedFailure("xpu")
expectedFailureMeta = expectedFailure("meta")
expectedFailureXLA = expectedFailure("xla")
expectedFailureHPU = expectedFailure("hpu")
expectedFailureMPS = expectedFailureMPSPre14 = expectedFailureMPSPre15 = expectedFailure("mps")
expectedFailureMPSComplex = expectedFailure("mps", torch.complex64)


class deviceCountAtLeast:
    """A test that is given all devices of its kind, as ``devices``, and is skipped where they are too few.

    >>> from dynagrad.testing._internal.common_device_type import deviceCountAtLeast
    >>> deviceCountAtLeast(2)(lambda self, devices: 3)(None, ["cpu"])
    Traceback (most recent call last):
    ...
    unittest.case.SkipTest: fewer than 2 devices detected
    """

    def __init__(self, num_required_devices: int) -> None:
        self.num_required_devices = num_required_devices

    def __call__(self, fn: Any) -> Any:
        if hasattr(fn, "num_required_devices"):
            raise AssertionError(f"deviceCountAtLeast redefinition for {fn.__name__}")
        fn.num_required_devices = self.num_required_devices

        @wraps(fn)
        def multi_fn(slf: Any, devices: list[str], *args: Any, **kwargs: Any) -> Any:
            if len(devices) < self.num_required_devices:
                return _skip(fn.__name__, f"fewer than {self.num_required_devices} devices detected")
            return fn(slf, devices, *args, **kwargs)

        return multi_fn
