"""A suite as PyTorch's own are written: run as a program and by pytest, on dynagrad and on PyTorch, and compared.

Some of its tests fail or are skipped on purpose. What it prints is the same wherever it runs.
"""

import collections
import enum
import os
import re
import unittest
import warnings

import numpy as np
import torch
from torch.testing import make_tensor
from torch.testing._internal.common_device_type import (
    deviceCountAtLeast,
    dtypes,
    dtypesIfCPU,
    dtypesIfCUDA,
    expectedFailure,
    expectedFailureMeta,
    instantiate_device_type_tests,
    onlyCPU,
    onlyCUDA,
    onlyNativeDeviceTypes,
    onlyOn,
    precisionOverride,
    skipCPUIf,
    skipCPUIfNoLapack,
    skipCUDAIfRocm,
    skipIf,
    skipMeta,
    tol,
    toleranceOverride,
)
from torch.testing._internal.common_dtype import floating_types, integral_types_and
from torch.testing._internal.common_utils import (
    TEST_WITH_ROCM,
    TestCase,
    decorateIf,
    gradcheck,
    instantiate_parametrized_tests,
    lazy_skip_if,
    parametrize,
    reparametrize,
    run_tests,
    set_default_dtype,
    skip_but_pass_in_sandcastle_if,
    skipIfRocm,
    skipIfTorchDynamo,
    slowTest,
    slowTestIf,
    subtest,
    suppress_warnings,
    xfailIf,
)


class Colour(enum.IntEnum):
    RED = 1


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024


class TestEquality(TestCase):
    def outcome(self, x, y, **options):
        try:
            self.assertEqual(x, y, **options)
        except Exception as error:  # noqa: BLE001
            text = re.sub(r" object at 0x\w+", "", str(error).replace("dynagrad.nn.", "torch.nn."))
            return f"{type(error).__name__}: {text}"
        return "equal"

    @suppress_warnings
    def test_rules(self):
        one, half = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5])
        nan = float("nan")
        pairs = [
            (one, half),
            (one, [1, 2]),
            (one, (1.0, 2.5)),
            ([1, 2], one),
            (one, np.array([1, 2], dtype=np.float32)),
            (one, np.array([1, 2])),
            (np.array([1, 2]), np.array([1, 3])),
            (np.array(["a", "b"]), ["a", "b"]),
            (np.array(["a", "b"]), ["a", "c"]),
            (torch.tensor(3), 3),
            (torch.tensor([3]), 3),
            (torch.tensor([3]), 4),
            (one, 1),
            (one, True),
            (torch.tensor(True), True),
            (torch.tensor(1), True),
            (True, 0),
            (True, 1),
            (1, 1.0),
            (1.0, 1.000001),
            (1.0, 1.1),
            (np.float32(1), 1),
            (np.bool_(True), True),
            (Colour.RED, 1),
            (Colour.RED, Colour.RED),
            (nan, nan),
            (torch.tensor(nan), torch.tensor(nan)),
            ("a", "a"),
            ("a", "b"),
            (b"a", b"b"),
            ("a", 1),
            (None, None),
            (None, 0),
            ({1, 2}, {2, 1}),
            ({1, 2}, {2, 3}),
            ({"a": one, "b": [1]}, {"a": one, "b": [1]}),
            ({"a": one, "b": [1]}, {"a": half, "b": [1]}),
            ({"a": 1}, {"b": 1}),
            ([1, [2, one]], [1, [2, half]]),
            ([1, 2], [1, 2, 3]),
            ((1, 2), [1, 2]),
            (Point(1, one), Point(1, half)),
            (int, int),
            (int, float),
            (torch.float32, torch.float32),
            (torch.float32, torch.float64),
            (torch.device("cpu"), torch.device("cpu")),
            (torch.Size([1, 2]), [1, 2]),
            (range(3), [0, 1, 2]),
            (one.double(), one),
            (one[:1], one),
            (one.long(), torch.tensor([1, 3])),
            (torch.zeros(2, 3, dtype=torch.uint8), torch.full((2, 3), 250, dtype=torch.uint8)),
            (one.half(), half.half()),
            (one.bfloat16(), half.bfloat16()),
            (one.storage(), one.storage()),
            (one.storage(), half.storage()),
            (torch.nn.ParameterList([one]), torch.nn.ParameterList([half])),
            (object, 3),
            (torch.tensor([], dtype=torch.int64), []),
        ]
        for number, (x, y) in enumerate(pairs):
            print(number, self.outcome(x, y))

    def test_options(self):
        one, close = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.01])
        for options in (
            {"atol": 0.1, "rtol": 0},
            {"atol": 0.001, "rtol": 0.001},
            {"atol": 0, "rtol": 0},
            {"atol": 1},
            {"msg": "said"},
            {"msg": lambda text: text.upper()},
            {"exact_dtype": False},
            {"equal_nan": False},
        ):
            print(self.outcome(one, close, **options))
        print(self.outcome(one, one.double(), exact_dtype=False))
        print(self.outcome(torch.ones(2, 3), torch.ones(3, 2).t(), exact_stride=True))
        print(self.outcome(float("nan"), float("nan"), equal_nan=False))
        self.longMessage = False
        print(self.outcome(one, close, msg="said"))
        self.precision = 0.1
        self.assertEqual(one, close)
        self.precision, self.rel_tol = 0, 0.1
        self.assertEqual(one, close)
        self.assertEqual(1.0, 1.05)

    def test_not_equal(self):
        self.assertNotEqual(torch.ones(1), torch.zeros(1))
        with self.assertRaises(AssertionError):
            self.assertNotEqual(torch.ones(1), [1])

    def test_fails(self):
        self.assertEqual(torch.ones(1), torch.zeros(1), "as it must")

    def test_others(self):
        self.assertEqualBroadcasting(torch.ones(2, 3), 1)
        self.assertEqualIgnoreType(torch.ones(2), torch.ones(2).double())
        self.assertGreaterAlmostEqual(1.0, 1.0 + 1e-9)
        self.assertObjectIn(self, [1, self])
        self.compare_with_numpy(torch.sin, np.sin, [0.5, 1.0], dtype=torch.float32)
        self.assertTrue(gradcheck(torch.sin, torch.ones(2, dtype=torch.float64, requires_grad=True)))


