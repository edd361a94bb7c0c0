"""Stochastic gradient descent, with momentum in the forms of Polyak and Nesterov."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynagrad._core.ops import optimise
from dynagrad.optim.optimizer import GroupOptimizer, check_positive, check_rate, decayed
from dynagrad.tensor import Tensor

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from dynagrad.optim.optimizer import ParamsT

__all__ = ["SGD"]


class SGD(GroupOptimizer):
    """Gradient descent: ``p -= lr * g``, or along a buffer ``momentum * buffer + (1 - dampening) * g``.

    Args:
        params: what to optimise.
        lr: the learning rate.
        momentum, dampening: of the buffer; none is kept without momentum.
        weight_decay: times the parameter, is added to the gradient.
        nesterov: steps along ``g + momentum * buffer``.
        maximize: climbs instead.
        foreach, fused: accepted; every step is one native pass.
        differentiable: the step is recorded.

    ValueError for options out of range.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    _rule = optimise.SGD
    _OLD_GROUPS: ClassVar[dict[str, Any]] = {
        "nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": False,
    }  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_positive(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        self._check_fused(fused, foreach, differentiable)

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """None: the buffer begins as the first gradient."""

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        grad = decayed(grad, p, group["weight_decay"])
        momentum = group["momentum"]
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            state["momentum_buffer"] = buffer
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        lr = group["lr"]
        if isinstance(lr, Tensor) and lr.requires_grad:
            p.addcmul_(grad, lr, value=-1)
        else:
            p.add_(grad, alpha=-float(lr))
