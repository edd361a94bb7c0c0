"""One op on every tensor of a list: ``torch._foreach_add_(parameters, 1)`` and its 90 siblings, which optimisers call.

They are loops over the ops themselves, and so have their derivatives. Nothing here is fused: native steps of whole
optimisers are `_core/ops/optimise`. Imported when the first name of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad.tensor import Tensor

UNARY = """
    abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt
    sigmoid sign sin sinh sqrt tan tanh trunc
""".split()  # noqa: SIM905 - as a list, a name a line, they would fill a page
# The method that computes each: the greater of an element and a number is `clamp_min` of it.
BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "div", "pow": "pow", "clamp_max": "clamp_max",
    "clamp_min": "clamp_min", "maximum": "clamp_min", "minimum": "clamp_max",
}  # fmt: skip
TAKE_A_TENSOR = ("add", "mul", "div")
TAKE_ALPHA = ("add", "sub")


def function(name: str) -> Callable[..., Any]:
    """The function whose public name is ``_foreach_`` and ``name``; AttributeError if there is none.

    >>> import dynagrad as torch
    >>> torch._foreach_add([torch.zeros(2), torch.ones(1)], 2)
    (tensor([2., 2.]), tensor([3.]))
    """
    plain, into = name.removesuffix("_"), name.endswith("_")
    if plain in UNARY:
        made = _unary(plain, into)
    elif plain in BINARY:
        made = _binary(plain, into)
    elif plain in ("addcmul", "addcdiv"):
        made = _fused(plain, into)
    elif plain == "lerp":
        made = _lerp(into)
    else:
        found: dict[str, Any] = {
            "clone": clone,
            "copy_": copy_,
            "max": largest,
            "mm": mm,
            "norm": norm,
            "powsum": powsum,
            "zero_": zero_,
        }
        if name not in found:
            raise AttributeError(f"module 'dynagrad' has no attribute '_foreach_{name}'")
        return found[name]
    made.__name__ = made.__qualname__ = f"_foreach_{name}"
    made.__module__ = "dynagrad"
    return made


# ---- arguments -------------------------------------------------------------------------------------------------------
def _tensors(name: str, given: Any, position: int = 0) -> Sequence[Tensor]:
    """A list of tensors; TypeError or RuntimeError for what is none."""
    if not isinstance(given, (list, tuple)):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: argument {position} must be a tuple of Tensors, not "
            f"{type(given).__name__}"
        )
    for i, each in enumerate(given):
        if not isinstance(each, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument {position}, but got {type(each).__name__}")
    if not given and position == 0:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return given


def _like(name: str, tensors: Sequence[Tensor], given: Any, position: int) -> Sequence[Tensor]:
    """A list of as many tensors."""
    _tensors(name, given, position)
    if len(given) != len(tensors):
        raise RuntimeError(f"Tensor lists must have the same number of tensors, got {len(tensors)} and {len(given)}")
    return given


def _numbers(name: str, tensors: Sequence[Tensor], given: Any) -> Sequence[Any]:
    """A number for each tensor: of one number, of a list of them, or of a one-dimensional tensor."""
    if isinstance(given, Tensor) and given.ndim:
        given = given.tolist()
    if isinstance(given, (list, tuple)):
        if len(given) != len(tensors):
            raise RuntimeError("Tensor list must have same number of elements as scalar list.")
        return given
    if not isinstance(given, (int, float, Tensor)):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: a Number or a list is wanted, not {type(given).__name__}"
        )
    return [given] * len(tensors)


def _one_of(name: str, positional: tuple[Any, ...], keywords: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The one argument that goes by several names, one for each of its kinds."""
    given = [*positional, *(keywords.pop(each) for each in names if each in keywords)]
    if len(given) != 1 or keywords:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: one of {', '.join(names)} is wanted"
            + (f", and got {', '.join(keywords)}" if keywords else "")
        )
    return given[0]


