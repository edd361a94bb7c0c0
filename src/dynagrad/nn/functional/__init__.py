"""The arithmetic of layers as functions, under PyTorch's names. Each family has a file; here is the list.

The loops and derivatives are native, in `_core/ops`.
"""

from dynagrad.nn.functional import convolution, pooling, resampling
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
from dynagrad.nn.functional.convolution import *  # noqa: F403  # each of these files lists its names
from dynagrad.nn.functional.linear import bilinear, linear
from dynagrad.nn.functional.pooling import *  # noqa: F403
from dynagrad.nn.functional.resampling import *  # noqa: F403

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
__all__ += convolution.__all__ + pooling.__all__ + resampling.__all__
