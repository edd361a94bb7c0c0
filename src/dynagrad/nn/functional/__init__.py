"""The arithmetic of layers as functions, under PyTorch's names. Each family has a file; here is the list.

The loops and derivatives are native, in `_core/ops`.
"""

from dynagrad.nn.functional.activation import (
    gelu,
    log_softmax,
    logsigmoid,
    relu,
    relu_,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from dynagrad.nn.functional.linear import bilinear, linear

__all__ = [
    "bilinear",
    "gelu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "relu",
    "relu_",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
