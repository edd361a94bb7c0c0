"""Ops made of ops, by the same families as the ops; no derivatives live here. Importing this package registers them."""

from dynagrad.composite import norms, statistics

__all__ = ["norms", "statistics"]
