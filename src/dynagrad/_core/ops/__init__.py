"""The ops by family: values, derivatives, documentation and cards. Importing this package registers them all."""

from dynagrad._core.ops import copy, create, pointwise, reduce, view

__all__ = ["copy", "create", "pointwise", "reduce", "view"]
