"""OneCycleLR: up to a largest rate and far down again in one run (Smith and Topin, 2018)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dynagrad.optim.lr_scheduler.schedule import (
    LRScheduler,
    begin_momentum_cycle,
    check_optimizer,
    for_each_group,
    set_momentum,
)

if TYPE_CHECKING:
    from typing import Any

    from dynagrad.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """From ``max_lr / div_factor`` to ``max_lr``, then to ``1 / final_div_factor`` of the start; once per batch.

    Args:
        optimizer: what to schedule.
        max_lr: one for all groups or one for each.
        total_steps: batches in all; or ``epochs`` times ``steps_per_epoch``. ValueError if neither is given.
        pct_start: the share of the rise, a float in [0, 1].
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum, base_momentum, max_momentum: of the momentum, which goes the other way; ValueError if the
            optimiser has none.
        three_phase: falls to the start as long as it rose, and then to the end.

    ``step`` raises ValueError after ``total_steps``.

    >>> import dynagrad
    >>> optimizer = dynagrad.optim.SGD([dynagrad.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> schedule = dynagrad.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5.0, total_steps=10, div_factor=5.0)
    >>> schedule.get_last_lr()
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(pct_start, self.total_steps, three_phase)
        tops = for_each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            begin_momentum_cycle(optimizer, base_momentum, max_momentum, last_epoch)
            self.use_beta1 = "betas" in optimizer.defaults
        super().__init__(optimizer, last_epoch)

    def _between(self, start: Any, end: Any, share: float) -> Any:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[Any]:
        """The rates at batch ``last_epoch``; sets the momenta too."""
        self._warn_if_called_directly()
        here = self.last_epoch
        if here > self.total_steps:
            raise ValueError(f"Tried to step {here} times. The specified number of total steps is {self.total_steps}")
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if here <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        share = (here - start) / (end - start)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self._between(*ends, share), self.use_beta1)
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], share) for group in groups]


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return _positive("total_steps", total_steps)
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value


def _phases(pct_start: float, total_steps: int, three_phase: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which options of a group it leads."""

    def phase(end: float, rates: tuple[str, str], momenta: tuple[str, str]) -> dict[str, Any]:
        return {
            "end_step": end, "start_lr": rates[0], "end_lr": rates[1], "start_momentum": momenta[0],
            "end_momentum": momenta[1],
        }  # fmt: skip

    high, low = "max_momentum", "base_momentum"
    rise = phase(float(pct_start * total_steps) - 1, ("initial_lr", "max_lr"), (high, low))
    if not three_phase:
        return [rise, phase(total_steps - 1, ("max_lr", "min_lr"), (low, high))]
    fall = phase(float(2 * pct_start * total_steps) - 2, ("max_lr", "initial_lr"), (low, high))
    return [rise, fall, phase(total_steps - 1, ("initial_lr", "min_lr"), (high, high))]
