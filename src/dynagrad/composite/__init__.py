"""Ops made of ops, by the same families as the ops; no derivatives live here. Importing this package registers them."""

from dynagrad.composite import (
    affine,
    arrange,
    calculus,
    copies,
    decompositions,
    einsum,
    former,
    hosts,
    instance,
    internal,
    kinds,
    linear_systems,
    lowrank,
    norms,
    pools,
    products,
    reductions,
    segments,
    sets,
    special,
    statistics,
    vectors,
)
from dynagrad.tensor import take_methods

__all__ = [
    "affine",
    "arrange",
    "calculus",
    "copies",
    "decompositions",
    "einsum",
    "former",
    "hosts",
    "instance",
    "internal",
    "kinds",
    "linear_systems",
    "lowrank",
    "norms",
    "pools",
    "products",
    "reductions",
    "segments",
    "sets",
    "special",
    "statistics",
    "vectors",
]

take_methods()
