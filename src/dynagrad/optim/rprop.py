"""Rprop: resilient backpropagation, which looks only at the signs of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_rate, count_of

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["Rprop"]


class Rprop(GroupOptimizer):
    """Rprop (Riedmiller and Braun, 1993): each element's step grows while its gradient keeps its sign.

    Args:
        params: what to optimise.
        lr: the first size of every step.
        etas: the factors of a step when the sign turns, in (0, 1), and when it stays, above 1.
        step_sizes: the least and the largest step.
        capturable, foreach, maximize, differentiable: as `Adam`'s.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    _rule = optimise.RPROP
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "foreach": None, "maximize": False, "differentiable": False, "capturable": False,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = count_of(group)
        state["prev"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        state["step_size"] = dynagrad.full_like(p, float(group["lr"]), memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        minus, plus = group["etas"]
        state["step"] += 1
        agree = (grad * state["prev"].clone()).sign()
        factor = dynagrad.ones_like(agree).masked_fill(agree > 0, plus).masked_fill(agree < 0, minus)
        state["step_size"].mul_(factor).clamp_(*group["step_sizes"])
        kept = dynagrad.where(agree < 0, dynagrad.zeros_like(grad), grad)
        p.sub_(kept.sign() * state["step_size"].clone())
        state["prev"].copy_(kept)
