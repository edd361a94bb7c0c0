"""What the command line of a suite asked for. ``run`` reads it; ``common_utils`` shows it under these names."""

from __future__ import annotations

from typing import Any

DISABLED_TESTS_FILE: str | None = ""
LOG_SUFFIX = ""
PYTEST_SINGLE_TEST: list[str] | None = None
REPEAT_COUNT = 0
RERUN_DISABLED_TESTS = False
RUN_PARALLEL = 0
SHOWLOCALS = False
SLOW_TESTS_FILE: str | None = ""
TEST_DISCOVER = False
TEST_IN_SUBPROCESS = False
TEST_SAVE_XML: str | None = ""
UNITTEST_ARGS: list[str] = []
USE_PYTEST = False

# What the two files hold: names of tests, and for the disabled ones where one reads why, and on which platforms.
disabled_tests_dict: dict[str, Any] = {}
slow_tests_dict: dict[str, Any] = {}
