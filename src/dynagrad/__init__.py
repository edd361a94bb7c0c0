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
arange = _op("arange")
as_tensor = _op("as_tensor")
asarray = _op("asarray")
clone = _op("clone")
complex = _op("complex")
diag = _op("diag")
diag_embed = _op("diag_embed")
diagflat = _op("diagflat")
empty = _op("empty")
empty_like = _op("empty_like")
empty_strided = _op("empty_strided")
eye = _op("eye")
from_dlpack = _op("from_dlpack")
from_numpy = _op("from_numpy")
frombuffer = _op("frombuffer")
full = _op("full")
full_like = _op("full_like")
linspace = _op("linspace")
logspace = _op("logspace")
meshgrid = _op("meshgrid")
ones = _op("ones")
ones_like = _op("ones_like")
scalar_tensor = _op("scalar_tensor")
tensor = _op("tensor")
tril = _op("tril")
tril_indices = _op("tril_indices")
triu = _op("triu")
triu_indices = _op("triu_indices")
zeros = _op("zeros")
zeros_like = _op("zeros_like")

# ---- random numbers ---------------------------------------------------------------------------------------------------
bernoulli = _op("bernoulli")
multinomial = _op("multinomial")
normal = _op("normal")
poisson = _op("poisson")
rand = _op("rand")
rand_like = _op("rand_like")
randint = _op("randint")
randint_like = _op("randint_like")
randn = _op("randn")
randn_like = _op("randn_like")
randperm = _op("randperm")

from dynagrad import random as random  # its functions draw through the ops above
from dynagrad._core.ops.random import Generator as Generator, default_generator as default_generator
from dynagrad.random import (
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)

from dynagrad import nn as nn  # isort: skip
