"""PyTorch's values as dynagrad's: tensors with their strides, dtypes, and the functions of its test suite.

A function of PyTorch's test suite that says ``torch`` is run with ``torch`` meaning dynagrad; nothing in it changes.
"""

from __future__ import annotations

import builtins
import dataclasses
import types
from collections.abc import Callable
from typing import Any

import torch

import dynagrad

Missing = (AttributeError, ImportError)


class Translator:
    """Turns the arguments of one call into dynagrad's. A tensor that occurs twice is one tensor there, too."""

    def __init__(self) -> None:
        self.made: dict[int, Any] = {}
        self.kept: list[Any] = []

    def __call__(self, value: Any) -> Any:
        """The value in dynagrad's terms: containers are walked, numbers and strings stay."""
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, torch.Size):
            return dynagrad.Size(value)
        if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
            return getattr(dynagrad, named(value))
        if isinstance(value, torch.device):
            return dynagrad.device(str(value))
        if isinstance(value, torch.Generator):
            return self._generator(value)
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(self(item) for item in value)
        if isinstance(value, slice):
            return slice(self(value.start), self(value.stop), self(value.step))
        if isinstance(value, torch.nn.LinearCrossEntropyOptions):
            fields = (field.name for field in dataclasses.fields(value))
            return dynagrad.nn.LinearCrossEntropyOptions(**{name: self(getattr(value, name)) for name in fields})
        return own(value) if callable(value) else value

    def _tensor(self, tensor: torch.Tensor) -> Any:
        if id(tensor) not in self.made:
            self.kept.append(tensor)  # so that no other object gets its id
            self.made[id(tensor)] = to_dynagrad(tensor)
        return self.made[id(tensor)]

    def _generator(self, generator: torch.Generator) -> Any:
        made = dynagrad.Generator()
        made.manual_seed(generator.initial_seed())
        return made


def to_dynagrad(tensor: torch.Tensor) -> Any:
    """A leaf with the same numbers, dtype, shape, strides and ``requires_grad``, in memory of its own."""
    flat = _memory(tensor)
    made = dynagrad.from_dlpack(flat.__dlpack__())  # a capsule: a foreign tensor would be asked for __torch_function__
    if tuple(tensor.shape) != tuple(flat.shape) or tensor.stride() != flat.stride():
        made = made.as_strided(tuple(tensor.shape), tensor.stride(), tensor.storage_offset()).detach()
    return made.requires_grad_() if tensor.requires_grad else made


def copied(tensor: torch.Tensor) -> torch.Tensor:
    """The same for PyTorch: a leaf in memory of its own, so that neither library sees what the other wrote."""
    made = _memory(tensor).as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
    return made.detach().requires_grad_(tensor.requires_grad)


def _memory(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of the whole storage, as a vector."""
    storage = tensor.detach().untyped_storage().clone()
    count = storage.nbytes() // tensor.element_size()
    return torch.empty(0, dtype=tensor.dtype).set_(storage, 0, (count,), (1,))


def copies(value: Any, made: dict[int, Any] | None = None) -> Any:
    """The arguments of a call with PyTorch's tensors copied by `copied`."""
    made = {} if made is None else made
    if isinstance(value, torch.Tensor):
        if id(value) not in made:
            made[id(value)] = copied(value) if value.layout == torch.strided else value
        return made[id(value)]
    if isinstance(value, dict):
        return {key: copies(item, made) for key, item in value.items()}
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return type(value)(copies(item, made) for item in value)
    if isinstance(value, slice):
        return slice(copies(value.start, made), copies(value.stop, made), copies(value.step, made))
    return value


def own(function: Callable[..., Any]) -> Callable[..., Any]:
    """Dynagrad's function of the same public name, or the same code with ``torch`` meaning dynagrad.

    Raises AttributeError where dynagrad has no such name.
    """
    name, home = getattr(function, "__name__", ""), getattr(function, "__module__", None) or ""
    if isinstance(function, types.FunctionType) and home.startswith("torch.testing."):
        return _seeded if name == "wrapper_set_seed" else _rebound(function)
    if isinstance(function, torch.nn.Module):
        return getattr(dynagrad.nn, type(function).__name__)()
    for path in ("", "nn.functional", "linalg", "special", "Tensor"):
        if getattr(at(path, torch), name, None) is function:
            return at(f"{path}.{name}".removeprefix("."))
    if home == "torch._ops.aten":
        return at(f"ops.{function}")
    if home.startswith("torch"):
        raise AttributeError(f"no public name of {function}")
    return function


def named(value: Any) -> str:
    """The name of a dtype, layout or memory format."""
    return str(value).removeprefix("torch.")


def at(path: str, library: Any = dynagrad) -> Any:
    """The object at a dotted path below a library. Raises AttributeError if it is not there."""
    for name in filter(None, path.split(".")):
        library = getattr(library, name)
    return library


def _seeded(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What PyTorch's wrapper of the same name does: every call starts from one state of the generator."""
    dynagrad.manual_seed(42)
    return op(*args, **kwargs)


def _rebound(function: types.FunctionType) -> types.FunctionType:
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    scope = {"__builtins__": builtins, "__name__": function.__module__}
    scope |= {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, value in scope.items():
        if value is torch:
            scope[name] = dynagrad
        elif isinstance(value, types.FunctionType) and value is not function:
            scope[name] = own(value)
    cells = tuple(types.CellType(_closed(cell.cell_contents)) for cell in function.__closure__ or ())
    made = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _closed(value: Any) -> Any:
    """What a function holds on to: other functions in their place here, records of the test suite as they are."""
    return own(value) if callable(value) and hasattr(value, "__name__") else value


def _codes(code: types.CodeType) -> list[types.CodeType]:
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return [code, *(deeper for each in inner for deeper in _codes(each))]
