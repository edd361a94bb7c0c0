"""The names of functorch, the package that came before ``torch.func``.

The same functions, with a FutureWarning; and models taken apart into a function, its parameters and its buffers.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from dynagrad import func
from dynagrad.nn.modules.module import Module
from dynagrad.tensor import Tensor

__all__ = [
    "FunctionalModule",
    "FunctionalModuleWithBuffers",
    "combine_state_for_ensemble",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "make_functional",
    "make_functional_with_buffers",
    "vjp",
    "vmap",
]

Tensors = tuple[Tensor, ...]


def _warn(name: str, instead: str) -> None:
    warnings.warn(
        f"We've integrated functorch into PyTorch. As the final step of the integration, `functorch.{name}` is deprecated as "
        "of PyTorch 2.0 and will be deleted in a future version of PyTorch >= 2.3. Please use "
        f"`{instead}` instead; see the PyTorch 2.0 release notes and/or the `torch.func` migration guide for more details "
        "https://pytorch.org/docs/main/func.migrating.html",
        FutureWarning,
        stacklevel=3,
    )


def _deprecated(function: Callable[..., Any], instead: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        _warn(function.__name__, instead)
        return function(*args, **kwargs)

    call.__doc__ = f"``{instead}``, with a FutureWarning."
    return call


vmap = _deprecated(func.vmap, "torch.vmap")
grad = _deprecated(func.grad, "torch.func.grad")
grad_and_value = _deprecated(func.grad_and_value, "torch.func.grad_and_value")
hessian = _deprecated(func.hessian, "torch.func.hessian")
jacfwd = _deprecated(func.jacfwd, "torch.func.jacfwd")
jacrev = _deprecated(func.jacrev, "torch.func.jacrev")
jvp = _deprecated(func.jvp, "torch.func.jvp")
vjp = _deprecated(func.vjp, "torch.func.vjp")
functionalize = _deprecated(func.functionalize, "torch.func.functionalize")


# ---- models as functions -----------------------------------------------------------------------------------------------


class FunctionalModule(Module):
    """A model as a function ``f(params, *args, **kwargs)``; `make_functional` makes it."""

    def __init__(self, stateless_model: Module, names: Sequence[str]) -> None:
        super().__init__()
        self.stateless_model = stateless_model
        self.param_names = tuple(names)

    def forward(self, params: Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        """The model's result with these parameters."""
        state = dict(zip(self.param_names, params, strict=True))
        return func.functional_call(self.stateless_model, state, args, kwargs)


class FunctionalModuleWithBuffers(Module):
    """A model as a function ``f(params, buffers, *args, **kwargs)``; `make_functional_with_buffers` makes it."""

    def __init__(self, stateless_model: Module, names: Sequence[str], buffer_names: Sequence[str]) -> None:
        super().__init__()
        self.stateless_model = stateless_model
        self.param_names, self.buffer_names = tuple(names), tuple(buffer_names)

    def forward(self, params: Sequence[Tensor], buffers: Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        """The model's result with these parameters and buffers."""
        state = dict(zip(self.param_names, params, strict=True)), dict(zip(self.buffer_names, buffers, strict=True))
        return func.functional_call(self.stateless_model, state, args, kwargs)


def _taken_apart(model: Any, untracked: bool) -> tuple[Any, list[str], Tensors, list[str], Tensors]:
    params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    values = tuple(p.detach() if untracked else p for p in params.values())
    stateless = copy.deepcopy(model)
    for p in stateless.parameters():
        p.requires_grad_(False)
    return stateless, list(params), values, list(buffers), tuple(buffers.values())


def make_functional(model: Any, disable_autograd_tracking: bool = False) -> tuple[FunctionalModule, Tensors]:
    """A model as a function of its parameters, and those. Raises RuntimeError for a model with buffers.

    >>> import warnings
    >>> import dynagrad as torch
    >>> warnings.simplefilter("ignore")
    >>> f, params = make_functional(torch.nn.Linear(2, 1, bias=False))
    >>> f((torch.ones(1, 2),), torch.ones(2))
    tensor([2.])
    """
    _warn("make_functional", "torch.func.functional_call")
    if list(model.buffers()):
        raise RuntimeError(
            "make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead."
        )
    stateless, names, params, _, _ = _taken_apart(model, disable_autograd_tracking)
    return FunctionalModule(stateless, names), params


def make_functional_with_buffers(
    model: Any, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModuleWithBuffers, Tensors, Tensors]:
    """A model as a function of its parameters and its buffers, and those."""
    _warn("make_functional_with_buffers", "torch.func.functional_call")
    stateless, names, params, buffer_names, buffers = _taken_apart(model, disable_autograd_tracking)
    return FunctionalModuleWithBuffers(stateless, names, buffer_names), params, buffers


def combine_state_for_ensemble(models: Sequence[Any]) -> tuple[FunctionalModuleWithBuffers, Tensors, Tensors]:
    """One model as a function, and the parameters and buffers of all models, each stacked along a new first dimension."""
    _warn("combine_state_for_ensemble", "torch.func.stack_module_state")
    params, buffers = func.stack_module_state(models)
    stateless, names, _, buffer_names, _ = _taken_apart(models[0], True)
    made = FunctionalModuleWithBuffers(stateless, names, buffer_names)
    return made, tuple(p.detach() for p in params.values()), tuple(buffers.values())
