"""Module: parameters, buffers and children by name, their traversal and conversion.

Hooks are in `hooks`, saving and loading in `state`; calling a module and looking up its attributes are native
(`_core/module.pyx`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import dynagrad
from dynagrad import Tensor
from dynagrad._core.module import ModuleBase, adopt
from dynagrad.nn.modules.hooks import (  # noqa: F401  # PyTorch's place
    Hooked,
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_buffer_registration_hooks,
    _global_forward_hooks,
    _global_forward_pre_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from dynagrad.nn.modules.state import EXTRA_STATE as _EXTRA_STATE_KEY_SUFFIX  # noqa: F401  # likewise
from dynagrad.nn.modules.state import IncompatibleKeys as _IncompatibleKeys
from dynagrad.nn.modules.state import Stateful
from dynagrad.nn.parameter import Buffer, Parameter, is_lazy

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

_KeysReport = _IncompatibleKeys


class _CallSignature:
    """What `inspect.signature` says of a module, whose call is native; its class is asked for ``__init__`` as ever."""

    def __get__(self, module: Any, owner: Any) -> Any:
        if module is None:
            raise AttributeError("__signature__")
        import inspect

        return inspect.Signature(
            [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )


class Module(Hooked, Stateful, ModuleBase):
    """The base of all layers and models: a class derives from it, assigns its parts in ``__init__``, defines ``forward``.

    >>> import dynagrad
    >>> class Twice(dynagrad.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = dynagrad.nn.Linear(2, 2)
    ...     def forward(self, x):
    ...         return self.linear(self.linear(x))
    >>> [name for name, _ in Twice().named_parameters()]
    ['linear.weight', 'linear.bias']
    """

    training: bool
    call_super_init: bool = False
    dump_patches: bool = False

    __setattr__ = ModuleBase._set_attribute
    __delattr__ = ModuleBase._delete_attribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            given = next(iter(kwargs)) if kwargs else None
            what = (
                f"got an unexpected keyword argument '{given}'"
                if given
                else f"takes 1 positional argument but {len(args) + 1} were given"
            )
            raise TypeError(f"{type(self).__name__}.__init__() {what}")
        state = self.__dict__
        state["training"] = True
        state["_parameters"], state["_buffers"], state["_non_persistent_buffers_set"] = {}, {}, set()
        state["_backward_pre_hooks"], state["_backward_hooks"] = OrderedDict(), OrderedDict()
        state["_is_full_backward_hook"] = None
        for name in _HOOK_DICTS:
            state[name] = OrderedDict()
        state["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adopt(cls)

    if not TYPE_CHECKING:  # to a checker it is a Callable[..., Any], so that modules may define it with any arguments

        def forward(self, *input: Any) -> Any:
            """What the module computes. Every module defines it."""
            raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __getattr__(self, name: str) -> Any:
        return ModuleBase._registered(self, name)

    # ---- registering ---------------------------------------------------------------------------------------------

    def _assign(self, name: str, value: Any) -> None:
        """``self.name = value`` for a value that is, or replaces, a parameter, a buffer or a child."""
        state = self.__dict__
        if isinstance(value, Parameter):
            self._need_init("parameters")
            self._forget(name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif name in state.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{dynagrad.typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            self._need_init("module")
            self._forget(name, "_parameters", "_buffers")
            for hook in _global_module_registration_hooks.values():
                value = hook(self, name, value) or value
            self._modules[name] = value
        elif name in state.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{dynagrad.typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            self._modules[name] = None
        else:
            self._assign_buffer(name, value)

    def _assign_buffer(self, name: str, value: Any) -> None:
        buffers = self.__dict__.get("_buffers", {})
        if isinstance(value, Buffer) and name not in buffers:
            self._need_init("buffer")
            self._forget(name, "_parameters", "_modules")
            self.register_buffer(name, value, value.persistent)
        elif name in buffers:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{dynagrad.typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            for hook in _global_buffer_registration_hooks.values():
                value = hook(self, name, value) or value
            buffers[name] = value
            if isinstance(value, Buffer):
                (
                    self._non_persistent_buffers_set.discard
                    if value.persistent
                    else self._non_persistent_buffers_set.add
                )(name)
        else:
            object.__setattr__(self, name, value) if name == "__class__" else self._set_plain(name, value)

    def _need_init(self, what: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")

    def _forget(self, name: str, *places: str) -> None:
        self.__dict__.pop(name, None)
        for place in places:
            if self.__dict__[place].pop(name, None) is not None and place == "_buffers":
                self._non_persistent_buffers_set.discard(name)

    def _check_name(self, name: Any, kind: str, where: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {dynagrad.typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in where:
            raise KeyError(f"attribute '{name}' already exists")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a buffer: a tensor that belongs to the module's state but is no parameter.

        Args:
            name: under which it is an attribute.
            tensor: the tensor; None for a buffer that is not there (yet).
            persistent: whether it is part of the ``state_dict``.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name(name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{dynagrad.typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        for hook in _global_buffer_registration_hooks.values():
            found = hook(self, name, tensor)
            tensor = tensor if found is None else found
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under this name; None for one that is not there."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name(name, "parameter", self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{dynagrad.typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        for hook in _global_parameter_registration_hooks.values():
            found = hook(self, name, param)
            param = param if found is None else found
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a child under this name."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{dynagrad.typename(module)} is not a Module subclass")
        self._check_name(name, "module", self._modules)
        for hook in _global_module_registration_hooks.values():
            module = hook(self, name, module) or module
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of :meth:`add_module`."""
        self.add_module(name, module)

    # ---- finding -------------------------------------------------------------------------------------------------

    def get_submodule(self, target: str) -> Module:
        """The descendant at a path such as ``encoder.layers.0``. Raises AttributeError if there is none."""
        found: Any = self
        for item in target.split(".") if target else ():
            if not hasattr(found, item):
                raise AttributeError(f"{found._get_name()} has no attribute `{item}`")
            found = getattr(found, item)
            if not isinstance(found, Module):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts a module at a path; with ``strict`` there must be one already."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path. Raises AttributeError if there is none."""
        found = self._at(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path. Raises AttributeError if there is none."""
        found = self._at(target)
        path, _, name = target.rpartition(".")
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    def _at(self, target: str) -> Any:
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        return getattr(parent, name)

    def _named_members(
        self, members: Callable[[Any], Any], prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in members(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield path + ("." if path else "") + name, value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths."""
        yield from self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths."""
        yield from self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self) -> Iterator[Module]:
        """The direct children, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct children with their names."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once unless not ``remove_duplicate``."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their paths."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, prefix + ("." if prefix else "") + name, remove_duplicate)

    # ---- converting ----------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Runs ``fn`` on every module below this one and then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            with dynagrad.no_grad():
                param.data = fn(param)
                if not is_lazy(param) and param.grad is not None:
                    before = param.grad
                    param.grad = None
                    param.grad = fn(before).requires_grad_(before.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Converts parameters and buffers: ``to(dtype)``, ``to(device)``, ``to(device, dtype)``, ``to(tensor)``.

        Integer parameters and buffers keep their dtype. Raises TypeError for a dtype that is not floating.
        """
        dtype, device, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(t: Tensor) -> Tensor:
            wanted = dtype if t.is_floating_point() else None
            laid = memory_format if t.dim() in (4, 5) else None
            return t.to(device, wanted or t.dtype, non_blocking, memory_format=laid)

        return self._apply(convert)

    def type(self, dst_type: Any) -> Self:
        """Converts all parameters and buffers, those of integers too."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Converts floating parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Converts floating parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Converts floating parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Converts floating parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Self:
        """Moves to the CPU, where everything is."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Moves to a GPU. Raises as ``Tensor.to("cuda")`` does."""
        return self._apply(lambda t: t.to("cuda" if device is None else dynagrad.device("cuda", device)))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Gives every parameter and buffer fresh memory with whatever is in it."""
        return self._apply(lambda t: dynagrad.empty_like(t, device=device), recurse=recurse)

    def share_memory(self) -> Self:
        """Moves the memory to where other processes can see it."""
        for tensor in (*self.parameters(), *self.buffers()):
            tensor.share_memory_()
            if tensor.is_leaf and tensor.grad is not None:
                tensor.grad.share_memory_()
        return self

    def train(self, mode: bool = True) -> Self:
        """Sets training mode here and below: what Dropout and the like go by. Raises ValueError unless ``mode`` is a bool."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets ``requires_grad`` of all parameters."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients of all parameters: to None, or to zeros."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                if param.grad.grad_fn is not None:
                    param.grad.detach_()
                else:
                    param.grad.requires_grad_(False)
                param.grad.zero_()

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Accepted, and without effect: what runs is already native."""

    # ---- showing and copying -------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the repr shows between the parentheses; layers define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[:1].isdigit())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("_backward_pre_hooks", "_backward_hooks", *_HOOK_DICTS):
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def __reduce_ex__(self, protocol: int) -> Any:  # type: ignore[override]  # nothing else is passed
        import copyreg

        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]  # typeshed lacks it

    def __getstate__(self) -> Any:
        return dict(self.__dict__)

    def _replicate_for_data_parallel(self) -> Module:
        replica = type(self).__new__(type(self))
        replica.__dict__.update(self.__dict__)
        replica.__dict__["_parameters"] = {}  # what stands for them is no leaf: it is set as a plain attribute
        for name in ("_buffers", "_modules"):
            replica.__dict__[name] = dict(self.__dict__[name])
        replica.__dict__["_is_replica"] = True
        return replica

    __signature__ = _CallSignature()

    _call_impl = ModuleBase.__call__
    _wrapped_call_impl = ModuleBase.__call__


adopt(Module)

_HOOK_DICTS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _addindent(s_: str, numSpaces: int) -> str:
    """The text with every line but the first moved to the right; scripts with a ``__repr__`` of their own import it."""
    return s_.replace("\n", "\n" + " " * numSpaces)


def _parse_to(
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> tuple[Any, Any, bool, Any]:
    """The dtype, device, non_blocking and memory_format that the arguments of ``to`` mean."""
    if copy:
        raise RuntimeError(".to() does not accept copy argument")
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        tensor = rest.pop(0)
        device, dtype = tensor.device, tensor.dtype
    elif rest and isinstance(rest[0], dynagrad.dtype):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if rest:
            dtype = rest.pop(0)
    if rest:
        non_blocking = rest.pop(0)
    kinds = (
        (non_blocking, bool),
        (device, (str, int, dynagrad.device, type(None))),
        (dtype, (dynagrad.dtype, type(None))),
    )
    if rest or not all(isinstance(value, kind) for value, kind in kinds):  # kinds, or tuples of these
        given = ", ".join(type(each).__name__ for each in args)
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({given}), but expected one of: (device, dtype, "
            "non_blocking, copy), (dtype, non_blocking, copy), (tensor, non_blocking, copy)"
        )
    return dtype, device, non_blocking, memory_format
