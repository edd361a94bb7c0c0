"""DyNet, the peer on small dynamic graphs: the graph is built anew in each step, as ours is."""

from __future__ import annotations

import dynet as dy
import numpy as np

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


def builders(threads: int) -> Builders:
    return {"rnn_cell": rnn_cell, "chain": chain}
