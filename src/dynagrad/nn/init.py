"""Initialisers: fill a parameter in place, outside the graph, with PyTorch's numbers for the same seed.

The streams themselves are in the core's random ops.
"""

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dynagrad

if TYPE_CHECKING:
    from dynagrad import Generator, Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    "linear": 1,
    "conv1d": 1,
    "conv2d": 1,
    "conv3d": 1,
    "conv_transpose1d": 1,
    "conv_transpose2d": 1,
    "conv_transpose3d": 1,
    "sigmoid": 1,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights are scaled so that a signal keeps its variance through a non-linear function.

    Args:
        nonlinearity: the function's name: ``linear``, ``conv1d`` to ``conv3d`` and their transposes, ``sigmoid``,
            ``tanh``, ``relu``, ``leaky_relu`` or ``selu``; ValueError for another.
        param: the negative slope of ``leaky_relu``, 0.01 if not given.

    >>> round(calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if nonlinearity != "leaky_relu":
        if nonlinearity not in _GAINS:
            raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
        return _GAINS[nonlinearity]
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


def uniform_(tensor: "Tensor", a: float = 0.0, b: float = 1.0, generator: "Generator | None" = None) -> "Tensor":
    """Fills ``tensor`` with numbers drawn uniformly from [``a``, ``b``).

    >>> _ = dynagrad.manual_seed(0); uniform_(dynagrad.empty(3))
    tensor([0.4963, 0.7682, 0.0885])
    """
    with dynagrad.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: "Tensor", mean: float = 0.0, std: float = 1.0, generator: "Generator | None" = None) -> "Tensor":
    """Fills ``tensor`` with normally distributed numbers of the given mean and standard deviation.

    >>> _ = dynagrad.manual_seed(0); normal_(dynagrad.empty(3))
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    with dynagrad.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redraw_normal(tensor: "Tensor", mean: float, std: float, a: float, b: float, generator: Any) -> None:
    """Draws whole tensors of normals until each element has had one inside the bounds, as its dtype rounds them."""
    low, high = tensor.new_tensor(a).item(), tensor.new_tensor(b).item()
    result = tensor.normal_(mean, std, generator=generator)
    while (outside := (result < low) | (result > high)).any():
        fresh = dynagrad.empty_like(result).normal_(mean, std, generator=generator)
        result = dynagrad.where(outside, fresh, result)
    if result is not tensor:
        tensor.copy_(result)


def _reject_uniform(tensor: "Tensor", mean: float, std: float, a: float, b: float, generator: Any) -> None:
    """Rejection from uniforms on [a, b]: accepts x with probability exp(log_density(x) - log_density(mode))."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    coins = dynagrad.empty_like(tensor)

    def rejected(x: "Tensor") -> "Tensor":
        density = x.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        return coins.uniform_(generator=generator).log_().gt(density)

    result = tensor.uniform_(a, b, generator=generator)
    pending = rejected(result)
    while pending.any():
        candidates = dynagrad.empty_like(tensor).uniform_(a, b, generator=generator)
        result = dynagrad.where(pending, candidates, result)
        pending = pending & rejected(candidates)
    if result is not tensor:
        tensor.copy_(result)


