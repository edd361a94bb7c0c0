"""A suite written for PyTorch, as a program and under pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).with_name("suite.py")


def run(*words, cwd):
    command = [sys.executable, "-m", "dynagrad", "run", *map(str, words)]
    env = {name: value for name, value in os.environ.items() if name != "CI"}  # which asks for reports
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False)


def test_as_a_program(tmp_path):
    done = run(SUITE, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert re.search(r"Ran 71 tests", done.stderr), done.stderr
    assert "FAILED (failures=2, skipped=10, expected failures=2)" in done.stderr
    assert "AssertionError: Tensor-likes are not equal!" not in done.stderr
    assert "Greatest absolute difference: 1.0 at index (0,) (up to 1e-05 allowed)" in done.stderr
    assert "as it must" in done.stderr
    assert "suite.py TestEquality.test_fails" in done.stderr  # how to repeat it


def test_under_pytest(tmp_path):
    done = run("-m", "pytest", SUITE, "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "2 failed, 57 passed, 10 skipped, 2 xfailed" in done.stdout


def test_options_of_unittest_and_ours(tmp_path):
    done = run(SUITE, "-k", "test_values", "-k", "test_device_cpu", "--repeat", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Ran 9 tests") == 2


SMALL = """
import torch
from torch.testing._internal.common_utils import TestCase, load_tests, run_tests, slowTest

load_tests = load_tests

class TestSmall(TestCase):
    def test_one(self):
        self.assertEqual(torch.ones(1), [1])

    def test_two(self):
        self.assertExpected("two")

    @slowTest
    def test_slow(self):
        pass

if __name__ == "__main__":
    run_tests()
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.py"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_names_are_printed(small, tmp_path):
    done = run(small, "--discover-tests", cwd=tmp_path)
    assert done.stdout.split() == ["TestSmall.test_one", "TestSmall.test_slow", "TestSmall.test_two"]


def test_an_expected_text_is_a_file_that_accept_writes(small, tmp_path):
    first = run(small, "TestSmall.test_two", cwd=tmp_path)
    assert first.returncode == 1
    assert "No expect file exists; to accept the current output, run:" in first.stderr
    run(small, "TestSmall.test_two", "--accept", cwd=tmp_path)
    assert (tmp_path / "expect" / "TestSmall.test_two.expect").read_text(encoding="utf-8") == "two"
    assert run(small, "TestSmall.test_two", cwd=tmp_path).returncode == 0


def test_lists_of_slow_and_disabled_tests_are_read(small, tmp_path):
    slow, disabled = tmp_path / "slow.json", tmp_path / "disabled.json"
    slow.write_text('{"test_one (__main__.TestSmall)": 99}', encoding="utf-8")
    disabled.write_text('{"test_two (__main__.TestSmall)": ["an address", []]}', encoding="utf-8")
    done = run(small, "-v", "--import-slow-tests", slow, "--import-disabled-tests", disabled, cwd=tmp_path)
    assert "OK (skipped=3)" in done.stderr
    assert "because an issue exists disabling it: an address" in done.stderr


def test_a_process_for_each_test_runs_on_dynagrad_too(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(SMALL.replace("def test_two", "def _two"), encoding="utf-8")
    done = run(path, "--subprocess", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Ran 1 test") == 2


def test_classes_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text(SMALL.replace("(TestCase)", "(__import__('unittest').TestCase)"), encoding="utf-8")
    done = run(path, cwd=tmp_path)
    assert done.returncode == 1
    assert "TestSmall - failed. This test class should extend from" in done.stdout


STATEMENTS = {
    "from torch.testing._internal.common_methods_invocations import op_db": "common_methods_invocations",
    "from torch.testing._internal.opinfo.core import SampleInput": "opinfo",
    "from torch.testing._internal import opinfo": "opinfo",
    "import torch.testing._internal.common_modules": "common_modules",
}


def test_a_database_of_samples_is_not_here_and_says_so(tmp_path):
    tries = (f"try: {each}\nexcept ModuleNotFoundError as error: print(error)" for each in STATEMENTS)
    said = run("-c", "\n".join(tries), cwd=tmp_path).stdout.splitlines()
    assert len(said) == len(STATEMENTS)
    for line, name in zip(said, STATEMENTS.values(), strict=True):
        assert line.startswith(f"dynagrad has no torch.testing._internal.{name}: PyTorch's database")
