"""``run_tests``: a file of tests as a program, with the options that PyTorch's files take; unittest's follow them."""

from __future__ import annotations

import argparse
import inspect
import os
import subprocess
import sys
import unittest
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from dynagrad.testing._internal.utils import disabled, options, settings
from dynagrad.testing._internal.utils.case import TestCase
from dynagrad.testing._internal.utils.expected import accept
from dynagrad.testing._internal.utils.guards import set_rng_seed
from dynagrad.testing._internal.utils.processes import python_command, shell, wait_for_process
from dynagrad.testing._internal.utils.values import chunk_list

_NO_TESTS = 5  # pytest's exit code for a file without tests
_TOO_LONG = 15 * 60


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    add = parser.add_argument
    add("--subprocess", action="store_true", help="run each test in a process of its own")
    add("--accept", action="store_true", help="write down texts that differ as the expected ones")
    add("--repeat", type=int, default=1, help="run the tests so often, up to the first failure")
    add("--use-pytest", action="store_true", help="run the tests with pytest, whose options follow")
    add("--save-xml", nargs="?", const=_reports(), default=_reports() if settings.IS_CI else None)
    add("--discover-tests", action="store_true", help="print the names of the tests")
    add("--log-suffix", default="", help="what the folder of --save-xml ends in")
    add("--run-parallel", type=int, default=1, help="run the tests in so many processes")
    add("--import-slow-tests", nargs="?", const="slow_tests.json", help="a JSON file of names of slow tests")
    add("--import-disabled-tests", nargs="?", const=".pytorch-disabled-tests.json", help="likewise of disabled ones")
    add("--rerun-disabled-tests", action="store_true", help="run the disabled tests, and no others")
    add("--pytest-single-test", nargs=1, help="the one test for pytest to run")
    add("--showlocals", action=argparse.BooleanOptionalAction, default=False, help="show variables of failures")
    return parser


def _reports() -> str:
    return os.path.join("test-reports", os.environ.get("TEST_REPORT_SOURCE_OVERRIDE", "python-unittest"))


def parse_cmd_line_args() -> None:
    """Reads ``sys.argv`` into the options that ``common_utils`` shows, and seeds the generators.

    >>> from unittest import mock
    >>> from dynagrad.testing._internal import common_utils
    >>> with mock.patch("sys.argv", ["suite.py", "--repeat", "3", "-v"]):
    ...     common_utils.parse_cmd_line_args()
    >>> common_utils.REPEAT_COUNT, common_utils.UNITTEST_ARGS
    (3, ['suite.py', '-v'])
    """
    parser = _parser()
    if "-h" in sys.argv or "--help" in sys.argv:
        parser.print_help()
        sys.stdout.write("\nunittest's options:\n")
    given, rest = parser.parse_known_args()
    options.DISABLED_TESTS_FILE = given.import_disabled_tests
    options.LOG_SUFFIX = given.log_suffix
    options.PYTEST_SINGLE_TEST = given.pytest_single_test
    options.REPEAT_COUNT = given.repeat
    options.RERUN_DISABLED_TESTS = given.rerun_disabled_tests
    options.RUN_PARALLEL = given.run_parallel
    options.SHOWLOCALS = given.showlocals
    options.SLOW_TESTS_FILE = given.import_slow_tests
    options.TEST_DISCOVER = given.discover_tests
    options.TEST_IN_SUBPROCESS = given.subprocess
    options.TEST_SAVE_XML = given.save_xml
    options.UNITTEST_ARGS = [sys.argv[0], *rest]
    options.USE_PYTEST = given.use_pytest
    accept(given.accept)
    set_rng_seed()