def trunc_normal_(
    tensor: "Tensor",
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: "Generator | None" = None,
) -> "Tensor":
    """Fills ``tensor`` with normally distributed numbers, those outside [``a``, ``b``] drawn again.

    >>> _ = dynagrad.manual_seed(0); trunc_normal_(dynagrad.empty(3), a=-1, b=1).abs().max() <= 1
    tensor(True)
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            f"trunc_normal_: the mean {mean} lies more than two standard deviations outside [{a}, {b}]; "
            "the values may not follow the distribution",
            stacklevel=2,
        )
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with dynagrad.no_grad():
        (_redraw_normal if inside > 0.3 else _reject_uniform)(tensor, mean, std, a, b, generator)
    return tensor


def constant_(tensor: "Tensor", val: float) -> "Tensor":
    """Fills ``tensor`` with the number ``val``.

    >>> constant_(dynagrad.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    with dynagrad.no_grad():
        return tensor.fill_(val)


def ones_(tensor: "Tensor") -> "Tensor":
    """Fills ``tensor`` with 1.

    >>> ones_(dynagrad.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: "Tensor") -> "Tensor":
    """Fills ``tensor`` with 0.

    >>> zeros_(dynagrad.empty(2))
    tensor([0., 0.])
    """
    with dynagrad.no_grad():
        return tensor.zero_()


def eye_(tensor: "Tensor") -> "Tensor":
    """Fills a matrix with the identity; ValueError if ``tensor`` is not two-dimensional.

    >>> eye_(dynagrad.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with dynagrad.no_grad():
        tensor.zero_().diagonal().fill_(1)
    return tensor


def dirac_(tensor: "Tensor", groups: int = 1) -> "Tensor":
    """Fills the weight of a convolution so that it passes as many channels on unchanged as it can.

    Args:
        tensor: (out channels, in channels / groups, one to three kernel sizes); ValueError for other ranks.
        groups: into how many groups the channels are divided; it must divide the out channels.

    >>> dirac_(dynagrad.empty(2, 1, 3))[0]
    tensor([[0., 1., 0.]])
    """
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.size(0) % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = tensor.size(0) // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with dynagrad.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.size(1))):
                tensor[(group * per_group + channel, channel, *centre)] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: "Tensor") -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.size(1) * receptive_field, tensor.size(0) * receptive_field


def _calculate_correct_fan(tensor: "Tensor", mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def xavier_uniform_(tensor: "Tensor", gain: float = 1.0, generator: "Generator | None" = None) -> "Tensor":
    """Fills ``tensor`` uniformly within ±``gain`` sqrt(6 / (fan in + fan out)) (Glorot and Bengio, 2010).

    >>> _ = dynagrad.manual_seed(0); xavier_uniform_(dynagrad.empty(1, 3))
    tensor([[-0.0092,  0.6570, -1.0080]])
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(fan_in + fan_out)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: "Tensor", gain: float = 1.0, generator: "Generator | None" = None) -> "Tensor":
    """Fills ``tensor`` with normals of deviation ``gain`` sqrt(2 / (fan in + fan out)) (Glorot and Bengio, 2010).

    >>> _ = dynagrad.manual_seed(1); xavier_normal_(dynagrad.empty(2, 3))
    tensor([[ 0.4183,  0.1688,  0.0390],
            [ 0.3930, -0.2858, -0.1051]])
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def _kaiming_std(tensor: "Tensor", a: float, mode: str, nonlinearity: str) -> float | None:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: "Tensor",
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: "Generator | None" = None,
) -> "Tensor":
    """Fills ``tensor`` uniformly within ±gain sqrt(3 / fan) (He et al., 2015).

    Args:
        tensor: a weight of shape (fan out, fan in, kernel sizes).
        a: the negative slope where ``nonlinearity`` is ``leaky_relu``.
        mode: ``fan_in`` keeps the variance in the forward pass, ``fan_out`` in the backward pass.
        nonlinearity: a name that `calculate_gain` knows.
        generator: the stream to draw from, the default one if not given.

    >>> _ = dynagrad.manual_seed(0); kaiming_uniform_(dynagrad.empty(1, 3))
    tensor([[-0.0106,  0.7586, -1.1640]])
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: "Tensor",
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: "Generator | None" = None,
) -> "Tensor":
    """Fills ``tensor`` with normals of deviation gain / sqrt(fan) (He et al., 2015); arguments as `kaiming_uniform_`.

    >>> _ = dynagrad.manual_seed(0); kaiming_normal_(dynagrad.empty(1, 2))
    tensor([[ 1.5410, -0.2934]])
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


def _orthonormal_columns(matrix: "Tensor") -> "Tensor":
    """The Q of a QR decomposition whose R has a positive diagonal: uniform if the matrix is normal (Mezzadri, 2007)."""
    import numpy as np

    q, r = np.linalg.qr(matrix.numpy())
    return dynagrad.from_numpy(q * np.sign(np.diagonal(r)))


def orthogonal_(tensor: "Tensor", gain: float = 1, generator: "Generator | None" = None) -> "Tensor":
    """Fills ``tensor``, its trailing dimensions flattened, with ``gain`` times a (semi-)orthogonal matrix.

    The rows are orthonormal, or the columns where there are more rows than columns (Saxe, McClelland and Ganguli,
    2013). Raises ValueError below two dimensions.

    >>> w = orthogonal_(dynagrad.empty(2, 3)); (w @ w.T).round(decimals=3).abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    with dynagrad.no_grad():
        matrix = dynagrad.empty((rows, columns), dtype=tensor.dtype).normal_(0, 1, generator=generator)
        wide = rows < columns
        q = _orthonormal_columns(matrix.t() if wide else matrix)
        tensor.copy_((q.t() if wide else q).reshape(tensor.shape))
        tensor.mul_(gain)
    return tensor


def sparse_(tensor: "Tensor", sparsity: float, std: float = 0.01, generator: "Generator | None" = None) -> "Tensor":
    """Fills a matrix with normals and sets a share of each column to zero (Martens, 2010).

    Args:
        tensor: a matrix; ValueError for other ranks.
        sparsity: the share of zeros in each column, between 0 and 1.
        std: the deviation of the other elements.
        generator: the stream of the normals; which rows become zero is always drawn from the default one.

    >>> int((sparse_(dynagrad.empty(4, 3), 0.5) == 0).sum())
    6
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with dynagrad.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[dynagrad.randperm(rows)[:zeros], column] = 0
    return tensor


def _deprecated(initialiser: Callable[..., "Tensor"]) -> Callable[..., "Tensor"]:
    """The same initialiser under its old name without the underscore."""
    old = initialiser.__name__[:-1]

    @functools.wraps(initialiser)
    def renamed(*args: Any, **kwargs: Any) -> "Tensor":
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{initialiser.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        return initialiser(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"Deprecated: use `{initialiser.__name__}`."
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
