"""Norms made of other ops: of matrices, and ``linalg.norm``, which chooses between those of vectors and of matrices.

The norm of elements, ``linalg.vector_norm``, has a kernel and a derivative of its own in ``_core/ops/moments.pyx``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

INF = float("inf")


def _two_dims(A: Tensor, dim: tuple[int, int]) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {tuple(dim)}")
    if A.dim() < 2:
        raise RuntimeError(f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, not {A.dim()}.")
    rows, columns = (d + A.dim() if d < 0 else d for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return rows, columns


def linalg_matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: object = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of the matrices in the dimensions ``dim``.

    Args:
        ord: "fro", the root of the sum of squares; 1 and -1, the largest and smallest sum of magnitudes of a column;
            inf and -inf, of a row. The norms that need singular values (2, -2, "nuc") raise NotImplementedError.

    >>> import dynagrad
    >>> dynagrad.linalg.matrix_norm(dynagrad.tensor([[1., -2.], [3., 4.]]), 1)
    tensor(6.)
    """
    rows, columns = _two_dims(A, dim)
    if not A.is_floating_point():
        raise RuntimeError(f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {A.dtype}")
    if ord == "fro":
        return CARDS["linalg_vector_norm"].op(A, 2, (rows, columns), keepdim, dtype=dtype, out=out)  # type: ignore[no-any-return]
    if ord in (2, -2, "nuc"):
        raise NotImplementedError(f"linalg.matrix_norm: order {ord!r} needs singular values, which are not there yet")
    if ord not in (1, -1, INF, -INF):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    summed, picked = (rows, columns) if abs(ord) == 1 else (columns, rows)  # type: ignore[arg-type]  # a number here
    sums = A.abs().sum(summed, True, dtype=dtype)
    found: Tensor = sums.amax(picked, True) if ord > 0 else sums.amin(picked, True)  # type: ignore[operator]
    return deliver(found if keepdim else found.squeeze(max(rows, columns)).squeeze(min(rows, columns)), out)


def linalg_norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: object = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of a vector or of a matrix: of a matrix where ``dim`` has two, or ``ord`` is given for a 2-d tensor.

    >>> import dynagrad
    >>> dynagrad.linalg.norm(dynagrad.tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is None:
        return CARDS["linalg_vector_norm"].op(A, 2.0, dim, keepdim, dtype=dtype, out=out)  # type: ignore[no-any-return]
    if dim is None and A.dim() > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    if isinstance(ord, str) or pair or (dim is None and A.dim() == 2):
        return linalg_matrix_norm(A, ord, dim if pair else (-2, -1), keepdim, dtype=dtype, out=out)  # type: ignore[arg-type]
    return CARDS["linalg_vector_norm"].op(A, ord, dim, keepdim, dtype=dtype, out=out)  # type: ignore[no-any-return]


register(
    Card("linalg_matrix_norm", linalg_matrix_norm, None, "composite", method=False, function=False, samples="matrix")
)
register(Card("linalg_norm", linalg_norm, None, "composite", method=False, function=False, samples="reduce"))
