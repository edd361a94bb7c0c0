"""``torch.cuda.amp``, which PyTorch has given up for ``torch.amp``: the same without CUDA, and a warning that says so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import dynagrad
from dynagrad import amp

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]


def amp_definitely_not_available() -> bool:
    """True: there is no CUDA.

    >>> from dynagrad.cuda.amp import amp_definitely_not_available
    >>> amp_definitely_not_available()
    True
    """
    return True


def _warn(name: str, instead: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{instead}` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):  # noqa: N801  # PyTorch's name
    """A region without automatic casts; a warning says that there is no CUDA."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        _warn("autocast", "autocast('cuda', args...)")
        super().__init__("cuda", dynagrad.float16 if dtype is None else dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """A scaler of losses that passes on what it is given; a warning says that there is no CUDA."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _warn("GradScaler", "GradScaler('cuda', args...)")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: Any = None) -> Callable[..., Any]:
    """The function, as ``torch.amp.custom_fwd``."""
    _warn("custom_fwd", "custom_fwd(args..., device_type='cuda')")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Callable[..., Any]:
    """The function, as ``torch.amp.custom_bwd``."""
    _warn("custom_bwd", "custom_bwd(args..., device_type='cuda')")
    return amp.custom_bwd(bwd, device_type="cuda")
