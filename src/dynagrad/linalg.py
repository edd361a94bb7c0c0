"""``torch.linalg`` by its names. The ops themselves are in ``_core/ops`` and ``composite``."""

from __future__ import annotations

from dynagrad._core.card import public as _op

matmul = _op("matmul")
matrix_norm = _op("linalg_matrix_norm")
matrix_power = _op("matrix_power")
multi_dot = _op("linalg_multi_dot")
norm = _op("linalg_norm")
vecdot = _op("linalg_vecdot")
vector_norm = _op("linalg_vector_norm")
