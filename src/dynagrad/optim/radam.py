"""RAdam: Adam with the variance of its first steps rectified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_betas, check_positive, check_rate, count_of, decayed

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["RAdam"]


class RAdam(GroupOptimizer):
    """RAdam (Liu et al., 2020): plain momentum until the variance is tractable, then Adam times a rectification.

    Args:
        params: what to optimise.
        lr: the learning rate.
        betas: the decay rates of the two means, in [0, 1).
        eps: added to the root.
        weight_decay: times the parameter, is added to the gradient; or shrinks the parameter, if decoupled.
        decoupled_weight_decay, foreach, maximize, capturable, differentiable: as `Adam`'s.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    _rule = optimise.RADAM
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "foreach": None, "maximize": False, "differentiable": False, "decoupled_weight_decay": False,
        "capturable": False,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_positive(eps=eps)
        check_betas(betas)
        check_positive(weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        })  # fmt: skip

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = count_of(group)
        state["exp_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        state["exp_avg_sq"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        lr = group["lr"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        state["step"] += 1
        step = state["step"].item()
        if group["decoupled_weight_decay"]:
            p.mul_(1 - lr * group["weight_decay"])
        else:
            grad = decayed(grad, p, group["weight_decay"])
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2)
        square.add_(grad * grad * (1 - beta2))
        correction = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction
        update = mean / (1 - beta1**step) * lr
        if length > 5.0:
            rectified = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
            update = update * (correction**0.5 / (square.sqrt() + group["eps"])) * rectified
        p.sub_(update)
