"""``GradScaler``: losses are scaled, so that small gradients survive in a narrow dtype."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import dynagrad

__all__ = ["GradScaler"]


class _Round:
    """What one optimizer went through since the last update: whether it was unscaled and stepped, what was found."""

    def __init__(self) -> None:
        self.unscaled = self.stepped = False
        self.overflowed: bool | None = None  # None: no gradient was looked at


class GradScaler:
    """Multiplies losses, so that small gradients survive in a narrow dtype, and divides the gradients before the step.

    A step whose gradients hold an infinity or a NaN is left out, and the scale becomes smaller; after
    ``growth_interval`` steps in a row that were not, it becomes larger.

    Args:
        device: "cuda" switches the scaler off with a warning, for there is none.
        init_scale: the first scale.
        growth_factor: what the scale is multiplied by when it grows; more than 1.
        backoff_factor: what it is multiplied by when a step was left out; less than 1.
        growth_interval: how many steps in a row let it grow.
        enabled: False passes on everything as it is.

    Raises:
        AssertionError: a factor is on the wrong side of 1; or a method is called out of order.

    >>> import dynagrad
    >>> x = dynagrad.ones(1, requires_grad=True)
    >>> optimizer, scaler = dynagrad.optim.SGD([x], lr=0.25), dynagrad.amp.GradScaler("cpu")
    >>> scaler.scale(x.sum()).backward()
    >>> x.grad
    tensor([65536.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> x
    tensor([0.7500], requires_grad=True)
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
        if device == "cuda" and enabled:
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            enabled = False
        if enabled and growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if enabled and backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._device, self._enabled = device, enabled
        self._init_scale, self._scale = init_scale, None  # a tensor from the first call of scale() on
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        self._rounds: dict[int, _Round] = {}

    _scale: Any

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def scale(self, outputs: Any) -> Any:
        """The outputs, a tensor or tensors in lists, tuples and other iterables, times the scale.

        Raises ValueError for anything else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, dynagrad.Tensor):
            if self._scale is None:
                self._scale = dynagrad.tensor(self._init_scale, dtype=dynagrad.float32)
            return outputs * self._scale
        if not isinstance(outputs, Iterable):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")  # noqa: TRY004  # PyTorch's kind
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled

    def _check_scaled(self, method: str) -> None:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {method} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )

    def unscale_(self, optimizer: Any) -> None:
        """Divides the optimizer's gradients by the scale, for clipping, say; ``step`` does it if nobody has.

        Raises RuntimeError a second time before ``update``, and ValueError for float16 gradients.
        """
        if not self._enabled:
            return
        self._check_scaled("unscale_")
        state = self._rounds.setdefault(id(optimizer), _Round())
        if state.stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if state.unscaled:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if any(grad.dtype is dynagrad.float16 for grad in grads):
            raise ValueError("Attempting to unscale FP16 gradients.")
        state.overflowed = _divided(grads, self._scale) if grads else None
        state.unscaled = True

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's step, with gradients divided by the scale; None, and no step, if they are not all finite.

        Raises RuntimeError for a closure, and a second time before ``update``.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scaled("step")
        state = self._rounds.setdefault(id(optimizer), _Round())
        if state.stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if not state.unscaled:
            self.unscale_(optimizer)
        if state.overflowed is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None if state.overflowed else optimizer.step(*args, **kwargs)
        state.stepped = True
        return result

    def update(self, new_scale: Any = None) -> None:
        """The scale of the next iteration: ``new_scale``, a float or a tensor of one element, or what the steps ask for."""
        if not self._enabled:
            return
        self._check_scaled("update")
        if new_scale is None:
            self._follow_the_steps()
        elif isinstance(new_scale, float):
            self._scale.fill_(new_scale)
        else:
            if new_scale.numel() != 1 or new_scale.requires_grad:
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                    "requires_grad=False."
                )
            self._scale.fill_(new_scale.item())
        self._rounds.clear()

    def _follow_the_steps(self) -> None:
        """A smaller scale after an overflow, a larger one, if it is finite, after enough steps without."""
        found = [state.overflowed for state in self._rounds.values() if state.overflowed is not None]
        if not found:
            raise AssertionError("No inf checks were recorded prior to update.")
        if any(found):
            self._scale, self._growth_tracker = self._scaled_by(self._backoff_factor), 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            self._growth_tracker = 0
            grown = self._scaled_by(self._growth_factor)
            if math.isfinite(grown.item()):
                self._scale = grown

    def _scaled_by(self, factor: float) -> dynagrad.Tensor:
        """The scale times a factor, rounded once; a new tensor, for a graph may hold the old one."""
        return dynagrad.tensor(self._scale.item() * factor, dtype=dynagrad.float32)

    def get_scale(self) -> float:
        """The scale; 1 if it does not scale."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by when a step was left out."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many steps in a row let the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets it."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        return self._growth_tracker

    def state_dict(self) -> dict[str, Any]:
        """The scale, the factors, the interval and how many steps of it are done; nothing if it does not scale."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` returned. RuntimeError if that was of a scaler that does not scale."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        if self._rounds:
            raise AssertionError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                "scaler.update()."
            )
        return {**vars(self), "_init_scale": self.get_scale(), "_scale": None}


def _divided(grads: list[Any], scale: Any) -> bool:
    """Divides in place; whether one was not finite before."""
    inverse = (1.0 / scale.double()).float().item()  # rounded once, as PyTorch rounds it
    with dynagrad.no_grad():
        finite = [bool(grad.isfinite().all()) for grad in grads]
        if inverse != 1.0:
            for grad in grads:
                grad.mul_(inverse)
    return not all(finite)
