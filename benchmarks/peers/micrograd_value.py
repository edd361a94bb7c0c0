"""micrograd knows scalars only. Its backward recurses, so the chain is as long as its recursion bears."""

from __future__ import annotations

import sys

from micrograd.engine import Value

from benchmarks.peers import Builders
from benchmarks.workloads import CHAIN_FACTOR, SHORT_CHAIN, Step


def chain() -> Step:
    a, x = Value(1e-3), Value(1.0)
    sys.setrecursionlimit(10 * SHORT_CHAIN)

    def step() -> None:
        y = x
        for _ in range(SHORT_CHAIN // 2):
            y = y * CHAIN_FACTOR + a
        y.backward()

    return step


def builders(threads: int) -> Builders:
    return {"chain": chain}
