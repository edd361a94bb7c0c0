"""Convolutions and transposed convolutions over one to three dimensions, and their lazy forms."""

from __future__ import annotations

import math
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn import init
from dynagrad.nn.common_types import _size_1_t, _size_2_t, _size_3_t  # noqa: F401  # PyTorch's place
from dynagrad.nn.modules.lazy import LazyModuleMixin
from dynagrad.nn.modules.module import Module
from dynagrad.nn.modules.utils import _ntuple, _pair, _reverse_repeat_tuple, _single, _triple  # noqa: F401  # PyTorch's place
from dynagrad.nn.parameter import Parameter, UninitializedParameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What convolutions have in common: their numbers, weight and bias. Arguments are tuples."""

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        self.transposed, self.output_padding, self.groups, self.padding_mode = (
            transposed,
            output_padding,
            groups,
            padding_mode,
        )
        self._reversed_padding_repeated_twice = _widths(padding, kernel_size, dilation)
        channels = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(dynagrad.empty((*channels, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(dynagrad.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias from ``U(-b, b)``, b being 1 / sqrt of the numbers that make one output."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and what differs from the defaults."""
        parts = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        for name, plain in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, name)
            if value != (plain,) * len(value):
                parts.append(f"{name}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "padding_mode"):
            self.padding_mode = "zeros"


def _check(
    in_channels: int, out_channels: int, stride: tuple[int, ...], padding: Any, groups: int, padding_mode: str
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of 'same' and 'valid'")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode='{padding_mode}'")


def _widths(padding: Any, kernel_size: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """The padding as `F.pad` takes it: the last axis first, before and after."""
    if not isinstance(padding, str):
        return _reverse_repeat_tuple(padding, 2)
    widths = [0, 0] * len(kernel_size)
    if padding == "same":
        for i, (d, k) in enumerate(zip(reversed(dilation), reversed(kernel_size), strict=True)):
            total = d * (k - 1)
            widths[2 * i : 2 * i + 2] = [total // 2, total - total // 2]
    return widths


class _Conv(_ConvNd):
    """A convolution over `_rank` dimensions.

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size: taps along each dimension, one number or one for each.
        stride: how far apart outputs lie in the input.
        padding: zeros on both sides; or "valid" (none), or "same" (as many as keep the size).
        dilation: how far apart taps lie.
        groups: into how many groups the channels are cut, which do not see each other.
        bias: whether there is one.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Raises:
        ValueError: numbers that do not fit together.
    """

    _rank = 0

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        each = _ntuple(self._rank)
        padding = padding if isinstance(padding, str) else each(padding)
        sizes = (each(kernel_size), each(stride), padding, each(dilation))
        super().__init__(
            in_channels, out_channels, *sizes, False, each(0), groups, bias, padding_mode, device=device, dtype=dtype
        )

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * self._rank
        return self._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, in_channels, ...)`` to ``(N, out_channels, ...)``; N may be absent."""
        return self._conv_forward(input, self.weight, self.bias)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution over `_rank` dimensions: the adjoint of a convolution in its input.

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size: taps along each dimension, one number or one for each.
        stride, padding, dilation, groups: of the convolution that this is the adjoint of.
        output_padding: how much longer the output is made at its end, where several lengths are possible.
        bias: whether there is one.
        padding_mode: "zeros".

    Raises:
        ValueError: numbers that do not fit together.
    """

    _rank = 0

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        each = _ntuple(self._rank)
        sizes = (each(kernel_size), each(stride), each(padding), each(dilation))
        super().__init__(
            in_channels,
            out_channels,
            *sizes,
            True,
            each(output_padding),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _output_padding(self, input: Tensor, output_size: Any) -> Any:
        """What to add to the smallest output, so that it has the size asked for."""
        if output_size is None:
            return self.output_padding
        rank, front = self._rank, 2 if input.dim() == self._rank + 2 else 1
        wanted = list(output_size)[front:] if len(output_size) == front + rank else list(output_size)
        if len(wanted) != rank:
            raise ValueError(
                f"ConvTranspose{rank}D: for {input.dim()}D input, output_size must have {rank} or {front + rank} "
                f"elements (got {len(wanted)})"
            )
        numbers: Any = zip(input.shape[front:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in numbers]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not low <= n <= high for n, low, high in zip(wanted, least, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an input of "
                f"{input.shape[front:]})"
            )
        return [n - low for n, low in zip(wanted, least, strict=True)]

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """``(N, in_channels, ...)`` to ``(N, out_channels, ...)``, of ``output_size`` if that is possible."""
        more = self._output_padding(input, output_size)
        return self._function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )


class Conv1d(_Conv):
    """A convolution over one dimension.

    >>> import dynagrad
    >>> dynagrad.nn.Conv1d(3, 5, 3)(dynagrad.ones(2, 3, 8)).shape
    torch.Size([2, 5, 6])
    """

    _rank = 1
    _function = staticmethod(F.conv1d)


class ConvTranspose1d(_ConvTransposeNd):
    """The adjoint of a convolution over one dimension.

    >>> import dynagrad
    >>> dynagrad.nn.ConvTranspose1d(3, 5, 3, stride=2)(dynagrad.ones(2, 3, 8)).shape
    torch.Size([2, 5, 17])
    """

    _rank = 1
    _function = staticmethod(F.conv_transpose1d)


class Conv2d(_Conv):
    """A convolution over two dimensions.

    >>> import dynagrad
    >>> dynagrad.nn.Conv2d(3, 5, 3)(dynagrad.ones(2, 3, 8, 8)).shape
    torch.Size([2, 5, 6, 6])
    """

    _rank = 2
    _function = staticmethod(F.conv2d)


class ConvTranspose2d(_ConvTransposeNd):
    """The adjoint of a convolution over two dimensions.

    >>> import dynagrad
    >>> dynagrad.nn.ConvTranspose2d(3, 5, 3, stride=2)(dynagrad.ones(2, 3, 8, 8)).shape
    torch.Size([2, 5, 17, 17])
    """

    _rank = 2
    _function = staticmethod(F.conv_transpose2d)


class Conv3d(_Conv):
    """A convolution over three dimensions.

    >>> import dynagrad
    >>> dynagrad.nn.Conv3d(3, 5, 3)(dynagrad.ones(2, 3, 8, 8, 8)).shape
    torch.Size([2, 5, 6, 6, 6])
    """

    _rank = 3
    _function = staticmethod(F.conv3d)


class ConvTranspose3d(_ConvTransposeNd):
    """The adjoint of a convolution over three dimensions.

    >>> import dynagrad
    >>> dynagrad.nn.ConvTranspose3d(3, 5, 3, stride=2)(dynagrad.ones(2, 3, 8, 8, 8)).shape
    torch.Size([2, 5, 17, 17, 17])
    """

    _rank = 3
    _function = staticmethod(F.conv_transpose3d)


# ---- lazy forms ----
class _LazyConvXdMixin(LazyModuleMixin):
    """Makes weight and bias at the first input, which says how many channels there are."""

    weight: Any
    bias: Any
    groups: int
    transposed: bool
    kernel_size: tuple[int, ...]
    _rank: int

    def reset_parameters(self) -> None:
        """Nothing before the channels are known."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def _await_input(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Makes weight and bias for inputs like this one."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        pair = (self.in_channels, self.out_channels) if self.transposed else (self.out_channels, self.in_channels)
        self.weight.materialize((pair[0], pair[1] // self.groups, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input: Tensor) -> int:
        rank = self._rank
        if input.dim() not in (rank + 1, rank + 2):
            raise RuntimeError(
                f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {type(self).__name__}, but got "
                f"input of size: {list(input.shape)}"
            )
        return input.shape[1] if input.dim() == rank + 2 else input.shape[0]


class _LazyConv(_LazyConvXdMixin):
    """A convolution that takes ``in_channels`` from its first input, and then is one."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        numbers = (kernel_size, stride, padding, dilation, groups)
        super().__init__(0, 0, *numbers, False, padding_mode, device=device, dtype=dtype)
        self._await_input(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXdMixin):
    """A transposed convolution that takes ``in_channels`` from its first input, and then is one."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        numbers = (kernel_size, stride, padding, output_padding, groups)
        super().__init__(0, 0, *numbers, False, dilation, padding_mode, device=device, dtype=dtype)
        self._await_input(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that takes ``in_channels`` from its first input, and then is one."""

    cls_to_become = Conv1d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that takes ``in_channels`` from its first input, and then is one."""

    cls_to_become = ConvTranspose1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that takes ``in_channels`` from its first input, and then is one."""

    cls_to_become = Conv2d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that takes ``in_channels`` from its first input, and then is one."""

    cls_to_become = ConvTranspose2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that takes ``in_channels`` from its first input, and then is one."""

    cls_to_become = Conv3d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that takes ``in_channels`` from its first input, and then is one."""

    cls_to_become = ConvTranspose3d
