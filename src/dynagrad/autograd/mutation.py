"""Graphs whose saved tensors may be written to: each is copied when it is saved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from dynagrad.autograd.saved import saved_tensors_hooks
from dynagrad.tensor import Tensor

__all__ = ["allow_mutation_on_saved_tensors"]


class _Copies:
    """The copies of one context: ``clear`` ends what can be differentiated."""

    def __init__(self) -> None:
        self.open = True

    def clear(self) -> None:
        """From here on graphs of this context can no longer be run backward."""
        self.open = False

    def give(self, copy: Tensor) -> Tensor:
        """The copy, for the derivative. AssertionError once the context has ended."""
        if not self.open:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was "
                "originally recorded."
            )
        return copy


_entered: list[_Copies] = []


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[Any]:
    """Within, what was saved for backward may be written to in place: backward sees the values of the forward pass.

    Every saved tensor is copied when it is saved, which costs its memory until its node is gone. Backward has to run
    within, too: AssertionError afterwards. RuntimeError for a context within another.

    >>> import dynagrad as torch
    >>> x = torch.tensor([2.0], requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = y * y
    ...     _ = y.zero_()
    ...     z.sum().backward()
    >>> x.grad
    tensor([4.])
    """
    if _entered:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    copies = _Copies()
    _entered.append(copies)
    try:
        with saved_tensors_hooks(lambda saved: saved.detach().clone(), copies.give):
            yield copies
    finally:
        _entered.remove(copies)
        copies.clear()