def _are_tensors(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and any(isinstance(each, Tensor) for each in given)


def _result(given: Any, made: list[Tensor], into: bool) -> Any:
    """The list given if it was written to, else a tuple of what is new."""
    return given if into else tuple(made)


# ---- the families ----------------------------------------------------------------------------------------------------
def _unary(plain: str, into: bool) -> Callable[..., Any]:
    name, method = f"_foreach_{plain}{'_' * into}", plain + "_" * into

    def call(self: Sequence[Tensor]) -> Any:
        return _result(self, [getattr(each, method)() for each in _tensors(name, self)], into)

    call.__doc__ = f"``{method}`` of every tensor in a list."
    return call


def _binary(plain: str, into: bool) -> Callable[..., Any]:
    name, method = f"_foreach_{plain}{'_' * into}", BINARY[plain] + "_" * into

    def call(self: Any, *other: Any, **keywords: Any) -> Any:
        alpha = {"alpha": keywords.pop("alpha")} if plain in TAKE_ALPHA and "alpha" in keywords else {}
        second = _one_of(name, other, keywords, ("other", "scalar", "scalars", "exponent"))
        if plain == "pow" and not into and isinstance(self, (int, float)):
            return tuple(each.__rpow__(self) for each in _tensors(name, second, 1))
        tensors = _tensors(name, self)
        if isinstance(second, Tensor):
            if plain not in TAKE_A_TENSOR:
                raise TypeError(
                    f"{name}() received an invalid combination of arguments: {plain} takes no single Tensor"
                )
            if second.ndim:
                raise RuntimeError(
                    f"scalar tensor expected to be 0 dim but it has {second.ndim} dimensions and {second.numel()} elements."
                )
        several = _are_tensors(second)
        others = _like(name, tensors, second, 1) if several else _numbers(name, tensors, second)
        if alpha and not several and not isinstance(second, Tensor):
            raise TypeError(f"{name}() received an invalid combination of arguments: alpha goes with tensors")
        return _result(self, [getattr(a, method)(b, **alpha) for a, b in zip(tensors, others, strict=True)], into)

    call.__doc__ = (
        f"``{plain}`` of every tensor in a list with a number, or with the number or tensor at its place in a list."
    )
    return call


def _fused(plain: str, into: bool) -> Callable[..., Any]:
    name, method = f"_foreach_{plain}{'_' * into}", plain + "_" * into

    def call(self: Any, tensor1: Any, tensor2: Any, *value: Any, **keywords: Any) -> Any:
        tensors = _tensors(name, self)
        firsts, seconds = _like(name, tensors, tensor1, 1), _like(name, tensors, tensor2, 2)
        given = _one_of(name, value, keywords, ("value", "scalars")) if value or keywords else 1
        values = _numbers(name, tensors, given)
        rows = zip(tensors, firsts, seconds, values, strict=True)
        return _result(self, [getattr(a, method)(b, c, value=scale) for a, b, c, scale in rows], into)

    call.__doc__ = f"``{plain}`` of the tensors at the same places of three lists; ``value`` may be a number for each."
    return call


def _lerp(into: bool) -> Callable[..., Any]:
    name, method = f"_foreach_lerp{'_' * into}", "lerp" + "_" * into

    def call(self: Any, tensors1: Any, *weight: Any, **keywords: Any) -> Any:
        tensors = _tensors(name, self)
        ends = _like(name, tensors, tensors1, 1)
        given = _one_of(name, weight, keywords, ("weight", "weights"))
        weights = _like(name, tensors, given, 2) if _are_tensors(given) else _numbers(name, tensors, given)
        rows = zip(tensors, ends, weights, strict=True)
        return _result(self, [getattr(a, method)(b, part) for a, b, part in rows], into)

    call.__doc__ = "``lerp`` between the tensors at the same places of two lists; ``weight`` may be one for each."
    return call


# ---- the others ------------------------------------------------------------------------------------------------------
def clone(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A copy of every tensor in a list."""
    return tuple(each.clone() for each in _tensors("_foreach_clone", self))


def copy_(self: Sequence[Tensor], src: Sequence[Tensor], non_blocking: bool = False) -> Sequence[Tensor]:
    """Writes the tensors of ``src`` to those at the same places."""
    sources = _like("_foreach_copy_", _tensors("_foreach_copy_", self), src, 1)
    for each, source in zip(self, sources, strict=True):
        each.copy_(source, non_blocking)
    return self


def largest(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The largest element of every tensor in a list."""
    return tuple(each.max() for each in _tensors("_foreach_max", self))


def mm(self: Sequence[Tensor], mat2: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The products of the matrices at the same places of two lists."""
    seconds = _like("_foreach_mm", _tensors("_foreach_mm", self), mat2, 1)
    return tuple(a.mm(b) for a, b in zip(self, seconds, strict=True))


def norm(self: Sequence[Tensor], ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The norm of order ``ord`` of every tensor in a list, taken as a vector, in ``dtype`` if given."""
    of = CARDS["linalg_vector_norm"].op
    return tuple(of(each, ord, dtype=dtype) for each in _tensors("_foreach_norm", self))


def powsum(self: Sequence[Tensor], ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The sum of ``|x| ** ord`` over every tensor in a list."""
    return tuple(each.abs().pow(ord).sum(dtype=dtype) for each in _tensors("_foreach_powsum", self))


def zero_(self: Sequence[Tensor]) -> Sequence[Tensor]:
    """Writes zero to every tensor in a list."""
    for each in _tensors("_foreach_zero_", self):
        each.zero_()
    return self
