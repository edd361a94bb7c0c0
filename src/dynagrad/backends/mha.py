"""The shortcut of MultiheadAttention and TransformerEncoder in evaluation; there is one way here, so it changes nothing."""

from __future__ import annotations

_state = [True]


def get_fastpath_enabled() -> bool:
    """What ``set_fastpath_enabled`` was told last."""
    return _state[0]


def set_fastpath_enabled(value: bool) -> None:
    """Sets it."""
    _state[0] = value
