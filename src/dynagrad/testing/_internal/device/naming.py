"""How a test that is made for a device and a dtype is called, and what it is given."""

from __future__ import annotations

from typing import Any

from dynagrad.testing._internal.utils.dtypes import dtype_name


def _dtype_test_suffix(dtypes: Any) -> str:
    """``_float32`` for a dtype, ``_int64_float32`` for two, nothing for none.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._internal.device.naming import _dtype_test_suffix
    >>> _dtype_test_suffix((torch.int64, torch.float32))
    '_int64_float32'
    """
    several = dtypes if isinstance(dtypes, (list, tuple)) else [] if dtypes is None else [dtypes]
    return "".join(f"_{dtype_name(dtype)}" for dtype in several)


def _update_param_kwargs(param_kwargs: dict[str, Any], name: str, value: Any) -> None:
    """Sets the argument ``dtype`` to a dtype, or ``dtypes`` to several; None leaves neither."""
    param_kwargs.pop(name, None)
    param_kwargs.pop(f"{name}s", None)
    if isinstance(value, (list, tuple)):
        param_kwargs[f"{name}s"] = value
    elif value is not None:
        param_kwargs[name] = value
