"""The distribution of Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.beta import Beta
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.utils import broadcast_all, lazy_property
from dynagrad.nn import functional as F

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Factors L of correlation matrices ``R = L Lᵀ`` of density ``det(R)^(concentration - 1)`` up to a factor.

    A concentration of 1 makes all R equally likely, a larger one favours those near the identity. Sampled by the onion
    method of Lewandowski, Kurowicka and Joe, 2009.

    Args:
        dim: of the matrices; ValueError below 2.
        concentration: positive, a tensor or a number.
        validate_args: see `Distribution`.

    >>> import dynagrad as torch
    >>> L = torch.distributions.LKJCholesky(3, 0.5).sample()
    >>> (L @ L.T).diagonal()
    tensor([1., 1., 1.])
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _parameters = ("concentration",)
    _carried = ("dim",)

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.size(), (dim, dim), validate_args=validate_args)

    @lazy_property
    def _beta(self) -> Beta:
        """Of the squared length of each row without its diagonal; that of the first row is not used."""
        above = F.pad(dynagrad.arange(self.dim - 1, dtype=self.concentration.dtype), [1, 0])
        marginal = self.concentration + 0.5 * (self.dim - 2)
        return Beta(above + 0.5, marginal.unsqueeze(-1) - 0.5 * above, validate_args=False)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with dynagrad.no_grad():
            squares = self._beta.sample(sample_shape).unsqueeze(-1)
            directions = dynagrad.randn(self._extended_shape(sample_shape), dtype=squares.dtype).tril(-1)
            directions = directions / directions.norm(dim=-1, keepdim=True)
            directions[..., 0, :] = 0.0
            rows = squares.sqrt() * directions
            rest = (1 - (rows**2).sum(-1)).clamp(min=dynagrad.finfo(rows.dtype).tiny)
            return rows + rest.sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        """With the volume change from R to L, the diagonal has the powers ``2 (concentration - 1) + dim - i``, i from 2 on."""
        if self._validate_args:
            self._validate_sample(value)
        powers = self.dim - dynagrad.arange(2, self.dim + 1) + 2 * (self.concentration - 1).unsqueeze(-1)
        density = (powers * value.diagonal(dim1=-1, dim2=-2)[..., 1:].log()).sum(-1)
        # The normalising constant, p. 1999 of the article.
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        factor = 0.5 * n * math.log(math.pi) + (alpha - 0.5).mvlgamma(n) - alpha.lgamma() * n
        return density - factor
