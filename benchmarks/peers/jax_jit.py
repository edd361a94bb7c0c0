"""JAX: each step compiled once by ``jit``, which a graph that changes from step to step cannot be."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from benchmarks.peers import Builders
from benchmarks.workloads import BATCH, CLASSES, ELEMENTS, HIDDEN, INPUTS, MATRIX, POINTS, Step

KEYS = iter(jax.random.split(jax.random.key(0), 16))


def normal(*shape: int) -> jax.Array:
    return jax.random.normal(next(KEYS), shape)


def rnn_cell() -> Step:
    Wh, Wx, x, h = normal(3, 3), normal(3, 2), normal(2, 1), normal(3, 1)
    gradient = jax.jit(jax.value_and_grad(lambda w: jnp.tanh(w[0] @ x + w[1] @ h).sum()))
    return lambda: jax.block_until_ready(gradient((Wx, Wh)))


def odsc_epoch() -> Step:
    x = jax.random.uniform(next(KEYS), (POINTS, 1))
    y = 1 + 2 * x + 0.1 * normal(POINTS, 1)
    parameters = (normal(1), normal(1))

    @jax.jit
    def epoch(p: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        b, w = jax.grad(lambda p: ((y - (p[0] + p[1] * x)) ** 2).mean())(p)
        return p[0] - 0.1 * b, p[1] - 0.1 * w

    def step() -> None:
        nonlocal parameters
        parameters = jax.block_until_ready(epoch(parameters))

    return step


def elementwise() -> Step:
    x = normal(ELEMENTS)
    gradient = jax.jit(jax.value_and_grad(lambda x: (jnp.tanh(x) * jax.nn.sigmoid(x) + x**2).sum()))
    return lambda: jax.block_until_ready(gradient(x))


def mlp() -> Step:
    images, labels = normal(BATCH, INPUTS), jax.random.randint(next(KEYS), (BATCH, 1), 0, CLASSES)
    parameters = (0.05 * normal(INPUTS, HIDDEN), jnp.zeros(HIDDEN), 0.05 * normal(HIDDEN, CLASSES), jnp.zeros(CLASSES))

    @jax.jit
    @jax.value_and_grad
    def gradient(p: tuple[jax.Array, ...]) -> jax.Array:
        logits = jax.nn.relu(images @ p[0] + p[1]) @ p[2] + p[3]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels, axis=1).mean()

    return lambda: jax.block_until_ready(gradient(parameters))


def matmul() -> Step:
    a, b = normal(MATRIX, MATRIX), normal(MATRIX, MATRIX)
    product = jax.jit(jnp.matmul)
    return lambda: product(a, b).block_until_ready()


def builders(threads: int) -> Builders:
    steps = (rnn_cell, odsc_epoch, elementwise, mlp, matmul)
    return {step.__name__: step for step in steps}
