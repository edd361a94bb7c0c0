"""How scripted programs run: tasks that are waited for, and switches of optimisers that do not exist here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad.futures import Future
from dynagrad.jit.scripting import deprecated

__all__ = [
    "enable_onednn_fusion",
    "fork",
    "onednn_fusion_enabled",
    "optimized_execution",
    "set_fusion_strategy",
    "strict_fusion",
    "wait",
]


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    """Calls the function at once, as PyTorch does outside of compiled programs, and returns a future of its result.

    >>> import dynagrad as torch, warnings
    >>> with warnings.catch_warnings(action="ignore"):  # it is deprecated
    ...     torch.jit.wait(torch.jit.fork(torch.add, torch.ones(1), 2))
    tensor([3.])
    """
    deprecated("fork", "use `torch.compile` instead")
    made: Future = Future()
    made.set_result(func(*args, **kwargs))
    return made


def wait(future: Future) -> Any:
    """What a future holds."""
    deprecated("wait", "use `torch.compile` instead")
    return future.wait()


class _Region:
    """A region in which nothing changes."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


class optimized_execution(_Region):  # noqa: N801  # PyTorch's name
    """A region in which a compiler may optimise, or may not; there is none."""

    def __init__(self, should_optimize: bool) -> None:
        self.should_optimize = should_optimize


class strict_fusion(_Region):  # noqa: N801  # PyTorch's name
    """A region that a compiler has to fuse into one kernel; outside of compiled programs it means nothing."""


_strategy: list[tuple[str, int]] = [("STATIC", 2), ("DYNAMIC", 10)]


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Says how a compiler would specialise its kernels, and returns what it was told before. RuntimeError if malformed.

    >>> import dynagrad as torch
    >>> torch.jit.set_fusion_strategy(torch.jit.set_fusion_strategy([("STATIC", 1)]))
    [('STATIC', 1)]
    """
    for kind, depth in strategy:
        if kind not in ("STATIC", "DYNAMIC") or not isinstance(depth, int):
            raise RuntimeError(f"FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: {kind}")
    before = list(_strategy)
    _strategy[:] = strategy
    return before


_onednn = False


def enable_onednn_fusion(enabled: bool) -> None:
    """Says whether a compiler may fuse ops through oneDNN. Remembered, and of no effect: there is no compiler."""
    global _onednn  # noqa: PLW0603  # a switch of the process
    _onednn = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """What ``enable_onednn_fusion`` was told last.

    >>> import dynagrad as torch
    >>> torch.jit.onednn_fusion_enabled()
    False
    """
    return _onednn
