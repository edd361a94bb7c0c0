"""The few names that programs take from PyTorch's private module of this name. Everything else is public elsewhere."""

from dynagrad._core.intercept import disabled_torch_function as _disabled_torch_function_impl
from dynagrad.overrides import DisableTorchFunctionSubclass

__all__ = ["DisableTorchFunctionSubclass", "_disabled_torch_function_impl"]
