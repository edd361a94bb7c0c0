"""The graph as users handle it: nodes, edges to take gradients at, and hooks on what is saved for backward.

Nodes themselves are in ``_core.graph``; pictures of the graph are in ``viz``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dynagrad._core.function import gradient_edge_of
from dynagrad._core.function import increment_version as _increment_version
from dynagrad._core.graph import Node, forbid_pack_hooks, pop_pack_hooks, push_pack_hooks
from dynagrad.tensor import Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """One output of a node, of which ``grad`` and ``backward`` take gradients as they do of a tensor."""

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Returns the edge along which the gradient of ``tensor`` arrives; it keeps the graph alive, but not the tensor.

    Raises:
        RuntimeError: the tensor does not require grad.
    """
    return GradientEdge(*gradient_edge_of(tensor))


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Counts a write to one or several tensors that happened behind dynagrad's back."""
    tensors = (tensor,) if isinstance(tensor, Tensor) else tensor
    if not isinstance(tensors, Iterable):
        kind = type(tensor).__name__
        raise RuntimeError(f"increment_version takes a tensor or several, but got a {kind}")  # noqa: TRY004  # PyTorch's
    for each in tensors:
        _increment_version(each)


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
