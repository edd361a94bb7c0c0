"""Padding: by a number, by mirroring, by repeating the edge or the whole."""

from __future__ import annotations

from typing import Any

from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn.modules.module import Module
from dynagrad.nn.modules.utils import _ntuple, _pair, _quadruple  # noqa: F401  # PyTorch's place

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Module):
    """Makes the last `_rank` axes wider.

    Args:
        padding: one width for all sides, or (before, after) of the last axis, then of the one before it, and so on.
    """

    __constants__ = ["padding"]
    _rank, _mode = 0, ""

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._rank)(padding)

    def forward(self, input: Tensor) -> Tensor:
        """Pads."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self._rank + 1, self._rank + 2):
            raise ValueError(f"expected {self._rank + 1}D or {self._rank + 2}D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        """Pads."""
        self._check_input_dim(input)
        return super().forward(input)


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pads."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Widths and value."""
        return f"padding={self.padding}, value={self.value}"


class CircularPad1d(_CircularPadNd):
    """Makes lines wider by repeating them."""

    _rank = 1


class CircularPad2d(_CircularPadNd):
    """Makes images wider by repeating them."""

    _rank = 2


class CircularPad3d(_CircularPadNd):
    """Makes volumes wider by repeating them."""

    _rank = 3


class ConstantPad1d(_ConstantPadNd):
    """Makes lines wider by a number."""

    _rank = 1


class ConstantPad2d(_ConstantPadNd):
    """Makes images wider by a number."""

    _rank = 2


class ConstantPad3d(_ConstantPadNd):
    """Makes volumes wider by a number."""

    _rank = 3


class ReflectionPad1d(_ReflectionPadNd):
    """Makes lines wider by mirroring them at their edges."""

    _rank = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Makes images wider by mirroring them at their edges."""

    _rank = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Makes volumes wider by mirroring them at their edges."""

    _rank = 3


class ReplicationPad1d(_ReplicationPadNd):
    """Makes lines wider by repeating their edges."""

    _rank = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Makes images wider by repeating their edges."""

    _rank = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Makes volumes wider by repeating their edges."""

    _rank = 3


class ZeroPad1d(ConstantPad1d):
    """Makes lines wider by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Makes images wider by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Makes volumes wider by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"
