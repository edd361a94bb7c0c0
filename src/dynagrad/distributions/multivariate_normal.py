"""The normal distribution of vectors, by its covariance, its precision or the factor of the covariance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.utils import batch_mv, lazy_property, standard_normal

__all__ = ["MultivariateNormal"]


def precision_to_scale_tril(precision: Tensor) -> Tensor:
    """L of ``L Lᵀ = P⁻¹``: with P, rows and columns reversed, factored as ``C Cᵀ``, L is C reversed, transposed, inverted."""
    factor = dynagrad.linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    identity = dynagrad.eye(precision.shape[-1], dtype=precision.dtype)
    return dynagrad.linalg.solve_triangular(factor, identity, upper=False)


def batch_mahalanobis(factor: Tensor, offset: Tensor) -> Tensor:
    """``xᵀ (L Lᵀ)⁻¹ x`` for factors (..., n, n) and vectors (..., n) whose batches broadcast.

    A dimension of the vectors' batch over which the factor does not vary becomes columns of one triangular system.
    """
    batch = dynagrad.broadcast_shapes(offset.shape[:-1], factor.shape[:-2])
    offset = offset.to(factor.dtype).expand((*batch, offset.shape[-1]))
    free = len(batch) - (factor.dim() - 2)
    spread = [i for i in range(len(batch)) if i < free or factor.shape[i - free] == 1]
    kept = [i for i in range(len(batch)) if i not in spread]
    columns = offset.permute((*kept, *spread, len(batch)))
    columns = columns.reshape((*(batch[i] for i in kept), math.prod(batch[i] for i in spread), offset.shape[-1])).mT
    factor = factor.reshape((*(batch[i] for i in kept), *factor.shape[-2:]))
    squares = dynagrad.linalg.solve_triangular(factor, columns, upper=False).pow(2).sum(-2)
    order = [*kept, *spread]
    return squares.reshape([batch[i] for i in order]).permute([order.index(i) for i in range(len(batch))])


def half_log_det(factor: Tensor) -> Tensor:
    """``log det L``, half of the covariance's."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class ScaledByMatrix(Distribution):
    """What distributions share that take one of a covariance, a precision and a Cholesky factor."""

    _unbroadcasted_scale_tril: Tensor

    @staticmethod
    def _given(**matrices: Tensor | None) -> tuple[str, Tensor]:
        named = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
        if len(named) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        return named[0]

    def _factor(self, name: str, matrix: Tensor) -> Tensor:
        if name == "scale_tril":
            return matrix
        return dynagrad.linalg.cholesky(matrix) if name == "covariance_matrix" else precision_to_scale_tril(matrix)

    def _spread(self, matrix: Tensor) -> Tensor:
        n = self._event_shape[-1]
        return matrix.expand((*self._batch_shape, n, n))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L of the covariance ``L Lᵀ``."""
        return self._spread(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """``L Lᵀ``."""
        factor = self._unbroadcasted_scale_tril
        return self._spread(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The covariance's inverse."""
        return self._spread(dynagrad.cholesky_inverse(self._unbroadcasted_scale_tril))


class MultivariateNormal(ScaledByMatrix):
    """The normal distribution of vectors of mean ``loc`` (..., n) and one matrix (..., n, n) of three.

    Args:
        loc: the mean; ValueError without dimensions.
        covariance_matrix: positive definite.
        precision_matrix: the inverse of the covariance.
        scale_tril: the lower triangular L of the covariance ``L Lᵀ``, which costs least. ValueError unless exactly one
            of the three is given, of at least two dimensions.
        validate_args: see `Distribution`.

    >>> import dynagrad as torch
    >>> p = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    >>> p.log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _parameters = ("loc", "covariance_matrix", "precision_matrix", "scale_tril")
    _carried = ("_unbroadcasted_scale_tril",)

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = self._given(
            covariance_matrix=covariance_matrix, scale_tril=scale_tril, precision_matrix=precision_matrix
        )
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = Size(dynagrad.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]))
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        self.loc = loc.expand((*batch_shape, -1))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc.dtype)
        return self.loc + batch_mv(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        factor = self._unbroadcasted_scale_tril
        distance = batch_mahalanobis(factor, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(factor)

    def entropy(self) -> Tensor:
        half = half_log_det(self._unbroadcasted_scale_tril)
        return (0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half).expand(self._batch_shape)


# Names that programs import from here, though they are private.
_batch_mv = batch_mv
_batch_mahalanobis = batch_mahalanobis
_precision_to_scale_tril = precision_to_scale_tril
