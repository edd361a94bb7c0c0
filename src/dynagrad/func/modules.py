"""Modules and their state for transforms: ensembles, batch norms without running statistics; and what lies in a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import dynagrad
from dynagrad.func.batched import BatchedTensor
from dynagrad.nn.modules.batchnorm import _BatchNorm
from dynagrad.tensor import Tensor

__all__ = ["debug_unwrap", "functionalize", "replace_all_batch_norm_modules_", "stack_module_state"]


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of models of one class, each stacked along a new first dimension.

    Args:
        models: modules of the same class, all of them in training mode or none.

    Raises:
        RuntimeError: no models, of different classes, or in different modes; parameters of which only some require grad.

    >>> import dynagrad as torch
    >>> params, buffers = stack_module_state([torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)])
    >>> params["weight"].shape
    torch.Size([2, 2, 3])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(model.training for model in models) or all(not model.training for model in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: _stacked([each[name] for each in params]) for name in params[0]},
        {name: _stacked([each[name] for each in buffers]) for name in buffers[0]},
    )


def _stacked(tensors: list[Tensor]) -> Tensor:
    required = tensors[0].requires_grad
    if any(t.requires_grad is not required for t in tensors):
        raise RuntimeError(f"Expected {len(tensors)} params from each model to have the same .requires_grad")
    made = dynagrad.stack([t.detach() for t in tensors])
    return made.requires_grad_() if required else made


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Lets every batch norm of a module go by the statistics of the batch alone, as ``vmap`` needs it. Returns the module.

    >>> import dynagrad as torch
    >>> replace_all_batch_norm_modules_(torch.nn.BatchNorm1d(2)).running_mean is None
    True
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """What a tensor inside of ``vmap`` wraps: all examples; of every level if ``recurse``.

    >>> import dynagrad as torch
    >>> def f(x):
    ...     print(debug_unwrap(x))
    ...     return x
    >>> y = torch.vmap(f)(torch.tensor([1., 2.]))
    tensor([1., 2.])
    """
    while isinstance(tensor, BatchedTensor):
        tensor = tensor.value
        if not recurse:
            break
    return tensor


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> NoReturn:
    """Raises NotImplementedError: there is no traced program from which in-place writes could be removed."""
    raise NotImplementedError(
        "functionalize rewrites the program that a tracer records, and dynagrad has no tracer: its graph is made as the "
        "function runs, in-place writes included. Call the function itself, whose results are the same."
    )
