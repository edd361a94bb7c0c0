"""Classes of tests for devices, and what decorates them, where PyTorch need not be asked."""

from __future__ import annotations

import unittest
from types import SimpleNamespace

import pytest

import dynagrad
from dynagrad.testing._internal import common_device_type, common_dtype
from dynagrad.testing._internal.common_device_type import (
    OpDTypes,
    dtypes,
    instantiate_device_type_tests,
    largeTensorTest,
    ops,
    precisionOverride,
    skipIf,
    tol,
    toleranceOverride,
)
from dynagrad.testing._internal.common_utils import TestCase, parametrize
from dynagrad.testing._internal.device import memory

CPU = SimpleNamespace(device_type="cpu", get_primary_device=lambda: "cpu")


def made(body, **options):
    """The class for the CPU of a class of tests, or None."""
    generic = type("TestIt", (TestCase,), dict(body))
    scope = {"TestIt": generic}
    instantiate_device_type_tests(generic, scope, **options)
    return scope.get("TestItCPU")


def names(cls):
    return sorted(name for name in vars(cls) if name.startswith("test"))


def run(cls, name):
    result = unittest.TestResult()
    cls(name).run(result)
    return result


def a_test(self, device):
    self.assertEqual(device, "cpu")


@pytest.mark.parametrize(
    ("variable", "value", "there"),
    [
        ("ONLY_FOR", "cuda", False),
        ("ONLY_FOR", "cuda,cpu", True),
        ("EXCEPT_FOR", "cpu", False),
        ("EXCEPT_FOR", "xla", True),
    ],
)
def test_the_environment_chooses_devices(monkeypatch, variable, value, there):
    monkeypatch.setenv(f"PYTORCH_TESTING_DEVICE_{variable}", value)
    assert (made({"test_it": a_test}) is not None) == there


def test_a_device_is_not_wanted_and_unwanted():
    with pytest.raises(AssertionError, match="appeared in both except_for and only_for"):
        made({"test_it": a_test}, except_for="cpu", only_for=["cpu"])


def test_the_same_name_twice_is_an_error():
    def test_it(self, device, x):
        pass

    test_it = parametrize("x", [1, 2], name_fn=lambda x: "same")(test_it)
    with pytest.raises(AssertionError, match="Redefinition of test test_it_same_cpu"):
        made({"test_it": test_it})


def test_one_argument_is_given_once():
    def test_it(self, device, dtype):
        pass

    test_it = parametrize("dtype", [dynagrad.float32])(dtypes(dynagrad.float32)(test_it))
    with pytest.raises(RuntimeError, match=r"handled multiple times: \{'dtype'\}"):
        made({"test_it": test_it})


def test_a_dtype_without_tensors_is_named_and_skipped():
    def test_it(self, device, dtype):
        self.fail("it ran")

    cls = made({"test_it": dtypes(dynagrad.complex64, dynagrad.uint16)(test_it)})
    assert names(cls) == ["test_it_cpu_complex64", "test_it_cpu_uint16"]
    for name in names(cls):
        (_, reason), *rest = run(cls, name).skipped
        assert not rest
        assert reason.startswith("dynagrad has no tensors of torch.")


def test_groups_hold_what_there_are_tensors_of():
    for name, value in vars(common_dtype).items():
        if name.endswith("_types") and callable(value):
            for dtype in value():
                assert dynagrad.zeros(1, dtype=dtype).dtype is dtype, name
    groups = common_dtype
    assert groups.floating_types_and(dynagrad.half, dynagrad.complex64) == groups.floating_types_and_half()
    assert groups.floating_types() + groups.complex_types() == groups.floating_and_complex_types()
    with pytest.raises(AssertionError, match=r"Expected dtype to be torch\.dtype"):
        groups.all_types_and("float16")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: dtypes("float32"),
        lambda: dtypes((dynagrad.float32,), dynagrad.int64),
        lambda: dtypes(dynagrad.float32)(dtypes(dynagrad.int64)(lambda: None)),
        lambda: precisionOverride(0.1),
        lambda: precisionOverride({"float32": 0.1}),
        lambda: toleranceOverride({dynagrad.float32: (0.1, 0.1)}),
        lambda: toleranceOverride({"float32": tol(0.1, 0.1)}),
        lambda: largeTensorTest("12 MB"),
    ],
)
def test_what_decorators_do_not_take(wrong):
    with pytest.raises(AssertionError):
        wrong()


