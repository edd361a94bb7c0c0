"""Norms of gradients, and gradients made smaller."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

import dynagrad
from dynagrad import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Iterable[Tensor] | Tensor


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


@dynagrad.no_grad()
def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The p-norm of all tensors together.

    Args:
        tensors: an iterable of tensors, or one.
        norm_type: p, ``inf`` for the largest magnitude.
        error_if_nonfinite: whether a NaN or infinite norm is a RuntimeError.
        foreach: without effect.
    """
    tensors = _listed(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return dynagrad.tensor(0.0)
    norms = [dynagrad.linalg.vector_norm(t, norm_type) for t in tensors]
    total = dynagrad.linalg.vector_norm(dynagrad.stack(norms), norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped; error_if_nonfinite=False scales by it all the same"
        )
    return total


@dynagrad.no_grad()
def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiplies all gradients by ``max_norm / total_norm`` if that is less than 1."""
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in _gradients(parameters):
        grad.mul_(factor.to(grad.dtype))


@dynagrad.no_grad()
def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Makes all gradients smaller, by one factor, if their norm is larger than ``max_norm``.

    Args:
        parameters: whose ``.grad`` is meant; an iterable of tensors, or one.
        max_norm: the largest norm of all gradients together.
        norm_type: p, ``inf`` for the largest magnitude.
        error_if_nonfinite: whether a NaN or infinite norm is a RuntimeError.
        foreach: without effect.

    Returns:
        The norm before.

    >>> import dynagrad
    >>> p = dynagrad.nn.Parameter(dynagrad.zeros(2))
    >>> p.grad = dynagrad.tensor([3., 4.])
    >>> dynagrad.nn.utils.clip_grad_norm_([p], 1.0)
    tensor(5.)
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    parameters = _listed(parameters)
    if not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The name that :func:`clip_grad_norm_` had."""
    warnings.warn("`clip_grad_norm` is now deprecated; use `clip_grad_norm_` instead.", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@dynagrad.no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clamps every element of every gradient to ``[-clip_value, clip_value]``."""
    for grad in _gradients(parameters):
        grad.clamp_(-float(clip_value), float(clip_value))
