"""Checks that a text contains pieces in a given order: LLVM's FileCheck, as methods.

What is checked is a text and nothing else: graphs of PyTorch's JIT, which its FileCheck also takes, do not exist here.
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple, NoReturn, Self

_CONTEXT = 3  # lines shown around a place
_COMMAND = re.compile(r"#+[ \t]*CHECK(?P<kind>[^:\s]*)(?P<colon>: ?)?(?P<text>.*)")
_KINDS = ("", "-NEXT", "-SAME", "-NOT", "-DAG", "-REGEX", "-SOURCE-HIGHLIGHTED")


class _Check(NamedTuple):
    kind: str
    text: str
    times: int = 1

    def __str__(self) -> str:
        return f"CHECK{self.kind}{f'-{self.times}' if self.kind == '-COUNT' else ''}: {self.text}"


class FileCheck:
    r"""Pieces of text that have to follow one another; each method returns the object, and ``run`` does the checks.

    A check searches from where the one before it ended. ``check_dag`` in a row may be found in any order, and
    ``check_not`` in a row must not be found up to the next piece that is.

    Raises:
        RuntimeError: by ``run``, if a check fails or there is none.

    >>> import dynagrad as torch
    >>> torch.testing.FileCheck().check("one").check_next("two").check_not("one").run("one\ntwo\n")
    >>> torch.testing.FileCheck().check_count("a", 3, exactly=True).run("banana")
    """

    def __init__(self) -> None:
        self._checks: list[_Check] = []
        self._ran = False

    def _added(self, kind: str, text: str, count: int = 1) -> Self:
        if not isinstance(text, str):
            raise TypeError(f"a check is a str, not {type(text).__name__}")
        self._checks.append(_Check(kind, text, count))
        return self

    def check(self, text: str) -> Self:
        """Somewhere further on stands ``text``."""
        return self._added("", text)

    def check_not(self, text: str) -> Self:
        """``text`` does not stand between the checks around this one; at the end, nowhere further on."""
        return self._added("-NOT", text)

    def check_same(self, text: str) -> Self:
        """Further on in the same line stands ``text``."""
        return self._added("-SAME", text)

    def check_next(self, text: str) -> Self:
        """In the next line stands ``text``."""
        return self._added("-NEXT", text)

    def check_count(self, text: str, count: int, exactly: bool = False) -> Self:
        """``text`` stands ``count`` times further on; ``exactly`` so often, up to the next check.

        Raises:
            RuntimeError: for a count of zero that is not exact: it would check nothing.
            TypeError: for a negative count.
        """
        if count < 0:
            raise TypeError(f"check_count: the count is negative: {count}")
        if not count and not exactly:
            raise RuntimeError("Count == 0 && !exactly doesn't do anything")
        if count:
            self._added("-COUNT", text, count)
        return self._added("-NOT", text) if exactly else self

    def check_dag(self, text: str) -> Self:
        """``text`` stands further on; its neighbours of this kind may stand before it."""
        return self._added("-DAG", text)

    def check_regex(self, pattern: str) -> Self:
        """Somewhere further on stands what the regular expression matches."""
        return self._added("-REGEX", pattern)

    def check_source_highlighted(self, text: str) -> Self:
        """Somewhere further on stands ``text``, and the line below marks all of it, and no more, with ``~``."""
        return self._added("-SOURCE-HIGHLIGHTED", text)

    def run(self, text: str, test_file: str | None = None) -> None:
        """Does the checks on ``text``; or, given two texts, those that comments of the first name, on the second.

        The comments are ``# CHECK: text``, and likewise ``CHECK-NEXT``, ``-SAME``, ``-NOT``, ``-DAG``, ``-REGEX``,
        ``-SOURCE-HIGHLIGHTED``, ``-COUNT-3`` and ``-COUNT-EXACTLY-3``.
        """
        self._ran = True
        if test_file is not None:
            self._read(text)
            text = test_file
        if not isinstance(text, str):
            raise TypeError(f"FileCheck runs on a str, not on {type(text).__name__}")
        if not self._checks:
            raise RuntimeError("No checks have been added to this instance ofFilecheck! Check for bad input.")
        _run(self._checks, text)

    def _read(self, commands: str) -> None:
        for line in commands.splitlines():
            found = _COMMAND.search(line)
            if found is None:
                continue
            kind, text = found["kind"], found["text"]
            counted = re.fullmatch(r"-COUNT-(EXACTLY-)?(\d+)", kind)
            if found["colon"] and counted:
                self.check_count(text, int(counted[2]), exactly=bool(counted[1]))
            elif found["colon"] and kind in _KINDS:
                self._added(kind, text)
            else:
                raise RuntimeError(f"Could not parse check at:\n{line}\nCheck for bad input.")

    def __del__(self) -> None:
        if not self._ran and sys is not None and sys.stdout is not None:
            checks = "".join(f"\t{check}\n" for check in self._checks)
            sys.stdout.write(f"You have not run this instance of FileCheck!\nFileCheck checks:\n{checks}")


def _run(checks: list[_Check], text: str) -> None:
    end = 0
    denied: list[_Check] = []
    for group in _grouped(checks):
        if group[0].kind == "-NOT":
            denied = group
            continue
        start, after = _found_group(group, text, end)
        _deny(denied, text, end, start)
        denied, end = [], after
    _deny(denied, text, end, len(text))


def _grouped(checks: list[_Check]) -> list[list[_Check]]:
    """Neighbours of the kinds that are checked together, in one list."""
    groups: list[list[_Check]] = []
    for check in checks:
        if groups and check.kind in ("-NOT", "-DAG") and groups[-1][0].kind == check.kind:
            groups[-1].append(check)
        else:
            groups.append([check])
    return groups


def _found_group(group: list[_Check], text: str, begin: int) -> tuple[int, int]:
    """From where to where the text reaches that the checks of a group matched."""
    spans = [_found(check, text, begin) for check in group]
    return min(start for start, _ in spans), max(end for _, end in spans)


def _found(check: _Check, text: str, begin: int) -> tuple[int, int]:
    if check.kind == "-REGEX":
        match = re.compile(check.text).search(text, begin)
        if match is None:
            raise RuntimeError(
                f'Expected to find regex "{check.text}" but did not find it\nSearched string:\n{_line_end(text)}'
                f"From {check}\n"
            )
        return match.span()
    if check.kind == "-NEXT":
        _, begin = _next(check, text, begin, "\n")
    start, end = _next(check, text, begin)
    first = start
    for _ in range(1, check.times):
        _, end = _next(check, text, end)
    if check.kind in ("-SAME", "-NEXT"):
        _without_newline(check, text, begin, start)
    elif check.kind == "-SOURCE-HIGHLIGHTED":
        _assert_marked(check, text, start, end)
    return first, end


def _next(check: _Check, text: str, begin: int, sought: str | None = None) -> tuple[int, int]:
    sought = check.text if sought is None else sought
    at = text.find(sought, begin)
    if at < 0:
        shown = sought.replace("\n", "\\n")
        raise RuntimeError(
            f'Expected to find "{shown}" but did not find it\nSearched string:\n{_line_end(text)}From {check}\n'
        )
    return at, at + len(sought)


def _deny(checks: list[_Check], text: str, begin: int, end: int) -> None:
    for check in checks:
        at = text.find(check.text, begin, end)
        if at >= 0:
            _unwanted(check, check.text, text, at)


def _without_newline(check: _Check, text: str, begin: int, end: int) -> None:
    at = text.find("\n", begin, end)
    if at >= 0:
        raise RuntimeError(f'Expected to not find "\\n" but found it\n{_line_end(text)}From {check}\n')


def _unwanted(check: _Check, found: str, text: str, at: int) -> NoReturn:
    raise RuntimeError(f'Expected to not find "{found}" but found it\n{_pointed(text, at, len(found))}From {check}\n')


def _assert_marked(check: _Check, text: str, start: int, end: int) -> None:
    """That the line below ``text[start:end]`` has ``~`` below it, and below nothing beside it."""
    column = start - (text.rfind("\n", 0, start) + 1)
    below = text.find("\n", end) + 1
    line_end = text.find("\n", below) if below else -1
    marks = text[below : None if line_end < 0 else line_end] if below else ""
    width = end - start
    if marks[column : column + width] != "~" * width:
        raise RuntimeError(f'Expected to find "{check.text}"highlighted but it is not.\n{_pointed(text, start, width)}')
    for beside in (column - 1, column + width):
        if beside >= 0 and marks[beside : beside + 1] == "~":
            _unwanted(check, "~", text, below + beside)


def _pointed(text: str, at: int, length: int) -> str:
    """The lines around a place, with a mark under it."""
    lines = text.splitlines()
    row = text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1)
    shown = lines[max(0, row - _CONTEXT) : row + 1]
    mark = " " * column + "~" * max(length, 1) + " <--- HERE"
    return "\n".join([*shown, mark, *lines[row + 1 : row + 1 + _CONTEXT]]) + "\n"


def _line_end(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
