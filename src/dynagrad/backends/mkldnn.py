"""oneDNN's switches. Scripts set them; this build does not use oneDNN, and they change nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

enabled = True
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False."""
    return False


@contextmanager
def flags(
    enabled: bool = False,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",  # noqa: ARG001
) -> Iterator[None]:
    """The switches for the length of a ``with`` block."""
    module = sys.modules[__name__]
    given = {"enabled": enabled, "deterministic": deterministic, "allow_tf32": allow_tf32}
    before = {name: getattr(module, name) for name in given}
    vars(module).update(given)
    try:
        yield
    finally:
        vars(module).update(before)
