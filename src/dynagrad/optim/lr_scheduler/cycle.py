"""CyclicLR: rates that go up and down between two bounds (Smith, 2017)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dynagrad.optim.lr_scheduler.schedule import (
    LRScheduler,
    begin_momentum_cycle,
    check_optimizer,
    for_each_group,
    set_momentum,
    set_value,
    state_of_callable,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dynagrad.optim.optimizer import Optimizer


class CyclicLR(LRScheduler):
    """Between ``base_lr`` and ``max_lr``, once per batch; the momentum goes the other way.

    Args:
        optimizer: what to schedule.
        base_lr, max_lr: the bounds; one for all groups or one for each.
        step_size_up, step_size_down: batches of the two halves; the second is as long as the first if not given.
        mode: ``"triangular"``; ``"triangular2"``, whose height halves every cycle; ``"exp_range"``, whose height is
            ``gamma ** batches``. ValueError for others without a ``scale_fn``.
        scale_fn, scale_mode: the height as a function of the cycle (``"cycle"``) or of the batch (``"iterations"``).
        cycle_momentum, base_momentum, max_momentum: of the momentum; ValueError if the optimiser has none.

    >>> import dynagrad
    >>> optimizer = dynagrad.optim.SGD([dynagrad.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> schedule = dynagrad.optim.lr_scheduler.CyclicLR(optimizer, base_lr=1.0, max_lr=3.0, step_size_up=2)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [2.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        bases = for_each_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(bases, optimizer.param_groups, strict=True):
                set_value(group, "lr", rate)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (float(step_size_down) if step_size_down is not None else up)
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        by_batch = scale_fn is None and mode == "exp_range"
        self.scale_mode = ("iterations" if by_batch else "cycle") if scale_fn is None else scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = begin_momentum_cycle(
                optimizer, base_momentum, max_momentum, last_epoch
            )
            self.use_beta1 = "betas" in optimizer.defaults
        super().__init__(optimizer, last_epoch)
        self.base_lrs = bases

    def scale_fn(self, x: float) -> float:
        """The height of a cycle, of the cycle's number or the batch's."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / 2.0 ** (x - 1)
        return 1.0 if self.mode == "triangular" else self.gamma**x

    def get_lr(self) -> list[Any]:
        """The rates at batch ``last_epoch``; sets the momenta too."""
        self._warn_if_called_directly()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        part = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            ends = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in ends:
                set_momentum(group, high - (high - low) * part * height, self.use_beta1)
        return [low + (high - low) * part * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimiser; of a callable object its attributes, of a plain function nothing."""
        found = super().state_dict()
        found["_scale_fn_custom"] = state_of_callable(self._scale_fn_custom)
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what ``state_dict`` returned; a plain function stays the one given at the start."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        attributes = state_dict.get("_scale_fn_custom")
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)
