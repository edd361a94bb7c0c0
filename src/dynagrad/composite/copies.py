"""Forms that write nothing over: copies of views, splits that are no views, and what real numbers leave as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dynagrad._core.card import CARDS, Card, register
from dynagrad._core.ops.copy import deliver
from dynagrad._core.ops.whole import AngleBackward0, copied, whole

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor


def _op(name: str) -> Callable[..., Any]:
    return CARDS[name].op if name in CARDS else next(c.op for c in CARDS.values() if name in c.aliases)


# ---- copies of views -------------------------------------------------------------------------------------------------

VIEWS = (
    ("as_strided", "(dynagrad.arange(4), (2,), (2,))", "tensor([0, 2])"),
    ("diagonal", "(dynagrad.eye(2))", "tensor([1., 1.])"),
    ("expand", "(dynagrad.ones(1), (2,))", "tensor([1., 1.])"),
    ("permute", "(dynagrad.ones(1, 2), (1, 0)).shape", "torch.Size([2, 1])"),
    ("select", "(dynagrad.eye(2), 0, 1)", "tensor([0., 1.])"),
    ("squeeze", "(dynagrad.ones(1, 2))", "tensor([1., 1.])"),
    ("t", "(dynagrad.ones(1, 2)).shape", "torch.Size([2, 1])"),
    ("transpose", "(dynagrad.ones(1, 2), 0, 1).shape", "torch.Size([2, 1])"),
    ("unfold", "(dynagrad.arange(3), 0, 2, 1)", "tensor([[0, 1],\n            [1, 2]])"),
    ("unsqueeze", "(dynagrad.ones(2), 0)", "tensor([[1., 1.]])"),
    ("view", "(dynagrad.ones(2), (2, 1)).shape", "torch.Size([2, 1])"),
    ("narrow", "(dynagrad.arange(4), 0, 1, 2)", "tensor([1, 2])"),
    ("detach", "(dynagrad.ones(2))", "tensor([1., 1.])"),
)


def _copying(name: str, call: str, answer: str) -> Callable[..., Tensor]:
    """The function ``name_copy``, whose result has memory of its own."""

    def copy(input: Tensor, *args: Any, out: Tensor | None = None, **kwargs: Any) -> Tensor:
        return deliver(copied(input, _op(name)(input, *args, **kwargs)), out)

    copy.__name__ = copy.__qualname__ = f"{name}_copy"
    copy.__doc__ = f"""`{name}`, copied: the result shares no memory with the input.

    >>> import dynagrad
    >>> dynagrad.{name}_copy{call}
    {answer}
    """
    return copy


for _view in VIEWS:
    register(Card(f"{_view[0]}_copy", _copying(*_view), samples="database", method=_view[0] == "narrow"))


def alias_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of the tensor.

    >>> import dynagrad
    >>> dynagrad.alias_copy(dynagrad.ones(2))
    tensor([1., 1.])
    """
    return deliver(copied(input, input[...]), out)


def slice_copy(
    input: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The slices ``start:end:step`` along a dimension, copied.

    >>> import dynagrad
    >>> dynagrad.slice_copy(dynagrad.arange(6), 0, 1, 6, 2)
    tensor([1, 3, 5])
    """
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return deliver(input.movedim(dim, 0)[start:end:step].movedim(0, dim).clone(), out)


register(Card("slice_copy", slice_copy, samples="database", method=False))


def _copied_parts(input: Tensor, parts: tuple[Tensor, ...], out: Sequence[Tensor] | None) -> tuple[Tensor, ...] | None:
    if out is None:
        return copied(input, parts)
    for part, target in zip(parts, out, strict=True):
        deliver(part, target)
    return None


def unbind_copy(input: Tensor, dim: int = 0, *, out: Sequence[Tensor] | None = None) -> tuple[Tensor, ...] | None:
    """`unbind`, copied.

    >>> import dynagrad
    >>> dynagrad.unbind_copy(dynagrad.arange(2))
    (tensor(0), tensor(1))
    """
    return _copied_parts(input, input.unbind(dim), out)


def split_copy(
    input: Tensor, split_size: int, dim: int = 0, *, out: Sequence[Tensor] | None = None
) -> tuple[Tensor, ...] | None:
    """`split` into parts of one size, copied.

    >>> import dynagrad
    >>> dynagrad.split_copy(dynagrad.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _copied_parts(input, input.split(split_size, dim), out)


def split_with_sizes_copy(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0, *, out: Sequence[Tensor] | None = None
) -> tuple[Tensor, ...] | None:
    """`split_with_sizes`, copied.

    >>> import dynagrad
    >>> dynagrad.split_with_sizes_copy(dynagrad.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return _copied_parts(input, input.split_with_sizes(list(split_sizes), dim), out)


for _each in (alias_copy, unbind_copy, split_copy, split_with_sizes_copy):
    register(Card(_each.__name__, _each, samples="database", method=False))


# ---- real numbers ----------------------------------------------------------------------------------------------------


def _itself(name: str, what: str) -> Callable[[Tensor], Tensor]:
    def same(input: Tensor) -> Tensor:
        return input

    same.__name__ = same.__qualname__ = name
    same.__doc__ = f"""{what}: the tensor itself, as there are no complex tensors.

    >>> import dynagrad
    >>> dynagrad.{name}(dynagrad.ones(2))
    tensor([1., 1.])
    """
    return same


register(Card("conj", _itself("conj", "The complex conjugate"), samples="database"))
register(
    Card("resolve_conj", _itself("resolve_conj", "The tensor with its conjugation carried out"), samples="database")
)
register(Card("resolve_neg", _itself("resolve_neg", "The tensor with its negation carried out"), samples="database"))
register(Card("real", _itself("real", "The real part"), samples="database", method=False))


def _conj_physical_(self: Tensor) -> Tensor:
    """The complex conjugate, in place."""
    return self


def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate: the tensor itself, as there are no complex tensors.

    >>> import dynagrad
    >>> dynagrad.conj_physical(dynagrad.ones(2))
    tensor([1., 1.])
    """
    return deliver(input, out)


def isreal(input: Tensor) -> Tensor:
    """Where the numbers are real: everywhere, as there are no complex tensors.

    >>> import dynagrad
    >>> dynagrad.isreal(dynagrad.ones(2))
    tensor([True, True])
    """
    return _op("ones_like")(input, dtype=input.isnan().dtype)


def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angles in the complex plane: 0 for numbers from 0 on, pi for negative ones, NaN for NaN.

    >>> import dynagrad
    >>> dynagrad.angle(dynagrad.tensor([2., -2.]))
    tensor([0.0000, 3.1416])
    """

    def values() -> Tensor:
        floating = input if input.is_floating_point() else input.float()
        turned = (floating < 0).to(floating.dtype) * 3.141592653589793
        return floating.where(floating.isnan(), turned)

    return deliver(whole(AngleBackward0, (input,), values, (input,)), out)


register(Card("conj_physical", conj_physical, inplace=_conj_physical_, samples="database"))
register(Card("isreal", isreal, samples="database"))
register(Card("angle", angle, samples="database"))
