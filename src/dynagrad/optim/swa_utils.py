"""Averages of the weights of a model over its training: SWA (Izmailov et al., 2018) and exponential ones."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import dynagrad
from dynagrad.nn import Module
from dynagrad.optim.lr_scheduler.schedule import LRScheduler, for_each_group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from dynagrad.optim.optimizer import Optimizer
    from dynagrad.tensor import Tensor

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """A function that moves lists of averages by ``1 - decay`` of the way to the values. ValueError outside [0, 1].

    >>> import dynagrad
    >>> average, value = dynagrad.zeros(1), dynagrad.ones(1)
    >>> dynagrad.optim.swa_utils.get_ema_multi_avg_fn(0.75)([average], [value], 1)
    >>> average
    tensor([0.2500])
    """
    _check_decay(decay)

    @dynagrad.no_grad()
    def ema_update(averages: list[Tensor], values: list[Tensor], _: Any) -> None:
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(average * decay + value * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """A function that moves lists of averages of ``n`` values to those of ``n + 1``.

    >>> import dynagrad
    >>> average, value = dynagrad.zeros(1), dynagrad.ones(1)
    >>> dynagrad.optim.swa_utils.get_swa_multi_avg_fn()([average], [value], 3)
    >>> average
    tensor([0.2500])
    """

    @dynagrad.no_grad()
    def swa_update(averages: list[Tensor], values: list[Tensor], num_averaged: Any) -> None:
        share = 1 / (float(num_averaged) + 1)
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, share)
            else:
                average.copy_(average + (value - average) / (float(num_averaged) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Any]:
    """A function of an average and a value: ``decay * average + (1 - decay) * value``. ValueError outside [0, 1].

    >>> import dynagrad
    >>> dynagrad.optim.swa_utils.get_ema_avg_fn(0.75)(dynagrad.zeros(1), dynagrad.ones(1), 1)
    tensor([0.2500])
    """
    _check_decay(decay)

    @dynagrad.no_grad()
    def ema_update(average: Tensor, value: Tensor, _: Any) -> Tensor:
        return decay * average + (1 - decay) * value

    return ema_update


def get_swa_avg_fn() -> Callable[..., Any]:
    """A function of the average of ``n`` values and one more value: the average of ``n + 1``.

    >>> import dynagrad
    >>> dynagrad.optim.swa_utils.get_swa_avg_fn()(dynagrad.zeros(1), dynagrad.ones(1), 3)
    tensor([0.2500])
    """

    @dynagrad.no_grad()
    def swa_update(average: Tensor, value: Tensor, num_averaged: Any) -> Tensor:
        return average + (value - average) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model that holds the average of its weights.

    Args:
        model: copied deeply into ``module``.
        device: where the copy lives.
        avg_fn: of (average, value, number of values so far), the next average of one tensor.
        multi_avg_fn: the same for lists of tensors, in place. AssertionError if both are given, an equal
            average if none is.
        use_buffers: averages buffers too; otherwise they are those of the model at the last update.

    >>> import dynagrad
    >>> model = dynagrad.nn.Linear(1, 1)
    >>> average = dynagrad.optim.swa_utils.AveragedModel(model)
    >>> average.update_parameters(model)
    >>> int(average.n_averaged)
    1
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[..., Any] | None = None,
        multi_avg_fn: Callable[..., Any] | None = None,
        use_buffers: bool = False,
    ) -> None:
        from copy import deepcopy

        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", dynagrad.tensor(0, dtype=dynagrad.long))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the weights of ``model`` into the average."""
        mine: list[Tensor]
        theirs: list[Tensor]
        mine, theirs = list(self.module.parameters()), list(model.parameters())
        if self.use_buffers:
            mine, theirs = mine + list(self.module.buffers()), theirs + list(model.buffers())
        averages = [p.detach() for p in mine]
        values = [p.detach() for p in theirs]
        if int(self.n_averaged) == 0:
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)
        elif self.avg_fn is not None:
            for average, value in zip(averages, values, strict=True):
                average.copy_(self.avg_fn(average, value, self.n_averaged))
        else:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            for _, pairs in itertools.groupby(
                sorted(zip(averages, values, strict=True), key=lambda pair: str(pair[0].dtype)),
                key=lambda pair: str(pair[0].dtype),
            ):
                alike = list(pairs)
                update([pair[0] for pair in alike], [pair[1] for pair in alike], self.n_averaged)
        if not self.use_buffers:
            for kept, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                kept.detach().copy_(buffer.detach())
        self.n_averaged += 1


@dynagrad.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of the batch norms of ``model`` anew, over one pass of ``loader``.

    Args:
        loader: gives inputs, or sequences whose first item is the input.
        model: run in training mode; its mode is put back afterwards.
        device: where inputs go.

    >>> import dynagrad
    >>> model = dynagrad.nn.BatchNorm1d(1)
    >>> dynagrad.optim.swa_utils.update_bn([dynagrad.tensor([[1.0], [3.0]])], model)
    >>> model.running_mean
    tensor([2.])
    """
    from dynagrad.nn.modules.batchnorm import _BatchNorm

    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(inputs if device is None else inputs.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present rate to ``swa_lr`` in ``anneal_epochs`` epochs, along a cosine or a line, and stays there.

    Args:
        optimizer: what to schedule.
        swa_lr: one for all groups or one for each.
        anneal_epochs: a non-negative int, else ValueError.
        anneal_strategy: ``"cos"`` or ``"linear"``, else ValueError.

    >>> import dynagrad
    >>> optimizer = dynagrad.optim.SGD([dynagrad.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = dynagrad.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for rate, group in zip(for_each_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How much of the way to ``swa_lr`` is gone at share ``t`` of the epochs."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def _gone(self, step: int) -> float:
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self) -> list[Any]:
        """The rates at the present step."""
        self._warn_if_called_directly()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._gone(step - 1), self._gone(step)
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates
