"""``cond`` and ``while_loop``: PyTorch's forms of if and while for traced programs, which run as they are here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad.tensor import Tensor

__all__ = ["cond", "while_loop"]


def cond(
    pred: bool | float | Tensor,
    true_fn: Callable[..., Any],
    false_fn: Callable[..., Any],
    operands: tuple[Any, ...] | list[Any] = (),
) -> Any:
    """``true_fn(*operands)`` if ``pred``, else ``false_fn(*operands)``; only that one runs, and is recorded.

    RuntimeError for a ``pred`` that is no number and no tensor of one element.

    >>> import dynagrad as torch
    >>> torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.ones(2),))
    tensor([2., 2.])
    """
    if not isinstance(pred, (bool, int, float, Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")  # noqa: TRY004
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    return (true_fn if pred else false_fn)(*operands)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: tuple[Any, ...] | list[Any]
) -> tuple[Any, ...]:
    """What ``carried_inputs`` become under ``body_fn(*inputs)``, again and again while ``cond_fn(*inputs)`` holds.

    RuntimeError where a body gives another number of values than it takes.

    >>> import dynagrad as torch
    >>> torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.tensor(1.0)))
    (tensor(3), tensor(8.))
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")  # noqa: TRY004
    state = tuple(carried_inputs)
    while bool(cond_fn(*state)):
        made = body_fn(*state)
        made = (made,) if isinstance(made, Tensor) else tuple(made)
        if len(made) != len(state):
            raise RuntimeError(f"body_fn should return {len(state)} values, as many as it takes, but got {len(made)}")
        state = made
    return state
