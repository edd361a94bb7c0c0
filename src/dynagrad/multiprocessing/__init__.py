"""``torch.multiprocessing``: Python's ``multiprocessing``, whose queues and pipes hand tensors over as shared memory.

How a tensor travels is in ``reductions``; functions in several processes at once in ``spawning``.
"""

import multiprocessing
import sys
from multiprocessing import *  # noqa: F403  # that is what this module is
from typing import Any

from dynagrad.multiprocessing import reductions
from dynagrad.multiprocessing.spawning import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "reductions",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
__all__ += multiprocessing.__all__

_STRATEGIES = {"file_descriptor", "file_system"}
_strategy = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names by which programs choose how memory is shared.

    >>> import dynagrad as torch
    >>> sorted(torch.multiprocessing.get_all_sharing_strategies())
    ['file_descriptor', 'file_system']
    """
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """What ``set_sharing_strategy`` was told last."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Chooses how memory is shared. By descriptors of files without names either way, which nothing can leave behind.

    AssertionError for an unknown name.
    """
    global _strategy  # noqa: PLW0603  # a setting of the process
    if new_strategy not in _STRATEGIES:
        raise AssertionError(f"unknown sharing strategy {new_strategy!r}: one of {sorted(_STRATEGIES)}")
    _strategy = new_strategy


def __getattr__(name: str) -> Any:
    """What else Python's module has."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(sys.modules["multiprocessing"], name)


reductions.init_reductions()
