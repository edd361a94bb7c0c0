"""The default random stream: seeding it, reading and setting its state, forking it.

Generators and the ops that draw are in the core (`_core/ops/random.pyx`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dynagrad._core.ops.random import Generator, default_generator

if TYPE_CHECKING:
    from dynagrad.tensor import Tensor

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


def manual_seed(seed: int) -> Generator:
    """Starts the default stream at ``seed``, an integer of 64 bits, and returns its generator.

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> dynagrad.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Starts the default stream at a seed from the operating system, and returns that seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed at which the default stream started."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default stream, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continues the default stream from a state that `get_rng_state` gave, here or in PyTorch."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[object] | None = None,  # noqa: ARG001 - there is one device
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,  # noqa: ARG001 - likewise
) -> Iterator[None]:
    """Draws inside the block leave the default stream outside of it as it was.

    Args:
        devices: further devices whose streams to keep; there are none.
        enabled: False makes the block do nothing.

    >>> import dynagrad
    >>> _ = dynagrad.manual_seed(0)
    >>> with dynagrad.random.fork_rng():
    ...     _ = dynagrad.rand(3)
    >>> dynagrad.rand(1)
    tensor([0.4963])
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
