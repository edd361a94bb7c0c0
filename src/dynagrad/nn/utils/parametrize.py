"""Parametrisations: a parameter that is computed from others, whenever it is read.

Registering one moves the parameter to ``module.parametrizations.<name>.original`` and makes ``module.<name>`` a property
of a class made for this module, so that it is a module of its old class still.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn.modules.container import ModuleDict, ModuleList
from dynagrad.nn.modules.module import Module
from dynagrad.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_depth = 0
_values: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Inside, a parametrised tensor is computed once and then remembered."""
    global _depth  # noqa: PLW0603  # the caches may be nested
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _values.clear()


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, and the tensor or tensors that it is computed from.

    Args:
        modules: the parametrisations.
        original: the tensor before.
        unsafe: whether shapes and dtypes may change.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        value = self._inverse(original)
        if isinstance(value, Tensor) and value.dtype is not original.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {value.dtype}"
            )
        self.is_tensor = isinstance(value, Tensor)
        if self.is_tensor:
            self.ntensors = 1
            _set(self, "original", value, original)
        else:
            self.ntensors = len(value)
            for i, each in enumerate(value):
                if not isinstance(each, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                        f"{i} of the sequence with type {type(each).__name__}."
                    )
                _set(self, f"original{i}", each, None)
        if not unsafe:
            self._check(original)

    def _inverse(self, original: Tensor) -> Any:
        """What the original must be for the parametrised tensor to be what it was."""
        value: Any = original
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                return original
            with dynagrad.no_grad():
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:
                    return original
        if not isinstance(value, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(value).__name__}"
            )
        return value

    def _check(self, original: Tensor) -> None:
        value = self()
        if not isinstance(value, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
        if value.dtype is not original.dtype:
            raise ValueError(
                "Registering a parametrization may not change the dtype of the tensor, unless `unsafe` flag is enabled.\n"
                f"unparametrized dtype: {original.dtype}\nparametrized dtype: {value.dtype}"
            )
        if value.shape != original.shape:
            raise ValueError(
                "Registering a parametrization may not change the shape of the tensor, unless `unsafe` flag is enabled.\n"
                f"unparametrized shape: {original.shape}\nparametrized shape: {value.shape}"
            )

    def _originals(self) -> list[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Sets the originals so that the parametrised tensor becomes `value`, as near as it can."""
        with dynagrad.no_grad():
            made: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                made = module.right_inverse(made)
            made = [made] if isinstance(made, Tensor) else list(made)
            for own, new in zip(self._originals(), made, strict=True):
                if new.dtype is not own.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {new.dtype} while `original` has dtype "
                        f"{own.dtype}"
                    )
                own.data = new.data

    def forward(self) -> Tensor:
        modules = list(self)
        value = modules[0](*self._originals())
        for module in modules[1:]:
            value = module(value)
        return value


def _set(owner: Module, name: str, value: Tensor, original: Tensor | None) -> None:
    """Registers a tensor as the parameter that it was, or as a buffer."""
    if original is not None and isinstance(original, Parameter):
        if value is not original:
            original.data = value.data
        owner.register_parameter(name, original)
    elif original is not None:
        owner.register_buffer(name, value)
    else:
        owner.register_parameter(name, Parameter(value))


def _own_class(module: Module) -> None:
    """Makes the module one of a class made for it, which can have properties."""
    before = type(module)

    def deepcopied(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        made = self.__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made

    def reduced(self: Any, protocol: int) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): save that, or take the "
            "parametrizations away with remove_parametrizations() first."
        )

    module.__class__ = type(
        f"Parametrized{before.__name__}",
        (before,),
        {
            "__reduce_ex__": reduced,
            "__deepcopy__": deepcopied,
            "_parametrized": before,
            "__module__": before.__module__,
        },
    )


def _add_property(module: Module, name: str) -> None:
    def read(self: Any) -> Tensor:
        if not _depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _values:
            _values[key] = self.parametrizations[name]()
        return _values[key]

    def write(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has a parametrisation, or whether the tensor of this name has one."""
    found = module._modules.get("parametrizations")
    if found is None or not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def _check_next(module: Module, name: str, parametrization: Module) -> None:
    """Raises ValueError if one that is put behind others changes shape or dtype, or its inverse does."""
    before = getattr(module, name)
    value = parametrization(before)
    if not isinstance(value, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(value, what) != getattr(before, what):
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` flag is "
                f"enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"parametrization(module.{name}).{what}: {getattr(value, what)}"
            )
    try:
        back = parametrization.right_inverse(value) if hasattr(parametrization, "right_inverse") else before
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    for what, returned in (("dtype", "returned dtype"), ("shape", "returned shape")):
        if getattr(back, what) != getattr(before, what):
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} as module.{name}, "
                f"unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"{returned}: {getattr(back, what)}"
            )


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes ``module.<tensor_name>`` what ``parametrization`` returns for it; a second one is put behind the first.

    Args:
        module: whose parameter or buffer it is.
        tensor_name: its name; ValueError if there is none.
        parametrization: a module that maps a tensor to one of the same shape and dtype. If it has a method
            ``right_inverse``, the original is set so that the value stays, and the tensor can be assigned to.
        unsafe: whether shape and dtype may change.

    >>> import dynagrad
    >>> class Symmetric(dynagrad.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = dynagrad.nn.utils.parametrize.register_parametrization(dynagrad.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        found: Any = module.parametrizations[tensor_name]
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        found.append(parametrization)
        found.unsafe = found.unsafe or unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"Module '{module._get_name()}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    made = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _own_class(module)
        module.parametrizations = ModuleDict()
    _add_property(module, tensor_name)
    module.parametrizations[tensor_name] = made
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Takes the parametrisations of a tensor away.

    Args:
        module: whose tensor it is; ValueError if it is not parametrised.
        tensor_name: its name.
        leave_parametrized: whether the tensor keeps the value that it has now, or gets the original one.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    found: Any = module.parametrizations[tensor_name]
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            with dynagrad.no_grad():
                original.data = getattr(module, tensor_name).clone()
    elif leave_parametrized:
        value = getattr(module, tensor_name).detach().clone()
        original = Parameter(value) if found.original0.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is computed from a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module)._parametrized
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of the module before it was parametrised."""
    return type(module)._parametrized if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Gives another module the parametrisations, and the values, of this one."""
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        source: Any = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for each in source:
            register_parametrization(to_module, name, each, unsafe=source.unsafe)
        target: Any = to_module.parametrizations[name]
        for own, other in zip(target._originals(), source._originals(), strict=True):
            own.data = other.data
    return to_module
