"""The package opt_einsum, which chooses the order of products in ``einsum``; dynagrad's own choice needs none."""

from __future__ import annotations

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """False: it is not used."""
    return False


def get_opt_einsum() -> None:
    """None."""
