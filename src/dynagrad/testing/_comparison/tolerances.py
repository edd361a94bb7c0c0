"""How far apart two numbers may be and still count as the same, by their dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dynagrad as torch
from dynagrad.testing._comparison.errors import ErrorMeta

# (rtol, atol), PyTorch's. Whatever is not named here is compared exactly.
TOLERANCES: dict[torch.dtype, tuple[float, float]] = {
    torch.float16: (1e-3, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float32: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7),
    torch.complex32: (1e-3, 1e-5),
    torch.complex64: (1.3e-6, 1e-5),
    torch.complex128: (1e-7, 1e-7),
}


def default_tolerances(
    *inputs: Any, dtype_precisions: Mapping[torch.dtype, tuple[float, float]] | None = None
) -> tuple[float, float]:
    """The loosest relative and the loosest absolute tolerance of what is given: tensors or dtypes.

    Args:
        dtype_precisions: ``(rtol, atol)`` by dtype, in place of PyTorch's table.

    Raises:
        TypeError: for anything that is neither a tensor nor a dtype.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._comparison import default_tolerances
    >>> default_tolerances(torch.float32, torch.ones(2, dtype=torch.float64))
    (1.3e-06, 1e-05)
    """
    known = dtype_precisions or TOLERANCES
    found = [known.get(_dtype_of(value), (0.0, 0.0)) for value in inputs]
    return max(rtol for rtol, _ in found), max(atol for _, atol in found)


def _dtype_of(value: Any) -> torch.dtype:
    if isinstance(value, torch.Tensor):
        return value.dtype
    if isinstance(value, torch.dtype):
        return value
    raise TypeError(f"Expected a torch.Tensor or a torch.dtype, but got {type(value)} instead.")


def get_tolerances(
    *inputs: Any, rtol: float | None, atol: float | None, id: tuple[Any, ...] = ()
) -> tuple[float, float]:
    """The tolerances that a user gave, or the default ones of the inputs where none was given.

    Raises:
        ErrorMeta: of a ValueError, where only one of the two was given: the other would surprise.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._comparison import get_tolerances
    >>> get_tolerances(torch.int64, rtol=None, atol=None)
    (0.0, 0.0)
    """
    if rtol is not None and atol is not None:
        return rtol, atol
    if rtol is None and atol is None:
        return default_tolerances(*inputs)
    missing = "rtol" if rtol is None else "atol"
    raise ErrorMeta(
        ValueError, f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.", id=id
    )
