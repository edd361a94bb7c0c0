"""dynagrad: define-by-run tensors and automatic differentiation, with PyTorch's names.

This file lists the public names and holds no logic. The ops come from their cards (`_core/card.py`).
"""

import typing as _typing

from dynagrad._core import ops as _ops  # first: it registers the cards from which Tensor takes its methods
from dynagrad import composite as _composite  # likewise
from dynagrad.tensor import Size as Size, Tensor as Tensor  # isort: skip
from dynagrad import autograd as autograd
from dynagrad._core.card import public as _op
from dynagrad._core.graph import (
    is_anomaly_enabled as is_anomaly_enabled,
)
from dynagrad._core.graph import (
    is_grad_enabled as is_grad_enabled,
)
from dynagrad._core.graph import (
    is_inference_mode_enabled as is_inference_mode_enabled,
)
from dynagrad._core.iterate import result_type as result_type
from dynagrad._core.types import (
    BY_NAME as _dtypes,
)
from dynagrad._core.types import (
    NAMED_ONLY as _named_only,
)
from dynagrad._core.types import (
    can_cast as can_cast,
)
from dynagrad._core.types import (
    channels_last as channels_last,
)
from dynagrad._core.types import (
    channels_last_3d as channels_last_3d,
)
from dynagrad._core.types import (
    contiguous_format as contiguous_format,
)
from dynagrad._core.types import (
    device as device,
)
from dynagrad._core.types import (
    dtype as dtype,
)
from dynagrad._core.types import (
    finfo as finfo,
)
from dynagrad._core.types import (
    get_default_dtype as get_default_dtype,
)
from dynagrad._core.types import (
    iinfo as iinfo,
)
from dynagrad._core.types import (
    layout as layout,
)
from dynagrad._core.types import (
    memory_format as memory_format,
)
from dynagrad._core.types import (
    preserve_format as preserve_format,
)
from dynagrad._core.types import (
    promote_types as promote_types,
)
from dynagrad._core.types import (
    set_default_dtype as set_default_dtype,
)
from dynagrad._core.types import (
    strided as strided,
)
from dynagrad.autograd import (
    enable_grad as enable_grad,
)
from dynagrad.autograd import (
    inference_mode as inference_mode,
)
from dynagrad.autograd import (
    no_grad as no_grad,
)
from dynagrad.autograd import (
    set_grad_enabled as set_grad_enabled,
)
from dynagrad.autograd.anomaly_mode import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from dynagrad.printing import set_printoptions as set_printoptions

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
# Of these there are no tensors.
complex32 = chalf = _named_only["complex32"]
complex64 = cfloat = _named_only["complex64"]
complex128 = cdouble = _named_only["complex128"]
uint16 = _named_only["uint16"]
uint32 = _named_only["uint32"]
uint64 = _named_only["uint64"]
float8_e4m3fn = _named_only["float8_e4m3fn"]
float8_e4m3fnuz = _named_only["float8_e4m3fnuz"]
float8_e5m2 = _named_only["float8_e5m2"]
float8_e5m2fnuz = _named_only["float8_e5m2fnuz"]
float8_e8m0fnu = _named_only["float8_e8m0fnu"]

# ---- arithmetic ------------------------------------------------------------------------------------------------------
abs = _op("abs")
absolute = _op("absolute")
add = _op("add")
addcdiv = _op("addcdiv")
addcmul = _op("addcmul")
div = _op("div")
divide = _op("divide")
floor_divide = _op("floor_divide")
fmod = _op("fmod")
lerp = _op("lerp")
mul = _op("mul")
multiply = _op("multiply")
neg = _op("neg")
negative = _op("negative")
positive = _op("positive")
reciprocal = _op("reciprocal")
remainder = _op("remainder")
rsub = _op("rsub")
sgn = _op("sgn")
sign = _op("sign")
sub = _op("sub")
subtract = _op("subtract")
tanh = _op("tanh")
true_divide = _op("true_divide")

# ---- layers ---------------------------------------------------------------------------------------------------------
conv1d = _op("conv1d")
conv2d = _op("conv2d")
conv3d = _op("conv3d")
conv_transpose1d = _op("conv_transpose1d")
conv_transpose2d = _op("conv_transpose2d")
conv_transpose3d = _op("conv_transpose3d")
convolution = _op("convolution")
adaptive_avg_pool1d = _op("adaptive_avg_pool1d")
adaptive_max_pool1d = _op("adaptive_max_pool1d")
affine_grid_generator = _op("affine_grid_generator")
avg_pool1d = _op("avg_pool1d")
batch_norm = _op("batch_norm")
channel_shuffle = _op("channel_shuffle")
constant_pad_nd = _op("constant_pad_nd")
ctc_loss = _op("ctc_loss")
grid_sampler = _op("grid_sampler")
group_norm = _op("group_norm")
instance_norm = _op("instance_norm")
max_pool1d = _op("max_pool1d")
max_pool1d_with_indices = _op("max_pool1d_with_indices")
max_pool2d = _op("max_pool2d")
max_pool3d = _op("max_pool3d")
_chunk_cat = _op("_chunk_cat")
native_channel_shuffle = _op("native_channel_shuffle")
pixel_shuffle = _op("pixel_shuffle")
pixel_unshuffle = _op("pixel_unshuffle")

# ---- powers and exponentials -----------------------------------------------------------------------------------------
exp = _op("exp")
exp2 = _op("exp2")
expm1 = _op("expm1")
float_power = _op("float_power")
log = _op("log")
log10 = _op("log10")
log1p = _op("log1p")
log2 = _op("log2")
logaddexp = _op("logaddexp")
pow = _op("pow")
rsqrt = _op("rsqrt")
sqrt = _op("sqrt")
square = _op("square")
xlogy = _op("xlogy")

# ---- angles ----------------------------------------------------------------------------------------------------------
acos = _op("acos")
acosh = _op("acosh")
arccos = _op("arccos")
arccosh = _op("arccosh")
arcsin = _op("arcsin")
arcsinh = _op("arcsinh")
arctan = _op("arctan")
arctan2 = _op("arctan2")
arctanh = _op("arctanh")
asin = _op("asin")
asinh = _op("asinh")
atan = _op("atan")
atan2 = _op("atan2")
atanh = _op("atanh")
cos = _op("cos")
cosh = _op("cosh")
deg2rad = _op("deg2rad")
hypot = _op("hypot")
rad2deg = _op("rad2deg")
sin = _op("sin")
sinh = _op("sinh")
tan = _op("tan")

# ---- special functions -----------------------------------------------------------------------------------------------
digamma = _op("digamma")
erf = _op("erf")
erfc = _op("erfc")
erfinv = _op("erfinv")
lgamma = _op("lgamma")
logit = _op("logit")
polygamma = _op("polygamma")
sigmoid = _op("sigmoid")
sinc = _op("sinc")

# ---- choices and rounding --------------------------------------------------------------------------------------------
ceil = _op("ceil")
clamp = _op("clamp")
clamp_max = _op("clamp_max")
clamp_min = _op("clamp_min")
clip = _op("clip")
copysign = _op("copysign")
fix = _op("fix")
floor = _op("floor")
fmax = _op("fmax")
fmin = _op("fmin")
frac = _op("frac")
heaviside = _op("heaviside")
masked_fill = _op("masked_fill")
maximum = _op("maximum")
minimum = _op("minimum")
nan_to_num = _op("nan_to_num")
relu = _op("relu")
round = _op("round")
trunc = _op("trunc")
where = _op("where")

# ---- predicates, logic and bits --------------------------------------------------------------------------------------
allclose = _op("allclose")
bitwise_and = _op("bitwise_and")
bitwise_left_shift = _op("bitwise_left_shift")
bitwise_not = _op("bitwise_not")
bitwise_or = _op("bitwise_or")
bitwise_right_shift = _op("bitwise_right_shift")
bitwise_xor = _op("bitwise_xor")
eq = _op("eq")
equal = _op("equal")
ge = _op("ge")
greater = _op("greater")
greater_equal = _op("greater_equal")
gt = _op("gt")
isclose = _op("isclose")
isfinite = _op("isfinite")
isinf = _op("isinf")
isnan = _op("isnan")
isneginf = _op("isneginf")
isposinf = _op("isposinf")
le = _op("le")
less = _op("less")
less_equal = _op("less_equal")
logical_and = _op("logical_and")
logical_not = _op("logical_not")
logical_or = _op("logical_or")
logical_xor = _op("logical_xor")
lt = _op("lt")
ne = _op("ne")
not_equal = _op("not_equal")
signbit = _op("signbit")

# ---- reductions ------------------------------------------------------------------------------------------------------
all = _op("all")
amax = _op("amax")
amin = _op("amin")
aminmax = _op("aminmax")
any = _op("any")
argmax = _op("argmax")
argmin = _op("argmin")
argsort = _op("argsort")
bucketize = _op("bucketize")
count_nonzero = _op("count_nonzero")
cummax = _op("cummax")
cummin = _op("cummin")
cumprod = _op("cumprod")
cumsum = _op("cumsum")
kthvalue = _op("kthvalue")
log_softmax = _op("log_softmax")
logcumsumexp = _op("logcumsumexp")
logsumexp = _op("logsumexp")
max = _op("max")
mean = _op("mean")
median = _op("median")
min = _op("min")
mode = _op("mode")
msort = _op("msort")
nanmean = _op("nanmean")
nanmedian = _op("nanmedian")
nanquantile = _op("nanquantile")
nansum = _op("nansum")
norm = _op("norm")
prod = _op("prod")
quantile = _op("quantile")
searchsorted = _op("searchsorted")
softmax = _op("softmax")
sort = _op("sort")
std = _op("std")
std_mean = _op("std_mean")
sum = _op("sum")
topk = _op("topk")
unique = _op("unique")
var = _op("var")
var_mean = _op("var_mean")

# ---- products --------------------------------------------------------------------------------------------------------
addbmm = _op("addbmm")
addmm = _op("addmm")
addmv = _op("addmv")
addr = _op("addr")
baddbmm = _op("baddbmm")
bmm = _op("bmm")
chain_matmul = _op("chain_matmul")
dot = _op("dot")
einsum = _op("einsum")
ger = _op("ger")
inner = _op("inner")
kron = _op("kron")
matmul = _op("matmul")
matrix_power = _op("matrix_power")
mm = _op("mm")
mv = _op("mv")
outer = _op("outer")
tensordot = _op("tensordot")
trace = _op("trace")
vdot = _op("vdot")

# ---- linear algebra --------------------------------------------------------------------------------------------------
cholesky = _op("cholesky")
cholesky_inverse = _op("cholesky_inverse")
cholesky_solve = _op("cholesky_solve")
cross = _op("cross")
det = _op("det")
geqrf = _op("geqrf")
inverse = _op("inverse")
lobpcg = _op("lobpcg")
logdet = _op("logdet")
lu = _op("lu")
lu_solve = _op("lu_solve")
lu_unpack = _op("lu_unpack")
matrix_exp = _op("matrix_exp")
ormqr = _op("ormqr")
pca_lowrank = _op("pca_lowrank")
pinverse = _op("pinverse")
qr = _op("qr")
slogdet = _op("slogdet")
svd = _op("svd")
svd_lowrank = _op("svd_lowrank")
triangular_solve = _op("triangular_solve")
vander = _op("vander")

