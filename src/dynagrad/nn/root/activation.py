"""Activations at the root, which take no ``inplace``: the forms that write in place are functions of their own."""

from __future__ import annotations

from typing import Any

from dynagrad import Tensor
from dynagrad._core.card import says_what_is_no_tensor
from dynagrad.nn.functional import activation as F

__all__ = [
    "celu",
    "celu_",
    "hardshrink",
    "prelu",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
]


@says_what_is_no_tensor
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``max(0, x) + min(0, alpha (exp(x / alpha) - 1))``.

    >>> import dynagrad as torch
    >>> torch.celu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return F.celu(input, alpha)


@says_what_is_no_tensor
def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.celu_(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return F.celu_(input, alpha)


@says_what_is_no_tensor
def selu(input: Tensor) -> Tensor:
    """The scaled exponential linear unit (Klambauer et al., 2017), which keeps mean 0 and variance 1.

    >>> import dynagrad as torch
    >>> torch.selu(torch.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    return F.selu(input)


@says_what_is_no_tensor
def selu_(input: Tensor) -> Tensor:
    """`selu` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.selu_(torch.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    return F.selu_(input)


def _only_the_default(generator: Any) -> None:
    if generator is not None:
        raise NotImplementedError("rrelu(): a generator of its own is not there; draws come from the default one")


@says_what_is_no_tensor
def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, generator: Any = None
) -> Tensor:
    """``x`` above 0; below, ``x`` times a slope drawn from ``U(lower, upper)`` in training, and else times their mean.

    Draws come from the default generator; NotImplementedError for another.

    >>> import dynagrad as torch
    >>> torch.rrelu(torch.tensor([-1.0, 1.0]), 0.25, 0.75)
    tensor([-0.5000,  1.0000])
    """
    _only_the_default(generator)
    return F.rrelu(input, lower, upper, training)


@says_what_is_no_tensor
def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, generator: Any = None
) -> Tensor:
    """`rrelu` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.rrelu_(torch.tensor([-1.0, 1.0]), 0.25, 0.75)
    tensor([-0.5000,  1.0000])
    """
    _only_the_default(generator)
    return F.rrelu_(input, lower, upper, training)


@says_what_is_no_tensor
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """``x`` where it is above the threshold, and ``value`` elsewhere.

    >>> import dynagrad as torch
    >>> torch.threshold(torch.tensor([-1.0, 2.0]), 0.5, 9.0)
    tensor([9., 2.])
    """
    return F.threshold(input, threshold, value)


@says_what_is_no_tensor
def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold` into the tensor itself.

    >>> import dynagrad as torch
    >>> torch.threshold_(torch.tensor([-1.0, 2.0]), 0.5, 9.0)
    tensor([9., 2.])
    """
    return F.threshold_(input, threshold, value)


@says_what_is_no_tensor
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``x`` outside of ``[-lambd, lambd]``, and 0 within.

    >>> import dynagrad as torch
    >>> torch.hardshrink(torch.tensor([-0.2, 2.0]))
    tensor([0., 2.])
    """
    return F.hardshrink(input, lambd)


@says_what_is_no_tensor
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``x`` above 0 and ``weight x`` below; a weight for all, or one for each channel, which is dimension 1.

    >>> import dynagrad as torch
    >>> torch.prelu(torch.tensor([-1.0, 2.0]), torch.tensor([0.5]))
    tensor([-0.5000,  2.0000])
    """
    return F.prelu(input, weight)