class TestWarnings(TestCase):
    def test_they_are_seen(self):
        with self.assertWarnsOnceRegex(UserWarning, "lo+ud"):
            warnings.warn("loud", stacklevel=1)
        self.assertNotWarn(lambda: None)
        with self.assertRaises(AssertionError), self.assertWarnsOnceRegex(UserWarning, "x"):
            pass
        with self.assertRaises(AssertionError):
            self.assertNotWarn(lambda: warnings.warn("loud", stacklevel=1))
        suppress_warnings(lambda: warnings.warn("unheard", stacklevel=1))()

    def test_inline(self):
        self.assertExpectedInline(str(1 + 1), """2""")

    def test_errors(self):
        with self.assertRaisesRegex(RuntimeError, "size"):
            torch.ones(2) + torch.ones(3)

    def test_seeded(self):
        print(torch.rand(3).tolist(), np.random.randint(0, 100, 3).tolist())

    def test_default_dtype(self):
        with set_default_dtype(torch.float64):
            self.assertEqual(torch.tensor(1.0).dtype, torch.float64)
        self.assertEqual(torch.get_default_dtype(), torch.float32)


def only_odd(name, kwargs):
    yield (f"{name}_odd", kwargs) if kwargs["x"] % 2 else None


@instantiate_parametrized_tests
class TestParametrized(TestCase):
    @parametrize("x", [1, 2.5, "a", True, None, torch.float32, torch.device("cpu"), (1, 2)])
    def test_values(self, x):
        pass

    @parametrize("x,y", [(1, "a"), (2, "b")])
    @parametrize("z", range(2))
    def test_product(self, x, y, z):
        self.assertIn((x, y), [(1, "a"), (2, "b")])

    @parametrize("x", [1, 2], name_fn=lambda x: f"n{x}")
    def test_named(self, x):
        pass

    @parametrize(
        "x",
        [subtest(1, name="one"), subtest(2, decorators=[unittest.skip("not two")]), subtest(3, name="three")],
    )
    def test_subtests(self, x):
        self.assertNotEqual(x, 2)

    @decorateIf(unittest.skip("larger"), lambda kwargs: kwargs["x"] > 1)
    @parametrize("x", [1, 2, 3])
    def test_decorated(self, x):
        self.assertLess(x, 2)

    @decorateIf(unittest.expectedFailure, lambda kwargs: kwargs["x"] == 2)
    @parametrize("x", [1, 2])
    def test_expected(self, x):
        self.assertEqual(x, 1)

    @reparametrize(parametrize("x", range(4)), only_odd)
    def test_odd(self, x):
        self.assertEqual(x % 2, 1)

    @parametrize("", [])
    def test_none(self):
        pass


class TestSkipped(TestCase):
    @skipIfRocm
    @skipIfRocm(msg="no")
    @skipIfTorchDynamo("no")
    def test_runs(self):
        self.assertFalse(TEST_WITH_ROCM)

    @slowTest
    def test_slow(self):
        pass

    @slowTestIf(False)
    def test_quick(self):
        pass

    @lazy_skip_if(lambda: True, "lazily")
    def test_lazily(self):
        pass

    @skip_but_pass_in_sandcastle_if(True, "sand")
    def test_sand(self):
        pass

    @xfailIf(True)
    def test_xfail(self):
        self.fail("as it must")


class TestDevice(TestCase):
    size = 3

    @classmethod
    def setUpClass(cls):
        cls.was_set_up = cls.__name__

    def helper(self):
        return self.size

    def test_plain(self):
        self.assertEqual(self.helper(), 3)
        self.assertTrue(self.was_set_up.startswith("TestDevice"))

    def test_device(self, device):
        self.assertEqual(torch.ones(1, device=device).device.type, self.device_type)

    @dtypes(torch.float32, torch.int64, torch.bool)
    def test_dtype(self, device, dtype):
        self.assertEqual(make_tensor((2, 3), device=device, dtype=dtype).dtype, dtype)

    @dtypes(*floating_types())
    @dtypesIfCPU(*integral_types_and(torch.bool))
    @dtypesIfCUDA(torch.float16)
    def test_dtype_by_device(self, device, dtype):
        self.assertFalse(dtype.is_floating_point)

    @dtypes((torch.float32, torch.int64), (torch.bool, torch.uint8))
    def test_dtypes(self, device, dtypes):
        self.assertEqual(len(dtypes), 2)

    @dtypes(torch.float32)
    @parametrize("x,y", [(1, 2), subtest((3, 4), name="large")])
    def test_dtype_and_parameters(self, device, dtype, x, y):
        self.assertLess(x, y)

    @parametrize("x", [1, 2])
    def test_parameters(self, x):
        pass

    @onlyCPU
    @onlyNativeDeviceTypes
    @skipMeta
    @skipCPUIfNoLapack
    @skipCUDAIfRocm
    @expectedFailureMeta
    def test_runs(self, device):
        pass

    @onlyCUDA
    def test_only_cuda(self, device):
        self.fail("there is none")

    @onlyOn(["cuda", "xpu"])
    def test_only_on(self, device):
        self.fail("there is none")

    @skipCPUIf(True, "not here")
    def test_skipped(self, device):
        self.fail("not here")

    @skipIf(False, "nowhere", device_type="cpu")
    def test_not_skipped(self, device):
        pass

    @deviceCountAtLeast(1)
    def test_one_device(self, devices):
        self.assertEqual(len(devices), 1)

    @deviceCountAtLeast(2)
    def test_two_devices(self, devices):
        self.fail("there is one")

    @expectedFailure("cpu")
    def test_must_fail(self, device):
        self.fail("as it must")

    @expectedFailure("cpu")
    def test_must_fail_and_does_not(self, device):
        pass

    @precisionOverride({torch.float32: 0.25})
    @dtypes(torch.float32, torch.float64)
    def test_precision(self, device, dtype):
        self.assertEqual(self.precision, 0.25 if dtype == torch.float32 else 0)

    @precisionOverride({torch.float32: 0.25})
    @toleranceOverride({torch.float32: tol(atol=0.5, rtol=0.125)})
    @dtypes(torch.float32, torch.float64)
    def test_tolerance(self, device, dtype):
        expected = (0.5, 0.125) if dtype == torch.float32 else (0, 0)
        self.assertEqual((self.precision, self.rel_tol), expected)


class TestElsewhere(TestCase):
    def test_it(self, device):
        self.fail("there is no such device")


class TestNotHere(TestCase):
    def test_it(self, device):
        self.fail("not on the CPU")


instantiate_device_type_tests(TestDevice, globals())
instantiate_device_type_tests(TestElsewhere, globals(), only_for="cuda")
instantiate_device_type_tests(TestNotHere, globals(), except_for=["cpu"])

if __name__ == "__main__":
    os.environ.setdefault("PYTORCH_PRINT_REPRO_ON_FAILURE", "0")
    run_tests()
