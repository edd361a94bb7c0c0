"""Scripting as the identity: functions, modules and classes stay what they are; marks on them mean nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from dynagrad.nn import Module

__all__ = [
    "Attribute",
    "CompilationUnit",
    "Error",
    "ScriptFunction",
    "ScriptModule",
    "ScriptWarning",
    "deprecated",
    "export",
    "export_opnames",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "load",
    "optimize_for_inference",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "unused",
]


class Error(RuntimeError):
    """What TorchScript raises while it runs; never raised here, where a program raises its own errors."""


class ScriptWarning(Warning):
    """What TorchScript warns of; never given here."""


def deprecated(name: str, instead: str) -> None:
    """Warns, as PyTorch does, that a part of ``torch.jit`` is deprecated; Python shows it to those who ask."""
    warnings.warn(f"`torch.jit.{name}` is deprecated. Please {instead}.", DeprecationWarning, stacklevel=2)


def is_scripting() -> bool:
    """False: nothing is being compiled.

    >>> import dynagrad as torch
    >>> torch.jit.is_scripting()
    False
    """
    return False


def script(
    obj: Any,
    optimize: None = None,
    _frames_up: int = 0,
    _rcb: Callable[[str], Any] | None = None,
    example_inputs: Any = None,  # noqa: ARG001  # from which PyTorch learns types
) -> Any:
    """The function, module, class, list or dict itself, which runs as Python, with the same results.

    TypeError for what cannot be scripted: anything that is not called and is no class.

    >>> import dynagrad as torch
    >>> with warnings.catch_warnings(action="ignore"):  # it is deprecated
    ...     torch.jit.script(abs) is abs
    True
    """
    deprecated("script", "switch to `torch.compile` or `torch.export`")
    if optimize is not None:
        warnings.warn(
            "`optimize` is deprecated and has no effect. Use `with torch.jit.optimized_execution()` instead",
            FutureWarning,
            stacklevel=2,
        )
    if not callable(obj) and not isinstance(obj, (list, dict)):
        raise TypeError(
            f"{type(obj)} is a built-in class" if type(obj).__module__ == "builtins" else _not_scripted(obj)
        )
    return obj


def _not_scripted(obj: Any) -> str:
    return f"torch.jit.script takes a function, a module or a class, but got a {type(obj).__name__}"


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a ``ScriptModule`` itself."""
    deprecated("script_method", "switch to `torch.compile` or `torch.export`")
    return fn


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, which PyTorch would compile while it traces."""
    deprecated("script_if_tracing", "switch to `torch.compile` or `torch.export`")
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:  # noqa: ARG001  # old names of `drop`
    """The function itself; with an argument, a decorator that returns it.

    >>> import dynagrad as torch
    >>> torch.jit.ignore(abs) is torch.jit.ignore(drop=True)(abs) is abs
    True
    """
    if callable(drop):
        return drop
    if not isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")  # noqa: TRY004
    return lambda function: function


def unused(fn: Any) -> Any:
    """The function itself, which a compiled program could not call."""
    return fn


def export(fn: Any) -> Any:
    """The method itself, which a compiled module would keep."""
    return fn


def interface(obj: type) -> type:
    """The class itself. RuntimeError for anything else."""
    deprecated("interface", "use `torch.compile` instead")
    if not isinstance(obj, type):
        raise RuntimeError("interface must be applied to a class")  # noqa: TRY004  # PyTorch's kind
    return obj


class Attribute(NamedTuple):
    """A value and its type; a ``ScriptModule`` to which it is assigned keeps the value."""

    value: Any
    type: Any


class ScriptModule(Module):
    """A module whose methods were once to be marked with ``script_method``: a module like others.

    >>> import dynagrad as torch
    >>> class Twice(torch.jit.ScriptModule):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.jit.Attribute(2, int)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Twice()(torch.ones(1))
    tensor([2.])
    """

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value.value if isinstance(value, Attribute) else value)


def _no_program(what: str) -> str:
    return (
        f"{what}: dynagrad has no TorchScript, whose files hold programs in a language of their own. Keep the model's "
        "code, and save its state_dict() with torch.save"
    )


class _Unmade(type):
    """A class that programs name, in isinstance say, and of which there is no object."""

    def __call__(cls, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise NotImplementedError(_no_program(f"torch.jit.{cls.__name__}"))


class ScriptFunction(metaclass=_Unmade):
    """A compiled function, of which there is none."""


class CompilationUnit(metaclass=_Unmade):
    """Compiled source, of which there is none."""


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> NoReturn:
    """NotImplementedError: there are no TorchScript files here."""
    raise NotImplementedError(_no_program("torch.jit.save"))


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> NoReturn:  # noqa: ARG001
    """NotImplementedError: there are no TorchScript files here. ValueError if there is no file at all."""
    import os

    if isinstance(f, (str, os.PathLike)) and not os.path.exists(f):
        raise ValueError(f"The provided filename {f} does not exist")
    raise NotImplementedError(_no_program("torch.jit.load"))


def export_opnames(m: Any) -> NoReturn:
    """NotImplementedError: no compiled program says which ops it calls."""
    raise NotImplementedError(_no_program("torch.jit.export_opnames"))


def freeze(mod: Any, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True) -> Any:  # noqa: ARG001
    """The module itself, which has to be in eval mode: RuntimeError otherwise.

    >>> import dynagrad as torch
    >>> model = torch.nn.Linear(2, 2).eval()
    >>> with warnings.catch_warnings(action="ignore"):  # it is deprecated
    ...     torch.jit.freeze(model) is model
    True
    """
    deprecated("freeze", "use `torch.compile` instead")
    if not isinstance(mod, Module):
        raise RuntimeError(  # noqa: TRY004  # PyTorch's kind
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your "
            "'nn.Module'."
        )
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before "
            "freezing."
        )
    for name in preserved_attrs or ():
        getattr(mod, name)
    return mod


def optimize_for_inference(mod: Any, other_methods: list[str] | None = None) -> Any:
    """The module itself. ValueError for what is no module."""
    deprecated("optimize_for_inference", "use `torch.compile` instead")
    if not isinstance(mod, Module):
        raise ValueError(  # noqa: TRY004  # PyTorch's kind
            "optimize_for_inference expects ScriptModule as input. Please use torch.jit.script or torch.jit.trace to "
            "script your 'nn.Module'."
        )
    for name in other_methods or ():
        getattr(mod, name)
    return mod
