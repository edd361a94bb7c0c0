"""``TestCase`` and what stands beside it, where PyTorch need not be asked."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import unittest
import warnings

import numpy as np
import pytest

import dynagrad
from dynagrad.testing._internal import common_utils
from dynagrad.testing._internal.common_utils import TestCase
from dynagrad.testing._internal.utils import disabled, options


@pytest.fixture
def case():
    return TestCase()


def run(cls, name="test_it"):
    result = unittest.TestResult()
    cls(name).run(result)
    return result


def test_warnings_that_may_come_are_of_a_kind(case):
    for text in ("expected", "expected, too"):
        with case.maybeWarnsRegex(UserWarning, "expected"):
            warnings.warn(text, UserWarning, stacklevel=1)
    with case.maybeWarnsRegex(UserWarning, "expected"):
        pass
    for category, text in ((UserWarning, "other"), (FutureWarning, "expected")):
        with pytest.raises(AssertionError, match="unexpected warning"), case.maybeWarnsRegex(UserWarning, "expected"):
            warnings.warn(text, category, stacklevel=1)


def test_a_test_starts_from_the_same_seed_and_keeps_grad_mode():
    seen = []

    class TestIt(TestCase):
        def test_it(self):
            seen.append((dynagrad.rand(1).item(), random.random(), np.random.rand()))  # noqa: NPY002
            dynagrad.set_grad_enabled(False)

    assert run(TestIt).wasSuccessful()
    assert dynagrad.is_grad_enabled()
    assert run(TestIt).wasSuccessful()
    assert seen[0] == seen[1]


def test_what_is_not_implemented_skips_where_asked():
    class TestIt(TestCase):
        _ignore_not_implemented_error = True

        def test_it(self):
            raise NotImplementedError("no loop")

        def test_inside(self):
            with self.assertRaisesRegex(ValueError, "x"):
                raise NotImplementedError("no loop")

        def test_no_error(self):
            with self.assertRaises(ValueError):
                pass

    assert [reason for _, reason in run(TestIt).skipped] == ["not implemented: no loop"]
    assert [reason for _, reason in run(TestIt, "test_inside").skipped] == ["not_implemented: no loop"]
    assert len(run(TestIt, "test_no_error").failures) == 1


def test_a_failure_says_how_to_repeat_it():
    class TestIt(TestCase):
        def test_it(self):
            self.assertEqual(1, 2)

    ((_, text),) = run(TestIt).failures
    assert "To execute this test, run the following from the base repo dir:" in text
    assert "test_case.py TestIt.test_it" in text


def test_alerts_of_what_is_not_deterministic(case):
    def alerts():
        text = "some_op does not have a deterministic implementation, but you set 'use_deterministic_algorithms'"
        if dynagrad.is_deterministic_algorithms_warn_only_enabled():
            warnings.warn(text, UserWarning, stacklevel=1)
        elif dynagrad.are_deterministic_algorithms_enabled():
            raise RuntimeError(text)

    case.check_nondeterministic_alert(alerts, "some_op")
    case.check_nondeterministic_alert(lambda: None, "some_op", should_alert=False)
    assert not dynagrad.are_deterministic_algorithms_enabled()
    with pytest.raises(AssertionError):
        case.check_nondeterministic_alert(lambda: None, "some_op")
    with pytest.raises(RuntimeError):
        case.check_nondeterministic_alert(alerts, "some_op", should_alert=False)


def test_exceptions_that_nobody_gets_are_seen(case):
    class Bad:
        def __del__(self):
            raise ValueError("in passing")

    case.assertNoUnraisable(lambda: None)
    with pytest.raises(AssertionError):
        case.assertNoUnraisable(Bad)


def test_lists_from_outside(monkeypatch, tmp_path):
    class TestIt(TestCase):
        def test_it_cpu_float32(self):
            pass

    def skipped():
        return [reason for _, reason in run(TestIt, "test_it_cpu_float32").skipped]

    assert not skipped()
    path = tmp_path / "slow.json"
    path.write_text(json.dumps({"test_it (__main__.TestIt)": 3}), encoding="utf-8")
    monkeypatch.setattr(options, "slow_tests_dict", common_utils.maybe_load_json(str(path)))
    assert skipped() == ["test is slow; run with PYTORCH_TEST_WITH_SLOW to enable test"]
    monkeypatch.setattr(disabled.settings, "TEST_WITH_SLOW", True)
    assert not skipped()
    here, elsewhere = ("linux", "rocm") if sys.platform == "linux" else (sys.platform, "rocm")
    monkeypatch.setattr(disabled, "_PLATFORMS", {here: True, elsewhere: False})
    for platforms, number in (([], 1), ([here], 1), ([elsewhere], 0)):
        monkeypatch.setattr(options, "disabled_tests_dict", {"test_it (__main__.TestIt)": ["address", platforms]})
        assert len(skipped()) == number
    monkeypatch.setattr(options, "RERUN_DISABLED_TESTS", True)
    assert "only disabled tests are run" in skipped()[0]


def test_retries():
    calls = []

    def fails():
        calls.append(1)
        raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        common_utils.retry(OSError, tries=3, delay=0)(fails)()
    assert len(calls) == 3
    with pytest.raises(unittest.SkipTest, match="Skipping after 2 consecutive lost"):
        common_utils.retry(OSError, tries=2, delay=0, skip_after_retries=True)(fails)()
    with pytest.raises(RuntimeError, match="another"):
        common_utils.retry_on_connect_failures(lambda: (_ for _ in ()).throw(RuntimeError("another")))()


def test_threads_run_together():
    gate = threading.Barrier(3)
    assert sorted(common_utils.run_concurrently(gate.wait, num_threads=3)) == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        common_utils.run_concurrently([lambda: 1, lambda: 1 / 0])


def test_a_process_is_killed_when_it_takes_too_long():
    started = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    with pytest.raises(subprocess.TimeoutExpired):
        common_utils.wait_for_process(started, timeout=0.01)
    assert started.returncode != 0


def test_bytes_of_numbers():
    for dtype in (dynagrad.float16, dynagrad.float32, dynagrad.float64, dynagrad.int32, dynagrad.bool):
        number = dynagrad.tensor(1, dtype=dtype)
        data = list(number.numpy().tobytes())
        assert dynagrad.equal(common_utils.bytes_to_scalar(data, dtype, "cpu"), number)
    for wrong in ([1], [1, 2, 3, 256]):
        with pytest.raises(AssertionError):
            common_utils.bytes_to_scalar(wrong, dynagrad.int32, "cpu")


def test_noncontiguous_tensors_have_equal_values():
    for values in (dynagrad.arange(6.0).reshape(2, 3), dynagrad.tensor([True]), dynagrad.tensor(3)):
        spread = common_utils.noncontiguous_like(values)
        assert dynagrad.equal(spread, values)
        assert spread.numel() < 2 or not spread.is_contiguous()
    assert common_utils.noncontiguous_like(dynagrad.ones(2, requires_grad=True)).requires_grad
    turned = dynagrad.ones(2, 3).t()
    assert common_utils.noncontiguous_like(turned) is turned


def test_names_of_the_module_that_come_late():
    assert common_utils.numpy_to_torch_dtype_dict[np.float32] is dynagrad.float32
    assert common_utils.torch_to_numpy_dtype_dict[dynagrad.int64] is np.int64
    assert common_utils.SLOW_TESTS_FILE in ("", None)
    with pytest.raises(AttributeError, match=r"torch\.testing\._internal\.common_utils\.nothing"):
        common_utils.nothing  # noqa: B018


def test_an_environment_sets_flags():
    code = (
        "from dynagrad.testing._internal import common_utils as u\n"
        "print(u.TEST_WITH_SLOW, u.IS_CI, u.TEST_WITH_ASAN, u.PRINT_REPRO_ON_FAILURE)\n"
        "print(u.TestEnvironment.repro_env_var_prefix())"
    )
    env = os.environ | {"PYTORCH_TEST_WITH_SLOW": "1", "CI": "true", "PYTORCH_PRINT_REPRO_ON_FAILURE": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.splitlines() == ["True True False False", "PYTORCH_TEST_WITH_SLOW=1"]


def test_without_expecttest_only_texts_in_the_source_are_missing():
    code = (
        "import sys; sys.modules['expecttest'] = None\n"
        "from dynagrad.testing._internal.common_utils import TestCase\n"
        "TestCase().assertEqual(1, 1)\n"
        "try: TestCase().assertExpectedInline('a', 'a')\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "assertExpectedInline needs the package expecttest"
