"""What the optimisers share that have no native rule: a step over every parameter by a formula in ordinary ops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad.optim.optimizer import Optimizer
from dynagrad.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class OpsOptimizer(Optimizer):
    """Steps each parameter that has a gradient by ``_update``, which is not recorded."""

    def _new_state(self, p: Tensor, state: dict[str, Any]) -> None:
        """Fills the empty state of a parameter."""
        raise NotImplementedError

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Steps one parameter. ``grad`` is turned already if the group maximises."""
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; ``closure``, if given, computes the loss and the gradients anew, and the loss is returned."""
        loss = None
        if closure is not None:
            with dynagrad.enable_grad():
                loss = closure()
        with dynagrad.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if not state:
                        self._new_state(p, state)
                    self._update(p, -p.grad if group.get("maximize") else p.grad, state, group)
        return loss


def check_words(**options: Any) -> None:
    """Refuses negative options, with ValueError, in the words of the newer optimisers."""
    for name, value in options.items():
        if not value >= 0.0:
            words = "Learning rate" if name == "lr" else name
            raise ValueError(f"{words} should be >= 0 but is: {value}")


def check_one(lr: Any) -> None:
    """Refuses a learning rate that is a tensor of several elements, with ValueError."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
