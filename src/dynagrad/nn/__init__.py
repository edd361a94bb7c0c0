"""Layers, what they are made of, and what trains with them. The files of `modules` and `functional` hold the code.

Imported when first asked for: `import dynagrad` does not load it. Optimisers are in `optim`.
"""

import typing as _typing

from dynagrad.nn import init as init
from dynagrad.nn.factory import factory_kwargs as factory_kwargs

from dynagrad.nn.parameter import (  # isort: skip
    Buffer as Buffer,
    Parameter as Parameter,
    UninitializedBuffer as UninitializedBuffer,
    UninitializedParameter as UninitializedParameter,
)
from dynagrad.nn import common_types as common_types
from dynagrad.nn import functional as functional
from dynagrad.nn import grad as grad
from dynagrad.nn import modules as modules
from dynagrad.nn import utils as utils
from dynagrad.nn.modules import *  # noqa: F403  # its __all__ is the list of layers

_OWN = [
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
if not _typing.TYPE_CHECKING:  # type checkers follow the imports, and no __all__ but a literal one
    __all__ = [*_OWN, *modules.__all__]  # noqa: PLE0604  # names they are

_LAZY = {"DataParallel": "parallel", "attention": "attention", "parallel": "parallel"}


def __getattr__(name: str) -> _typing.Any:
    """What few programs use is imported when first asked for."""
    if name in _LAZY:
        from importlib import import_module

        module = import_module(f"{__name__}.{_LAZY[name]}")
        return module if name == _LAZY[name] else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