# ---- copies of views and forms for real numbers ----------------------------------------------------------------------
alias_copy = _op("alias_copy")
angle = _op("angle")
as_strided_copy = _op("as_strided_copy")
conj = _op("conj")
conj_physical = _op("conj_physical")
detach_copy = _op("detach_copy")
diagonal_copy = _op("diagonal_copy")
expand_copy = _op("expand_copy")
fill = _op("fill")
fill_ = _op("fill_")
isreal = _op("isreal")
narrow_copy = _op("narrow_copy")
permute_copy = _op("permute_copy")
real = _op("real")
resolve_conj = _op("resolve_conj")
resolve_neg = _op("resolve_neg")
select_copy = _op("select_copy")
slice_copy = _op("slice_copy")
split_copy = _op("split_copy")
split_with_sizes_copy = _op("split_with_sizes_copy")
squeeze_copy = _op("squeeze_copy")
t_copy = _op("t_copy")
transpose_copy = _op("transpose_copy")
unbind_copy = _op("unbind_copy")
unfold_copy = _op("unfold_copy")
unsafe_chunk = _op("unsafe_chunk")
unsafe_split = _op("unsafe_split")
unsafe_split_with_sizes = _op("unsafe_split_with_sizes")
unsqueeze_copy = _op("unsqueeze_copy")
view_copy = _op("view_copy")
zero_ = _op("zero_")

# ---- differences, distances, covariances, counts ---------------------------------------------------------------------
corrcoef = _op("corrcoef")
cdist = _op("cdist")
cov = _op("cov")
cumulative_trapezoid = _op("cumulative_trapezoid")
diff = _op("diff")
dist = _op("dist")
gradient = _op("gradient")
histc = _op("histc")
histogram = _op("histogram")
histogramdd = _op("histogramdd")
renorm = _op("renorm")
trapezoid = _op("trapezoid")
trapz = _op("trapz")

# ---- sets and combinations -------------------------------------------------------------------------------------------
block_diag = _op("block_diag")
cartesian_prod = _op("cartesian_prod")
combinations = _op("combinations")
index_reduce = _op("index_reduce")
isin = _op("isin")
nonzero_static = _op("nonzero_static")
unique_consecutive = _op("unique_consecutive")
unravel_index = _op("unravel_index")

# ---- functions of one or two numbers ---------------------------------------------------------------------------------
frexp = _op("frexp")
gcd = _op("gcd")
i0 = _op("i0")
igamma = _op("igamma")
igammac = _op("igammac")
lcm = _op("lcm")
ldexp = _op("ldexp")
logaddexp2 = _op("logaddexp2")
mvlgamma = _op("mvlgamma")
nextafter = _op("nextafter")

# ---- views -----------------------------------------------------------------------------------------------------------
adjoint = _op("adjoint")
as_strided = _op("as_strided")
as_strided_scatter = _op("as_strided_scatter")
resize_as_ = _op("resize_as_")
atleast_1d = _op("atleast_1d")
atleast_2d = _op("atleast_2d")
atleast_3d = _op("atleast_3d")
broadcast_shapes = _op("broadcast_shapes")
broadcast_tensors = _op("broadcast_tensors")
broadcast_to = _op("broadcast_to")
chunk = _op("chunk")
detach = _op("detach")
diagonal = _op("diagonal")
diagonal_scatter = _op("diagonal_scatter")
dsplit = _op("dsplit")
flatten = _op("flatten")
hsplit = _op("hsplit")
moveaxis = _op("moveaxis")
movedim = _op("movedim")
narrow = _op("narrow")
permute = _op("permute")
ravel = _op("ravel")
reshape = _op("reshape")
select = _op("select")
select_scatter = _op("select_scatter")
slice_scatter = _op("slice_scatter")
split = _op("split")
split_with_sizes = _op("split_with_sizes")
squeeze = _op("squeeze")
swapaxes = _op("swapaxes")
swapdims = _op("swapdims")
t = _op("t")
tensor_split = _op("tensor_split")
transpose = _op("transpose")
unbind = _op("unbind")
unflatten = _op("unflatten")
unsqueeze = _op("unsqueeze")
vsplit = _op("vsplit")

