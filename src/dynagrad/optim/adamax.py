"""Adamax: Adam with the infinity norm in the place of the second moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_betas, check_positive, check_rate, count_of, decayed

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["Adamax"]


class Adamax(GroupOptimizer):
    """Adamax (Kingma and Ba, 2015): steps along a running mean of the gradient, divided by its decayed largest size.

    Args:
        params: what to optimise.
        lr: the learning rate.
        betas: the decay rates of the mean and of the norm, in [0, 1).
        eps: added to the size of each gradient.
        weight_decay: times the parameter, is added to the gradient.
        foreach, maximize, differentiable, capturable: as `Adam`'s.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    _rule = optimise.ADAMAX
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "foreach": None, "maximize": False, "differentiable": False, "capturable": False,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_positive(eps=eps)
        check_betas(betas)
        check_positive(weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = count_of(group)
        state["exp_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        state["exp_inf"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        mean, norm = state["exp_avg"], state["exp_inf"]
        state["step"] += 1
        grad = decayed(grad, p, group["weight_decay"])
        mean.lerp_(grad, 1 - beta1)
        both = dynagrad.stack([norm.mul_(beta2), grad.abs() + group["eps"]])
        norm.copy_(both.amax(0))
        p.sub_(mean.clone() / norm.clone() * (group["lr"] / (1 - beta1 ** state["step"].item())))
