"""Windows at the root, as `torch.hann_window`: one period unless told otherwise, in any floating dtype.

The formulas are those of `windows`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad.signal import windows
from dynagrad.tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]

_empty = CARDS["empty"].op


def _window(
    name: str, make: Callable[..., Tensor], length: int, periodic: bool, options: dict[str, Any], **shape: Any
) -> Tensor:
    """The window computed in float32 or float64, and rounded to narrower dtypes."""
    known = {"dtype", "layout", "device", "pin_memory", "requires_grad"}
    if options.keys() - known:
        raise TypeError(f"{name}() got an unexpected keyword argument '{min(options.keys() - known)}'")
    if isinstance(length, bool) or not hasattr(length, "__index__"):
        raise TypeError(f"{name}(): argument 'window_length' (position 1) must be int, not {type(length).__name__}")
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    made = _empty(0, dtype=options.get("dtype"), layout=options.get("layout"), device=options.get("device"))
    if not made.is_floating_point():
        raise RuntimeError(f"{name} expects floating point dtypes, got: {made.dtype}")
    if options.get("pin_memory"):
        raise RuntimeError("Need to provide pin_memory allocator to use pin memory.")
    inner = made.dtype if str(made.dtype) in ("torch.float32", "torch.float64") else _empty(0).float().dtype
    window = make(int(length), sym=not periodic, dtype=inner, **shape).to(made.dtype)
    return window.requires_grad_() if options.get("requires_grad") else window


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """``sin(pi n / N)²``, N being the length, or one less for a window that is not ``periodic``.

    Args:
        window_length: the number of weights; RuntimeError if it is negative.
        periodic: whether the window is a period of a function, for Fourier transforms, or symmetric.
        options: dtype (floating), layout, device, pin_memory, requires_grad.

    >>> import dynagrad as torch
    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", windows.hann, window_length, periodic, options)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **options: Any
) -> Tensor:
    """``alpha - beta cos(2 pi n / N)``. The arguments are those of `hann_window`.

    >>> import dynagrad as torch
    >>> torch.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    # general_cosine weighs its terms with alternating signs.
    return _window("hamming_window", windows.general_cosine, window_length, periodic, options, a=[alpha, beta])


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """``0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)``. The arguments are those of `hann_window`.

    >>> import dynagrad as torch
    >>> torch.blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _window("blackman_window", windows.blackman, window_length, periodic, options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A triangle from 0 to 1 and back: ``1 - |2 n / N - 1|``. The arguments are those of `hann_window`.

    >>> import dynagrad as torch
    >>> torch.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett_window", windows.bartlett, window_length, periodic, options)


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any) -> Tensor:
    """``i0(beta sqrt(1 - (2 n / N - 1)²)) / i0(beta)``. The arguments are those of `hann_window`.

    >>> import dynagrad as torch
    >>> torch.kaiser_window(4, beta=2.0)
    tensor([0.4387, 0.8348, 1.0000, 0.8348])
    """
    return _window("kaiser_window", windows.kaiser, window_length, periodic, options, beta=beta)
