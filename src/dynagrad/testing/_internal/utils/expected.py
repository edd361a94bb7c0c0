"""Texts that a test expects word by word: in its own source, or in a file beside it."""

from __future__ import annotations

import os
import re
import sys
import unittest
from collections.abc import Callable
from typing import Any

try:
    import expecttest as _expecttest
except ModuleNotFoundError:
    _expecttest = None

_Base: Any = unittest.TestCase if _expecttest is None else _expecttest.TestCase
_ANSI = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")


def accept(wanted: bool) -> None:
    """Whether texts that differ are written down as the expected ones, and are no failures.

    >>> from dynagrad.testing._internal.utils.expected import accept, accepting
    >>> accept(False)
    >>> accepting()
    False
    """
    if _expecttest is not None:
        _expecttest.ACCEPT = wanted or _expecttest.ACCEPT
    elif wanted:
        raise ModuleNotFoundError("--accept needs the package expecttest", name="expecttest")


def accepting() -> bool:
    """Whether `accept` was told so.

    >>> from dynagrad.testing._internal.utils.expected import accepting
    >>> accepting()
    False
    """
    return _expecttest is not None and bool(_expecttest.ACCEPT)


class ExpectedTexts(_Base):
    """The assertions on whole texts. Those on texts in a test's source need the package ``expecttest``."""

    __test__ = False

    def assertExpectedInline(
        self,
        actual: Any,
        expect: str,
        skip: int = 0,
        ignore_comments: bool = False,
        ignore_empty_lines: bool = False,
    ) -> None:
        """Asserts that ``str(actual)`` is ``expect``, a literal in the test, which --accept rewrites.

        Args:
            skip: how many callers further up the literal stands.
            ignore_comments, ignore_empty_lines: whether lines that start with ``#``, or have no text, count.
        """
        if _expecttest is None:
            raise ModuleNotFoundError("assertExpectedInline needs the package expecttest", name="expecttest")

        def seen(text: str) -> str:
            lines = _ANSI.sub("", text).split("\n")
            if ignore_comments:
                lines = [line for line in lines if not line.strip().startswith("#")]
            if ignore_empty_lines:
                lines = [line for line in lines if line.strip()]
            return "\n".join(lines)

        super().assertExpectedInline(seen(str(actual)), seen(expect), skip + 1)

    def assertExpectedRaises(
        self, exc_type: type[BaseException], callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """Asserts that a call raises, with the text in the test's file; ``subname`` is `assertExpected`'s."""
        subname = kwargs.pop("subname", None)
        try:
            callable(*args, **kwargs)
        except exc_type as error:
            self.assertExpected(str(error), subname)
            return
        self.fail(msg="Did not raise when expected to")

    def assertExpected(self, s: str, subname: str | None = None) -> None:
        """Asserts that a text is that of a file in the folder ``expect`` beside the test, which --accept writes.

        The file's name is the test's, with ``-subname`` behind it if one is given.

        Raises:
            RuntimeError: if there is no such file.
        """
        if not isinstance(s, str):
            raise TypeError("assertExpected is strings only")
        module = type(self).__module__
        name = self.id().removeprefix(f"{module}.")
        folder = os.path.join(os.path.dirname(os.path.realpath(str(sys.modules[module].__file__))), "expect")
        path = os.path.join(folder, f"{name}{f'-{subname}' if subname else ''}.expect")
        expected = None
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                expected = file.read()
        if accepting():
            if expected != s:
                _write(path, name, s)
        elif expected is None:
            raise RuntimeError(
                f"I got this output for {name}{f' ({subname})' if subname else ''}:\n\n{s}\n\n"
                f"No expect file exists; to accept the current output, run:\npython {sys.argv[0]} {name} --accept"
            )
        else:
            self.assertMultiLineEqual(expected, s)


def _write(path: str, name: str, text: str) -> None:
    sys.stdout.write(f"Accepting output for {name}:\n\n{text}\n")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
