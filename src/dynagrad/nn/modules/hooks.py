"""The hooks of modules: registering them, for one module or for all, and a call that runs them."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from dynagrad import Tensor
from dynagrad._core.edges import close, enter, leave
from dynagrad._core.engine import queue_callback
from dynagrad._core.graph import RemovableHandle
from dynagrad._core.module import watch_global_hooks

Hook = Callable[..., Any]

_global_forward_pre_hooks: dict[int, Hook] = OrderedDict()
_global_forward_hooks: dict[int, Hook] = OrderedDict()
_global_forward_hooks_always_called: dict[int, bool] = OrderedDict()
_global_forward_hooks_with_kwargs: dict[int, bool] = OrderedDict()
_global_backward_pre_hooks: dict[int, Hook] = OrderedDict()
_global_backward_hooks: dict[int, Hook] = OrderedDict()
_global_is_full_backward_hook: bool | None = None
_global_parameter_registration_hooks: dict[int, Hook] = OrderedDict()
_global_buffer_registration_hooks: dict[int, Hook] = OrderedDict()
_global_module_registration_hooks: dict[int, Hook] = OrderedDict()

watch_global_hooks(_global_forward_pre_hooks, _global_forward_hooks, _global_backward_pre_hooks, _global_backward_hooks)


class ModuleHandle(RemovableHandle):
    """The handle of a module's hook: its marks in other dicts go with it, and it may be put before the others."""

    def __init__(self, hooks: Any, hook: Any, marks: tuple[dict[int, Any], ...] = (), prepend: bool = False) -> None:
        super().__init__(hooks, hook)
        self.marks = marks
        if prepend:
            hooks.move_to_end(self.id, last=False)

    def remove(self) -> None:
        """Takes the hook away; a second time nothing happens."""
        super().remove()
        for mark in self.marks:
            mark.pop(self.id, None)


