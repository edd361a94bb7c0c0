"""NumPy has no graph: it stands here for the plain product."""

from __future__ import annotations

import numpy as np

from benchmarks.peers import Builders
from benchmarks.workloads import MATRIX, Step


def matmul() -> Step:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((MATRIX, MATRIX), dtype=np.float32)
    b = rng.standard_normal((MATRIX, MATRIX), dtype=np.float32)
    return lambda: a @ b


def builders(threads: int) -> Builders:
    return {"matmul": matmul}
