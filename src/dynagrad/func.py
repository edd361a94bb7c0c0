"""Functions of functions and of modules, under PyTorch's names."""

from dynagrad.nn.utils.stateless import functional_call

__all__ = ["functional_call"]
