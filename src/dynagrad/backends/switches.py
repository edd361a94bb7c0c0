"""Switches of libraries that are not there: they keep what is set, and AttributeError names what they do not know."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


class Switches:
    """Named values that programs may set.

    >>> from dynagrad.backends.switches import Switches
    >>> tensor_cores = Switches(allow_tf32=False)
    >>> tensor_cores.allow_tf32 = True
    >>> tensor_cores.allow_tf32
    True
    """

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__:
            raise AttributeError("Unknown attribute " + name)
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        raise AttributeError("Unknown attribute " + name)


@contextlib.contextmanager
def values_within(place: dict[str, Any], **values: Any) -> Iterator[None]:
    """Sets entries of a namespace inside a ``with`` block; those given as None stay as they are.

    >>> from dynagrad.backends.switches import values_within
    >>> place = {"enabled": True}
    >>> with values_within(place, enabled=False):
    ...     place["enabled"]
    False
    >>> place["enabled"]
    True
    """
    before = {name: place[name] for name in values}
    place.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        place.update(before)
