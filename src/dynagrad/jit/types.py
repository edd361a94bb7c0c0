"""Types of values, as scripted programs state and ask for them."""

from __future__ import annotations

import builtins
import types
import typing
import warnings
from typing import Any

__all__ = ["annotate", "isinstance"]

_CONTAINERS = (list, dict, tuple)


def annotate(the_type: Any, the_value: Any) -> Any:  # noqa: ARG001  # a word for the compiler
    """The value.

    >>> import dynagrad as torch
    >>> torch.jit.annotate(list[int], [])
    []
    """
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether an object is of a type, or of one of a tuple of types, which may say what containers hold.

    Args:
        obj: any object; of containers every item is looked at, and a warning says that an empty one fits any type.
        target_type: a class; ``list[T]``, ``dict[K, V]``, ``tuple[A, B]``, ``Optional[T]``, unions, or a tuple of such.

    RuntimeError for a container's type without that of its items.

    >>> import dynagrad as torch
    >>> torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance([1, "2"], list[int])
    (True, False)
    """
    return _is(obj, target_type)


def _is(obj: Any, kind: Any) -> bool:
    if builtins.isinstance(kind, tuple):
        return any(_is(obj, each) for each in kind)
    if kind in (typing.List, typing.Dict, typing.Tuple, *_CONTAINERS):  # noqa: UP006  # as programs write them
        name = typing.get_origin(kind) or kind
        example = {list: "list[int]", dict: "dict[int, int]", tuple: "tuple[int]"}[name]
        raise RuntimeError(
            f"Attempted to use {name.__name__} without a contained type. Please add a contained type, e.g. {example}"
        )
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(obj is None if each is type(None) else _is(obj, each) for each in inner)
    if origin not in _CONTAINERS:
        return builtins.isinstance(obj, origin or kind)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is tuple:
        return len(obj) == len(inner) and all(map(_is, obj, inner))
    if not obj:
        warnings.warn(
            "The inner type of a container is lost when calling torch.jit.isinstance in eager mode. For example, "
            "List[int] would become list and therefore falsely return True for List[float] or List[str].",
            stacklevel=3,
        )
    if origin is list:
        return all(_is(each, inner[0]) for each in obj)
    return all(_is(key, inner[0]) and _is(value, inner[1]) for key, value in obj.items())
