"""Transforms onto triangular and positive definite matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.transforms.base import Transform
from dynagrad.distributions.transforms.elementwise import _Alike
from dynagrad.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix
from dynagrad.nn import functional as F

__all__ = ["CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform"]


class CorrCholeskyTransform(Transform):
    """A bijection from n (n - 1) / 2 numbers onto the Cholesky factors of n × n correlation matrices.

    Each number becomes, by tanh, a signed share of the length that is left of its row; the diagonal takes the rest.
    Method: Lewandowski, Kurowicka and Joe, 2009.

    >>> import dynagrad as torch
    >>> torch.distributions.CorrCholeskyTransform()(torch.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = dynagrad.finfo(x.dtype).eps
        share = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - share**2).sqrt().cumprod(-1)
        share = share + dynagrad.eye(share.shape[-1], dtype=share.dtype)
        return share * F.pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = F.pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        share = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        # atanh
        return (share.log1p() - share.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """``Σ log sqrt(left) + log tanh'(x)``: the Jacobian is triangular."""
        left = 1 - (y * y).cumsum(-1)
        rows = tril_matrix_to_vec(left, diag=-2).log().sum(-1) / 2
        steps = -2 * (x + F.softplus(-2 * x) - math.log(2.0)).sum(-1)
        return rows + steps

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """(..., n (n - 1) / 2) becomes (..., n, n)."""
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        count = shape[-1]
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """(..., n, n) becomes (..., n (n - 1) / 2)."""
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


class LowerCholeskyTransform(_Alike):
    """Matrices onto lower triangular ones of positive diagonal: what is above it is dropped, the diagonal exponentiated.

    >>> import dynagrad as torch
    >>> torch.distributions.LowerCholeskyTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(_Alike):
    """Matrices onto positive definite ones, ``L Lᵀ`` of `LowerCholeskyTransform`'s L.

    >>> import dynagrad as torch
    >>> torch.distributions.PositiveDefiniteTransform()(torch.tensor([[0.0, 5.0], [1.0, 0.0]]))
    tensor([[1., 1.],
            [1., 2.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(dynagrad.linalg.cholesky(y))
