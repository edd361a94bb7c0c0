"""A module made without drawing its parameters."""

from __future__ import annotations

import inspect
from typing import Any

import dynagrad

__all__ = ["skip_init"]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """``module_cls(*args, **kwargs)`` with uninitialised parameters; no random numbers are used up.

    Raises RuntimeError for what is no Module, or takes no ``device``.
    """
    if not issubclass(module_cls, dynagrad.nn.Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    parameters = inspect.signature(module_cls).parameters
    if "device" not in parameters and not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    state = dynagrad.get_rng_state()
    try:
        made = module_cls(*args, **kwargs)
    finally:
        dynagrad.set_rng_state(state)
    return made.to_empty(device=kwargs.get("device", "cpu"))
