"""Adafactor: second moments of matrices kept as a row and a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad.optim.by_ops import OpsOptimizer, check_one, check_words
from dynagrad.optim.optimizer import count_of

if TYPE_CHECKING:
    from typing import Any

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["Adafactor"]


class Adafactor(OpsOptimizer):
    """Adafactor (Shazeer and Stern, 2018): Adam without a first moment, and with a second moment of rank one.

    A matrix of m rows and n columns has a state of m + n numbers. The size of a step is relative to that of the parameter.

    Args:
        params: what to optimise.
        lr: the largest relative size of a step.
        beta2_decay: the moment's decay rate at step t is ``1 - t**beta2_decay``.
        eps: (the least second moment, the machine epsilon of the parameter if None; the least size of a parameter).
        d: updates whose root mean square is above it are scaled down to it.
        weight_decay: shrinks the parameter by ``lr * weight_decay``.
        foreach: accepted; parameters are stepped one by one.
        maximize: climbs instead.

    ValueError for options out of range.

    >>> import dynagrad as torch
    >>> w = torch.tensor([[2.0]], requires_grad=True)
    >>> optimizer = torch.optim.Adafactor([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([[1.8000]], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_one(lr)
        check_words(lr=lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        check_words(**({} if eps[0] is None else {"epsilon1": eps[0]}), epsilon2=eps[1])
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        check_words(weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize,
        })  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)

    def _new_state(self, p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = count_of({})
        if p.dim() > 1:
            state["row_var"] = p.grad.new_zeros((*p.shape[:-1], 1))  # type: ignore[union-attr]  # those with a gradient are updated
            state["col_var"] = p.grad.new_zeros((*p.shape[:-2], 1, p.shape[-1]))  # type: ignore[union-attr]  # likewise
        else:
            state["variance"] = dynagrad.zeros_like(p.grad, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] += 1
        step = state["step"].item()
        lr, (eps1, eps2) = float(group["lr"]), group["eps"]
        eps1 = dynagrad.finfo(p.dtype).eps if eps1 is None else eps1
        size = max(eps2, p.norm(2).item() / p.numel() ** 0.5)
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
        moment = self._moment(grad, state, step ** group["beta2_decay"], eps1)
        update = moment.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        excess = max(1.0, update.norm(2).item() / (update.numel() ** 0.5 * group["d"]))
        p.add_(update, alpha=-size * min(lr, 1 / step**0.5) / excess)

    @staticmethod
    def _moment(grad: Tensor, state: dict[str, Any], weight: float, eps1: float) -> Tensor:
        """The mean of squared gradients, as the product of its row and its column for matrices."""
        if grad.dim() < 2:
            return state["variance"].lerp_(grad * grad, weight).clone()
        row, column = state["row_var"], state["col_var"]
        row.lerp_(grad.norm(2, -1, True).square_().div_(grad.shape[-1]), weight)
        column.lerp_(grad.norm(2, -2, True).square_().div_(grad.shape[-2]), weight)
        return (row @ column).div_(row.mean(-2, True).clamp_(min=eps1))
