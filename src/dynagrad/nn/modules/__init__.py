"""The layers, a file for each family, under the names of PyTorch's files; here is the list."""

from dynagrad.nn.modules.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from dynagrad.nn.modules.flatten import Flatten, Unflatten
from dynagrad.nn.modules.linear import Bilinear, Identity, LazyLinear, Linear
from dynagrad.nn.modules.module import Module

__all__ = [
    "Bilinear",
    "Flatten",
    "Identity",
    "LazyLinear",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "Unflatten",
]
