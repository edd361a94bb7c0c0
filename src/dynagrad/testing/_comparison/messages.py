"""What is said of numbers that are not close: how many, by how much at most, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dynagrad as torch

Identifier = str | Callable[[str], str] | None


def _named(default: str, identifier: Identifier) -> str:
    if identifier is None:
        return default
    return identifier(default) if callable(identifier) else identifier


def _difference(kind: str, value: float, at: Sequence[int] | None, allowed: float | None) -> str:
    head = f"{kind.title()} difference: {value}" if at is None else f"Greatest {kind} difference: {value} at index {at}"
    return head if allowed is None else f"{head} (up to {allowed} allowed)"


def _report(
    subject: str,
    detail: str,
    absolute: tuple[float, Sequence[int] | None],
    relative: tuple[float, Sequence[int] | None],
    tolerances: tuple[float, float],
) -> str:
    """The whole text. Tolerances that are both zero ask for equality, and are not mentioned."""
    rtol, atol = tolerances
    exact = rtol == 0 and atol == 0
    return "\n".join(
        (
            f"{subject} are not {'equal' if exact else 'close'}!",
            "",
            detail,
            _difference("absolute", *absolute, None if exact else atol),
            _difference("relative", *relative, None if exact else rtol),
        )
    )


def make_scalar_mismatch_msg(
    actual: complex, expected: complex, *, rtol: float, atol: float, identifier: Identifier = None
) -> str:
    """The text for two numbers.

    Args:
        identifier: what they are called in place of "Scalars", or a function of that word.

    >>> from dynagrad.testing._comparison import make_scalar_mismatch_msg
    >>> print(make_scalar_mismatch_msg(3, 2, rtol=0, atol=0))
    Scalars are not equal!
    <BLANKLINE>
    Expected 2 but got 3.
    Absolute difference: 1
    Relative difference: 0.5
    """
    apart = abs(actual - expected)
    relative = apart / abs(expected) if expected != 0 else float("inf")
    detail = f"Expected {expected} but got {actual}."
    return _report(_named("Scalars", identifier), detail, (apart, None), (relative, None), (rtol, atol))


def make_tensor_mismatch_msg(
    actual: torch.Tensor,
    expected: torch.Tensor,
    matches: torch.Tensor,
    *,
    rtol: float,
    atol: float,
    identifier: Identifier = None,
) -> str:
    """The text for two tensors of one shape and dtype, of which ``matches`` says where they are close.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._comparison import make_tensor_mismatch_msg
    >>> a, b = torch.tensor([1, 5]), torch.tensor([1, 2])
    >>> print(make_tensor_mismatch_msg(a, b, a == b, rtol=0, atol=0))
    Tensor-likes are not equal!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 3 at index (1,)
    Greatest relative difference: 1.5 at index (1,)
    """
    subject = _named("Tensor-likes", identifier)
    wrong = matches.numel() - int(matches.sum())
    detail = f"Mismatched elements: {wrong} / {matches.numel()} ({wrong / matches.numel():.1%})"
    a, b = actual.detach().flatten(), expected.detach().flatten()
    if not a.dtype.is_floating_point and not a.dtype.is_complex:
        a, b = a.to(torch.int64), b.to(torch.int64)  # so that differences do not wrap
    close = matches.flatten()
    # A match may have a difference, too, or be the NaN of two infinities: only the others are looked at.
    apart = (a - b).abs().masked_fill(close, 0)
    relative = (apart / b.abs()).masked_fill(close, 0)
    absolute_at, relative_at = int(apart.argmax()), int(relative.argmax())
    return _report(
        subject,
        detail,
        (apart[absolute_at].item(), _unravelled(absolute_at, matches.shape)),
        (relative[relative_at].item(), _unravelled(relative_at, matches.shape)),
        (rtol, atol),
    )


def _unravelled(flat: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The index per dimension of the element that is ``flat``-th in order."""
    index: list[int] = []
    for size in reversed(shape):
        flat, along = divmod(flat, size)
        index.append(along)
    return tuple(reversed(index))
