"""The arithmetic of layers as functions, under PyTorch's names. Each family has a file, whose ``__all__`` is its list.

The loops and derivatives are native, in `_core/ops`.
"""

from dynagrad.nn.functional.activation import *  # noqa: F403
from dynagrad.nn.functional.attention import *  # noqa: F403
from dynagrad.nn.functional.attention import (  # noqa: F401  # scripts with an attention of their own import them
    _canonical_mask,
    _in_projection_packed,
    _none_or_dtype,
)
from dynagrad.nn.functional.channels import *  # noqa: F403
from dynagrad.nn.functional.convolution import *  # noqa: F403
from dynagrad.nn.functional.distance import *  # noqa: F403
from dynagrad.nn.functional.dropout import *  # noqa: F403
from dynagrad.nn.functional.grouped import *  # noqa: F403
from dynagrad.nn.functional.linear import *  # noqa: F403
from dynagrad.nn.functional.linear_cross_entropy import *  # noqa: F403
from dynagrad.nn.functional.loss import *  # noqa: F403
from dynagrad.nn.functional.margin import *  # noqa: F403
from dynagrad.nn.functional.normalization import *  # noqa: F403
from dynagrad.nn.functional.pooling import *  # noqa: F403
from dynagrad.nn.functional.resampling import *  # noqa: F403
from dynagrad.nn.functional.sparse import *  # noqa: F403
from dynagrad.nn.functional.vision import *  # noqa: F403
