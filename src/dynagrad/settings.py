"""What scripts ask of the process at their start, and the names under which PyTorch would compile a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad._core.types import device

__all__ = ["compile", "get_default_device", "get_num_interop_threads"]


def get_default_device() -> Any:
    """The CPU.

    >>> import dynagrad
    >>> dynagrad.get_default_device()
    device(type='cpu')
    """
    return device("cpu")


def get_num_interop_threads() -> int:
    """1: ops run one after another.

    >>> import dynagrad
    >>> dynagrad.get_num_interop_threads()
    1
    """
    return 1


def compile(model: Callable[..., Any] | None = None, **options: Any) -> Any:
    """The function or module itself, or a decorator that returns it: programs run eagerly, with the same results.

    Options that only say how to compile (fullgraph, dynamic, backend, mode, options, disable) are accepted.

    >>> import dynagrad
    >>> dynagrad.compile(dynagrad.sin) is dynagrad.sin
    True
    """
    unknown = set(options) - {"fullgraph", "dynamic", "backend", "mode", "options", "disable"}
    if unknown:
        raise TypeError(f"compile() got an unexpected keyword argument '{min(unknown)}'")
    return (lambda function: function) if model is None else model
