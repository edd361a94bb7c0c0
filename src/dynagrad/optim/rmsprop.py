"""RMSprop: steps divided by the root of a running mean of squared gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_positive, check_rate, count_of, decayed

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["RMSprop"]


class RMSprop(GroupOptimizer):
    """RMSprop (Hinton's lecture 6e); centred, it divides by an estimate of the standard deviation (Graves, 2013).

    Args:
        params: what to optimise.
        lr: the learning rate.
        alpha: the decay rate of the mean of squares.
        eps: added to the root.
        weight_decay: times the parameter, is added to the gradient.
        momentum: of a buffer of the divided gradients.
        centered: subtracts the square of the running mean.
        capturable, foreach, maximize, differentiable: as `Adam`'s.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    _rule = optimise.RMSPROP
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "momentum": 0, "centered": False, "foreach": None, "maximize": False, "differentiable": False,
        "capturable": False,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_positive(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        })  # fmt: skip

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = count_of(group)
        state["square_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        if group["momentum"] > 0:
            state["momentum_buffer"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        if group["centered"]:
            state["grad_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        alpha, square = group["alpha"], state["square_avg"]
        state["step"] += 1
        grad = decayed(grad, p, group["weight_decay"])
        square.mul_(alpha)
        square.add_(grad * grad * (1 - alpha))
        if group["centered"]:
            mean = state["grad_avg"]
            mean.lerp_(grad, 1 - alpha)
            square = square - mean * mean
        step = grad / (square.sqrt() + group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer.mul_(group["momentum"]).add_(step)
            step = buffer.clone()
        p.sub_(step * group["lr"])
