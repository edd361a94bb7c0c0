"""Adam, and AdamW, whose weight decay does not pass through the moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_betas, check_positive, check_rate, count_of, decayed
from dynagrad.tensor import Tensor

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT

__all__ = ["Adam"]


class Adam(GroupOptimizer):
    """Adam (Kingma and Ba, 2015): steps along a mean of the gradient, divided by the root of that of its square.

    Args:
        params: what to optimise.
        lr: the learning rate.
        betas: the decay rates of the two means, in [0, 1).
        eps: added to the root.
        weight_decay: times the parameter, is added to the gradient.
        amsgrad: divides by the largest mean of squares so far (Reddi et al., 2018).
        maximize: climbs instead.
        decoupled_weight_decay: shrinks the parameter by ``lr * weight_decay`` instead, as AdamW does.
        foreach, fused: accepted; every step is one native pass.
        capturable: for accelerators; a step on the CPU raises AssertionError.
        differentiable: the step is recorded.

    ValueError for options out of range.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    _rule = optimise.ADAM
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "amsgrad": False, "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
        "decoupled_weight_decay": False, "fused": None,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_rate(lr)
        check_positive(eps=eps)
        check_betas(betas)
        check_positive(weight_decay=weight_decay)
        _check_tensor_options(lr, betas, foreach, capturable)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip
        self._check_fused(fused, foreach, differentiable)

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = count_of(group)
        state["exp_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        state["exp_avg_sq"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        lr, weight_decay = group["lr"], group["weight_decay"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        state["step"] += 1
        step = state["step"].item()
        if group["decoupled_weight_decay"]:
            p.mul_(1 - lr * weight_decay)
        else:
            grad = decayed(grad, p, weight_decay)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2)
        square.add_(grad * grad * (1 - beta2))
        if group["amsgrad"]:
            square = dynagrad.maximum(state["max_exp_avg_sq"].clone(), square)
            state["max_exp_avg_sq"].copy_(square)
        below = square.sqrt() / (1 - beta2**step) ** 0.5 + group["eps"]
        p.sub_(mean.clone() / below * (lr / (1 - beta1**step)))


def _check_tensor_options(lr: Any, betas: Any, foreach: bool | None, capturable: bool) -> None:
    if isinstance(lr, Tensor) and foreach and not capturable:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    kinds = [isinstance(beta, Tensor) for beta in betas]
    if any(kinds) != all(kinds) or not (all(kinds) or all(isinstance(beta, float) for beta in betas)):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            if foreach and not capturable:
                raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")
