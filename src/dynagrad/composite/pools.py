"""Pools and shuffles of images that PyTorch also has at its root: forms for one axis, and those that drop the places.

The native ones are in `_core/ops/pool.pyx`; the rest of the pools is in `nn/functional/pooling.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, register

if TYPE_CHECKING:  # Tensor takes its methods from the cards that this package registers, so it must come after
    from dynagrad.tensor import Tensor

_avg_pool2d, _adaptive_avg_pool2d = CARDS["avg_pool2d"].op, CARDS["adaptive_avg_pool2d"].op
_max_pool2d, _max_pool3d = CARDS["max_pool2d_with_indices"].op, CARDS["max_pool3d_with_indices"].op
_adaptive_max_pool2d = CARDS["adaptive_max_pool2d_with_indices"].op


def _one(given: Any, default: Any = None, name: str = "kernel_size") -> Any:
    """The single number of a one-dimensional argument."""
    if given is None or (isinstance(given, (tuple, list)) and not given):
        return default
    if isinstance(given, (tuple, list)):
        if len(given) != 1:
            raise RuntimeError(f"{name} must either be a single int, or a tuple of one int, got {given}")
        return given[0]
    return given


def _lined(op: Callable[..., Any], input: Tensor, *args: Any, name: str) -> Any:
    """A two-dimensional pool on lines: images of height 1."""
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"{name}() Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got: {list(input.shape)}"
        )
    pooled = op(input.unsqueeze(-2), *args)
    return tuple(part.squeeze(-2) for part in pooled) if isinstance(pooled, tuple) else pooled.squeeze(-2)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The means of windows of lines, (N, C, L) or (C, L). stride is kernel_size by default.

    >>> import dynagrad
    >>> dynagrad.avg_pool1d(dynagrad.tensor([[1., 2., 3., 4.]]), 2)
    tensor([[1.5000, 3.5000]])
    """
    kernel, padding = _one(kernel_size), _one(padding, 0, "padding")
    stride = _one(stride, kernel, "stride")
    return _lined(
        _avg_pool2d, input, (1, kernel), (1, stride), (0, padding), ceil_mode, count_include_pad, name="avg_pool1d"
    )


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,  # noqa: ARG001  # a part of the signature
) -> tuple[Tensor, Tensor]:
    """The largest elements of windows of lines, (N, C, L) or (C, L), and their places, whatever return_indices says.

    >>> import dynagrad
    >>> dynagrad.max_pool1d_with_indices(dynagrad.tensor([[1., 2., 4., 3.]]), 2)
    (tensor([[2., 4.]]), tensor([[1, 2]]))
    """
    kernel = _one(kernel_size)
    stride, padding, dilation = (
        _one(stride, kernel, "stride"),
        _one(padding, 0, "padding"),
        _one(dilation, 1, "dilation"),
    )
    return _lined(
        _max_pool2d, input, (1, kernel), (1, stride), (0, padding), (1, dilation), ceil_mode, name="max_pool1d"
    )


def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """The largest elements of windows of lines, (N, C, L) or (C, L).

    >>> import dynagrad
    >>> dynagrad.max_pool1d(dynagrad.tensor([[1., 2., 4., 3.]]), 2)
    tensor([[2., 4.]])
    """
    return max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)[0]


def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """The largest elements of windows of images, (N, C, H, W) or (C, H, W).

    >>> import dynagrad
    >>> dynagrad.max_pool2d(dynagrad.arange(4.).view(1, 2, 2), 2)
    tensor([[[3.]]])
    """
    return _max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)[0]


def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """The largest elements of windows of volumes, (N, C, D, H, W) or (C, D, H, W).

    >>> import dynagrad
    >>> dynagrad.max_pool3d(dynagrad.arange(8.).view(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return _max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode)[0]


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of as many windows as output_size says, which cover the line evenly.

    >>> import dynagrad
    >>> dynagrad.adaptive_avg_pool1d(dynagrad.tensor([[1., 2., 3.]]), 2)
    tensor([[1.5000, 2.5000]])
    """
    return _lined(_adaptive_avg_pool2d, input, (1, _one(output_size, None, "output_size")), name="adaptive_avg_pool1d")


def adaptive_max_pool1d(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """The largest elements of as many windows as output_size says, which cover the line evenly, and their places.

    >>> import dynagrad
    >>> dynagrad.adaptive_max_pool1d(dynagrad.tensor([[1., 2., 3.]]), 2)
    (tensor([[2., 3.]]), tensor([[1, 2]]))
    """
    return _lined(_adaptive_max_pool2d, input, (1, _one(output_size, None, "output_size")), name="adaptive_max_pool1d")


for _op in (
    avg_pool1d,
    max_pool1d_with_indices,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    adaptive_avg_pool1d,
    adaptive_max_pool1d,
):
    register(Card(_op.__name__, _op, None, "layer", method=False))
