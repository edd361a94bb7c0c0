"""Twin models and their data, for tests of scaled gradients: one to train plainly, and one with a GradScaler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dynagrad as torch

_SIZE, _BATCHES = 8, 4


def _create_scaling_models_optimizers(
    device: Any = "cuda",
    optimizer_ctor: Callable[..., Any] = torch.optim.SGD,
    optimizer_kwargs: dict[str, Any] | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Two models of two linear layers with the same numbers, and an optimiser for each, whose rate is 1 by default."""

    def model() -> Any:
        layers = (torch.nn.Linear(_SIZE, _SIZE) for _ in range(2))
        return torch.nn.Sequential(*layers).to(device=device)

    control, scaling = model(), model()
    scaling.load_state_dict(control.state_dict())
    options = {"lr": 1.0, **(optimizer_kwargs or {})}
    return control, scaling, *(optimizer_ctor(each.parameters(), **options) for each in (control, scaling))


def _create_scaling_case(
    device: Any = "cuda",
    dtype: torch.dtype = torch.float32,
    optimizer_ctor: Callable[..., Any] = torch.optim.SGD,
    optimizer_kwargs: dict[str, Any] | None = None,
) -> tuple[Any, ...]:
    """The same, four pairs of inputs and targets, a loss, and the number of the step whose gradients are to be infinite."""
    data = [tuple(torch.randn((_SIZE, _SIZE), dtype=dtype, device=device) for _ in range(2)) for _ in range(_BATCHES)]
    twins = _create_scaling_models_optimizers(device, optimizer_ctor, optimizer_kwargs)
    return *twins, data, torch.nn.MSELoss().to(device), 2
