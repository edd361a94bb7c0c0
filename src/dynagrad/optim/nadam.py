"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_betas, check_positive, check_rate, count_of, decayed

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["NAdam"]


class NAdam(GroupOptimizer):
    """NAdam (Dozat, 2016): Adam that looks one step of its momentum ahead.

    Args:
        params: what to optimise.
        lr: the learning rate.
        betas: the decay rates of the two means, in [0, 1).
        eps: added to the root.
        weight_decay: times the parameter, is added to the gradient; or shrinks the parameter, if decoupled.
        momentum_decay: how fast the schedule of the momentum nears ``betas[0]``.
        decoupled_weight_decay, foreach, maximize, capturable, differentiable: as `Adam`'s.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8944], requires_grad=True)
    """

    _rule = optimise.NADAM
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
        "decoupled_weight_decay": False,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_positive(weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        })  # fmt: skip

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = count_of(group)
        state["mu_product"] = count_of(group, 1.0)
        state["exp_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        state["exp_avg_sq"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        lr, decay = group["lr"], group["momentum_decay"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        state["step"] += 1
        step = state["step"].item()
        if group["decoupled_weight_decay"]:
            p.mul_(1 - lr * group["weight_decay"])
        else:
            grad = decayed(grad, p, group["weight_decay"])
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * decay))
        state["mu_product"] *= mu
        product = state["mu_product"].item()
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2)
        square.add_(grad * grad * (1 - beta2))
        below = (square / (1 - beta2**step)).sqrt() + group["eps"]
        p.sub_(grad / below * (lr * (1.0 - mu) / (1.0 - product)))
        p.sub_(mean.clone() / below * (lr * mu_next / (1.0 - product * mu_next)))
