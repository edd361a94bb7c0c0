"""One module in both libraries: PyTorch's sample inputs, carried over, and what comes out of either."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import dynagrad


def over(value: Any, torch: Any) -> Any:
    """A value of PyTorch as dynagrad has it."""
    if isinstance(value, torch.Tensor):
        made = dynagrad.from_numpy(value.detach().cpu().contiguous().numpy().copy())
        return made.requires_grad_(value.requires_grad)
    if isinstance(value, torch.dtype):
        return getattr(dynagrad, str(value).rpartition(".")[2])
    if isinstance(value, torch.nn.Module):
        return twin(value, torch)
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        fields = (field.name for field in dataclasses.fields(value))
        return dynagrad.nn.LinearCrossEntropyOptions(**{name: over(getattr(value, name), torch) for name in fields})
    if isinstance(value, (list, tuple)):
        return type(value)(over(each, torch) for each in value)
    if isinstance(value, dict):
        return {key: over(each, torch) for key, each in value.items()}
    function = getattr(value, "__name__", "")
    if callable(value) and hasattr(dynagrad.nn.functional, function):
        return getattr(dynagrad.nn.functional, function)
    return value


def twin(module: Any, torch: Any) -> Any:
    """A module of dynagrad that stands for an encoder or decoder layer given as an argument."""
    name = type(module).__name__
    layer = getattr(dynagrad.nn, name)
    attention = module.self_attn
    made = layer(
        attention.embed_dim,
        attention.num_heads,
        module.linear1.out_features,
        module.dropout.p,
        over(module.activation, torch),
        batch_first=attention.batch_first,
        norm_first=module.norm_first,
        bias=module.linear1.bias is not None,
    )
    if attention.out_proj.weight.dtype is torch.float64:
        made.double()
    load(made, module)
    return made


def load(module: Any, other: Any) -> None:
    """Gives a module of dynagrad the state of one of PyTorch."""
    state = {key: dynagrad.from_numpy(value.numpy().copy()) for key, value in other.state_dict().items()}
    module.load_state_dict(state)


def tensors(value: Any) -> list[Any]:
    """The tensors in a result, in order."""
    if hasattr(value, "grad_fn"):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [each for part in value for each in tensors(part)] if isinstance(value, (list, tuple)) else []


def backward(results: list[Any], library: Any) -> None:
    """Runs backward from all results that have a graph, with gradients that differ from element to element."""
    wanted = [each for each in results if each.requires_grad]
    weights = [
        library.tensor(np.cos(np.arange(each.numel())).reshape(tuple(each.shape)), dtype=each.dtype) for each in wanted
    ]
    if wanted:
        library.autograd.backward(wanted, weights)


def alike(ours: Any, theirs: Any, what: str, tolerance: float) -> None:
    """Asserts that two tensors, or None and None, hold the same numbers."""
    assert (ours is None) == (theirs is None), what
    if ours is None:
        return
    assert tuple(ours.shape) == tuple(theirs.shape), what
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=what
    )