def run_tests(argv: Sequence[str] | None = None) -> None:
    """Runs the tests of ``__main__``, and exits with what came of them.

    Args:
        argv: what is left for unittest, or pytest, after its own name; from the command line if not given.

    >>> from dynagrad.testing._internal.common_utils import run_tests
    >>> callable(run_tests)
    True
    """
    parse_cmd_line_args()
    arguments = list(options.UNITTEST_ARGS if argv is None else argv)
    if options.SLOW_TESTS_FILE:
        options.slow_tests_dict = _listed(options.SLOW_TESTS_FILE, "slow")
    if options.DISABLED_TESTS_FILE:
        options.disabled_tests_dict = _listed(options.DISABLED_TESTS_FILE, "disabled")
    suite = unittest.TestLoader().loadTestsFromModule(sys.modules["__main__"])
    if options.TEST_DISCOVER:
        sys.stdout.writelines(f"{name}\n" for name in get_test_names(discover_test_cases_recursively(suite)))
        return
    if not lint_test_case_extension(suite):
        sys.exit(1)
    if options.SHOWLOCALS:
        shown = ["--showlocals", "--tb=long", "--color=yes"] if options.USE_PYTEST else ["--locals"]
        arguments[1:1] = shown
    _launch(suite, arguments)


def _launch(suite: Iterable[Any], arguments: list[str]) -> None:
    if options.TEST_IN_SUBPROCESS:
        _each_alone(suite, arguments)
    elif options.RUN_PARALLEL > 1:
        _in_parallel(suite, arguments)
    elif options.USE_PYTEST:
        _with_pytest(arguments)
    elif options.TEST_SAVE_XML:
        _with_reports(arguments)
    elif options.REPEAT_COUNT > 1:
        for _ in range(options.REPEAT_COUNT):
            if not unittest.main(exit=False, argv=arguments).result.wasSuccessful():
                sys.exit(-1)
    else:
        unittest.main(argv=arguments)


def _listed(path: str, kind: str) -> dict[str, Any]:
    if os.path.exists(path):
        os.environ[f"{kind.upper()}_TESTS_FILE"] = path  # for processes that pytest starts
        return disabled.maybe_load_json(path)
    warnings.warn(f"{kind} test file provided but not found: {path}", stacklevel=3)
    return {}


def _each_alone(suite: Iterable[Any], arguments: list[str]) -> None:
    passed_on = []
    for flag, value in (
        ("--import-disabled-tests", options.DISABLED_TESTS_FILE),
        ("--import-slow-tests", options.SLOW_TESTS_FILE),
        ("--save-xml", options.TEST_SAVE_XML),
    ):
        passed_on += [flag, value] if value else []
    passed_on += ["--use-pytest"] if options.USE_PYTEST else []
    passed_on += ["--rerun-disabled-tests"] if options.RERUN_DISABLED_TESTS else []
    failed = []
    for name in get_test_names(discover_test_cases_recursively(suite)):
        chosen = ["--pytest-single-test", "::".join([arguments[0], *name.split(".")])] if options.USE_PYTEST else [name]
        command = [*python_command(), arguments[0], *passed_on, *arguments[1:], *chosen]
        code = shell(command, timeout=None if options.RERUN_DISABLED_TESTS else _TOO_LONG)
        if code:
            sys.stdout.write(f"Test exited with non-zero exitcode {code}. Command to reproduce: {' '.join(command)}\n")
            failed.append(name)
    if failed:
        listed = "\n\t".join(failed)
        raise AssertionError(f"{len(failed)} unit test(s) failed:\n\t{listed}")


def _in_parallel(suite: Iterable[Any], arguments: list[str]) -> None:
    names = get_test_names(discover_test_cases_recursively(suite))
    shards = [
        subprocess.Popen([*python_command(), *arguments, f"--log-suffix=-shard-{number}", *part])  # noqa: S603  # this file again
        for number, part in enumerate(chunk_list(names, options.RUN_PARALLEL), 1)
        if part
    ]
    if any([wait_for_process(shard) for shard in shards]):  # noqa: C419  # all of them are waited for
        raise AssertionError("Some test shards have failed")


def _with_pytest(arguments: list[str]) -> NoReturn:
    import pytest

    program = [*(options.PYTEST_SINGLE_TEST or arguments[:1]), *arguments[1:]]
    if options.TEST_SAVE_XML:
        program.append(f"--junit-xml={os.path.join(_report_folder(arguments), 'pytest.xml')}")
    code = pytest.main(program)
    sys.exit(0 if code == _NO_TESTS else code)