# ---- hooks of all modules --------------------------------------------------------------------------------------------


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Runs ``hook(module, name, parameter)`` when a module registers a parameter; a result replaces the parameter."""
    return ModuleHandle(_global_parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Runs ``hook(module, name, buffer)`` when a module registers a buffer; a result replaces the buffer."""
    return ModuleHandle(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Runs ``hook(module, name, child)`` when a module registers a child; a result replaces the child."""
    return ModuleHandle(_global_module_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Runs ``hook(module, args)`` before the forward of every module; a result replaces the arguments."""
    return ModuleHandle(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Runs ``hook(module, args, output)`` after the forward of every module; a result replaces the output."""
    marks = (_global_forward_hooks_with_kwargs, _global_forward_hooks_always_called)
    handle = ModuleHandle(_global_forward_hooks, hook, marks)
    _mark(handle, with_kwargs, always_call)
    return handle


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Runs ``hook(module, grad_output)`` when the gradients of any module's outputs are known."""
    return ModuleHandle(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Runs ``hook(module, grad_input, grad_output)`` when the gradients of any module's inputs are known."""
    global _global_is_full_backward_hook  # noqa: PLW0603  # the two kinds exclude each other, as in PyTorch
    if _global_is_full_backward_hook is False:
        raise RuntimeError("Cannot use both regular backward hooks and full backward hooks as a global Module hook.")
    _global_is_full_backward_hook = True
    return ModuleHandle(_global_backward_hooks, hook)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """The older form of :func:`register_module_full_backward_hook`, with the gradients of the last op's inputs."""
    global _global_is_full_backward_hook  # noqa: PLW0603  # likewise
    if _global_is_full_backward_hook is True:
        raise RuntimeError("Cannot use both regular backward hooks and full backward hooks as a global Module hook.")
    _global_is_full_backward_hook = False
    return ModuleHandle(_global_backward_hooks, hook)


def _mark(handle: ModuleHandle, *flags: bool) -> None:
    for mark, flag in zip(handle.marks, flags, strict=False):
        if flag:
            mark[handle.id] = True


# ---- a module's own --------------------------------------------------------------------------------------------------


class Hooked:
    """The part of Module that has to do with hooks."""

    _is_full_backward_hook: bool | None
    _forward_hooks: dict[int, Hook]
    _forward_pre_hooks: dict[int, Hook]
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _forward_pre_hooks_with_kwargs: dict[int, bool]
    _backward_hooks: dict[int, Hook]
    _backward_pre_hooks: dict[int, Hook]
    forward: Callable[..., Any]

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Runs ``hook(module, args)`` before forward; a result replaces the arguments.

        Args:
            hook: what runs; with ``with_kwargs`` it is ``hook(module, args, kwargs)`` and returns both, or None.
            prepend: whether it runs before the hooks that are there already.
            with_kwargs: whether it gets the keyword arguments.
        """
        handle = ModuleHandle(self._forward_pre_hooks, hook, (self._forward_pre_hooks_with_kwargs,), prepend)
        _mark(handle, with_kwargs)
        return handle

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Runs ``hook(module, args, output)`` after forward; a result replaces the output.

        Args:
            hook: what runs; with ``with_kwargs`` it is ``hook(module, args, kwargs, output)``.
            prepend: whether it runs before the hooks that are there already.
            with_kwargs: whether it gets the keyword arguments.
            always_call: whether it runs also when forward raised.
        """
        marks = (self._forward_hooks_with_kwargs, self._forward_hooks_always_called)
        handle = ModuleHandle(self._forward_hooks, hook, marks, prepend)
        _mark(handle, with_kwargs, always_call)
        return handle

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Runs ``hook(module, grad_output)`` when the outputs' gradients are known; a result replaces them."""
        return ModuleHandle(self._backward_pre_hooks, hook, (), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Runs ``hook(module, grad_input, grad_output)`` when the inputs' gradients are known; a result replaces them.

        The hook sits on the edges of the graph: inputs and outputs are the tensors that they were, and may be written to.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one "
                "of them."
            )
        self._is_full_backward_hook = True
        return ModuleHandle(self._backward_hooks, hook, (), prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """The older form: ``hook`` gets the gradients of the last op's inputs, whichever these are."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one "
                "of them."
            )
        self._is_full_backward_hook = False
        return ModuleHandle(self._backward_hooks, hook)

    def _call_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call when there are hooks, of this module or of all."""
        called: set[int] = set()
        try:
            return self._run_hooked(args, kwargs, called)
        except Exception:
            self._run_always_called(args, kwargs, called)
            raise

    def _run_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]) -> Any:
        args, kwargs = self._before(args, kwargs)
        full, old, before = self._backward_hook_lists()
        edges = _BackwardHooks(self, full, before) if full or before else None
        if edges is not None:
            edges.enter(args)
        result = self.forward(*args, **kwargs)
        result = self._after(args, kwargs, result, called)
        if edges is not None:
            result = edges.leave(result)
        return self._old_hooks(old, args, result)

    def _before(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for key, hook in (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()):
            if key in self._forward_pre_hooks_with_kwargs:
                found = hook(self, args, kwargs)
                if found is None:
                    continue
                if not (isinstance(found, tuple) and len(found) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {found}."
                    )
                args, kwargs = found
            else:
                found = hook(self, args)
                if found is not None:
                    args = found if isinstance(found, tuple) else (found,)
        return args, kwargs

    def _after(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, called: set[int]) -> Any:
        for key, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
            called.add(key)
            if key in self._forward_hooks_with_kwargs or key in _global_forward_hooks_with_kwargs:
                found = hook(self, args, kwargs, result)
            else:
                found = hook(self, args, result)
            if found is not None:
                result = found
        return result

    def _run_always_called(self, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]) -> None:
        for key, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
            always = key in self._forward_hooks_always_called or key in _global_forward_hooks_always_called
            if not always or key in called:
                continue
            try:
                if key in self._forward_hooks_with_kwargs or key in _global_forward_hooks_with_kwargs:
                    hook(self, args, kwargs, None)
                else:
                    hook(self, args, None)
            except Exception as error:  # noqa: BLE001  # the error of forward must not be hidden by that of a hook
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {error}",
                    stacklevel=2,
                )

    def _backward_hook_lists(self) -> tuple[list[Hook], list[Hook], list[Hook]]:
        """Full backward hooks, those of the old kind, and those that run before."""
        full: list[Hook] = []
        old: list[Hook] = []
        (full if _global_is_full_backward_hook is True else old).extend(_global_backward_hooks.values())
        (full if self._is_full_backward_hook is True else old).extend(self._backward_hooks.values())
        return full, old, [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _old_hooks(self, hooks: list[Hook], args: tuple[Any, ...], result: Any) -> Any:
        if not hooks:
            return result
        first = result
        while not isinstance(first, Tensor):
            first = next(iter(first.values())) if isinstance(first, dict) else first[0]
        if first.grad_fn is not None:
            for hook in hooks:
                first.grad_fn.register_hook(_bound_to(self, hook))
            _warn_of_old_hooks(args, result, first.grad_fn)
        return result


def _warn_of_old_hooks(args: tuple[Any, ...], result: Any, node: Any) -> None:
    """Says what a hook of the old kind, which sees the node of the first output only, will miss."""
    results = result if isinstance(result, tuple) else (result,)
    nodes = {each.grad_fn for each in results if isinstance(each, Tensor) and each.grad_fn is not None}
    if not all(isinstance(each, Tensor) for each in results):
        when, missing = (
            "on a Module that does not return a single Tensor or a tuple of Tensors",
            "some of the grad_output",
        )
    elif not all(isinstance(each, Tensor) for each in args):
        when = "on a Module that does not take as input a single Tensor or a tuple of Tensors"
        missing = "some of the grad_input"
    elif len(nodes) > 1:
        when, missing = "when outputs are generated by different autograd Nodes", "some grad_output"
    elif {each.grad_fn for each in args if each.grad_fn is not None} != {each for each, _ in node.next_functions}:
        when, missing = "when the forward contains multiple autograd Nodes", "some grad_input"
    else:
        return
    what = "non-full backward hooks" if when.startswith("on") else "a non-full backward hook"
    warnings.warn(
        f"Using {what} {when} is deprecated and will be removed in future versions. This hook will be missing {missing}. "
        "Please use register_full_backward_hook to get the documented behavior.",
        FutureWarning,
        stacklevel=2,
    )


def _bound_to(module: Any, hook: Hook) -> Hook:
    def run(grad_input: Any, grad_output: Any) -> Any:
        return hook(module, grad_input, grad_output)

    return run


class _BackwardHooks:
    """The full backward hooks of one call of one module."""

    def __init__(self, module: Any, hooks: list[Hook], before: list[Hook]) -> None:
        self.module, self.hooks, self.before = module, hooks, before
        self.node: Any = None
        self.args: tuple[Any, ...] = ()
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.n_inputs = self.n_outputs = 0
        self.grad_output: tuple[Any, ...] | None = None

    def enter(self, args: tuple[Any, ...]) -> None:
        """Takes note of the inputs that need gradients, before forward."""
        self.args, self.n_inputs = args, len(args)
        self.inputs = [i for i, arg in enumerate(args) if isinstance(arg, Tensor) and arg.requires_grad]
        if self.inputs:
            self.node = enter([args[i] for i in self.inputs], self._inputs_known)

    def leave(self, result: Any) -> Any:
        """Puts the hooks onto the graph that forward made; what is to be returned in place of `result`."""
        several = isinstance(result, (tuple, list))
        outputs = list(result) if several else [result]
        self.outputs = [i for i, out in enumerate(outputs) if isinstance(out, Tensor) and out.requires_grad]
        self.n_outputs = len(outputs)
        if not self.outputs:
            return result
        inputs = {id(arg) for arg in self.args}
        # An output that is an input would have its own history cut in two: an alias of it is given out instead.
        tensors = [outputs[i].view_as(outputs[i]) if id(outputs[i]) in inputs else outputs[i] for i in self.outputs]
        if self.node is not None:
            close(self.node, tensors)
        self.args, self.node = (), None
        for i, made in zip(self.outputs, leave(tensors, self._outputs_known), strict=True):
            outputs[i] = made
        if not several:
            return outputs[0]
        return type(result)(*outputs) if hasattr(result, "_fields") else type(result)(outputs)

    def _outputs_known(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        spread: list[Any] = [None] * self.n_outputs
        for i, gradient in zip(self.outputs, gradients, strict=True):
            spread[i] = gradient
        known = tuple(spread)
        for hook in self.before:
            known = _replaced(known, hook(self.module, known), "grad_output")
        if self.inputs:
            self.grad_output = known  # until those of the inputs are known: kept, a graph of it would keep itself
            if any(each is not None and each.requires_grad for each in known):
                queue_callback(self._forget)
        else:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
                "require gradients.",
                stacklevel=2,
            )
            self._run_without_inputs(known)
        return tuple(known[i] for i in self.outputs)

    def _forget(self) -> None:
        """What was kept for inputs whose gradients nobody asked for."""
        self.grad_output = None

    def _run_without_inputs(self, grad_output: tuple[Any, ...]) -> None:
        none = (None,) * self.n_inputs
        for hook in self.hooks:
            found = hook(self.module, none, grad_output)
            if found is not None and not (isinstance(found, tuple) and all(each is None for each in found)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )

    def _inputs_known(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        spread: list[Any] = [None] * self.n_inputs
        for i, gradient in zip(self.inputs, gradients, strict=True):
            spread[i] = gradient
        known = tuple(spread)
        grad_output, self.grad_output = self.grad_output, None
        if grad_output is not None:
            for hook in self.hooks:
                known = _replaced(known, hook(self.module, known, grad_output), "grad_input")
        return tuple(known[i] for i in self.inputs)


def _replaced(known: tuple[Any, ...], found: Any, name: str) -> tuple[Any, ...]:
    if found is None:
        return known
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != len(known):
        raise RuntimeError(
            f"Backward hook returned an invalid number of {name}, got {len(found)}, but expected {len(known)}"
        )
    return found
