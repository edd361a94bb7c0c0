"""What a module saves and loads: state_dict, load_state_dict, and the hooks around them.

A load that fails leaves the module as it was: values are copied once it is known that all of them fit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import dynagrad
from dynagrad import Tensor
from dynagrad._core.graph import RemovableHandle
from dynagrad.nn.modules.hooks import Hook, ModuleHandle
from dynagrad.nn.parameter import Parameter, is_lazy

EXTRA_STATE = "_extra_state"

# The copies of the load that is going on, innermost last; a load of a part by itself copies at once.
_pending: list[list[Callable[[], None]]] = []


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict(strict=False)`` returns: keys that it missed, and keys that it did not expect."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _WithModule:
    """A hook that gets its module first; the module is known weakly."""

    def __init__(self, hook: Hook, module: Any) -> None:
        import weakref

        self.hook, self.module = hook, weakref.ref(module)

    def __call__(self, *args: Any) -> Any:
        return self.hook(self.module(), *args)

    def __getstate__(self) -> dict[str, Any]:
        return {"hook": self.hook, "module": self.module()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["hook"], state["module"])  # type: ignore[misc]  # the same two


class Stateful:
    """The part of Module that has to do with its state."""

    _version: int = 1
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: dict[int, Hook]
    _state_dict_pre_hooks: dict[int, Hook]
    _load_state_dict_pre_hooks: dict[int, Hook]
    _load_state_dict_post_hooks: dict[int, Hook]

    def get_extra_state(self) -> Any:
        """What else belongs into the state_dict. A module that has such state defines this and ``set_extra_state``."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Define it in the module, "
            "together with set_extra_state()."
        )

    def set_extra_state(self, state: Any) -> None:
        """Takes what ``get_extra_state`` returned."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Define it in the module, "
            "together with get_extra_state()."
        )

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Runs ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict`` has written this module."""
        hook._from_public_api = True  # type: ignore[attr-defined]  # such hooks return nothing
        return ModuleHandle(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return ModuleHandle(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Runs ``hook(module, prefix, keep_vars)`` before ``state_dict`` writes this module."""
        return ModuleHandle(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook: Hook, with_module: bool = False) -> RemovableHandle:
        return ModuleHandle(self._load_state_dict_pre_hooks, _WithModule(hook, self) if with_module else hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Runs ``hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Runs ``hook(module, incompatible_keys)`` after loading; it may change the lists of keys."""
        return ModuleHandle(self._load_state_dict_post_hooks, hook)

    # ---- saving --------------------------------------------------------------------------------------------------

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars else param.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buffer if keep_vars else buffer.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """The parameters and persistent buffers by their paths: detached tensors over the same memory.

        Args:
            destination: a dict to add to.
            prefix: what the paths start with.
            keep_vars: whether the tensors keep their ``requires_grad``.
        """
        for value, name in zip(args, ("destination", "prefix", "keep_vars"), strict=False):
            destination = value if name == "destination" else destination
            prefix = value if name == "prefix" else prefix
            keep_vars = value if name == "keep_vars" else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            found = hook(self, destination, prefix, metadata)
            if not getattr(hook, "_from_public_api", False):
                destination = found if found is not None else destination
            elif found is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    # ---- loading -------------------------------------------------------------------------------------------------

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, value in self._loadable():
            key = prefix + name
            if key in state_dict:
                self._take(name, value, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        self._take_extra(state_dict, prefix + EXTRA_STATE, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys.extend(key for key in state_dict if self._is_unexpected(key, prefix))

    def _loadable(self) -> Iterator[tuple[str, Any]]:
        for name, value in (*self._parameters.items(), *self._buffers.items()):
            if value is not None and name not in self._non_persistent_buffers_set:
                yield name, value

    def _take(self, name: str, own: Any, key: str, given: Any, assign: bool, error_msgs: list[str]) -> None:
        if not isinstance(given, Tensor):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
                f"but received {type(given)}"
            )
            return
        if not is_lazy(own) and own.dim() == 0 and given.dim() == 1 and given.numel() == 1:
            given = given[0]  # numbers were saved as vectors of one element, long ago
        if not is_lazy(own) and given.shape != own.shape:
            error_msgs.append(
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the shape in current "
                f"model is {own.shape}."
            )
            return
        self._apply_or_defer(lambda: self._put(name, own, given, assign))

    def _put(self, name: str, own: Any, given: Tensor, assign: bool) -> None:
        with dynagrad.no_grad():
            if not assign:
                own.copy_(given)
                return
        if isinstance(own, Parameter):
            given = given if isinstance(given, Parameter) else Parameter(given, requires_grad=own.requires_grad)
            given.requires_grad_(own.requires_grad)
        setattr(self, name, given)

    def _apply_or_defer(self, put: Callable[[], None]) -> None:
        if _pending:
            _pending[-1].append(put)
        else:
            put()

    def _take_extra(
        self, state_dict: dict[str, Any], key: str, strict: bool, missing: list[str], unexpected: list[str]
    ) -> None:
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if key in state_dict:
                self._apply_or_defer(lambda: self.set_extra_state(state_dict[key]))
            elif strict:
                missing.append(key)
        elif strict and key in state_dict:
            unexpected.append(key)

    def _is_unexpected(self, key: str, prefix: str) -> bool:
        if not key.startswith(prefix) or key == prefix + EXTRA_STATE:
            return False
        head, dot, _ = key[len(prefix) :].partition(".")
        if dot:
            return head not in self._modules
        return head not in dict(self._loadable())

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copies the values of a state_dict into the parameters and buffers.

        Args:
            state_dict: what ``state_dict()`` of such a module returned.
            strict: whether every key must be there, and no other.
            assign: whether the tensors themselves become the parameters, instead of being copied.

        Raises:
            RuntimeError: keys are missing or unexpected, or a shape does not fit. Nothing has been copied then.

        Returns:
            The ``missing_keys`` and ``unexpected_keys``.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        load = _Load(state_dict, strict, assign)
        _pending.append([])
        try:
            load.visit(self, "", load.state)
            copies = _pending[-1]
        finally:
            _pending.pop()
        if not load.watched and strict:
            load.refuse(self)
        if not load.errors:
            for put in copies:
                put()
            load.run_post_hooks()
        if strict or load.errors:
            load.refuse(self)
        return IncompatibleKeys(load.missing, load.unexpected)


class _Load:
    """One call of load_state_dict: the copy of the dict, and the reports that the modules add to."""

    def __init__(self, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.state = OrderedDict(state_dict)
        self.metadata = getattr(state_dict, "_metadata", None)
        if self.metadata is not None:
            self.state._metadata = self.metadata  # type: ignore[attr-defined]  # as PyTorch keeps it
        self.strict, self.assign = strict, assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []
        self.watched: list[tuple[Any, str]] = []

    def visit(self, module: Any, prefix: str, state: dict[str, Any]) -> None:
        """Loads the module and then, from their parts of the dict, its children."""
        local = {} if self.metadata is None else self.metadata.get(prefix[:-1], {})
        if self.assign:
            local["assign_to_params_buffers"] = True
        module._load_from_state_dict(state, prefix, local, True, self.missing, self.unexpected, self.errors)
        for name, child in module._modules.items():
            if child is not None:
                below = prefix + name + "."
                self.visit(child, below, {key: value for key, value in state.items() if key.startswith(below)})
        if module._load_state_dict_post_hooks:
            self.watched.append((module, prefix))

    def run_post_hooks(self) -> None:
        """Children before their parents."""
        keys = IncompatibleKeys(self.missing, self.unexpected)
        for module, _ in self.watched:
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )

    def refuse(self, module: Any) -> None:
        """Raises RuntimeError if anything was reported that counts."""
        lines = []
        if self.strict:
            for keys, what in ((self.missing, "Missing"), (self.unexpected, "Unexpected")):
                if keys:
                    quoted = ", ".join(f'"{key}"' for key in keys)
                    lines.append(f"{what} key(s) in state_dict: {quoted}. ")
        lines += self.errors
        if lines:
            name = type(module).__name__
            raise RuntimeError(f"Error(s) in loading state_dict for {name}:\n\t" + "\n\t".join(lines))
