"""dynagrad: define-by-run tensors and automatic differentiation, with PyTorch's names.

This file lists the public names and holds no logic. The ops come from their cards (`_core/card.py`).
"""

from dynagrad._core import ops as _ops  # first: it registers the cards from which Tensor takes its methods
from dynagrad.tensor import Size as Size, Tensor as Tensor  # isort: skip
from dynagrad._core.base import backward as _backward, grad as _grad
from dynagrad._core.card import public as _op
from dynagrad._core.graph import is_grad_enabled as is_grad_enabled, is_inference_mode_enabled as is_inference_mode_enabled
from dynagrad._core.iterate import result_type as result_type
from dynagrad._core.types import (
    BY_NAME as _dtypes,
    can_cast as can_cast,
    channels_last as channels_last,
    contiguous_format as contiguous_format,
    device as device,
    dtype as dtype,
    finfo as finfo,
    get_default_dtype as get_default_dtype,
    iinfo as iinfo,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    promote_types as promote_types,
    set_default_dtype as set_default_dtype,
    strided as strided,
)

__version__ = "0.1.0"

# ---- dtypes ----------------------------------------------------------------------------------------------------------
bool = _dtypes["bool"]
uint8 = _dtypes["uint8"]
int8 = _dtypes["int8"]
int16 = short = _dtypes["int16"]
int32 = int = _dtypes["int32"]
int64 = long = _dtypes["int64"]
float16 = half = _dtypes["float16"]
bfloat16 = _dtypes["bfloat16"]
float32 = float = _dtypes["float32"]
float64 = double = _dtypes["float64"]

# ---- arithmetic ------------------------------------------------------------------------------------------------------
add = _op("add")
mul = _op("mul")
multiply = _op("multiply")
neg = _op("neg")
negative = _op("negative")
tanh = _op("tanh")

# ---- reductions ------------------------------------------------------------------------------------------------------
sum = _op("sum")

# ---- views -----------------------------------------------------------------------------------------------------------
as_strided = _op("as_strided")
detach = _op("detach")
unsqueeze = _op("unsqueeze")

# ---- copies and creation ---------------------------------------------------------------------------------------------
clone = _op("clone")
empty = _op("empty")
