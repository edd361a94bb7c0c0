"""Layers, what they are made of, and what trains with them. The files of `modules` and `functional` hold the code.

Imported when first asked for: `import dynagrad` does not load it. Optimisers are in `optim`.
"""

from dynagrad.nn import init
from dynagrad.nn.factory import factory_kwargs

from dynagrad.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter  # isort: skip
from dynagrad.nn import common_types, functional, grad, modules, utils
from dynagrad.nn.modules import *  # noqa: F403  # its __all__ is the list of layers

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "common_types",
    "factory_kwargs",
    "functional",
    "grad",
    "init",
    "modules",
    "utils",
]
__all__ += modules.__all__

_LAZY = {"DataParallel": "parallel", "attention": "attention", "parallel": "parallel"}


def __getattr__(name: str) -> object:
    """What few programs use is imported when first asked for."""
    if name in _LAZY:
        from importlib import import_module

        module = import_module(f"{__name__}.{_LAZY[name]}")
        return module if name == _LAZY[name] else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
