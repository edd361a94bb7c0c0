"""lobpcg: the extreme eigenvalues of large symmetric matrices, from products with them alone.

Knyazev, Toward the optimal preconditioned eigensolver: locally optimal block preconditioned conjugate gradient method (2001),
in the orthonormal basis of Stathopoulos and Wu, A block orthogonalization procedure with constant synchronization
requirements (2002).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.graph import is_grad_enabled
from dynagrad._core.types import finfo

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

_ITERATIONS = 1000


def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Any = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """(eigenvalues, eigenvectors in columns): the k largest or smallest, nearly, of ``A x = lambda B x``.

    Args:
        A: symmetric, ``[..., m, m]``. Where it requires grad, its symmetric part is decomposed whole, and the result has
            the derivatives of `linalg.eigh`.
        k: how many; as many as X has columns, or 1.
        B: symmetric and positive-definite; one if not given. NotImplementedError for derivatives with it.
        X: ``[..., m, n]``, n >= k: where the search starts; random if not given.
        n: the columns of a random X, k if not given.
        iK: a matrix near the inverse of A, which makes the search shorter.
        niter: the most steps, 1000 if not given; -1 for no end but convergence.
        tol: the residuals, relative to the sizes of A and X, at which the search ends; the root of the machine epsilon.
        largest: whether the largest or the smallest are searched for; the largest if not given.
        method: "ortho" or "basic", of which the former is done for both.
        tracker, ortho_iparams, ortho_fparams, ortho_bparams: PyTorch's views into its search and settings of it, which is
            another; NotImplementedError for them.

    ValueError for a matrix with fewer than ``3 n`` rows.

    >>> import dynagrad as torch
    >>> values, vectors = torch.lobpcg(torch.diag(torch.arange(9.0)), k=2)
    >>> values
    tensor([8.0000, 7.0000])
    """
    if A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"lobpcg: expected a square matrix or a batch of them, but got {list(A.shape)}")
    if not A.is_floating_point():
        raise RuntimeError(f"lobpcg: expected a floating dtype, but got {A.dtype}")
    if method not in (None, "ortho", "basic"):
        raise ValueError(f"lobpcg: the method is 'ortho' or 'basic', not {method!r}")
    if tracker is not None or ortho_iparams or ortho_fparams or ortho_bparams:
        raise NotImplementedError(
            "lobpcg: the search here has neither PyTorch's trackers nor its settings of orthogonalisation"
        )
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = X.shape[-1] if X is not None else k if n is None else n
    if A.shape[-1] < 3 * n:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={A.shape[-1]}) is smaller than 3 x the number "
            f"of requested eigenpairs (={n})"
        )
    down = largest is None or largest
    if _recorded(A, B):
        if B is not None:
            raise NotImplementedError("lobpcg: there are derivatives without B only")
        return _extremes(*CARDS["linalg_eigh"].op((A + A.mT) / 2), k, down)  # type: ignore[call-arg]  # a pair comes first
    if A.dim() > 2:
        return _in_batches(A, k, B, X, n, iK, niter, tol, down)
    start = CARDS["randn"].op(A.shape[-1], n, dtype=A.dtype) if X is None else X
    steps = _ITERATIONS if niter is None else niter
    limit = _epsilon(A) ** 0.5 if tol is None else tol
    values, vectors = _search(A, B, start, iK, steps, limit, k, down)
    return values[:k], vectors[:, :k]


def _recorded(*tensors: Tensor | None) -> bool:
    return is_grad_enabled() and any(each is not None and each.requires_grad for each in tensors)


def _epsilon(A: Tensor) -> float:
    return float(finfo(A.dtype).eps)


def _extremes(values: Tensor, vectors: Tensor, k: int, down: bool) -> tuple[Tensor, Tensor]:
    """The first k of pairs in rising order, or the last k with the largest first."""
    if down:
        values, vectors = values.flip(-1), vectors.flip(-1)
    return values[..., :k], vectors[..., :k]


def _in_batches(A: Tensor, k: int, B: Any, X: Any, n: int, iK: Any, niter: Any, tol: Any, down: bool) -> Any:
    def part(each: Tensor | None, i: int) -> Tensor | None:
        return None if each is None else each.expand(A.shape[:-2] + each.shape[-2:]).reshape(-1, *each.shape[-2:])[i]

    matrices = A.reshape(-1, *A.shape[-2:])
    pairs = [
        lobpcg(matrix, k, part(B, i), part(X, i), n, part(iK, i), niter, tol, down) for i, matrix in enumerate(matrices)
    ]
    stack = CARDS["stack"].op
    values, vectors = (stack([pair[i] for pair in pairs]) for i in (0, 1))
    return values.reshape(*A.shape[:-2], k), vectors.reshape(*A.shape[:-2], A.shape[-1], k)


def _orthonormal(S: Tensor, B: Tensor | None) -> Tensor:
    """Columns with the span of S, orthonormal in the product of B; directions that are there twice are left out."""
    gram = S.mT @ (S if B is None else B @ S)
    scale = gram.diagonal().clamp(min=1e-30 if _epsilon(S) > 1e-10 else 1e-200).rsqrt()
    values, vectors = CARDS["linalg_eigh"].op(gram * scale * scale.unsqueeze(-1))
    kept = values > values.max() * S.shape[-1] * _epsilon(S)
    return S @ (scale.unsqueeze(-1) * vectors[:, kept] * values[kept].rsqrt())


def _search(
    A: Tensor, B: Tensor | None, X: Tensor, iK: Tensor | None, steps: int, tol: float, k: int, down: bool
) -> tuple[Tensor, Tensor]:
    """Ritz pairs over the spans of the vectors, their residuals and the last directions, until the residuals are small."""
    cat, eigh = CARDS["cat"].op, CARDS["linalg_eigh"].op
    n, size = X.shape[-1], float(A.norm())
    other = 1.0 if B is None else float(B.norm())

    def ritz(S: Tensor) -> tuple[Tensor, Tensor]:
        # Twice: after the first pass the columns are orthonormal but for the rounding of a Gram matrix.
        Q = _orthonormal(_orthonormal(S, B), B)
        values, Z = _extremes(*eigh(Q.mT @ (A @ Q)), n, down)  # type: ignore[call-arg]  # likewise
        return values, Q @ Z

    values, X = ritz(X)
    P, done = None, 0
    while done != steps:
        BX = X if B is None else B @ X
        R = A @ X - BX * values
        small = R.norm(2, 0) <= tol * X.norm(2, 0) * (size + values.abs() * other)
        if bool(small[:k].all()):
            return values, X
        W = R if iK is None else iK @ R
        values, found = ritz(cat([X, W] if P is None else [X, W, P], -1))
        P = found - X @ (BX.mT @ found)
        X, done = found, done + 1
    if steps >= _ITERATIONS:
        warnings.warn(f"lobpcg: the residuals did not fall to tol={tol:g} within {steps} steps", stacklevel=3)
    return values, X


register(Card("lobpcg", lobpcg, samples="database", method=False))
