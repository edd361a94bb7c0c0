"""``torch.signal.windows``: weights that taper a stretch of a signal, symmetric ones or, without ``sym``, a period."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad.tensor import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _options(name: str, M: int, dtype: Any, layout: Any, device: Any) -> dict[str, Any]:
    """The arguments of creation, checked."""
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    made = CARDS["empty"].op(0, dtype=dtype, device=device, layout=layout)
    if str(made.dtype) not in ("torch.float32", "torch.float64"):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {made.dtype}")
    return {"dtype": made.dtype}


def _line(name: str, M: int, sym: bool, start: float, end: float, given: tuple[Any, ...]) -> Tensor:
    """M numbers from start towards end, which is reached where ``sym``."""
    options = _options(name, M, *given)
    if M == 0:
        return CARDS["empty"].op(0, **options)
    count = M if sym or M == 1 else M + 1
    return CARDS["linspace"].op(start, end, count, **options).narrow(0, 0, M)


def _finished(window: Tensor, requires_grad: bool) -> Tensor:
    return window.requires_grad_() if requires_grad else window


def _steps(M: int, sym: bool) -> int:
    return M if not sym and M > 1 else M - 1


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|n - center| / tau).

    >>> import dynagrad
    >>> dynagrad.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = _steps(M, sym) / 2 if center is None else center
    k = _line("exponential", M, True, -middle / tau, (-middle + M - 1) / tau, (dtype, layout, device))
    return _finished(k.abs().neg().exp(), requires_grad)


def cosine(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Half a period of the sine, at the middles of M equal parts.

    >>> import dynagrad
    >>> dynagrad.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    step = math.pi / (M + 1 if not sym and M > 1 else max(M, 1))
    k = _line("cosine", M, True, 0.5 * step, (M - 0.5) * step, (dtype, layout, device))
    return _finished(k.sin(), requires_grad)


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-(n / std)² / 2) about the middle.

    >>> import dynagrad
    >>> dynagrad.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    start, scale = -_steps(M, sym) / 2, 1 / (std * math.sqrt(2))
    k = _line("gaussian", M, True, start * scale, (start + M - 1) * scale, (dtype, layout, device))
    return _finished(k.square().neg().exp(), requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """i0(beta sqrt(1 - x²)) / i0(beta) for x from -1 to 1.

    >>> import dynagrad
    >>> dynagrad.signal.windows.kaiser(3, beta=0.)
    tensor([1., 1., 1.])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    options = _options("kaiser", M, dtype, layout, device)
    if M < 2:
        return _finished(CARDS["ones"].op(M, **options), requires_grad)
    end = CARDS["tensor"].op(float(beta), **options)
    steps = _steps(M, sym)
    k = CARDS["linspace"].op(-beta, -beta + 2 * beta / steps * (M - 1), M, **options).abs().minimum(end)
    root = (beta * beta - k.square()).sqrt()
    return _finished(root.i0() / end.i0(), requires_grad)


def general_cosine(
    M: int,
    *,
    a: Sequence[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The sum of a[i] (-1)^i cos(i x) for x over a period.

    >>> import dynagrad
    >>> dynagrad.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, (tuple, list)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    options = _options("general_cosine", M, dtype, layout, device)
    if M < 2:
        return _finished(CARDS["ones"].op(M, **options), requires_grad)
    k = CARDS["linspace"].op(0, 2 * math.pi * (M - 1) / _steps(M, sym), M, **options)
    weights = CARDS["tensor"].op([(-1) ** i * w for i, w in enumerate(a)], **options).unsqueeze(-1)
    orders = CARDS["arange"].op(len(a), **options).unsqueeze(-1)
    return _finished((weights * (orders * k).cos()).sum(0), requires_grad)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """A cosine on a pedestal: alpha - (1 - alpha) cos(x) over a period.

    >>> import dynagrad
    >>> dynagrad.signal.windows.general_hamming(3, alpha=0.5)
    tensor([0., 1., 0.])
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Hamming's window: 0.54 - 0.46 cos(x) over a period.

    >>> import dynagrad
    >>> dynagrad.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Hann's window: (1 - cos(x)) / 2 over a period.

    >>> import dynagrad
    >>> dynagrad.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Blackman's window: 0.42 - 0.5 cos(x) + 0.08 cos(2x) over a period.

    >>> import dynagrad
    >>> dynagrad.signal.windows.blackman(3).shape
    torch.Size([3])
    """
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Nuttall's window: four cosines with smallest side lobes.

    >>> import dynagrad
    >>> dynagrad.signal.windows.nuttall(3).shape
    torch.Size([3])
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def bartlett(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A triangle from 0 to 1 and back.

    >>> import dynagrad
    >>> dynagrad.signal.windows.bartlett(3)
    tensor([0., 1., 0.])
    """
    options = _options("bartlett", M, dtype, layout, device)
    if M < 2:
        return _finished(CARDS["ones"].op(M, **options), requires_grad)
    k = CARDS["linspace"].op(-1, -1 + 2 / _steps(M, sym) * (M - 1), M, **options)
    return _finished(1 - k.abs(), requires_grad)
