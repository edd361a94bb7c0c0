"""The names of ``torch.testing._internal.common_device_type``, for suites written for PyTorch; ``device`` holds what they mean.

dynagrad has one device, the CPU: what is for others is skipped, or not made at all, as their decorators say.
"""

from dynagrad.testing._internal.device.base import CPUTestBase, DeviceTypeTestBase
from dynagrad.testing._internal.device.instantiate import (
    PYTORCH_TESTING_DEVICE_EXCEPT_FOR_KEY,
    PYTORCH_TESTING_DEVICE_FOR_CUSTOM_KEY,
    PYTORCH_TESTING_DEVICE_ONLY_FOR_KEY,
    device_type_test_bases,
    filter_desired_device_types,
    get_all_device_types,
    get_desired_device_type_test_bases,
    get_device_type_test_bases,
    instantiate_device_type_tests,
)
from dynagrad.testing._internal.device.marks import *  # noqa: F403  # a list of decorators, all of them wanted
from dynagrad.testing._internal.device.memory import (
    _has_sufficient_memory,
    disablecuDNN,
    disableMkldnn,
    largeTensorTest,
)
from dynagrad.testing._internal.device.naming import _dtype_test_suffix, _update_param_kwargs
from dynagrad.testing._internal.device.ops import ANY_DTYPE_ORDER, OpDTypes, ops
from dynagrad.testing._internal.device.where import *  # noqa: F403  # likewise
from dynagrad.testing._internal.utils.case import TestCase
from dynagrad.testing._internal.utils.dtypes import dtype_name
from dynagrad.testing._internal.utils.parametrize import _TestParametrizer, compose_parametrize_fns
from dynagrad.testing._internal.utils.settings import (
    IS_FBCODE,
    IS_SANDCASTLE,
    NATIVE_DEVICES,
    TEST_MKL,
    TEST_WITH_ASAN,
    TEST_WITH_ROCM,
    TEST_WITH_TSAN,
    TEST_WITH_UBSAN,
)

PYTORCH_CUDA_MEMCHECK = False
