"""Parametrisations of weights: weight_norm, spectral_norm, orthogonal."""

from __future__ import annotations

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn.modules.module import Module
from dynagrad.nn.utils import parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _parameter(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# ---- weight_norm -----------------------------------------------------------------------------------------------------


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norms of the slices along ``dim``, shaped to divide by; the norm of the whole for ``dim=-1``."""
    if dim == -1:
        return v.norm(pow)
    others = [i for i in range(v.dim()) if i != dim % v.dim()]
    return dynagrad.linalg.vector_norm(v, pow, others, True) if others else v.abs()


class _WeightNorm(Module):
    """``v * g / norm(v)``."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Makes a weight the product of a length and a direction, both trained.

    Args:
        module: whose weight it is.
        name: of the weight; ValueError if there is none.
        dim: along which each slice has a length of its own; None for one length of all.

    >>> import dynagrad
    >>> layer = dynagrad.nn.utils.parametrizations.weight_norm(dynagrad.nn.Linear(2, 3))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([3, 1])
    """
    _parameter(module, name)
    return parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


# ---- spectral_norm ---------------------------------------------------------------------------------------------------


class _SpectralNorm(Module):
    """``weight / sigma``, sigma being its largest singular value by the power method."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            rows, columns = matrix.size()
            u = matrix.new_empty(rows).normal_(0, 1)
            v = matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        order = (self.dim, *(i for i in range(weight.dim()) if i != self.dim))
        return (weight.permute(order) if self.dim else weight).flatten(1)

    @dynagrad.no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self._u.copy_(F.normalize(dynagrad.mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(dynagrad.mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        # Clones, so that a backward after the next call finds the vectors that it was recorded with.
        u, v = self._u.clone(), self._v.clone()
        return weight / dynagrad.vdot(u, dynagrad.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, which may have another norm."""
        return value


def _transposed_weight(module: Module) -> bool:
    names = ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
    return any(each.__name__ in names for each in type(module).__mro__)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divides a weight by its largest singular value, which every call in training estimates further.

    Args:
        module: whose weight it is.
        name: of the weight; ValueError if there is none.
        n_power_iterations: steps of the power method in each call.
        eps: against division by zero.
        dim: of the outputs, 0 if not given, 1 for transposed convolutions.
    """
    weight = _parameter(module, name)
    if dim is None:
        dim = 1 if _transposed_weight(module) else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, made)


# ---- orthogonal ------------------------------------------------------------------------------------------------------


def _is_orthogonal(q: Tensor, eps: float | None = None) -> bool:
    size = q.size(-1)
    eps = 10.0 * size * dynagrad.finfo(q.dtype).eps if eps is None else eps
    return bool(dynagrad.allclose(q.mT @ q, dynagrad.eye(size, dtype=q.dtype), atol=eps))


def _make_orthogonal(a: Tensor) -> Tensor:
    """The orthogonal factor whose triangular factor has a positive diagonal."""
    q, r = dynagrad.linalg.qr(a)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """An orthogonal matrix from any matrix, by one of three maps."""

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        turned = X.size(-2) < X.size(-1)
        if turned:
            X = X.mT
        if self.orthogonal_map == "householder":
            below = X.tril(-1)
            made = dynagrad.linalg.householder_product(below, 2 / (1 + (below * below).sum(-2)))
            made = made * X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            made = self._from_skew(X)
        if hasattr(self, "base"):
            made = self.base @ made
        return made.mT if turned else made

    def _from_skew(self, X: Tensor) -> Tensor:
        n, k = X.size(-2), X.size(-1)
        X = X.tril()
        if n != k:
            X = dynagrad.cat([X, X.new_zeros((*X.shape[:-2], n, n - k))], -1)
        A = X - X.mT
        if self.orthogonal_map == "matrix_exp":
            made = dynagrad.matrix_exp(A)
        else:
            eye = dynagrad.eye(n, dtype=A.dtype)
            made = dynagrad.linalg.solve(eye - 0.5 * A, eye + 0.5 * A)
        return made[..., :k] if n != k else made

    @dynagrad.no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        """What is mapped to this matrix. Raises NotImplementedError where it cannot be found."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        given, turned = Q, Q.size(-2) < Q.size(-1)
        if turned:
            Q = Q.mT
        n, k = Q.size(-2), Q.size(-1)
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            made, tau = dynagrad.geqrf(Q)
            # The map reflects along every column: where LAPACK left one out, with a tau of 0, the sign makes up for it.
            diagonal = made.diagonal(dim1=-2, dim2=-1)
            diagonal.copy_(dynagrad.where(tau == 0, -diagonal.sign(), diagonal.sign()))
            return made.mT if turned else made
        if n == k:
            base = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        else:
            base = _make_orthogonal(dynagrad.cat([Q, dynagrad.randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype)], -1))
        self.base = base
        made = dynagrad.zeros_like(given)
        made.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return made


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Makes a weight orthogonal; a weight that is not square gets orthonormal rows or columns.

    Args:
        module: whose weight it is.
        name: of the weight; ValueError if there is none, or if it is no matrix.
        orthogonal_map: "matrix_exp" (for square weights if not said), "cayley" or "householder" (for others).
        use_trivialization: whether the map starts at the weight given, so that it can be assigned to.
    """
    weight = _parameter(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.size(-2) == weight.size(-1) else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)
