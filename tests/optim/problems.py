"""The problem that the tests of the optimisers minimise, for either library."""

from __future__ import annotations

from typing import Any

import numpy as np

SHAPES = ((3, 4), (3,), ())


def numbers(seed: int, shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def parameters(lib: Any, dtype: str = "float64", *, strided: bool = False) -> list[Any]:
    """Leaves of several shapes; the first has its dimensions the other way round in memory if ``strided``."""
    made = []
    for i, shape in enumerate(SHAPES):
        value = lib.tensor(numbers(i, shape).tolist(), dtype=getattr(lib, dtype))
        if strided and len(shape) == 2:
            value = value.t().contiguous().t()
        made.append(value.requires_grad_())
    return made


def loss_of(lib: Any, params: list[Any]) -> Any:
    weight, bias, scale = params
    inputs = lib.tensor(numbers(7, (5, 4)).tolist(), dtype=weight.dtype)
    out = (inputs @ weight.t() + bias).tanh() * scale
    return (out * out).sum() + (out - 1).pow(4).mean() + (weight * weight).sum() * 0.1


def run(lib: Any, optimizer: Any, params: list[Any], steps: int = 8) -> list[float]:
    """The losses of a few steps, through the closure."""

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(lib, params)
        loss.backward()
        return loss

    return [float(optimizer.step(closure).detach()) for _ in range(steps)]
