"""``torch.linalg`` by its names. The ops themselves are in ``_core/ops`` and ``composite``."""

from __future__ import annotations

from dynagrad._core.card import public as _op

matrix_norm = _op("linalg_matrix_norm")
norm = _op("linalg_norm")
vector_norm = _op("linalg_vector_norm")
