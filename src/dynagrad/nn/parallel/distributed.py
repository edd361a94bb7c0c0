"""DistributedDataParallel: a module whose gradients several processes average. Programs ask whether a model is one."""

from __future__ import annotations

from typing import Any, NoReturn

from dynagrad.nn.modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Cannot be made: there are no groups of processes here, and PyTorch's error without one is raised.

    >>> import dynagrad as torch
    >>> isinstance(torch.nn.Linear(1, 1), torch.nn.parallel.DistributedDataParallel)
    False
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group. "
            "dynagrad runs in one process, without groups: train the module itself"
        )
