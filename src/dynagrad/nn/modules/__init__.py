"""The layers, a file for each family under the name of PyTorch's file, whose ``__all__`` is its list."""

import typing as _typing

from dynagrad.nn.modules import (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    groupnorm,
    instancenorm,
    linear,
    linear_cross_entropy_options,
    loss,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
)
from dynagrad.nn.modules.activation import *  # noqa: F403
from dynagrad.nn.modules.adaptive import *  # noqa: F403
from dynagrad.nn.modules.batchnorm import *  # noqa: F403
from dynagrad.nn.modules.channelshuffle import *  # noqa: F403
from dynagrad.nn.modules.container import *  # noqa: F403
from dynagrad.nn.modules.conv import *  # noqa: F403
from dynagrad.nn.modules.distance import *  # noqa: F403
from dynagrad.nn.modules.dropout import *  # noqa: F403
from dynagrad.nn.modules.flatten import *  # noqa: F403
from dynagrad.nn.modules.fold import *  # noqa: F403
from dynagrad.nn.modules.groupnorm import *  # noqa: F403
from dynagrad.nn.modules.instancenorm import *  # noqa: F403
from dynagrad.nn.modules.linear import *  # noqa: F403
from dynagrad.nn.modules.linear_cross_entropy_options import *  # noqa: F403
from dynagrad.nn.modules.loss import *  # noqa: F403
from dynagrad.nn.modules.module import Module as Module
from dynagrad.nn.modules.normalization import *  # noqa: F403
from dynagrad.nn.modules.padding import *  # noqa: F403
from dynagrad.nn.modules.pixelshuffle import *  # noqa: F403
from dynagrad.nn.modules.pooling import *  # noqa: F403
from dynagrad.nn.modules.rnn import *  # noqa: F403
from dynagrad.nn.modules.sparse import *  # noqa: F403
from dynagrad.nn.modules.transformer import *  # noqa: F403
from dynagrad.nn.modules.upsampling import *  # noqa: F403

_FAMILIES = (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    groupnorm,
    instancenorm,
    linear,
    linear_cross_entropy_options,
    loss,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
)

if not _typing.TYPE_CHECKING:  # type checkers follow the imports, and no __all__ but a literal one
    __all__ = ["Module", *(name for family in _FAMILIES for name in family.__all__)]  # noqa: PLE0604  # names they are