def test_a_name_of_an_attribute_is_a_condition():
    decorated = skipIf("no_library", "no library")(lambda self: "ran")
    assert decorated(SimpleNamespace(device_type="cpu", no_library=False)) == "ran"
    for holds in (SimpleNamespace(device_type="cpu"), SimpleNamespace(device_type="cpu", no_library=True)):
        with pytest.raises(unittest.SkipTest, match="no library"):
            decorated(holds)


def test_a_large_test_needs_its_memory(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    assert largeTensorTest("1GB")(lambda self: "ran")(CPU) == "ran"
    for size in ("2 GB", 2**31, lambda self: 2**31):
        with pytest.raises(unittest.SkipTest, match="Insufficient cpu memory"):
            largeTensorTest(size)(lambda self: "ran")(CPU)
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    with pytest.raises(unittest.SkipTest, match="Need psutil"):
        largeTensorTest(1)(lambda self: "ran")(CPU)


class Op:
    """As PyTorch describes ops."""

    def __init__(self, name, forward, backward):
        self.name = self.formatted_name = self.full_name = name
        self.dtypes = self.dtypesIfCUDA = forward
        self.supported_dtypes = lambda device: forward
        self.supported_backward_dtypes = lambda device: backward

    def get_decorators(self, class_name, test_name, device, dtype, arguments):
        bad = (class_name, test_name, dtype) == ("TestIt", "test_it", dynagrad.int64)
        return [unittest.skip("not of integers")] if bad else []


SINE = Op("sin", {dynagrad.float32, dynagrad.int64}, {dynagrad.float32})
SHIFT = Op("shift", {dynagrad.int64, dynagrad.int32}, set())


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        (OpDTypes.supported, ["shift_cpu_int32", "shift_cpu_int64", "sin_cpu_float32", "sin_cpu_int64"]),
        (OpDTypes.supported_backward, ["sin_cpu_float32"]),
        (OpDTypes.any_one, ["shift_cpu_int64", "sin_cpu_float32"]),
        (OpDTypes.any_common_cpu_cuda_one, ["shift_cpu_int64", "sin_cpu_float32"]),
        (OpDTypes.none, ["shift_cpu", "sin_cpu"]),
        ((dynagrad.bool,), ["shift_cpu_bool", "sin_cpu_bool"]),
    ],
)
def test_ops(asked, ends):
    def test_it(self, device, op, dtype=None):
        self.assertIn(op.name, ("sin", "shift"))

    cls = made({"test_it": ops([SINE, SHIFT], dtypes=asked)(test_it)})
    assert names(cls) == [f"test_it_{end}" for end in ends]
    for name in names(cls):
        result = run(cls, name)
        assert result.wasSuccessful()
        assert len(result.skipped) == name.endswith("int64")


def test_ops_cut_down_and_refused():
    def test_it(self, device, dtype, op):
        pass

    cls = made({"test_it": ops([SINE], dtypes=OpDTypes.unsupported, allowed_dtypes=[dynagrad.bool])(test_it)})
    assert names(cls) == ["test_it_sin_cpu_bool"]
    with pytest.raises(ValueError, match="An empty op_list"):
        made({"test_it": ops([])(lambda self, device: None)})
    with pytest.raises(RuntimeError, match="instantiate_device_type_tests"):
        list(ops([SINE])._parametrize_test(test_it, None, None))


def test_precision_is_put_back():
    def test_it(self, device, dtype):
        self.assertEqual(dynagrad.zeros(1), dynagrad.full((1,), 0.3))

    cls = made({"test_it": precisionOverride({dynagrad.float32: 0.5})(dtypes(dynagrad.float32)(test_it))})
    case = cls("test_it_cpu_float32")
    case.test_it_cpu_float32()
    assert case.precision == 0
    with pytest.raises(AssertionError):
        case.assertEqual(dynagrad.zeros(1), dynagrad.full((1,), 0.3))


def test_names_that_promise_nothing_are_not_there():
    assert not hasattr(common_device_type, "op_db")
