"""Hooks on what is saved for backward, as context managers. What they do to a node is in ``_core.graph``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad._core.graph import forbid_pack_hooks, pop_pack_hooks, push_pack_hooks
from dynagrad.tensor import Tensor

__all__ = ["disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]


class saved_tensors_hooks:  # noqa: N801  # the public name
    """Passes what is saved for backward through ``pack_hook``, and through ``unpack_hook`` when it is needed.

    Args:
        pack_hook: takes a tensor, returns anything.
        unpack_hook: takes what ``pack_hook`` returned, returns a tensor like the one that was packed.

    Example:
        >>> import dynagrad
        >>> x = dynagrad.ones(2, requires_grad=True)
        >>> with saved_tensors_hooks(lambda t: t.numpy(force=True), dynagrad.from_numpy):
        ...     y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 2.])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        push_pack_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *_: object) -> None:
        pop_pack_hooks()


class save_on_cpu(saved_tensors_hooks):  # noqa: N801  # the public name
    """Keeps copies of what is saved for backward in main memory, where every tensor already is."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:  # noqa: ARG002  # one device
        super().__init__(lambda t: t.clone(), lambda t: t)


class disable_saved_tensors_hooks:  # noqa: N801  # the public name
    """Makes :class:`saved_tensors_hooks` an error, with the message given, for the length of a ``with`` block."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        forbid_pack_hooks(self.error_message)

    def __exit__(self, *_: object) -> None:
        pop_pack_hooks()
