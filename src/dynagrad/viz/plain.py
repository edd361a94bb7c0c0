"""Text of the user's program made fit for a line of text: nothing in it can move the cursor or end the line."""

from __future__ import annotations

LONGEST = 100


def printable(text: object, longest: int = LONGEST) -> str:
    r"""``text`` in one line, control characters by their Python escapes, cut to ``longest`` characters.

    >>> printable("a\x1b[31mb\nc")
    'a\\x1b[31mb\\nc'
    """
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text)[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
