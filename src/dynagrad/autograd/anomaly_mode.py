"""Anomaly mode: a backward that returns NaN is an error, which names the line that recorded the node.

The check itself is in ``_core.engine``.
"""

from __future__ import annotations

import warnings

from dynagrad._core.graph import anomaly_checks_nan, is_anomaly_enabled, set_anomaly

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_detect_anomaly",
]


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, when on, looks for NaN."""
    return bool(anomaly_checks_nan())


class set_detect_anomaly:  # noqa: N801  # the public name
    """Switches anomaly mode: at once when called, until its end as a context manager.

    Args:
        mode: on or off.
        check_nan: whether a gradient that contains NaN is an error.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = set_anomaly(bool(mode), bool(check_nan))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        set_anomaly(*self.before)


class detect_anomaly:  # noqa: N801  # the public name
    """Switches anomaly mode on for the length of a ``with`` block, with a warning that it costs time."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.before = set_anomaly(True, self.check_nan)

    def __exit__(self, *_: object) -> None:
        set_anomaly(*self.before)
