"""From a class of tests that take a device to classes of tests on devices."""

from __future__ import annotations

import copy
import os
import unittest
from collections.abc import Collection, Iterable
from typing import Any

from dynagrad.testing._internal.device.base import CPUTestBase, DeviceTypeTestBase
from dynagrad.testing._internal.utils.settings import IS_FBCODE, IS_REMOTE_GPU, IS_SANDCASTLE

PYTORCH_TESTING_DEVICE_ONLY_FOR_KEY = "PYTORCH_TESTING_DEVICE_ONLY_FOR"
PYTORCH_TESTING_DEVICE_EXCEPT_FOR_KEY = "PYTORCH_TESTING_DEVICE_EXCEPT_FOR"
PYTORCH_TESTING_DEVICE_FOR_CUSTOM_KEY = "PYTORCH_TESTING_DEVICE_FOR_CUSTOM"
Base = type[DeviceTypeTestBase]


def get_device_type_test_bases() -> list[Any]:
    """The bases of the devices that there are.

    >>> from dynagrad.testing._internal.common_device_type import get_device_type_test_bases
    >>> [base.device_type for base in get_device_type_test_bases()]
    ['cpu']
    """
    only_remote = (IS_SANDCASTLE or IS_FBCODE) and IS_REMOTE_GPU
    return [] if only_remote else [CPUTestBase]


device_type_test_bases = get_device_type_test_bases()


def get_all_device_types() -> list[str]:
    """The names of the devices that there are.

    >>> from dynagrad.testing._internal.common_device_type import get_all_device_types
    >>> get_all_device_types()
    ['cpu']
    """
    return [base.device_type for base in device_type_test_bases]


def filter_desired_device_types(
    device_type_test_bases: Iterable[Base],
    except_for: str | Collection[str] | None = None,
    only_for: str | Collection[str] | None = None,
) -> list[Base]:
    """Those bases whose devices are among some, or not among others.

    Raises:
        AssertionError: for a device that is both.

    >>> from dynagrad.testing._internal.common_device_type import CPUTestBase, filter_desired_device_types
    >>> filter_desired_device_types([CPUTestBase], except_for=["cpu"])
    []
    """
    without, only = _names(except_for), _names(only_for)
    if without & only:
        raise AssertionError(f"device ({without & only}) appeared in both except_for and only_for")
    return [
        base
        for base in device_type_test_bases
        if base.device_type not in without and (not only or base.device_type in only)
    ]


def _names(asked: str | Collection[str] | None) -> set[str]:
    return {asked} if isinstance(asked, str) else set(asked or ())


def get_desired_device_type_test_bases(
    except_for: str | Collection[str] | None = None,
    only_for: str | Collection[str] | None = None,
    include_lazy: bool = False,  # noqa: ARG001  # other devices, which are not there
    allow_mps: bool = False,  # noqa: ARG001
    allow_xpu: bool = False,  # noqa: ARG001
) -> list[Base]:
    """The bases that tests are made for.

    Of the devices that there are, those that the arguments leave, and of these those that the environment leaves:
    PYTORCH_TESTING_DEVICE_ONLY_FOR and PYTORCH_TESTING_DEVICE_EXCEPT_FOR, names with commas between them.

    >>> from dynagrad.testing._internal.common_device_type import get_desired_device_type_test_bases
    >>> get_desired_device_type_test_bases(only_for="cuda")
    []
    """
    bases = filter_desired_device_types(device_type_test_bases, except_for, only_for)
    custom = _from_environment(PYTORCH_TESTING_DEVICE_FOR_CUSTOM_KEY)
    bases += [base for base in device_type_test_bases if base.device_type in custom and base not in bases]
    return filter_desired_device_types(
        bases,
        _from_environment(PYTORCH_TESTING_DEVICE_EXCEPT_FOR_KEY),
        _from_environment(PYTORCH_TESTING_DEVICE_ONLY_FOR_KEY),
    )


def _from_environment(variable: str) -> list[str]:
    return [name for name in os.environ.get(variable, "").split(",") if name]


def instantiate_device_type_tests(
    generic_test_class: type[unittest.TestCase],
    scope: dict[str, Any],
    except_for: str | Collection[str] | None = None,
    only_for: str | Collection[str] | None = None,
    include_lazy: bool = False,
    allow_mps: bool = False,
    allow_xpu: bool = False,
) -> None:
    """Puts into a module, in place of a class of tests, one class for each device, ``TestXCPU`` for ``TestX``.

    Their tests, ``test_y_cpu`` or ``test_y_cpu_float32``, are given the device, and what ``dtypes`` and ``parametrize``
    ask for.

    Args:
        scope: the module's ``globals()``.
        except_for, only_for: names of devices, on which alone, or on which not, there are to be tests.
        include_lazy, allow_mps, allow_xpu: whether devices that dynagrad does not have are wanted, too.

    >>> from dynagrad.testing._internal.common_device_type import instantiate_device_type_tests
    >>> from dynagrad.testing._internal.common_utils import TestCase
    >>> class TestSign(TestCase):
    ...     def test_zero(self, device):
    ...         self.assertEqual(torch.zeros(1, device=device).sign(), [0])
    >>> scope = {"TestSign": TestSign}
    >>> instantiate_device_type_tests(TestSign, scope)
    >>> list(scope), hasattr(scope["TestSignCPU"], "test_zero_cpu")
    (['TestSignCPU'], True)
    """
    del scope[generic_test_class.__name__]
    members = list(vars(generic_test_class))
    tests = [name for name in members if name.startswith("test")]
    for base in get_desired_device_type_test_bases(except_for, only_for, include_lazy, allow_mps, allow_xpu):
        made: Any = type(generic_test_class.__name__ + base.device_type.upper(), (base, generic_test_class), {})
        _set_up_both(made, base, generic_test_class)
        for name in members:
            written = getattr(generic_test_class, name)
            if name not in tests:
                if name not in vars(made):
                    # The device's base comes first, and would hide what the class says of itself.
                    setattr(made, name, written)
            else:
                made.instantiate_test(name, copy.deepcopy(written), generic_cls=generic_test_class)
        made.__module__ = generic_test_class.__module__
        scope[made.__name__] = made
    # The classes that were made inherit the generic one, whose tests take arguments that nobody gives.
    for name in tests:
        delattr(generic_test_class, name)


def _set_up_both(made: Any, base: Any, generic: Any) -> None:
    """``setUpClass`` and ``tearDownClass`` of the device and of the class, whether or not the latter calls its parent's."""

    def set_up(cls: Any) -> None:
        base.setUpClass()
        generic.setUpClass.__func__(cls)

    def tear_down(cls: Any) -> None:
        generic.tearDownClass.__func__(cls)
        base.tearDownClass()

    made.setUpClass, made.tearDownClass = classmethod(set_up), classmethod(tear_down)
