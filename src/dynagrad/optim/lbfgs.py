"""L-BFGS: a quasi-Newton method with the history of a few steps. Its line search is in `wolfe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynagrad
from dynagrad.optim.optimizer import Optimizer, check_rate
from dynagrad.optim.wolfe import strong_wolfe

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dynagrad.optim.optimizer import ParamsT
    from dynagrad.tensor import Tensor

__all__ = ["LBFGS"]

_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """L-BFGS (Liu and Nocedal, 1989), on all parameters as one vector. ``step`` needs a closure.

    Args:
        params: what to optimise; one group only, ValueError for more.
        lr: the length of a step, or the first one that the line search tries.
        max_iter, max_eval: the most iterations and calls of the closure in a step; 5/4 of ``max_iter`` if not given.
        tolerance_grad: stops when no element of the gradient is larger.
        tolerance_change: stops when neither the parameters nor the loss change more.
        history_size: the number of steps remembered.
        line_search_fn: None or ``"strong_wolfe"``; RuntimeError for others.

    >>> import dynagrad
    >>> w = dynagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = dynagrad.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (w**4).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(17., grad_fn=<SumBackward0>)
    >>> bool(w.abs().max() < 0.02)
    True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        })  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def _flat_gradient(self) -> Tensor:
        return dynagrad.cat([
            p.grad.reshape(-1) if p.grad is not None else dynagrad.zeros(p.numel(), dtype=p.dtype)
            for p in self._params
        ])  # fmt: skip

    def _move(self, step: Any, direction: Tensor) -> None:
        offset = 0
        for p in self._params:
            p.add_(direction[offset : offset + p.numel()].view_as(p), alpha=float(step))
            offset += p.numel()

    def _at(self, closure: Callable[[], Any], start: list[Tensor], step: Any, direction: Tensor) -> Any:
        """The loss and the gradient at ``start + step * direction``; the parameters are at ``start`` afterwards."""
        self._move(step, direction)
        loss = float(closure())
        gradient = self._flat_gradient()
        for p, value in zip(self._params, start, strict=True):
            p.copy_(value)
        return loss, gradient

    @dynagrad.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to ``max_iter`` iterations; the loss that ``closure`` returned first."""
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that computes the loss and its gradients anew")
        return _Run(self, dynagrad.enable_grad()(closure)).run()


class _Run:
    """One call of ``step``: what is carried from iteration to iteration."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]) -> None:
        self.optimizer, self.closure = optimizer, closure
        self.group = optimizer.param_groups[0]
        rate = self.group["lr"]
        self.rate = rate.squeeze() if isinstance(rate, dynagrad.Tensor) else rate
        self.state = optimizer.state[optimizer._params[0]]
        self.state.setdefault("func_evals", 0)
        self.state.setdefault("n_iter", 0)
        self.kept = {name: self.state.get(name) for name in _KEPT}
        self.evaluations = 1

    def run(self) -> Any:
        first = self.closure()
        self.loss = float(first)
        self.state["func_evals"] += 1
        self.gradient = self.optimizer._flat_gradient()
        if self._flat():
            return first
        for iteration in range(1, self.group["max_iter"] + 1):
            self.state["n_iter"] += 1
            if self._iterate(last=iteration == self.group["max_iter"]):
                break
        self.state.update(self.kept)
        return first

    def _flat(self) -> bool:
        return bool(self.gradient.abs().max() <= self.group["tolerance_grad"])

    def _iterate(self, last: bool) -> bool:
        """One step along the direction of the history; whether to stop."""
        kept, tolerance = self.kept, self.group["tolerance_change"]
        kept["d"] = direction = self._first_direction() if self.state["n_iter"] == 1 else self._direction()
        if kept["prev_flat_grad"] is None:
            kept["prev_flat_grad"] = self.gradient.clone()
        else:
            kept["prev_flat_grad"].copy_(self.gradient)
        kept["prev_loss"] = before = self.loss
        first = self.state["n_iter"] == 1
        kept["t"] = min(1.0, 1.0 / self.gradient.abs().sum()) * self.rate if first else self.rate
        slope = self.gradient.dot(direction)
        if slope > -tolerance:
            return True
        calls, flat = self._advance(direction, slope, last)
        self.evaluations += calls
        self.state["func_evals"] += calls
        return bool(
            last
            or self.evaluations >= self.group["max_eval"]
            or flat
            or direction.mul(kept["t"]).abs().max() <= tolerance
            or abs(self.loss - before) < tolerance
        )

    def _advance(self, direction: Tensor, slope: Tensor, last: bool) -> tuple[int, bool]:
        """Moves the parameters; the number of calls of the closure, and whether the gradient there is flat."""
        search = self.group["line_search_fn"]
        if search is None:
            self.optimizer._move(self.kept["t"], direction)
            if last:
                return 0, False
            self.loss = float(self.closure())
            self.gradient = self.optimizer._flat_gradient()
            return 1, self._flat()
        if search != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        start = [p.clone() for p in self.optimizer._params]

        def at(step: Any) -> Any:
            return self.optimizer._at(self.closure, start, step, direction)

        self.loss, self.gradient, self.kept["t"], calls = strong_wolfe(
            at, self.kept["t"], direction, self.loss, self.gradient, slope,
            max_evaluations=self.group["max_eval"] - self.evaluations,
        )  # fmt: skip
        self.optimizer._move(self.kept["t"], direction)
        return calls, self._flat()

    def _first_direction(self) -> Tensor:
        self.kept.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return self.gradient.neg()

    def _direction(self) -> Tensor:
        """The two-loop recursion: minus the gradient times the inverse Hessian that the history implies."""
        kept = self.kept
        change = self.gradient.sub(kept["prev_flat_grad"])
        moved = kept["d"].mul(kept["t"])
        curvature = change.dot(moved)
        changes, steps, inverse = kept["old_dirs"], kept["old_stps"], kept["ro"]
        if curvature > 1e-10:
            if len(changes) == self.group["history_size"]:
                for history in (changes, steps, inverse):
                    history.pop(0)
            changes.append(change)
            steps.append(moved)
            inverse.append(1.0 / curvature)
            kept["H_diag"] = curvature / change.dot(change)
        weights = self.state.setdefault("al", [None] * self.group["history_size"])
        q = self.gradient.neg()
        for i in reversed(range(len(changes))):
            weights[i] = steps[i].dot(q) * inverse[i]
            q.add_(changes[i], alpha=-weights[i].item())
        r = q.mul(kept["H_diag"])
        for i in range(len(changes)):
            r.add_(steps[i], alpha=(weights[i] - changes[i].dot(r) * inverse[i]).item())
        return r
