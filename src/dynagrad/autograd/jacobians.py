"""Jacobians as matrices, by differences and by the graph: functions of `gradcheck` that programs of before 2022 call.

Present programs take `torch.autograd.functional.jacobian`. The checks themselves are in `gradcheck`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dynagrad
from dynagrad._core.base import grad
from dynagrad.autograd.grad_mode import no_grad
from dynagrad.tensor import Tensor

__all__ = ["get_analytical_jacobian", "get_numerical_jacobian", "get_numerical_jacobian_wrt_specific_input"]


def _say_that_it_goes(name: str) -> None:
    warnings.warn(
        f"`{name}` was part of PyTorch's private API and not meant to be exposed. We are deprecating it and it will be "
        "removed in a future version of PyTorch. If you have a specific use for this or feature request for this to be a "
        "stable API, please file us an issue at https://github.com/pytorch/pytorch/issues/new",
        FutureWarning,
        stacklevel=3,
    )


def _check_grad_out(name: str, grad_out: float) -> None:
    if grad_out != 1.0:
        raise ValueError(f"Expected grad_out to be 1.0. {name} no longer supports values of grad_out != 1.0.")


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in nested sequences, in order."""
    if isinstance(value, Tensor):
        return [value]
    return [each for part in value for each in _tensors(part)] if isinstance(value, (list, tuple)) else []


def _by_differences(call: Callable[[], Any], x: Tensor, eps: float) -> tuple[Tensor, ...]:
    """One matrix for each output: a row for each element of x, moved by ``eps`` to both sides where it lies."""
    rows: list[list[Tensor]] = []
    elements = x.detach()
    with no_grad():
        for place in range(x.numel()):
            where = tuple(int(each) for each in dynagrad.unravel_index(dynagrad.tensor(place), x.shape))
            kept = elements[where].item()
            sides = []
            for moved in (kept + eps, kept - eps):
                elements[where] = moved
                sides.append([each.detach().reshape(-1).clone() for each in _tensors(call())])
            elements[where] = kept
            rows.append([(up - down) / (2 * eps) for up, down in zip(*sides, strict=True)])
    return tuple(dynagrad.stack(column) for column in zip(*rows, strict=True))


def get_numerical_jacobian(
    fn: Callable[[Any], Any], inputs: Any, target: Any = None, eps: float = 1e-3, grad_out: float = 1.0
) -> tuple[Tensor, ...]:
    """The derivatives of the first output of ``fn(inputs)`` by central differences. Deprecated: there is a FutureWarning.

    One matrix of (elements of the input, elements of the output) for each tensor of ``target`` that requires grad.

    Args:
        fn: takes the inputs as one argument.
        inputs: a sequence of tensors, nested or not.
        target: those of them that are moved; all if not given.
        eps: the step.
        grad_out: 1.0 and nothing else, or ValueError.

    >>> import warnings
    >>> import dynagrad as torch
    >>> from dynagrad.autograd.gradcheck import get_numerical_jacobian
    >>> x = torch.tensor([1.0, 3.0], dtype=torch.float64, requires_grad=True)
    >>> with warnings.catch_warnings(action="ignore"):
    ...     get_numerical_jacobian(lambda inputs: inputs[0].square().sum(), (x,))[0].round(decimals=6)
    tensor([[2.],
            [6.]], dtype=torch.float64)
    """
    _say_that_it_goes("get_numerical_jacobian")
    _check_grad_out("get_numerical_jacobian", grad_out)
    moved = [x for x in _tensors(inputs if target is None else target) if x.requires_grad]
    return tuple(_by_differences(lambda: _tensors(fn(inputs))[:1], x, eps)[0] for x in moved)


def get_analytical_jacobian(
    inputs: Sequence[Any], output: Tensor, nondet_tol: float = 0.0, grad_out: float = 1.0
) -> tuple[tuple[Tensor, ...], bool, bool, bool]:
    """The derivatives of ``output`` through its graph: matrices as of `get_numerical_jacobian`, and three answers.

    Args:
        inputs: what the output was computed from.
        output: a tensor with a history.
        nondet_tol: how much a second backward pass may differ from the first.
        grad_out: 1.0 and nothing else, or ValueError.

    Returns:
        The matrices; whether two passes agree; whether the gradients have the sizes of the inputs; and their dtypes.
        Deprecated: there is a FutureWarning.
    """
    _say_that_it_goes("get_analytical_jacobian")
    _check_grad_out("get_analytical_jacobian", grad_out)
    wanted = [x for x in _tensors(inputs) if x.requires_grad]
    sizes = dtypes = True

    def one_pass() -> tuple[Tensor, ...]:
        nonlocal sizes, dtypes
        columns: list[list[Tensor]] = [[] for _ in wanted]
        for place in range(output.numel()):
            direction = dynagrad.zeros_like(output).reshape(-1)
            direction[place] = 1
            found = grad(output, wanted, direction.reshape(output.shape), retain_graph=True, allow_unused=True)
            for column, x, g in zip(columns, wanted, found, strict=True):
                if g is not None:
                    sizes, dtypes = sizes and g.shape == x.shape, dtypes and g.dtype == x.dtype
                column.append(x.new_zeros(x.numel()) if g is None else g.reshape(-1))
        return tuple(dynagrad.stack(column, 1) for column in columns)

    first, second = one_pass(), one_pass()
    agree = all(bool(((a - b).abs() <= nondet_tol).all()) for a, b in zip(first, second, strict=True))
    return first, agree, sizes, dtypes


def get_numerical_jacobian_wrt_specific_input(
    fn: Callable[..., Any],
    input_idx: int,
    inputs: Sequence[Any],
    outputs: Sequence[Tensor],  # noqa: ARG001  # whose sizes the function's own results have
    eps: float,
    input: Tensor | None = None,
    is_forward_ad: bool = False,  # noqa: ARG001  # means something for complex numbers alone
) -> tuple[Tensor, ...]:
    """The derivatives of all outputs of ``fn(*inputs)`` with respect to one input, by central differences.

    Args:
        fn: takes the inputs one by one.
        input_idx: the place of the input.
        inputs, outputs: of the function.
        eps: the step.
        input: the tensor that is moved, if not the one at its place.

    Returns:
        One matrix of (elements of the input, elements of the output) for each output.
    """
    return _by_differences(lambda: fn(*inputs), inputs[input_idx] if input is None else input, eps)