# ---- indexing, joining, arranging ------------------------------------------------------------------------------------
argwhere = _op("argwhere")
bincount = _op("bincount")
cat = _op("cat")
column_stack = _op("column_stack")
concat = _op("concat")
concatenate = _op("concatenate")
dstack = _op("dstack")
flip = _op("flip")
fliplr = _op("fliplr")
flipud = _op("flipud")
gather = _op("gather")
hstack = _op("hstack")
index_add = _op("index_add")
index_copy = _op("index_copy")
index_fill = _op("index_fill")
index_put = _op("index_put")
index_select = _op("index_select")
masked_scatter = _op("masked_scatter")
masked_select = _op("masked_select")
nonzero = _op("nonzero")
put = _op("put")
repeat_interleave = _op("repeat_interleave")
roll = _op("roll")
rot90 = _op("rot90")
row_stack = _op("row_stack")
scatter = _op("scatter")
scatter_add = _op("scatter_add")
scatter_reduce = _op("scatter_reduce")
_segment_reduce = _op("_segment_reduce")
segment_reduce = _op("segment_reduce")
_unsafe_masked_index = _op("_unsafe_masked_index")
_unsafe_masked_index_put_accumulate = _op("_unsafe_masked_index_put_accumulate")
stack = _op("stack")
take = _op("take")
take_along_dim = _op("take_along_dim")
tile = _op("tile")
vstack = _op("vstack")

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
empty_permuted = _op("empty_permuted")
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
to_dlpack = _op("to_dlpack")
tril = _op("tril")
tril_indices = _op("tril_indices")
triu = _op("triu")
triu_indices = _op("triu_indices")
zeros = _op("zeros")
zeros_like = _op("zeros_like")

# ---- of old programs -------------------------------------------------------------------------------------------------
eig = _op("eig")
frobenius_norm = _op("frobenius_norm")
lstsq = _op("lstsq")
matrix_rank = _op("matrix_rank")
nuclear_norm = _op("nuclear_norm")
orgqr = _op("orgqr")
range = _op("range")
solve = _op("solve")
symeig = _op("symeig")

# ---- random numbers --------------------------------------------------------------------------------------------------
bernoulli = _op("bernoulli")
binomial = _op("binomial")
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
_dirichlet_grad = _op("_dirichlet_grad")
_sample_dirichlet = _op("_sample_dirichlet")
_standard_gamma = _op("_standard_gamma")
_standard_gamma_grad = _op("_standard_gamma_grad")

from dynagrad.tensor import (
    BFloat16Tensor as BFloat16Tensor,
    BoolTensor as BoolTensor,
    ByteTensor as ByteTensor,
    CharTensor as CharTensor,
    DoubleTensor as DoubleTensor,
    FloatTensor as FloatTensor,
    HalfTensor as HalfTensor,
    IntTensor as IntTensor,
    LongTensor as LongTensor,
    ShortTensor as ShortTensor,
)

from dynagrad import random as random  # its functions draw through the ops above
from dynagrad._core.ops.random import Generator as Generator
from dynagrad._core.ops.random import default_generator as default_generator
from dynagrad.random import (
    get_rng_state as get_rng_state,
)
from dynagrad.random import (
    initial_seed as initial_seed,
)
from dynagrad.random import (
    manual_seed as manual_seed,
)
from dynagrad.random import (
    seed as seed,
)
from dynagrad.random import (
    set_rng_state as set_rng_state,
)

from dynagrad import linalg as linalg  # isort: skip

