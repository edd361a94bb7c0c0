"""``dynagrad run --record``: the options that ask for a recording, and the recording around the program's code.

What a recording holds, and how it is drawn, is in ``dynagrad.viz``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType

from .report import CannotRunError

ENDINGS = (".html", ".json", ".svg", ".dot", ".mmd", ".md", ".txt")
TAKES_NEXT = ("-m", "-c")


class Film:
    """What was asked for: where the recording goes, None for nowhere, and whether it is opened."""

    def __init__(self) -> None:
        self.path: str | None = None
        self.opens = False

    @contextmanager
    def of(self, code: CodeType) -> Iterator[None]:
        """Records what runs inside, from the frame of ``code`` inwards; writes it down however that ends."""
        if self.path is None:
            yield
            return
        from dynagrad.viz.session import record

        recording = None
        try:
            with record(title=os.path.basename(sys.argv[0]), _root=code) as recording:
                yield
        finally:
            if recording is not None:
                self._write(recording)

    def _write(self, recording: object) -> None:
        """Saves, and says so on standard error: what the program prints stays its own."""
        from dynagrad.viz.recording import Recording

        assert isinstance(recording, Recording)
        assert self.path is not None
        try:
            recording.save(self.path)
        except OSError as error:
            print(f"dynagrad run: cannot write {self.path!r}: {error.strerror or error}", file=sys.stderr)
            return
        print(f"dynagrad run: {len(recording)} steps recorded: {self.path}", file=sys.stderr)
        if self.opens:
            import webbrowser

            webbrowser.open(f"file://{self.path}")


def take_options(arguments: Sequence[str]) -> tuple[Film, list[str]]:
    """Takes ``--record FILE`` and ``--open`` from before and right after the program's name.

    The first argument that is neither is the program's, and so is all that follows it. A ``--`` after the name ends
    them; it is dropped where it stands for that: after one of them, or before what looks like one.
    """
    film, rest = Film(), list(arguments)
    _take(film, rest)
    if not rest:
        raise CannotRunError("no program to run\nSee: dynagrad run --help")
    program = [rest.pop(0)]
    if program[0] in TAKES_NEXT and rest:
        program.append(rest.pop(0))
    taken = _take(film, rest)
    if rest[:1] == ["--"] and (taken or _is_ours(rest[1:2])):
        del rest[0]
    if film.opens and film.path is None:
        raise CannotRunError("--open needs --record FILE, which says where the page is written")
    return film, [*program, *rest]


def _is_ours(argument: Sequence[str]) -> bool:
    return bool(argument) and argument[0].partition("=")[0] in ("--record", "--open")


def _take(film: Film, rest: list[str]) -> bool:
    taken = False
    while _is_ours(rest):
        name, equals, value = rest.pop(0).partition("=")
        taken = True
        if name == "--open":
            film.opens = True
            continue
        if not equals:
            if not rest:
                raise CannotRunError("--record needs a file name, such as lab.html")
            value = rest.pop(0)
        if not value.lower().endswith(ENDINGS):
            raise CannotRunError(f"--record {value!r}: the name must end in one of {', '.join(ENDINGS)}")
        film.path = os.path.abspath(value)
    return taken
