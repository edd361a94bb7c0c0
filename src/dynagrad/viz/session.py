"""``record()``: the context manager that records a program. What it writes down is the recorder's business."""

from __future__ import annotations

import sys
from types import CodeType, TracebackType

from .recorder import LIMIT, Recorder
from .recording import Recording
from .stack import UNSEEN


class record:  # noqa: N801  # used as a function
    """Records what runs inside: every operation, every step of backward, names, values, lines, errors.

    Args:
        title: what the page is called; the program's file if not given.
        limit: the number of steps after which nothing more is written down; a note in the recording says so.

    What it gives is a `Recording`, complete once the block has ended. An error that ends the block is its last step,
    and goes on as it would without. All threads are listened to. Blocks may be nested.

    Example:
        >>> import dynagrad
        >>> from dynagrad.viz import record
        >>> with record() as rec:
        ...     x = dynagrad.tensor(3.0, requires_grad=True)
        ...     y = x * x
        ...     y.backward()
        >>> [step["kind"] for step in rec.data["steps"]][:4]
        ['op', 'op', 'backward_begin', 'node']
    """

    def __init__(self, *, title: str | None = None, limit: int = LIMIT, _root: CodeType | None = None) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, but is {limit}")
        self.title, self.limit, self.root = title, limit, _root
        self.recorder: Recorder | None = None

    def __enter__(self) -> Recording:
        if self.recorder is not None:
            raise RuntimeError("this record() is already in use; call record() again for another recording")
        root = self.root or sys._getframe(1)  # noqa: SLF001 - the frame of the with statement
        self.recorder = Recorder(self.title, self.limit, root)
        self.recorder.start()
        return Recording(self.recorder)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self.recorder is not None
        self.recorder.stop(error)
        if error is not None:
            error.__traceback__ = _without_recorder(error.__traceback__)


def _without_recorder(trace: TracebackType | None) -> TracebackType | None:
    """A traceback as it would be had nobody listened."""
    steps = []
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    following = None
    for step in reversed(steps):
        name = step.tb_frame.f_code.co_filename
        if not name.startswith(UNSEEN) and not name.endswith("_core/intercept.pyx"):
            step.tb_next = following
            following = step
    return following
