"""Forward mode by dual numbers: a tensor and its tangent go through a function together, inside of a ``dual_level``.

A dual tensor is an input of the graph, and the tangent of whatever depends on it is worked out when it is asked for, as the
derivative of its pulled-back gradient (`func.tape`). So a dual tensor says that it requires grad, and needs recording:
a ``dual_level`` switches it on, and what is computed under ``no_grad`` inside of one has no tangent.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple

import dynagrad
from dynagrad._core.ops.data import own_alias
from dynagrad.autograd.grad_mode import is_grad_enabled
from dynagrad.func.tape import Linearized, Tape, released
from dynagrad.tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns: the values, and their tangent or None."""

    primal: Tensor
    tangent: Tensor | None


class _Dual(NamedTuple):
    """A dual tensor: what it was made of, and the version of its memory at that time."""

    tape: Tape
    tangent: Tensor
    tensor: Tensor
    version: int


class _Level:
    """The dual tensors that were made at the level that is open."""

    def __init__(self) -> None:
        self.duals: list[_Dual] = []
        self.recorded = is_grad_enabled()


_level: _Level | None = None
_current_level = -1  # PyTorch's name of what says whether a level is open


def enter_dual_level() -> int:
    """Opens the level in which dual tensors live, and returns its number. Raises RuntimeError if there is one already."""
    global _level, _current_level
    if _level is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _level, _current_level = _Level(), 0
    dynagrad.autograd.set_grad_enabled(True)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level: its dual tensors lose their tangents. Raises RuntimeError if there is none, or not this one."""
    global _level, _current_level
    if _level is None:
        raise RuntimeError("Dual level must be a positive number." if level is None else "No forward AD level is open.")
    if level not in (None, 0):
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created.")
    dynagrad.autograd.set_grad_enabled(_level.recorded)
    _level, _current_level = None, -1


class dual_level:  # noqa: N801  # PyTorch's name
    """Within, dual tensors can be made; a context manager.

    >>> import dynagrad as torch
    >>> with dual_level():
    ...     x = make_dual(torch.tensor([1., 2.]), torch.tensor([1., 0.]))
    ...     unpack_dual(x * x).tangent
    tensor([2., 0.])
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor with the values of ``tensor`` that carries a tangent.

    Args:
        tensor: floating.
        tangent: floating, of the same shape.
        level: 0, the only one there is.

    Raises:
        RuntimeError: outside of a `dual_level`, for a tensor that is dual already, or another shape of the tangent.
        ValueError: a dtype that is not floating.
    """
    if _level is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    _check_level(level)
    for name, each in (("primal", tensor), ("tangent", tangent)):
        if not each.is_floating_point():
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {each.dtype}")
    if _tangent(tensor, _level.duals) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."
        )
    if _tangent(tangent, _level.duals) is not None:
        raise RuntimeError(
            "Setting a forward gradient that itself has a forward gradient at the same level 0 is not supported."
        )
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    tape = Tape([tensor])
    tape.close()
    dual = own_alias(tape.inputs[0])
    _level.duals.append(_Dual(tape, tangent, dual, dual._version))
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The values of a tensor and its tangent, which is None if it depends on no dual tensor, or no level is open.

    >>> import dynagrad as torch
    >>> with dual_level():
    ...     unpack_dual(torch.ones(2)).tangent is None
    True
    """
    if _level is None:
        return UnpackedDualTensor(tensor, None)
    _check_level(level)
    return UnpackedDualTensor(released(tensor), _tangent(tensor, _level.duals))


def shown_tangent(tensor: Tensor) -> Any:
    """The tangent that a dual tensor shows when it is printed; None for any other tensor."""
    return None if _level is None else _tangent(tensor, _level.duals)


def _check_level(level: int | None) -> None:
    if level not in (None, 0):
        raise RuntimeError(f"there is no forward AD level {level}: levels do not nest, and the open one is 0")


def _tangent(tensor: Tensor, duals: Sequence[_Dual]) -> Any:
    """The tangent: the sum of what each dual tensor adds to it. That of a dual tensor as it was made is what it was given."""
    if not tensor.requires_grad or not duals:
        return None
    for each in duals:
        if tensor is each.tensor and tensor._version == each.version:
            return each.tangent
    joined = Tape([])
    joined.leaves = [leaf for each in duals for leaf in each.tape.leaves]
    return Linearized(joined, [tensor]).push([each.tangent for each in duals])[0]
