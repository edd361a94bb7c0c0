"""The ops by family: values, derivatives, documentation and cards. Importing this package registers them all."""

from dynagrad._core.ops import copy, create, exchange, matrix, pointwise, random, reduce, view

__all__ = ["copy", "create", "exchange", "matrix", "pointwise", "random", "reduce", "view"]
