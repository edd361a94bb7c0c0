"""What a suite asks about CUDA. dynagrad computes on the CPU: everything is absent, and what depends on it is skipped."""

from __future__ import annotations

import contextlib
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils.lazy import LazyVal
from dynagrad.testing._internal.utils.scaling import _create_scaling_case, _create_scaling_models_optimizers
from dynagrad.testing._internal.utils.settings import TEST_CUDA

CUDA_ALREADY_INITIALIZED_ON_IMPORT = torch.cuda.is_initialized()
TEST_MULTIGPU = torch.cuda.device_count() >= 2
CUDA_DEVICE = None
TEST_CUDNN = False
TEST_CUDNN_VERSION = 0
TEST_MAGMA = False
TEST_NUMBA_CUDA = False
TEST_CUSPARSE_GENERIC = False
TEST_HIPSPARSE_GENERIC = False
ROCM_VERSION = (0, 0)
TRITON_PTXAS_VERSION = (12, 8)

# Generations of GPUs.
SM53OrLater = SM60OrLater = SM70OrLater = SM75OrLater = SM80OrLater = SM89OrLater = False
SM90OrLater = SM100OrLater = SM120OrLater = False
IS_SM89 = IS_SM90 = IS_SM100 = IS_SM10X = IS_SM12X = IS_JETSON = IS_THOR = False

# What the kernels of a GPU can do.
PLATFORM_SUPPORTS_FLASH_ATTENTION = PLATFORM_SUPPORTS_MEM_EFF_ATTENTION = PLATFORM_SUPPORTS_CUDNN_ATTENTION = False
PLATFORM_SUPPORTS_FUSED_ATTENTION = PLATFORM_SUPPORTS_FUSED_SDPA = PLATFORM_SUPPORTS_CK_SDPA = False
PLATFORM_SUPPORTS_BF16 = PLATFORM_SUPPORTS_BF16_ATOMICS = PLATFORM_SUPPORTS_HALF_ATOMICS = False
PLATFORM_SUPPORTS_FP8 = PLATFORM_SUPPORTS_FP8_SPARSE = PLATFORM_SUPPORTS_FP8_GROUPED_GEMM = False
PLATFORM_SUPPORTS_MX_GEMM = PLATFORM_SUPPORTS_MXFP8_GROUPED_GEMM = PLATFORM_SUPPORTS_GREEN_CONTEXT = False
PLATFORM_SUPPORTS_WORKQUEUE_CONFIG = False


def CDNA2OrLater() -> bool:
    """Whether there is one of AMD's GPUs of that generation.

    >>> from dynagrad.testing._internal.common_cuda import CDNA2OrLater
    >>> CDNA2OrLater()
    False
    """
    return False


CDNA3OrLater = CDNA2OrLater


def _version_of_nothing() -> tuple[int, int]:
    return (0, 0)


_get_torch_cuda_version = _get_torch_rocm_version = _get_magma_version = _version_of_nothing


def initialize_cuda_context_rng() -> None:
    """Seeds the generators of the GPUs.

    Raises:
        AssertionError: there is none.

    >>> from dynagrad.testing._internal.common_cuda import initialize_cuda_context_rng
    >>> initialize_cuda_context_rng()
    Traceback (most recent call last):
    ...
    AssertionError: CUDA must be available when calling initialize_cuda_context_rng
    """
    raise AssertionError("CUDA must be available when calling initialize_cuda_context_rng")


@contextlib.contextmanager
def tf32_off() -> Iterator[None]:
    """A block without the shortened products of NVIDIA's GPUs, which no block here has.

    >>> from dynagrad.testing._internal.common_cuda import tf32_off
    >>> with tf32_off():
    ...     pass
    """
    yield


tf32_enabled = tf32_off  # the shortening is asked for, and there is nothing to shorten


@contextlib.contextmanager
def tf32_on(self: Any, tf32_precision: float = 1e-5) -> Iterator[None]:
    """A block of a test with the tolerance that shortened products want. They are not shortened here.

    >>> from dynagrad.testing._internal.common_cuda import tf32_on
    >>> from dynagrad.testing._internal.common_utils import TestCase
    >>> case = TestCase()
    >>> with tf32_on(case, 0.01):
    ...     case.precision
    0.01
    """
    before, self.precision = self.precision, tf32_precision
    try:
        yield
    finally:
        self.precision = before


def tf32_on_and_off(tf32_precision: float = 1e-5, *, only_if: bool = True) -> Callable[[Any], Any]:  # noqa: ARG001  # PyTorch's signature
    """A test that runs with shortened products and without where a GPU has them: here once, as it is.

    >>> from dynagrad.testing._internal.common_cuda import tf32_on_and_off
    >>> tf32_on_and_off(0.01)(len) is len
    True
    """
    return lambda fn: fn


def with_tf32_off(f: Any) -> Any:
    """A test without shortened products: as it is.

    >>> from dynagrad.testing._internal.common_cuda import with_tf32_off
    >>> with_tf32_off(len) is len
    True
    """
    return f


def tf32_is_not_fp32() -> bool:
    """Whether products of float32 are shortened on a GPU.

    >>> from dynagrad.testing._internal.common_cuda import tf32_is_not_fp32
    >>> tf32_is_not_fp32()
    False
    """
    return False


def _expected_nowhere(func: Any) -> Any:
    """A test that a GPU fails: as it is, there being none."""
    return func


xfailIfSM89 = xfailIfSM90 = xfailIfSM89PreCUDA13 = xfailIfSM100OrLater = _expected_nowhere
xfailIfSM120OrLater = xfailIfSM12X = xfailCUDAIfSM89OrLaterOnWindows = _expected_nowhere


def xfailIfDistributedNotSupported(func: Any) -> Any:
    """Expects a test that needs several processes' tensors to fail, where there are none such.

    >>> from dynagrad.testing._internal.common_cuda import xfailIfDistributedNotSupported
    >>> xfailIfDistributedNotSupported(lambda self: 3).__unittest_expecting_failure__
    True
    """
    return func if torch.distributed.is_available() else unittest.expectedFailure(func)
