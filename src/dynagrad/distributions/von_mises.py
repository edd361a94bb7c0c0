"""The von Mises distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Size, Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.distribution import Distribution
from dynagrad.distributions.utils import broadcast_all, lazy_property

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Angles in radians around ``loc``, of density ``exp(concentration · cos(x - loc))`` up to a factor.

    Mean and variance are the circular ones. Sampled by the method of Best and Fisher, 1979, in doubles.

    >>> import dynagrad as torch
    >>> p = torch.distributions.VonMises(torch.tensor(0.0), torch.tensor(1.0))
    >>> p.log_prob(torch.tensor(0.0))
    tensor(-1.0738)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    _parameters = ("loc", "concentration")

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The circular mean."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """The circular variance, ``1 - I1 / I0``."""
        return 1 - dynagrad.special.i1e(self.concentration) / dynagrad.special.i0e(self.concentration)

    @lazy_property
    def _proposal_r(self) -> Tensor:
        """The parameter of the wrapped Cauchy distribution that is sampled from; its limit for small concentrations."""
        kappa = self.concentration.double()
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        return dynagrad.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with dynagrad.no_grad():
            loc, kappa, r = self.loc.double(), self.concentration.double(), self._proposal_r
            x = dynagrad.zeros(shape, dtype=dynagrad.float64)
            done = dynagrad.zeros(shape, dtype=dynagrad.bool)
            while not done.all():
                turn, height, side = dynagrad.rand((3, *shape), dtype=dynagrad.float64).unbind()
                z = (math.pi * turn).cos()
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accept = (c * (2 - c) - height > 0) | ((c / height).log() + 1 - c >= 0)
                # An element that has one already takes the new one, as in PyTorch: both are good.
                x = dynagrad.where(accept, (side - 0.5).sign() * f.acos(), x)
                done |= accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        kappa = self.concentration
        # log I0(κ) = κ + log(exp(-κ) I0(κ)), of which the last does not overflow.
        log_i0 = kappa + dynagrad.special.i0e(kappa).log()
        return kappa * (value - self.loc).cos() - math.log(2 * math.pi) - log_i0
