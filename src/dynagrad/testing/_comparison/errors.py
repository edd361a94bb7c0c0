"""What a comparison raises on the way: the error that a user will see, before it is known for which item it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class UnsupportedInputs(Exception):
    """Raised by a pair that cannot be made of two values: the next kind of pair is tried."""


class ErrorMeta(Exception):
    r"""An error to come: its type, its text, and where in nested inputs it arose.

    >>> from dynagrad.testing._comparison import ErrorMeta
    >>> ErrorMeta(AssertionError, "They differ.", id=(0, "x")).to_error()
    AssertionError("They differ.\n\nThe failure occurred for item [0]['x']")
    """

    def __init__(self, type: type[Exception], msg: str, *, id: tuple[Any, ...] = ()) -> None:
        super().__init__("This carries what an error will say; raise what its `to_error()` returns.")
        self.type = type
        self.msg = msg
        self.id = id

    def to_error(self, msg: str | Callable[[str], str] | None = None) -> Exception:
        """The error for the user: with ``msg``, or what ``msg`` makes of the text, or the text itself."""
        if isinstance(msg, str):
            return self.type(msg)
        text = self.msg
        if self.id:
            text += f"\n\nThe failure occurred for item {place(self.id)}"
        return self.type(msg(text) if callable(msg) else text)


def place(id: tuple[Any, ...]) -> str:
    """``(0, 'x')`` as it would be written behind a variable: ``[0]['x']``.

    >>> from dynagrad.testing._comparison.errors import place
    >>> place((0, "x"))
    "[0]['x']"
    """
    return "".join(str([step]) for step in id)
