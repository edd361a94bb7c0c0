"""Transforms of vectors onto the simplex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.distributions import constraints
from dynagrad.distributions.transforms.elementwise import _Alike
from dynagrad.nn import functional as F

__all__ = ["SoftmaxTransform", "StickBreakingTransform"]


class SoftmaxTransform(_Alike):
    """Exponentials divided by their sum: no bijection, since a shift of all changes nothing, but smooth to optimise.

    >>> import dynagrad as torch
    >>> torch.distributions.SoftmaxTransform()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Unchanged; at least one dimension."""
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(_Alike):
    """A bijection from n numbers onto the simplex of n + 1: each number is the share broken off what is left.

    The shares are ``σ(x_i - log(n - i))``, so that zeros give equal parts.

    >>> import dynagrad as torch
    >>> torch.distributions.StickBreakingTransform()(torch.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    @staticmethod
    def _offset(like: Tensor, last: int) -> Tensor:
        """``log(n - i)`` of each place."""
        return (last - dynagrad.arange(last, dtype=like.dtype)).log()

    def _call(self, x: Tensor) -> Tensor:
        share = _clipped(x - self._offset(x, x.shape[-1]))
        left = (1 - share).cumprod(-1)
        return F.pad(share, [0, 1], value=1) * F.pad(left, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        head = y[..., :-1]
        left = 1 - head.cumsum(-1)
        # The last parts may have cancelled to nothing.
        left = left.clamp(min=dynagrad.finfo(y.dtype).tiny)
        return head.log() - left.log() + self._offset(y, head.shape[-1])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """``Σ log σ(-u_i) + u_i - softplus(u_i) ...`` collected: the triangular Jacobian's diagonal is ``share (1 - share) left``."""
        shifted = x - self._offset(x, x.shape[-1])
        return (-shifted + F.logsigmoid(shifted) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """One more in the last dimension."""
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """One less in the last dimension."""
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return (*shape[:-1], shape[-1] - 1)


def _clipped(x: Tensor) -> Tensor:
    limits = dynagrad.finfo(x.dtype)
    return x.sigmoid().clamp(min=limits.tiny, max=1.0 - limits.eps)
