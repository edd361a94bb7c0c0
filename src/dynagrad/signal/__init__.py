"""``torch.signal``: window functions."""

from dynagrad.signal import windows as windows

__all__ = ["windows"]
