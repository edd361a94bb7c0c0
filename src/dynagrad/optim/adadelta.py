"""Adadelta: steps in the units of the parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_positive, check_rate, count_of, decayed

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["Adadelta"]


class Adadelta(GroupOptimizer):
    """Adadelta (Zeiler, 2012): the gradient times the ratio of the sizes of past updates and past gradients.

    Args:
        params: what to optimise.
        lr: the factor of each step.
        rho: the decay rate of the running means of squares, in [0, 1].
        eps: added under both roots.
        weight_decay: times the parameter, is added to the gradient.
        foreach, capturable, maximize, differentiable: as `Adam`'s.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9968], requires_grad=True)
    """

    _rule = optimise.ADADELTA
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "foreach": None, "maximize": False, "differentiable": False, "capturable": False,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_positive(eps=eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        })  # fmt: skip

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = count_of(group)
        state["square_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        state["acc_delta"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        rho, eps = group["rho"], group["eps"]
        square, updates = state["square_avg"], state["acc_delta"]
        state["step"] += 1
        grad = decayed(grad, p, group["weight_decay"])
        square.mul_(rho)
        square.add_(grad * grad * (1 - rho))
        delta = updates.add(eps).sqrt() / square.add(eps).sqrt() * grad
        updates.mul_(rho)
        updates.add_(delta * delta * (1 - rho))
        p.sub_(delta * group["lr"])
