"""``ExponentialFamily``: what follows from natural parameters and the log-normaliser."""

from __future__ import annotations

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.utils import sum_rightmost

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Distributions of density ``exp(<t(x), θ> - F(θ) + k(x))``.

    A subclass names θ as ``_natural_params``, F as ``_log_normalizer`` and the expectation of k as
    ``_mean_carrier_measure``. From these come the entropy, ``F(θ) - <θ, ∇F(θ)> - E[k]``, and the divergence between two
    members of one family, where a subclass has nothing better: F is differentiated automatically.

    >>> import dynagrad as torch
    >>> p = torch.distributions.Normal(0.0, 1.0)
    >>> torch.distributions.ExponentialFamily.entropy(p).item(), p.entropy().item()
    (1.418938..., 1.418938...)
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float | Tensor:
        raise NotImplementedError

    def _normalizer_and_gradient(self) -> tuple[tuple[Tensor, ...], Tensor, tuple[Tensor, ...]]:
        """θ, cut off from what made it, F(θ) and ∇F(θ)."""
        parameters = tuple(p.detach().requires_grad_() for p in self._natural_params)
        value = self._log_normalizer(*parameters)
        return parameters, value, dynagrad.autograd.grad(value.sum(), parameters, create_graph=True)

    def entropy(self) -> Tensor:
        """By the derivative of the log-normaliser."""
        parameters, value, gradient = self._normalizer_and_gradient()
        result = -self._mean_carrier_measure + value
        for p, g in zip(parameters, gradient, strict=True):
            result = result - sum_rightmost(p * g, p.dim() - len(self._batch_shape))
        return result
