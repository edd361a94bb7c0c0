"""Whether two results agree: kinds, dtypes, shapes, and numbers within PyTorch's tolerances."""

from __future__ import annotations

from typing import Any

import torch

import dynagrad


def difference(expected: Any, found: Any, exact: Any = None) -> str:
    """How dynagrad's result differs from PyTorch's; nothing if they agree.

    PyTorch leaves some gradients that are zero undefined: zeros are as good.

    Args:
        exact: PyTorch's result for the same inputs in float64, where the result is a float32 one: a number that is no
            further from it than twice PyTorch's own is as good, whatever way it was rounded.
    """
    if isinstance(expected, torch.Tensor) and isinstance(found, torch.Tensor):
        return "" if torch.equal(expected, found) else "other elements chosen"
    if isinstance(expected, torch.Tensor):
        if not isinstance(found, dynagrad.Tensor):
            return f"{type(found).__name__} instead of a tensor"
        return _tensor_difference(expected, found, exact if isinstance(exact, torch.Tensor) else None)
    if expected is None and isinstance(found, dynagrad.Tensor):
        return "" if bool((found == 0).all()) else "a tensor instead of None"
    if isinstance(expected, (tuple, list)):
        if not isinstance(found, (tuple, list)) or len(found) != len(expected):
            return f"{type(found).__name__} instead of {len(expected)} parts"
        finer = exact if isinstance(exact, (tuple, list)) else [None] * len(expected)
        parts = zip(expected, found, finer, strict=True)
        return next((text for e, f, x in parts if (text := difference(e, f, x))), "")
    if isinstance(expected, torch.dtype):
        return "" if str(expected) == str(found) else f"{found} instead of {expected}"
    if isinstance(expected, (bool, int, float)) or expected is None:
        return _number_difference(expected, found)
    return "" if str(expected) == str(found) else f"{type(found).__name__} instead of {type(expected).__name__}"


def _number_difference(expected: Any, found: Any) -> str:
    if type(expected) is not type(found):
        return f"{type(found).__name__} instead of {type(expected).__name__}"
    if expected is None or expected == found or (expected != expected and found != found):  # noqa: PLR0124  # NaN
        return ""
    close = isinstance(expected, float) and abs(expected - found) <= 1e-7 + 1e-6 * abs(expected)
    return "" if close else "another number"


def _tensor_difference(expected: torch.Tensor, found: Any, exact: torch.Tensor | None) -> str:
    if str(expected.dtype) != str(found.dtype):
        return f"dtype {found.dtype} instead of {expected.dtype}"
    if tuple(expected.shape) != tuple(found.shape):
        return f"shape {tuple(found.shape)} instead of {tuple(expected.shape)}"
    if expected.layout != torch.strided:
        return "" if str(expected.layout) == str(found.layout) else "another layout"
    ours = to_torch(found)
    theirs = expected.detach().resolve_conj().resolve_neg()
    try:
        torch.testing.assert_close(ours, theirs, equal_nan=True)
    except AssertionError:
        return "" if exact is not None and as_good(ours, theirs, exact.detach()) else _mismatch(ours, theirs)
    return ""


def as_good(ours: torch.Tensor, theirs: torch.Tensor, exact: torch.Tensor) -> bool:
    """Whether float32 numbers are as near to the float64 ones as PyTorch's are, within a factor of two."""
    if ours.dtype != torch.float32 or exact.dtype != torch.float64 or exact.shape != ours.shape:
        return False
    finite = exact.isfinite()
    if not torch.equal(ours.isfinite(), finite) or not torch.equal(theirs.isfinite(), finite):
        return False
    off, allowed = ((each.double() - exact)[finite].abs().max() for each in (ours, theirs))
    return bool(off <= 2 * allowed + 1e-5 + 1.3e-6 * exact[finite].abs().max())


def _mismatch(ours: torch.Tensor, theirs: torch.Tensor) -> str:
    unlike = ours.isnan() != theirs.isnan()
    if unlike.any():
        return "NaN at other places"
    if ours.dtype.is_floating_point:
        off = (ours.double() - theirs.double()).abs() / (theirs.double().abs() + 1e-30)
        off = off[off.isfinite()]
        return (
            f"numbers differ, by 1e{round(torch.log10(off.max()).item())} relatively" if off.numel() else "infinities"
        )
    return "numbers differ"


def to_torch(tensor: Any) -> torch.Tensor:
    """A dynagrad tensor's numbers as a PyTorch tensor."""
    plain = tensor.detach().contiguous()
    return torch.from_dlpack(plain.clone()) if plain.numel() else torch.empty(tuple(plain.shape), dtype=dtype(plain))


def dtype(tensor: Any) -> torch.dtype:
    """PyTorch's dtype of the same name."""
    return getattr(torch, str(tensor.dtype).removeprefix("torch."))
