"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence

import dynagrad
from dynagrad import Size, Tensor, _dirichlet_grad, _sample_dirichlet
from dynagrad._core.function import FunctionNode
from dynagrad.autograd import Function
from dynagrad.autograd.function import once_differentiable
from dynagrad.distributions import constraints
from dynagrad.distributions.exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class _Dirichlet(Function):
    @staticmethod
    def forward(ctx: FunctionNode, concentration: Tensor) -> Tensor:
        x = _sample_dirichlet(concentration)
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionNode, g: Tensor) -> Tensor:
        x, alpha = ctx.saved_tensors
        # A parameter moves its own part as `_dirichlet_grad` says, and the others in proportion to what they leave of one.
        shares = _dirichlet_grad(x, alpha, alpha.sum(-1, True).expand_as(alpha))
        return shares * (g - (x * g).sum(-1, True))


class Dirichlet(ExponentialFamily):
    """Vectors of positive parts that sum to one; ``concentration`` (..., n) is a tensor of at least one dimension.

    >>> import dynagrad as torch
    >>> torch.distributions.Dirichlet(torch.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _parameters = ("concentration",)

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        # Where no parameter exceeds 1 the density is largest at corners: at that of the largest parameter.
        flat = (self.concentration < 1).all(dim=-1)
        corner = dynagrad.nn.functional.one_hot(mode.argmax(dim=-1), above.shape[-1]).to(mode.dtype)
        return dynagrad.where(flat.unsqueeze(-1), corner, mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return _Dirichlet.apply(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        alpha = self.concentration
        return dynagrad.xlogy(alpha - 1.0, value).sum(-1) + alpha.sum(-1).lgamma() - alpha.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        n, alpha, total = self.concentration.size(-1), self.concentration, self.concentration.sum(-1)
        spread = ((alpha - 1.0) * alpha.digamma()).sum(-1)
        return alpha.lgamma().sum(-1) - total.lgamma() - (n - total) * total.digamma() - spread

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        return x.lgamma().sum(-1) - x.sum(-1).lgamma()
