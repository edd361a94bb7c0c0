"""The ops by family: values, derivatives, documentation and cards. Importing this package registers them all."""

from dynagrad._core.ops import (
    copy,
    create,
    exchange,
    extreme,
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
    "copy",
    "create",
    "exchange",
    "extreme",
    "lines",
    "matrix",
    "moments",
    "pointwise",
    "random",
    "reduce",
    "sort",
    "view",
]
