"""Ops made of ops, by the same families as the ops; no derivatives live here. Importing this package registers them."""

from dynagrad.composite import arrange, einsum, norms, pools, products, statistics

__all__ = ["arrange", "einsum", "norms", "pools", "products", "statistics"]
