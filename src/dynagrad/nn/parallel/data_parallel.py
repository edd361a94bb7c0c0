"""DataParallel: a batch split over several GPUs. Without a GPU it is its module, under the name ``module``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from dynagrad.nn.modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Calls ``module``, as PyTorch does where there is no GPU to split the batch over.

    Args:
        module: what is called; its parameters go by ``module.`` and their names.
        device_ids, output_device: the GPUs to use. There are none, and so they are passed over, as PyTorch does.
        dim: the dimension along which batches would be split.

    >>> import dynagrad as torch
    >>> model = torch.nn.DataParallel(torch.nn.Linear(2, 1))
    >>> list(model.state_dict()), model(torch.ones(3, 2)).shape
    (['module.weight', 'module.bias'], torch.Size([3, 1]))
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module gives."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> NoReturn:
    """RuntimeError, as in PyTorch: the function asks the GPUs there are which kind they are, and finds none."""
    raise RuntimeError("device type could not be determined")
