"""The ops by family: values, derivatives, documentation and cards. Importing this package registers them all."""

from dynagrad._core.ops import (
    addmm,
    copy,
    create,
    data,
    exchange,
    extreme,
    linalg,
    lines,
    matrix,
    moments,
    pointwise,
    random,
    reduce,
    sort,
    view,
)

__all__ = [
    "addmm",
    "copy",
    "create",
    "data",
    "exchange",
    "extreme",
    "linalg",
    "lines",
    "matrix",
    "moments",
    "pointwise",
    "random",
    "reduce",
    "sort",
    "view",
]
