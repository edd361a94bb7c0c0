"""The few names that programs take from PyTorch's private module of this name. Everything else is public elsewhere."""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any

from dynagrad._core.engine import current_node as _current_autograd_node
from dynagrad._core.engine import current_run as _current_graph_task_id
from dynagrad._core.engine import will_run as _will_run
from dynagrad._core.function import FunctionNode
from dynagrad._core.graph import AccumulateGrad, Node, pack_hooks_allowed
from dynagrad._core.intercept import disabled_torch_function as _disabled_torch_function_impl
from dynagrad._core.saved import SavedTensor, make_saved
from dynagrad._core.saved import set_versions as _set_versions
from dynagrad.autograd.function import Function
from dynagrad.overrides import DisableTorchFunction, DisableTorchFunctionSubclass
from dynagrad.tensor import Tensor

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "_autograd",
    "_current_autograd_node",
    "_current_graph_task_id",
    "_disabled_torch_function_impl",
    "_functions",
    "_log_api_usage_once",
    "_will_engine_execute_node",
]


class _WeakTensorRef:
    """A tensor that may go: ``expired()`` says whether it has."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = weakref.ref(tensor)

    def expired(self) -> bool:
        """Whether the tensor is gone."""
        return self._tensor() is None


def _will_engine_execute_node(node: Node) -> bool:
    """Whether the backward that runs in this thread has to run a node. Raises RuntimeError outside of any."""
    if not isinstance(node, Node):
        raise RuntimeError(  # noqa: TRY004  # PyTorch's
            f"_will_engine_execute_node expects an grad_fn, but got {type(node).__name__}"
        )
    if _current_graph_task_id() < 0:
        raise RuntimeError("_get_should_execute_nodes should only be called during the backward pass")
    return bool(_will_run(node))


class UndefinedGrad:
    """Called with a tensor, gives it back; what stands before it receives no gradient, which is not a gradient of zeros."""

    def __call__(self, tensor: Tensor) -> Tensor:
        return _Undefined.apply(tensor)


class _Undefined(Function):
    @staticmethod
    def forward(_ctx: FunctionNode, tensor: Tensor) -> Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def backward(_ctx: FunctionNode, _gradient: Tensor) -> None:
        return None


class DelayedError(FunctionNode):
    """Called with tensors, gives them back; a backward through them raises RuntimeError with the message."""

    def __new__(cls, message: str, num_inputs: int) -> Any:
        """A callable that takes ``num_inputs`` tensors."""

        class Error(Function):
            @staticmethod
            def forward(_ctx: FunctionNode, *tensors: Tensor) -> tuple[Tensor, ...]:
                return tuple(tensor.view_as(tensor) for tensor in tensors)

            @staticmethod
            def backward(_ctx: FunctionNode, *_gradients: Tensor) -> None:
                raise RuntimeError(message)

        def call(*tensors: Tensor) -> Any:
            if len(tensors) != num_inputs:
                raise TypeError(f"expected {num_inputs} arguments, got {len(tensors)} instead")
            found = Error.apply(*tensors)
            return found[0] if num_inputs == 1 else found

        return call


_functions = SimpleNamespace(AccumulateGrad=AccumulateGrad, UndefinedGrad=UndefinedGrad, DelayedError=DelayedError)
_autograd = SimpleNamespace(
    SavedTensor=SavedTensor,
    _make_saved_tensor=make_saved,
    _saved_tensors_hooks_is_enabled=pack_hooks_allowed,
    _unsafe_set_version_counter=_set_versions,
)


def _log_api_usage_once(event: str) -> None:
    """Nothing: PyTorch counts here, for its makers, which programs call what."""
