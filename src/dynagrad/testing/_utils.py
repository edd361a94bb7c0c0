"""The state of the random generator, kept while a test draws."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import dynagrad as torch


@contextlib.contextmanager
def freeze_rng_state() -> Iterator[None]:
    """Inside of it, draws leave the generator as it was.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._utils import freeze_rng_state
    >>> with freeze_rng_state():
    ...     a = torch.rand(2)
    >>> torch.equal(a, torch.rand(2))
    True
    """
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


def wrapper_set_seed(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What ``op`` returns with the generator seeded by 42, which is put back afterwards.

    >>> import dynagrad as torch
    >>> from dynagrad.testing._utils import wrapper_set_seed
    >>> torch.equal(wrapper_set_seed(torch.rand, 2), wrapper_set_seed(torch.rand, 2))
    True
    """
    with freeze_rng_state():
        torch.manual_seed(42)
        return op(*args, **kwargs)
