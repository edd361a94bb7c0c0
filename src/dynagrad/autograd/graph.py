"""The graph as users handle it: nodes, edges to take gradients at, hooks on several gradients at once.

Nodes themselves are in ``_core.graph``; hooks on what is saved in ``saved`` and ``mutation``; pictures of the graph in ``viz``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from dynagrad._core.engine import current_run, will_run
from dynagrad._core.function import gradient_edge_of
from dynagrad._core.function import increment_version as _increment_version
from dynagrad._core.graph import Node, RemovableHandle
from dynagrad.autograd.mutation import allow_mutation_on_saved_tensors
from dynagrad.autograd.saved import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from dynagrad.tensor import Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "region_activation_memory_budget",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
]

_MODES = ("all", "any")


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


class _Handles:
    """The handles of the hooks that stand for one hook on several tensors: ``remove()`` takes all of them away."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Takes the hook away."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:  # noqa: PYI034  # there are no subclasses
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class _Gathering:
    """A hook on all tensors: what has arrived in each backward that is under way, and how many are still to come."""

    def __init__(self, tensors: Sequence[Tensor], fn: Callable[[Sequence[Tensor | None]], None]) -> None:
        self.edges = [gradient_edge_of(tensor)[0] for tensor in tensors]
        self.fn = fn
        self.arrived: dict[int, list[Tensor | None]] = {}
        self.expected: dict[int, int] = {}
        self.lock = threading.Lock()

    def hook_of(self, index: int) -> Callable[[Tensor], None]:
        def hook(gradient: Tensor) -> None:
            run = current_run()
            with self.lock:
                if run not in self.arrived:
                    self.arrived[run] = [None] * len(self.edges)
                    self.expected[run] = sum(map(will_run, self.edges))
                self.arrived[run][index] = gradient
                self.expected[run] -= 1
                if self.expected[run]:
                    return
                del self.expected[run]
                complete = self.arrived.pop(run)
            self.fn(complete)

        return hook


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[[Sequence[Tensor | None]], None] | Callable[[Tensor], None],
    *,
    mode: str = "all",
) -> _Handles:
    """Calls ``fn`` once in every backward: with all gradients of the tensors, or with the first that arrives.

    Args:
        tensors: which require grad. AssertionError for one that does not.
        fn: what it returns does not count. With "all" it gets a gradient for each tensor, None for those which the
            backward does not reach, when the last has arrived; with "any" it gets one gradient.
        mode: "all" or "any"; ValueError for anything else.

    Returns a handle, whose ``remove()`` takes the hook away.

    >>> import dynagrad as torch
    >>> a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    >>> handle = torch.autograd.graph.register_multi_grad_hook([a, b], print)
    >>> (2 * a + 3 * b).sum().backward()
    [tensor([2.]), tensor([3.])]
    """
    if mode not in _MODES:
        raise ValueError(f"Expects mode to be one of {_MODES} but got {mode}")
    if not all(tensor.requires_grad for tensor in tensors):
        raise AssertionError("Expected gradient function to be set: the tensors of the hook have to require grad")
    if mode == "all":
        gathering = _Gathering(tensors, fn)  # type: ignore[arg-type]  # the mode says which
        return _Handles(tuple(tensor.register_hook(gathering.hook_of(i)) for i, tensor in enumerate(tensors)))
    last, lock = [-1], threading.Lock()

    def first(gradient: Tensor) -> None:
        run = current_run()
        with lock:
            if last[0] == run:
                return
            last[0] = run
        fn(gradient)  # type: ignore[arg-type]  # likewise

    return _Handles(tuple(tensor.register_hook(first) for tensor in tensors))


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Whether a gradient from another stream of a device than its leaf's is worth a warning: the CPU has no streams.

    >>> import dynagrad as torch
    >>> torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    """
    _check_bool("set_warn_on_accumulate_grad_stream_mismatch", enabled)


def set_override_stale_capture_stream(enabled: bool) -> None:
    """Says what a node of another stream does to a graph that CUDA captures: nothing is captured here."""
    _check_bool("set_override_stale_capture_stream", enabled)


def _check_bool(name: str, given: Any) -> None:
    if not isinstance(given, bool):
        raise TypeError(f"{name}(): argument 'enabled' must be bool, not {type(given).__name__}")


def region_activation_memory_budget(budget: float) -> NoReturn:
    """RuntimeError, as PyTorch's outside of a compiled region: nothing is compiled here."""
    raise RuntimeError(
        f"region_activation_memory_budget({budget}) only has an effect under torch.compile, and dynagrad runs programs "
        "eagerly; torch.utils.checkpoint trades memory for time"
    )
