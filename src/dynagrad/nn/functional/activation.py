"""Activations: functions of each element, and normalisation to probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad._core.card import CARDS

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]

celu = CARDS["celu"].op
elu = CARDS["elu"].op
gelu = CARDS["gelu"].op
glu = CARDS["glu"].op
hardshrink = CARDS["hardshrink"].op
hardsigmoid = CARDS["hardsigmoid"].op
hardswish = CARDS["hardswish"].op
hardtanh = CARDS["hardtanh"].op
leaky_relu = CARDS["leaky_relu"].op
logsigmoid = CARDS["logsigmoid"].op
mish = CARDS["mish"].op
prelu = CARDS["prelu"].op
rrelu = CARDS["rrelu"].op
selu = CARDS["selu"].op
silu = CARDS["silu"].op
softplus = CARDS["softplus"].op
softshrink = CARDS["softshrink"].op
threshold = CARDS["threshold"].op
relu_ = CARDS["relu"].inplace


def _in_place(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def write(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return op(input, *args, **kwargs, inplace=True)

    write.__name__ = write.__qualname__ = op.__name__ + "_"
    write.__doc__ = f"`{op.__name__}` into the tensor itself."
    return write


celu_ = _in_place(celu)
elu_ = _in_place(elu)
hardtanh_ = _in_place(hardtanh)
leaky_relu_ = _in_place(leaky_relu)
rrelu_ = _in_place(rrelu)
selu_ = _in_place(selu)
threshold_ = _in_place(threshold)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(x, 0)``."""
    return input.relu_() if inplace else input.relu()


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``x`` clamped to ``[0, 6]``."""
    return hardtanh(input, 0, 6, inplace)


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return input.tanh()


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    return input - input.tanh()


def _chosen_dim(name: str, ndim: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(x) / sum(exp(x))`` along ``dim``.

    >>> import dynagrad
    >>> dynagrad.nn.functional.softmax(dynagrad.zeros(2), dim=0)
    tensor([0.5000, 0.5000])
    """
    return dynagrad.softmax(input, _chosen_dim("softmax", input.dim()) if dim is None else dim, dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``softmax(-x)`` along ``dim``."""
    return dynagrad.softmax(-input, _chosen_dim("softmin", input.dim()) if dim is None else dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of softmax, without its loss of digits."""
    return dynagrad.log_softmax(input, _chosen_dim("log_softmax", input.dim()) if dim is None else dim, dtype=dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A draw from the Gumbel-softmax distribution: softmax of the logits with noise, at temperature ``tau``.

    Args:
        logits: unnormalised log-probabilities.
        tau: the temperature; near 0 the draws are nearly one-hot.
        hard: whether the result is one-hot, with the derivative of the soft draw.
        eps: without effect.
        dim: along which the probabilities are.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -dynagrad.empty_like(logits).exponential_().log()
    soft = dynagrad.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return dynagrad.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft
