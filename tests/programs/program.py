"""Random short programs over tensors, as plain data, and the machine that runs one on any library with torch's names.

A program is a list of steps; each step is (kind, number, number, number), the numbers choosing operands and variants
modulo what there is. So every list of numbers is a program, and a failing one shrinks well.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

SHAPES = [(), (1,), (3,), (2, 3), (3, 1), (1, 3), (2, 1, 3), (0, 3), (2, 2)]
UNARY: list[Callable[[Any, Any], Any]] = [
    lambda lib, x: lib.tanh(x),
    lambda lib, x: lib.sigmoid(x),
    lambda lib, x: lib.exp(x * 0.1),
    lambda lib, x: x * 1.5,
    lambda lib, x: 2 - x,
    lambda lib, x: x**2,
    lambda lib, x: x.relu(),
    lambda lib, x: x.abs(),
    lambda lib, x: -x,
    lambda lib, x: x.sum(),
    lambda lib, x: x.sum(-1, keepdim=True) if x.dim() else x.sum(),
    lambda lib, x: x.mean() if x.numel() else x.sum(),
    lambda lib, x: x.clone(),
    lambda lib, x: x.clamp(-0.5, 0.5),
]
BINARY: list[Callable[[Any, Any, Any], Any]] = [
    lambda lib, x, y: x + y,
    lambda lib, x, y: x - y,
    lambda lib, x, y: x * y,
    lambda lib, x, y: x / (y * y + 1),
    lambda lib, x, y: lib.maximum(x, y),
    lambda lib, x, y: lib.where(x > y, x, y),
    lambda lib, x, y: lib.add(x, y, alpha=0.5),
]
VIEWS: list[Callable[[Any], Any]] = [
    lambda x: x.reshape(-1),
    lambda x: x.view(x.numel()),
    lambda x: x.t() if x.dim() <= 2 else x.transpose(0, -1),
    lambda x: x.unsqueeze(0),
    lambda x: x.squeeze(),
    lambda x: x[0],
    lambda x: x[..., 1:],
    lambda x: x[..., ::2],
    lambda x: x.narrow(0, 0, 1),
    lambda x: x.unbind(0)[0],
    lambda x: x.detach(),
    lambda x: x.diagonal() if x.dim() == 2 else x.view_as(x),
    lambda x: x.expand(2, *x.shape),
]
INPLACE: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x.mul_(1.5),
    lambda x, y: x.add_(1),
    lambda x, y: x.zero_(),
    lambda x, y: x.tanh_(),
    lambda x, y: x.add_(y),
    lambda x, y: x.mul_(y),
    lambda x, y: x.copy_(y),
    lambda x, y: x.fill_(0.25),
    lambda x, y: x.sub_(y, alpha=0.5),
    lambda x, y: x.sigmoid_(),
    lambda x, y: x.__setitem__(0, 0.5),
    lambda x, y: x.__setitem__((..., slice(1, None)), y),
]
KINDS = [
    "leaf",
    "leaf",
    "unary",
    "unary",
    "binary",
    "binary",
    "binary",
    "view",
    "view",
    "inplace",
    "inplace",
    "quiet",
    "backward",
    "backward",
    "grad",
    "requires",
    "retain",
]
MAX_POOL = 12
MAX_ELEMENTS = 64
MAX_RANK = 3  # at rank 4 PyTorch prefers strides of images, channels last, which this library does not know


class Machine:
    """Runs steps on one library and keeps every tensor that they made."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.pool: list[Any] = []

    def leaf(self, shape: tuple[int, ...], seed: int, requires_grad: bool) -> Any:
        count = 1
        for size in shape:
            count *= size
        values = [((seed * 37 + i * 61) % 101) / 50 - 1 for i in range(count)]
        made = self.lib.tensor(values, dtype=self.lib.float64).reshape(shape)
        return made.requires_grad_(requires_grad)

    def step(self, kind: str, a: int, b: int, variant: int) -> str:
        """Runs one step; returns what it raised, or '' if nothing."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = self._made(kind, a, b, variant)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            return type(error).__name__
        if made is not None and made.numel() <= MAX_ELEMENTS and made.dim() <= MAX_RANK:
            self.pool.append(made)
            del self.pool[:-MAX_POOL]
        return ""

    def _made(self, kind: str, a: int, b: int, variant: int) -> Any:
        if kind == "leaf" or not self.pool:
            return self.leaf(SHAPES[a % len(SHAPES)], b, variant % 3 != 0)
        x, y = self.pool[a % len(self.pool)], self.pool[b % len(self.pool)]
        return getattr(self, "_" + kind)(x, y, variant)

    def _unary(self, x: Any, y: Any, variant: int) -> Any:
        return UNARY[variant % len(UNARY)](self.lib, x)

    def _binary(self, x: Any, y: Any, variant: int) -> Any:
        return BINARY[variant % len(BINARY)](self.lib, x, y)

    def _view(self, x: Any, y: Any, variant: int) -> Any:
        return VIEWS[variant % len(VIEWS)](x)

    def _inplace(self, x: Any, y: Any, variant: int) -> None:
        INPLACE[variant % len(INPLACE)](x, y.clone() if _overlaps(x, y) else y)

    def _quiet(self, x: Any, y: Any, variant: int) -> Any:
        """The same without recording."""
        with self.lib.no_grad():
            return (self._unary, self._inplace, self._view)[variant % 3](x, y, variant // 3)

    def _backward(self, x: Any, y: Any, variant: int) -> None:
        x.sum().backward(retain_graph=variant % 2 == 0)

    def _grad(self, x: Any, y: Any, variant: int) -> Any:
        """A gradient that has a history itself. The factor hides its node, whose name PyTorch makes up."""
        return self.lib.autograd.grad((x * x).sum(), y, create_graph=True)[0] * 1.5 if x.numel() else None

    def _requires(self, x: Any, y: Any, variant: int) -> None:
        x.requires_grad_(variant % 4 != 0)

    def _retain(self, x: Any, y: Any, variant: int) -> None:
        x.retain_grad()

    def report(self) -> list[dict[str, Any]]:
        """Everything a program can see of its tensors."""
        return [_seen(t) for t in self.pool]


def _overlaps(x: Any, y: Any) -> bool:
    """Whether writing to x changes y while it is read: PyTorch's result then depends on its order of elements."""
    return x is not y and _extent(x)[0] <= _extent(y)[1] and _extent(y)[0] <= _extent(x)[1]


def _extent(t: Any) -> tuple[int, int]:
    """The addresses of the first and the last element."""
    last = sum((size - 1) * step for size, step in zip(t.shape, t.stride(), strict=True))
    return t.data_ptr(), t.data_ptr() + last * t.element_size()


def _seen(t: Any) -> dict[str, Any]:
    return {
        "value": t.detach().tolist(),
        "shape": tuple(t.shape),
        "stride": tuple(t.stride()) if t.numel() else None,  # of an empty tensor they mean nothing
        "version": t._version,
        "view": t._is_view(),
        "requires_grad": t.requires_grad,
        "is_leaf": _asked(lambda: t.is_leaf),
        "grad_fn": _asked(lambda: type(t.grad_fn).__name__),
        "grad": _asked(lambda: None if t.grad is None else t.grad.tolist()),
    }


def _asked(question: Callable[[], Any]) -> Any:
    """The answer, or the type of error: a view of a changed base may have no history any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return question()
        except RuntimeError as error:
            return type(error)