# ---- the process and the machine -------------------------------------------------------------------------------------
from dynagrad import backends as backends
from dynagrad import cuda as cuda
from dynagrad import memory as memory
from dynagrad.memory import AcceleratorError as AcceleratorError, OutOfMemoryError as OutOfMemoryError
from dynagrad import version as version
from dynagrad._core.machine import get_num_threads as get_num_threads
from dynagrad._core.machine import set_num_threads as set_num_threads
from dynagrad.inquiry import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    get_float32_matmul_precision as get_float32_matmul_precision,
    is_complex as is_complex,
    is_floating_point as is_floating_point,
    is_inference as is_inference,
    is_nonzero as is_nonzero,
    is_same_size as is_same_size,
    is_tensor as is_tensor,
    numel as numel,
    set_default_device as set_default_device,
    set_default_tensor_type as set_default_tensor_type,
    set_float32_matmul_precision as set_float32_matmul_precision,
    typename as typename,
    use_deterministic_algorithms as use_deterministic_algorithms,
)

# ---- constants -------------------------------------------------------------------------------------------------------
e = 2.718281828459045
inf = 1e9999
nan = inf - inf
newaxis = None
pi = 3.141592653589793

# ---- what is imported when first asked for ---------------------------------------------------------------------------
_LAZY = (
    "_C",
    "__config__",
    "_dynamo",
    "_inductor",
    "accelerator",
    "compiler",
    "cpu",
    "distributed",
    "export",
    "futures",
    "fx",
    "hub",
    "jit",
    "mps",
    "mtia",
    "multiprocessing",
    "profiler",
    "testing",
    "torch_version",
    "types",
    "xpu",
    "amp",
    "distributions",
    "func",
    "functional",
    "library",
    "masked",
    "nn",
    "ops",
    "optim",
    "overrides",
    "return_types",
    "serialization",
    "signal",
    "special",
    "storage",
    "utils",
    "viz",
)
_LAZY_NAMES = {
    "_native_batch_norm_legit": "ops",
    "GradScaler": "amp",
    "TypedStorage": "storage",
    "UntypedStorage": "storage",
    "autocast": "amp",
    "compile": "settings",
    "get_default_device": "settings",
    "get_deterministic_debug_mode": "inquiry",
    "get_num_interop_threads": "inquiry",
    "is_deterministic_algorithms_warn_only_enabled": "inquiry",
    "is_warn_always_enabled": "inquiry",
    "load": "serialization",
    "save": "serialization",
    "set_deterministic_debug_mode": "inquiry",
    "set_flush_denormal": "inquiry",
    "set_num_interop_threads": "inquiry",
    "set_warn_always": "inquiry",
    "vmap": "func",
}

# The same for type checkers, which do not run what follows.
if _typing.TYPE_CHECKING:
    from dynagrad import (
        accelerator as accelerator,
        amp as amp,
        compiler as compiler,
        cpu as cpu,
        distributed as distributed,
        distributions as distributions,
        export as export,
        func as func,
        functional as functional,
        futures as futures,
        fx as fx,
        hub as hub,
        jit as jit,
        library as library,
        masked as masked,
        mps as mps,
        mtia as mtia,
        multiprocessing as multiprocessing,
        nn as nn,
        ops as ops,
        optim as optim,
        overrides as overrides,
        profiler as profiler,
        return_types as return_types,
        serialization as serialization,
        signal as signal,
        special as special,
        storage as storage,
        testing as testing,
        torch_version as torch_version,
        types as types,
        utils as utils,
        viz as viz,
        xpu as xpu,
    )
    from dynagrad.amp import GradScaler as GradScaler, autocast as autocast
    from dynagrad.inquiry import (
        get_deterministic_debug_mode as get_deterministic_debug_mode,
        get_num_interop_threads as get_num_interop_threads,
        is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
        is_warn_always_enabled as is_warn_always_enabled,
        set_deterministic_debug_mode as set_deterministic_debug_mode,
        set_flush_denormal as set_flush_denormal,
        set_num_interop_threads as set_num_interop_threads,
        set_warn_always as set_warn_always,
    )
    from dynagrad.serialization import load as load, save as save
    from dynagrad.settings import compile as compile, get_default_device as get_default_device
    from dynagrad.storage import TypedStorage as TypedStorage, UntypedStorage as UntypedStorage

