"""The chi-squared distribution."""

from __future__ import annotations

from typing import Any

from dynagrad import Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The sum of ``df`` squared normal numbers: the gamma distribution of shape ``df / 2`` and rate 1 / 2.

    >>> import dynagrad as torch
    >>> torch.distributions.Chi2(4.0).mean
    tensor(4.)
    """

    arg_constraints = {"df": constraints.positive}
    _parameters = ("concentration", "rate")

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom."""
        return self.concentration * 2
