"""DyNet, the peer on small dynamic graphs: the graph is built anew in each step, as ours is."""

from __future__ import annotations

import random
from typing import Any

import dynet as dy
import numpy as np

from benchmarks.layers import TREE_HIDDEN, TREE_LEAVES, TREE_WORDS
from benchmarks.peers import Builders
from benchmarks.workloads import CHAIN_FACTOR, SHORT_CHAIN, Step


def rnn_cell() -> Step:
    rng = np.random.default_rng(0)
    model = dy.ParameterCollection()
    Wh, Wx = model.add_parameters((3, 3)), model.add_parameters((3, 2))
    x, h = rng.standard_normal(2).tolist(), rng.standard_normal(3).tolist()

    def step() -> None:
        dy.renew_cg()
        out = dy.sum_elems(dy.tanh(Wx * dy.inputVector(x) + Wh * dy.inputVector(h)))
        out.forward()
        out.backward()

    return step


def chain() -> Step:
    model = dy.ParameterCollection()
    a, x = model.add_parameters(1), model.add_parameters(1)

    def step() -> None:
        dy.renew_cg()
        y = x * 1.0
        for _ in range(SHORT_CHAIN // 2):
            y = y * CHAIN_FACTOR + a
        y.forward()
        y.backward()

    return step


def tree_lstm() -> Step:
    model = dy.ParameterCollection()
    choices = random.Random(0)  # noqa: S311  # the same trees as everybody's
    weight = model.add_parameters((5 * TREE_HIDDEN, 2 * TREE_HIDDEN))
    bias = model.add_parameters(5 * TREE_HIDDEN)
    words = model.add_lookup_parameters((TREE_WORDS, TREE_HIDDEN))

    def node(left: Any, right: Any) -> Any:
        (h1, c1), (h2, c2) = left, right
        gates = dy.affine_transform([bias, weight, dy.concatenate([h1, h2])])
        i, f1, f2, o, u = (dy.pick_range(gates, k * TREE_HIDDEN, (k + 1) * TREE_HIDDEN) for k in range(5))
        c = dy.cmult(dy.logistic(i), dy.tanh(u)) + dy.cmult(dy.logistic(f1), c1) + dy.cmult(dy.logistic(f2), c2)
        return dy.cmult(dy.logistic(o), dy.tanh(c)), c

    def tree(leaves: int) -> Any:
        if leaves == 1:
            vector = words[choices.randrange(TREE_WORDS)]
            return vector, vector
        split = choices.randrange(1, leaves)
        return node(tree(split), tree(leaves - split))

    def step() -> None:
        dy.renew_cg()
        out = dy.sum_elems(tree(TREE_LEAVES)[0])
        out.forward()
        out.backward()

    return step


def builders(threads: int) -> Builders:
    return {"rnn_cell": rnn_cell, "chain": chain, "tree_lstm": tree_lstm}
