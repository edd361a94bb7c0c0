"""class Tensor: the public face of the native tensor. Its methods come from the cards of the ops.

The text of a tensor is in `printing`; attributes, operators and protocols are native (`_core/base.pyx`).
"""

from __future__ import annotations

from dynagrad._core.base import NativeTensor, inherit_operators
from dynagrad._core.card import methods
from dynagrad._core.tensor import use_classes


class Size(tuple[int, ...]):
    """The shape of a tensor.

    >>> import dynagrad
    >>> dynagrad.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def numel(self) -> int:
        """The product of the sizes."""
        total = 1
        for size in self:
            total *= size
        return total

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]  # a Size stays one
        return Size(tuple.__add__(self, tuple(other)))

    def __mul__(self, times: int) -> Size:  # type: ignore[override]  # a Size stays one
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__  # type: ignore[assignment]  # a Size stays one

    def __getitem__(self, index):  # type: ignore[no-untyped-def, override]  # int or Size, by the type of the index
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __reduce__(self) -> tuple[type[Size], tuple[tuple[int, ...]]]:
        return Size, (tuple(self),)


class Tensor(NativeTensor):
    """A multi-dimensional array of one dtype that can take part in a graph."""

    __slots__ = ()

    __array_priority__ = 1000

    def __init_subclass__(cls) -> None:
        inherit_operators(cls)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        from dynagrad.printing import tensor_text

        return tensor_text(self, tensor_contents=tensor_contents)

    def __format__(self, spec: str) -> str:
        if self.dim() == 0 and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)


for _name, _method in methods().items():
    setattr(Tensor, _name, _method)
inherit_operators(Tensor)
use_classes(Tensor, Size)
