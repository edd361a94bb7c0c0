"""Ops made of ops, by the same families as the ops; no derivatives live here. Importing this package registers them."""

from dynagrad.composite import (
    arrange,
    decompositions,
    einsum,
    linear_systems,
    norms,
    pools,
    products,
    statistics,
    vectors,
)

__all__ = [
    "arrange",
    "decompositions",
    "einsum",
    "linear_systems",
    "norms",
    "pools",
    "products",
    "statistics",
    "vectors",
]
