"""The options of layers that say how their parameters are made."""

from __future__ import annotations

from typing import Any

__all__ = ["factory_kwargs"]

_KNOWN = ("device", "dtype", "memory_format")


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Those of ``device``, ``dtype`` and ``memory_format`` that were given, also in a dict named ``factory_kwargs``.

    TypeError for other names, and for one that is given twice.

    >>> import dynagrad as torch
    >>> torch.nn.factory_kwargs({"factory_kwargs": {"dtype": torch.float64}})
    {'dtype': torch.float64}
    """
    if kwargs is None:
        return {}
    rest = {name: value for name, value in kwargs.items() if name not in (*_KNOWN, "factory_kwargs")}
    if rest:
        raise TypeError(f"unexpected kwargs {rest.keys()}")
    made = dict(kwargs.get("factory_kwargs", {}))
    for name in _KNOWN:
        if name in kwargs:
            if name in made:
                raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
            made[name] = kwargs[name]
    return made
