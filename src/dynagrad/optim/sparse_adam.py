"""SparseAdam: Adam that leaves alone, with their moments, the rows without a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad.optim.by_ops import OpsOptimizer
from dynagrad.optim.optimizer import check_betas, check_positive, check_rate

if TYPE_CHECKING:
    from typing import Any

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["SparseAdam"]


class SparseAdam(OpsOptimizer):
    """Adam for embeddings of which a batch sees few rows: what has no gradient keeps its value and its moments.

    PyTorch's takes gradients of a sparse layout, as ``nn.Embedding(sparse=True)`` gives them there, and refuses others.
    Here every gradient is dense, also that of such an embedding; the rows (slices along dimension 0) of which every
    element is 0 count as those without a gradient. The steps are PyTorch's, unless a row was seen and its gradient came
    out as exactly 0: PyTorch then still moves it along its old moments.

    Args:
        params: what to optimise.
        lr: the learning rate.
        betas: the decay rates of the means of the gradient and of its square, in [0, 1).
        eps: added to the root of the latter.
        maximize: climbs instead.

    ValueError for options out of range.

    >>> import dynagrad as torch
    >>> table = torch.nn.Embedding(3, 1, sparse=True)
    >>> before = table.weight.detach().clone()
    >>> optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.5)
    >>> table(torch.tensor([1])).sum().backward()
    >>> optimizer.step()
    >>> (table.weight - before).detach().flatten()
    tensor([ 0.0000, -0.5000,  0.0000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_rate(lr)
        check_positive(eps=eps)
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def _new_state(self, p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = 0
        state["exp_avg"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)
        state["exp_avg_sq"] = dynagrad.zeros_like(p, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] += 1
        step, (beta1, beta2) = state["step"], group["betas"]
        if p.dim() == 0:
            p, grad = p.view(1), grad.view(1)
        mean, square = (state[name].view(p.shape) for name in ("exp_avg", "exp_avg_sq"))
        seen = (grad != 0).reshape(grad.shape[0], -1).any(1).nonzero().flatten()
        if not seen.numel():
            return
        g = grad.index_select(0, seen)
        m = mean.index_select(0, seen).lerp_(g, 1 - beta1)
        v = square.index_select(0, seen).lerp_(g * g, 1 - beta2)
        mean.index_copy_(0, seen, m)
        square.index_copy_(0, seen, v)
        rate = float(group["lr"]) * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        p.index_add_(0, seen, m / v.sqrt_().add_(group["eps"]), alpha=-rate)