def _with_reports(arguments: list[str]) -> None:
    try:
        import xmlrunner
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "--save-xml, which CI=1 implies, needs the package unittest-xml-reporting", name="xmlrunner"
        ) from None
    runner = xmlrunner.XMLTestRunner(output=_report_folder(arguments), verbosity=2 if "-v" in arguments else 1)
    unittest.main(argv=arguments, testRunner=runner)


def _report_folder(arguments: list[str]) -> str:
    folder = os.path.join(
        f"{options.TEST_SAVE_XML}{options.LOG_SUFFIX}", arguments[0].removesuffix(".py").replace("/", ".")
    )
    os.makedirs(folder, exist_ok=True)
    return folder


def raise_on_run_directly(file_to_call: str) -> NoReturn:
    """For the end of a file of tests that another file runs: says which.

    Raises:
        RuntimeError: always.

    >>> from dynagrad.testing._internal.common_utils import raise_on_run_directly
    >>> raise_on_run_directly("test/test_all.py")
    Traceback (most recent call last):
    ...
    RuntimeError: This test file is not meant to be run directly, use:
    <BLANKLINE>
        python test/test_all.py TESTNAME
    <BLANKLINE>
    instead.
    """
    raise RuntimeError(
        f"This test file is not meant to be run directly, use:\n\n\tpython {file_to_call} TESTNAME\n\ninstead."
    )


def discover_test_cases_recursively(suite_or_case: Any) -> list[unittest.TestCase]:
    """The tests of a suite of suites.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import discover_test_cases_recursively
    >>> one = unittest.FunctionTestCase(print)
    >>> discover_test_cases_recursively(unittest.TestSuite([unittest.TestSuite([one])])) == [one]
    True
    """
    if isinstance(suite_or_case, unittest.TestCase):
        return [suite_or_case]
    return [case for inner in suite_or_case for case in discover_test_cases_recursively(inner)]


def get_test_names(test_cases: Iterable[unittest.TestCase]) -> list[str]:
    """``Class.test`` of each test.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import TestCase, get_test_names
    >>> get_test_names([TestCase("run")])
    ['TestCase.run']
    """
    return [".".join(case.id().split(".")[-2:]) for case in test_cases]


def lint_test_case_extension(suite: Iterable[Any]) -> bool:
    """Whether all tests are of classes that extend `TestCase`; prints which are not.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import TestCase, lint_test_case_extension
    >>> lint_test_case_extension(unittest.TestSuite([TestCase("run")]))
    True
    """
    strange = {type(case).__name__ for case in discover_test_cases_recursively(suite) if not isinstance(case, TestCase)}
    for name in sorted(strange):
        sys.stdout.write(
            f"{name} - failed. This test class should extend from torch.testing._internal.common_utils.TestCase "
            "but it doesn't.\n"
        )
    return not strange


def load_tests(
    loader: unittest.TestLoader,  # noqa: ARG001  # unittest's signature
    tests: Iterable[unittest.TestSuite],
    pattern: str | None,  # noqa: ARG001  # likewise
) -> unittest.TestSuite:
    """Unittest's hook, for a file to import: takes the tests that the running file defines, and refuses others.

    Raises:
        AssertionError: for a test of a class that the running file imported, unless
            PYTORCH_DISABLE_RUNNING_SCRIPT_CHK is 1.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import load_tests
    >>> load_tests(unittest.TestLoader(), [], None).countTestCases()
    0
    """
    running = os.path.realpath(sys.argv[0])
    suite = unittest.TestSuite()
    for group in tests:
        if running.endswith(".py") and not settings.DISABLE_RUNNING_SCRIPT_CHK:
            for test in group:
                _assert_defined_in(running, test)
        if group.countTestCases():
            suite.addTest(group)
    return suite


def _assert_defined_in(running: str, test: Any) -> None:
    defined = os.path.realpath(inspect.getfile(type(test)))
    if defined != running:
        raise AssertionError(
            f'Class of loaded TestCase "{test.id()}" is not defined in the running script "{running}", but in '
            f'"{defined}". Did you accidentally import a unittest.TestCase from another file?'
        )