# Questions and switches of autocast.
_AUTOCAST = """
    autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype get_autocast_dtype
    get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled
    set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled
    set_autocast_gpu_dtype
""".split()  # noqa: SIM905 - likewise
_LAZY_NAMES.update(dict.fromkeys(_AUTOCAST, "amp.autocast_mode"))
# The functions of layers, which come with `nn`.
_LAYERS = """
    alpha_dropout alpha_dropout_ bilinear binary_cross_entropy_with_logits celu celu_ conv_tbc cosine_embedding_loss
    cosine_similarity dropout dropout_ embedding embedding_bag embedding_renorm_ feature_alpha_dropout
    feature_alpha_dropout_ feature_dropout feature_dropout_ grid_sampler_2d grid_sampler_3d gru gru_cell hardshrink
    hinge_embedding_loss kl_div layer_norm lstm lstm_cell margin_ranking_loss native_batch_norm native_dropout
    native_group_norm native_layer_norm norm_except_dim pairwise_distance pdist poisson_nll_loss prelu rms_norm rnn_relu
    rnn_relu_cell rnn_tanh rnn_tanh_cell rrelu rrelu_ selu selu_ threshold threshold_ triplet_margin_loss
""".split()  # noqa: SIM905 - as a list, a name a line, they would fill a page
_LAZY_NAMES.update(dict.fromkeys(_LAYERS, "nn.root"))

# What is asked of the library and of the machine, and what old programs or traced ones name.
_ASKED = """
    compiled_with_cxx11_abi get_device get_file_path has_lapack has_mkl has_openmp has_spectral imag init_num_threads is_conj
    is_distributed is_neg is_signed is_storage is_vulkan_available set_anomaly_enabled
""".split()  # noqa: SIM905 - likewise
_STORAGES = """
    BFloat16Storage BoolStorage ByteStorage CharStorage DoubleStorage FloatStorage HalfStorage IntStorage LongStorage
    ShortStorage Storage
""".split()  # noqa: SIM905 - likewise
_SYMBOLS = """
    SymBool SymFloat SymInt sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum
""".split()  # noqa: SIM905 - likewise
_WINDOWS = "bartlett_window blackman_window hamming_window hann_window kaiser_window".split()  # noqa: SIM905
_LAZY_NAMES.update(dict.fromkeys(_ASKED, "about"))
_LAZY_NAMES.update(dict.fromkeys(_STORAGES, "typed_storages"))
_LAZY_NAMES.update(dict.fromkeys(_SYMBOLS, "symbols"))
_LAZY_NAMES.update(dict.fromkeys(("cond", "while_loop"), "control"))
_LAZY_NAMES.update(DisableTorchFunctionSubclass="overrides", _assert="inquiry")
_LAZY_NAMES.update(dict.fromkeys(_WINDOWS, "signal.periodic"))

# Methods that write in place and are functions, too.
_IN_PLACE = """
    abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_ atanh_ ceil_
    as_strided_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_ exp2_ exp_
    expm1_ fix_ floor_ frac_
    gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_
    relu_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_
""".split()  # noqa: SIM905 - as a list, a name a line, they would fill a page


def __getattr__(name: str) -> _typing.Any:
    if name in _IN_PLACE:
        return getattr(Tensor, name)
    if name in _LAZY or name in _LAZY_NAMES:
        from importlib import import_module

        module = import_module(f"dynagrad.{_LAZY_NAMES.get(name, name)}")
        found = globals()[name] = module if name in _LAZY else getattr(module, name)
        return found
    if name.startswith("_foreach_"):
        from dynagrad.composite.foreach import function

        return function(name.removeprefix("_foreach_"))
    raise AttributeError(f"module 'dynagrad' has no attribute '{name}'")
