"""What ops do to batched tensors, by family. Importing this package files the rules; an op without one is looped over."""

from dynagrad.func.rules import (
    creation,
    fallback,
    functions,
    images,
    indexing,
    layers,
    linear_algebra,
    losses,
    pointwise,
    products,
    random,
    reductions,
    views,
)

__all__ = [
    "creation",
    "fallback",
    "functions",
    "images",
    "indexing",
    "layers",
    "linear_algebra",
    "losses",
    "pointwise",
    "products",
    "random",
    "reductions",
    "views",
]
