"""``torch.amp`` in the forms that change nothing: there is no reduced precision here, and asking for it is an error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["GradScaler", "autocast", "is_autocast_available"]


def is_autocast_available(device_type: str) -> bool:  # noqa: ARG001
    """False: no device computes in a reduced precision on its own.

    >>> import dynagrad
    >>> dynagrad.amp.is_autocast_available("cpu")
    False
    """
    return False


def _switched_off(what: str, device_type: str, enabled: bool) -> None:
    """Warns where PyTorch, too, goes on without; raises where it would round."""
    if not enabled:
        return
    if device_type == "cuda":
        warnings.warn(f"{what}: CUDA is not available. Disabling.", UserWarning, stacklevel=3)
        return
    raise NotImplementedError(
        f"{what}: dynagrad computes in the dtypes given; say enabled=False, or convert with .to()"
    )


class autocast:  # noqa: N801  # PyTorch's name
    """A region without automatic casts, as a context or a decorator: ``enabled=False``, or CUDA, which is not there.

    >>> import dynagrad
    >>> with dynagrad.amp.autocast("cpu", enabled=False):
    ...     dynagrad.ones(1).dtype
    torch.float32
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        _switched_off("autocast", device_type, enabled)
        self.device, self.fast_dtype, self.cache_enabled = device_type, dtype, cache_enabled

    def __enter__(self) -> autocast:  # noqa: PYI034  # typing.Self would cost an import
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function."""
        return function


class GradScaler:
    """A scaler of losses that is switched off: every call passes on what it is given.

    >>> import dynagrad
    >>> dynagrad.amp.GradScaler(enabled=False).scale(dynagrad.ones(1))
    tensor([1.])
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _switched_off("GradScaler", device, enabled)
        self.unused = (init_scale, growth_factor, backoff_factor, growth_interval)

    def is_enabled(self) -> bool:
        """False."""
        return False

    def get_scale(self) -> float:
        """1."""
        return 1.0

    def scale(self, outputs: Any) -> Any:
        """The outputs."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing was scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimiser's step."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """There is no scale."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing is read."""
