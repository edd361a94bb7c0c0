"""Modules that PyTorch runs on several devices; here there is one, and one process."""

from __future__ import annotations

from typing import Any, NoReturn

from dynagrad.nn.modules.module import Module

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]


class DataParallel(Module):
    """A module that splits batches over GPUs; without any it runs the module that it holds, as PyTorch's does.

    Args:
        module: held as ``.module``, so that keys of a ``state_dict`` begin with "module.".
        device_ids, output_device, dim: how a batch would be split.

    >>> import dynagrad as torch
    >>> model = torch.nn.DataParallel(torch.nn.Linear(2, 1))
    >>> model(torch.ones(3, 2)).shape, list(model.state_dict())
    (torch.Size([3, 1]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """``module(*inputs)``; an input that is no tuple is the only one."""
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))


class DistributedDataParallel(Module):
    """ValueError: there are no process groups, over which gradients would be averaged."""

    def __init__(self, module: Module, *_args: Any, **_kwargs: Any) -> None:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group. dynagrad has no "
            "process groups: use the module as it is"
        )


def _several_devices(name: str) -> Any:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"torch.nn.parallel.{name} works on several GPUs, and dynagrad computes on the CPU")

    refuse.__doc__ = "NotImplementedError: it would need several devices."
    return refuse


gather, parallel_apply = _several_devices("gather"), _several_devices("parallel_apply")
replicate, scatter = _several_devices("replicate"), _several_devices("scatter")
