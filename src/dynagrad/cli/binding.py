"""Binds ``torch``, ``torch.*``, ``functorch`` and ``torchviz`` to dynagrad's own modules, for this process only.

The modules are the same objects under both names. What dynagrad lacks stays missing, and the error names it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import dynagrad
from dynagrad.torch_version import TorchVersion

from .children import bind_children

STANDS_FOR = {
    "torch": "dynagrad",
    "functorch": "dynagrad.func.functorch",
    "torchviz": "dynagrad.viz",
    "torchviz.dot": "dynagrad.viz",
}

SPOKEN_VERSION = "2.13.0"


def bind() -> None:
    """Makes ``import torch`` and ``import torchviz`` import dynagrad from here on.

    ``torch.__version__`` becomes the PyTorch release whose semantics dynagrad follows, with dynagrad's own version as
    its local part: a script that compares versions takes the path meant for that release. ``type(x)`` prints as
    ``<class 'torch.Tensor'>``. The processes that this one starts do the same. A second call does nothing.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] in STANDS_FOR]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder())
    bind_children()
    spoken = TorchVersion(f"{SPOKEN_VERSION}+dynagrad.{dynagrad.__version__}")
    dynagrad.__version__ = dynagrad.version.__version__ = spoken
    dynagrad.Tensor.__module__ = "torch"
    dynagrad.torch = dynagrad  # PyTorch has itself as an attribute, and programs say torch.torch


def real_name(name: str) -> str | None:
    """What dynagrad calls PyTorch's module ``name``; None for any other module."""
    if name in STANDS_FOR:
        return STANDS_FOR[name]
    root, _, rest = name.partition(".")
    return f"{STANDS_FOR[root]}.{rest}" if root in STANDS_FOR else None


def spoken_name(name: str) -> str:
    """The name under which a PyTorch script knows dynagrad's module ``name``."""
    return "torch" + name.removeprefix("dynagrad")


class _Finder(MetaPathFinder, Loader):
    """Finds PyTorch's names, and puts dynagrad's module in ``sys.modules`` where a new one would have gone."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        real = real_name(fullname)
        if real is None:
            return None
        return ModuleSpec(fullname, self, is_package=hasattr(_imported(real, fullname), "__path__"))

    def exec_module(self, module: ModuleType) -> None:
        real = real_name(module.__name__)
        assert real is not None
        sys.modules[module.__name__] = _imported(real, module.__name__)
        _bind_hidden(real, module.__name__)


def _bind_hidden(real: str, spoken: str) -> None:
    """Binds the files of a package that functions of their name hide, as ``autograd.gradcheck`` does.

    They are entered here because an import that loads a module puts it in the function's place.
    """
    for name, value in list(vars(sys.modules[spoken]).items()):
        file = getattr(value, "__module__", None)
        if file == f"{real}.{name}" and isinstance(sys.modules.get(file), ModuleType):
            sys.modules.setdefault(f"{spoken}.{name}", sys.modules[file])


def _imported(real: str, spoken: str) -> ModuleType:
    parent, _, attribute = real.rpartition(".")
    # A public name comes before a file of that name: dynagrad.tensor is a function, and so torch.tensor is no module.
    module = vars(sys.modules[parent]).get(attribute) if parent in sys.modules else None
    if module is None:
        try:
            module = importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{real}.".startswith(f"{error.name}."):
                raise
    if not isinstance(module, ModuleType):
        reason = getattr(sys.modules.get(parent), "ABSENT", {}).get(attribute)
        raise ModuleNotFoundError(
            f"dynagrad has no {spoken}: {reason}" if reason else f"dynagrad has no {spoken} yet", name=spoken
        )
    return module
