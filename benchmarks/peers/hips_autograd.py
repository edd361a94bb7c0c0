"""HIPS autograd: NumPy with a tape; gradients of a function rather than of a graph that is kept."""

from __future__ import annotations

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from benchmarks.peers import Builders
from benchmarks.workloads import (
    BATCH,
    CHAIN_FACTOR,
    CLASSES,
    ELEMENTS,
    HIDDEN,
    INPUTS,
    SHORT_CHAIN,
    Step,
)

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, dtype=np.float32)


def rnn_cell() -> Step:
    Wh, Wx, x, h = normal(3, 3), normal(3, 2), normal(2, 1), normal(3, 1)
    gradient = value_and_grad(lambda w: anp.sum(anp.tanh(w[0] @ x + w[1] @ h)))
    return lambda: gradient((Wx, Wh))


def chain() -> Step:
    def run(leaves: tuple[float, float]) -> float:
        y, a = leaves
        for _ in range(SHORT_CHAIN // 2):
            y = y * CHAIN_FACTOR + a
        return y

    gradient = value_and_grad(run)
    return lambda: gradient((1.0, 1e-3))


def elementwise() -> Step:
    x = normal(ELEMENTS)
    gradient = value_and_grad(lambda x: anp.sum(anp.tanh(x) / (1 + anp.exp(-x)) + x**2))
    return lambda: gradient(x)


def mlp() -> Step:
    images, labels = normal(BATCH, INPUTS), RNG.integers(0, CLASSES, BATCH)
    rows = np.arange(BATCH)
    parameters = (
        0.05 * normal(INPUTS, HIDDEN),
        normal(HIDDEN) * 0,
        0.05 * normal(HIDDEN, CLASSES),
        normal(CLASSES) * 0,
    )

    def loss(p: tuple[np.ndarray, ...]) -> float:
        logits = anp.maximum(images @ p[0] + p[1], 0) @ p[2] + p[3]
        top = anp.max(logits, axis=1, keepdims=True)
        log_p = logits - top - anp.log(anp.sum(anp.exp(logits - top), axis=1, keepdims=True))
        return -anp.mean(log_p[rows, labels])

    gradient = value_and_grad(loss)
    return lambda: gradient(parameters)


def builders(threads: int) -> Builders:
    return {"rnn_cell": rnn_cell, "chain": chain, "elementwise": elementwise, "mlp": mlp}
