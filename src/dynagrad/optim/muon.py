"""Muon: momentum whose matrices are made orthogonal before they are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad.optim.by_ops import OpsOptimizer, check_one, check_words

if TYPE_CHECKING:
    from typing import Any

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["Muon"]

_MOST_STEPS = 100


class Muon(OpsOptimizer):
    """Muon (Jordan et al., 2024), for the matrices of hidden layers: steps along the nearest orthogonal matrix to the momentum.

    That matrix comes from Newton and Schulz' iteration in bfloat16. Biases, embeddings and the like go to another optimiser.

    Args:
        params: what to optimise; ValueError for a parameter that is no matrix.
        lr: the learning rate.
        weight_decay: shrinks the parameter by ``lr * weight_decay``.
        momentum: of the mean of gradients.
        nesterov: whether the step looks ahead.
        ns_coefficients: a, b, c of the iteration ``X <- a X + (b X X^T + c (X X^T)^2) X``.
        eps: the least norm by which the momentum is divided first.
        ns_steps: of the iteration, below 100.
        adjust_lr_fn: "original" (None) scales the rate by ``sqrt(max(1, rows / columns))``, "match_rms_adamw" by
            ``0.2 sqrt(max(rows, columns))`` (Liu et al., 2025).

    >>> import dynagrad as torch
    >>> w = torch.eye(2).requires_grad_()
    >>> optimizer = torch.optim.Muon([w], lr=0.1, weight_decay=0.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> bool(w[0, 0] < 1), w[0, 1].item()
    (True, 0.0)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_one(lr)
        check_words(lr=lr, momentum=momentum)
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def _new_state(self, p: Tensor, state: dict[str, Any]) -> None:
        state["momentum_buffer"] = dynagrad.zeros_like(p.grad, memory_format=dynagrad.preserve_format)

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr, momentum = float(group["lr"]), group["momentum"]
        mean = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = orthogonalised(
            grad.lerp(mean, momentum) if group["nesterov"] else mean,
            group["ns_coefficients"],
            group["ns_steps"],
            group["eps"],
        )
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update, alpha=-lr * _scale(group["adjust_lr_fn"], *p.shape))


def _scale(how: str | None, rows: int, columns: int) -> float:
    if how == "match_rms_adamw":
        return 0.2 * float(max(rows, columns)) ** 0.5
    return max(1.0, rows / columns) ** 0.5


def orthogonalised(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """About ``U V^T`` of a matrix ``U S V^T``: singular values go to where the iteration holds them, near 1. In bfloat16."""
    if steps >= _MOST_STEPS:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    X = matrix.bfloat16()
    tall = X.shape[0] > X.shape[1]
    X = X.T if tall else X
    X = X / X.norm().clamp(min=eps)
    for _ in range(steps):
        gram = X @ X.T
        X = dynagrad.addmm(X, dynagrad.addmm(gram, gram, gram, beta=b, alpha=c), X, beta=a)
    return X.T if tall else X
