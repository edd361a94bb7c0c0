"""How ``dynagrad run`` shows an error that ended the program: its own frames, and what dynagrad lacks by name.

Ending the process is left to the interpreter, so that exit codes, signals and clean-up are Python's.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, ModuleType, TracebackType

from .binding import spoken_name


class CannotRunError(Exception):
    """There is no such script or module: its message is all that the user needs to see."""


def report_from(runner: CodeType) -> None:
    """From here on, shows tracebacks without ``runner``'s frame and those around it, by whichever hook is set now."""
    shown = sys.excepthook

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        error.__traceback__ = _users_part(trace, runner)
        _name_what_is_missing(error)
        shown(kind, error, error.__traceback__)

    sys.excepthook = report


def _users_part(trace: TracebackType | None, runner: CodeType) -> TracebackType | None:
    steps = []
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    codes = [step.tb_frame.f_code for step in steps]
    steps = steps[codes.index(runner) + 1 :] if runner in codes else steps
    steps = [step for step in steps if not _is_machinery(step.tb_frame.f_code.co_filename)]
    following = None
    for step in reversed(steps):
        step.tb_next = following
        following = step
    return following


def _is_machinery(file: str) -> bool:
    return os.path.dirname(file) == os.path.dirname(__file__) or file.startswith("<frozen importlib")


def _name_what_is_missing(error: BaseException) -> None:
    name = getattr(error, "name", None) or ""
    if type(error) is ImportError and name.partition(".")[0] == "dynagrad":
        error.add_note(f"under `dynagrad run`, {spoken_name(name)} is {name}, which has no such name yet")
    elif isinstance(error, AttributeError):
        owner = error.obj.__name__ if isinstance(error.obj, ModuleType) else type(error.obj).__module__
        if owner.partition(".")[0] == "dynagrad":
            spoken = spoken_name(owner) if isinstance(error.obj, ModuleType) else type(error.obj).__name__
            error.add_note(f"under `dynagrad run`, torch is dynagrad, which has no {spoken}.{name}")
