"""class Optimizer: groups of parameters, their state, hooks; and `GroupOptimizer`, which steps a group natively.

The loops are native (`_core/ops/optimise.pyx`). Each optimiser also writes its formula in ordinary ops, for one
parameter: that is what runs when a step is to be differentiated, and for tensors that the native loops do not take.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import dynagrad
from dynagrad._core.graph import RemovableHandle
from dynagrad.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import ClassVar

    from dynagrad._core.ops.optimise import Rule

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

_pre_hooks: dict[int, Callable[..., Any]] = {}
_post_hooks: dict[int, Callable[..., Any]] = {}
_HOOKS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


class _RequiredParameter:
    """Stands in ``defaults`` for an option that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` ahead of the step of every optimiser; the handle removes it."""
    return RemovableHandle(_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` after the step of every optimiser; returns a handle that removes it."""
    return RemovableHandle(_post_hooks, hook)


class Optimizer:
    """Base class of the optimisers.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dicts of a group each with ``params`` and options of its own.
            TypeError for anything else, ValueError for none at all or for tensors that are not leaves.
        defaults: the options of groups that do not give them.

    >>> import dynagrad
    >>> w = dynagrad.ones(2, requires_grad=True)
    >>> optimizer = dynagrad.optim.SGD([w], lr=0.5)
    >>> w.sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.5000, 0.5000], requires_grad=True)
    """

    defaults: dict[str, Any]
    state: defaultdict[Tensor, Any]
    param_groups: list[dict[str, Any]]
    _optimizer_step_pre_hooks: dict[int, Callable[..., Any]]
    _optimizer_step_post_hooks: dict[int, Callable[..., Any]]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for name in _HOOKS:
            setattr(self, name, OrderedDict())
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{dynagrad.typename(params)}; write [tensor]"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # ---- hooks -------------------------------------------------------------------------------------------------------
    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """``func``, a ``step``, with the hooks of its optimiser and of all optimisers around it."""

        @functools.wraps(func)
        def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
            if not (_pre_hooks or _post_hooks or self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks):
                return func(self, *args, **kwargs)
            return _hooked(func, self, args, kwargs)

        return wrapper

    def _patch_step_function(self) -> None:
        """Wraps the ``step`` of the class, once, so that those of users' subclasses run hooks too."""
        step = type(self).step
        if not getattr(step, "hooked", False):
            wrapped = self.profile_hook_step(step)
            wrapped.hooked = True  # type: ignore[attr-defined]  # PyTorch's mark, which schedulers and subclasses read
            type(self).step = wrapped  # type: ignore[method-assign]  # the wrapper stands for the method

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` ahead of each step; it may return new ``(args, kwargs)``."""
        return RemovableHandle(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after each step."""
        return RemovableHandle(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` ahead of ``state_dict``."""
        return _ordered(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` after ``state_dict``; it may return another dict."""
        return _ordered(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` ahead of loading; it may return another dict."""
        return _ordered(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` after loading."""
        return _ordered(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ---- state -------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """``state`` by the number of each parameter, and ``param_groups`` with those numbers for tensors."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups, count = [], 0
        for group in self.param_groups:
            for i, p in enumerate(group["params"], count):
                numbers.setdefault(id(p), i)
            count += len(group["params"])
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        found: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, found)
            found = found if changed is None else changed
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what ``state_dict`` returned, from this library or PyTorch.

        ValueError, and nothing changed, if the numbers of groups or of their parameters differ.
        """
        from copy import deepcopy

        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, but the optimizer has {len(self.param_groups)}"
            )
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            if len(mine["params"]) != len(theirs["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"{len(theirs['params'])} parameters for {len(mine['params'])}"
                )
        self.__setstate__(
            {
                "state": self._loaded_state(state_dict),
                "param_groups": [_joined(mine, theirs) for mine, theirs in zip(self.param_groups, saved, strict=True)],
            }
        )
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _loaded_state(self, state_dict: dict[str, Any]) -> defaultdict[Tensor, Any]:
        groups = state_dict["param_groups"]
        mine = chain.from_iterable(group["params"] for group in self.param_groups)
        theirs = chain.from_iterable(group["params"] for group in groups)
        by_number = dict(zip(theirs, mine, strict=True))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _suited(by_number[key], value, key, groups)
            else:
                state[key] = value
        return state

    @staticmethod
    def _process_value_according_to_param_policy(
        param: Tensor, value: Tensor, param_id: int, param_groups: list[dict[Any, Any]], key: Hashable = None
    ) -> Tensor:
        """A loaded state in the dtype of its parameter; counts of steps stay as they are, but for fused groups."""
        if key == "step":
            group = next((group for group in param_groups if param_id in group["params"]), {})
            counts = group.get("capturable", False) or group.get("fused", False)
            return value.to(dtype=dynagrad.float32) if counts else value
        return value.to(dtype=param.dtype) if param.is_floating_point() else value

    # ---- use ---------------------------------------------------------------------------------------------------------
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradient of every parameter, or fills it with zeros if not ``set_to_none``."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    if p.grad.grad_fn is not None:
                        p.grad.detach_()
                    else:
                        p.grad.requires_grad_(False)
                    p.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; ``closure``, if given, computes the loss and the gradients anew, and the loss is returned."""
        raise NotImplementedError

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: ``params`` and options, the rest of which come from ``defaults``.

        TypeError for what is no tensor, ValueError for non-leaves and for parameters that another group has.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _name_tensors(param_group)
        for p in param_group["params"]:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {dynagrad.typename(p)}")
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError(f"can't optimize a non-leaf Tensor: this one was made by {p.grad_fn.name()}")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_against_others(param_group)
        self.param_groups.append(param_group)

    def _check_against_others(self, param_group: dict[str, Any]) -> None:
        mine = {id(p) for p in param_group["params"]}
        if len(mine) != len(param_group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=4,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                kind = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    f"all optimizer param groups should be with/without names. cannot add param group {kind} to the "
                    "optimizer"
                )
        if any(id(p) in mine for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")


class GroupOptimizer(Optimizer):
    """An optimiser that steps each parameter by itself: natively where the rule can, else by its formula in ops."""

    _rule: Rule
    _fuses = False

    def _check_fused(self, fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._OLD_GROUPS.items():
                group.setdefault(name, value)
            for p in group["params"]:
                for name in self._rule.scalars:
                    count = self.state.get(p, {}).get(name) if p in self.state else None
                    if count is not None and not isinstance(count, Tensor):
                        self.state[p][name] = dynagrad.tensor(float(count), dtype=scalar_dtype(group.get("fused")))

    _OLD_GROUPS: ClassVar[dict[str, Any]] = {"foreach": None, "maximize": False, "differentiable": False}

    def _new_state(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Fills the empty state of a parameter."""
        raise NotImplementedError

    def _update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Steps one parameter by the formula, in ops. ``grad`` is turned already if the group maximises."""
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; ``closure``, if given, computes the loss and the gradients anew, and the loss is returned."""
        loss = None
        if closure is not None:
            with dynagrad.enable_grad():
                loss = closure()
        for group in self.param_groups:
            left = self._rule.advance(self, group)
            if left:
                self._step_by_ops(left, group)
        return loss

    def _step_by_ops(self, params: list[Tensor], group: dict[str, Any]) -> None:
        if group.get("capturable"):
            raise AssertionError(
                "If capturable=True, params and state_steps must be on supported devices: "
                "['cuda', 'xpu', 'hpu', 'xla']."
            )
        with dynagrad.set_grad_enabled(self.defaults["differentiable"]):
            for p in params:
                if group.get("fused") and not p.is_floating_point():
                    raise RuntimeError(
                        "`fused=True` requires all the params to be floating point Tensors of supported devices: "
                        f"['cpu'] but {p.dtype} and {p.device.type}"
                    )
                state = self.state[p] if self._rule.names != ("momentum_buffer",) or group["momentum"] else {}
                if not state:
                    self._new_state(p, state, group)
                gradient: Any = p.grad  # which those have that are updated
                self._update(p, -gradient if group["maximize"] else gradient, state, group)


def _use_grad_for_differentiable(func: Callable[..., Any]) -> Callable[..., Any]:
    """A ``step`` that is recorded exactly if its optimiser is differentiable; optimisers of scripts import it."""

    @functools.wraps(func)
    def step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        with dynagrad.set_grad_enabled(self.defaults["differentiable"]):
            return func(self, *args, **kwargs)

    return step


def _get_value(x: Any) -> Any:
    """The number in a tensor of one element, or the number itself; likewise."""
    return x.item() if isinstance(x, Tensor) else x


def scalar_dtype(fused: bool | None = None) -> dynagrad.dtype:
    """The dtype of the count of steps."""
    wide = dynagrad.get_default_dtype() is dynagrad.float64 and not fused
    return dynagrad.float64 if wide else dynagrad.float32


def count_of(group: dict[str, Any], value: float = 0.0) -> Tensor:
    """A new count of steps."""
    return dynagrad.tensor(value, dtype=scalar_dtype(group.get("fused")))


def decayed(grad: Tensor, p: Tensor, weight_decay: Any) -> Tensor:
    """The gradient with the weight decay of the L2 penalty in it."""
    if isinstance(weight_decay, Tensor) and weight_decay.requires_grad:
        return grad + p.clone() * weight_decay
    return grad.add(p, alpha=weight_decay) if weight_decay != 0 else grad


def check_rate(lr: Any) -> None:
    """Refuses a learning rate that is negative, NaN or a tensor of several elements, with ValueError."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_betas(betas: tuple[Any, Any]) -> None:
    """Refuses decay rates outside [0, 1), with ValueError."""
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_positive(**options: Any) -> None:
    """Refuses negative options, with ValueError."""
    words = {"eps": "epsilon"}
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {words.get(name, name)} value: {value}")


def _hooked(func: Callable[..., Any], optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
    args = (optimizer, *args)
    for hook in chain(list(_pre_hooks.values()), list(optimizer._optimizer_step_pre_hooks.values())):
        changed = hook(optimizer, args, kwargs)
        if changed is not None:
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(f"{func} must return None or a tuple of (new_args, new_kwargs), but got {changed}.")
            args, kwargs = changed
    result = func(*args, **kwargs)
    for hook in chain(list(optimizer._optimizer_step_post_hooks.values()), list(_post_hooks.values())):
        hook(optimizer, args, kwargs)
    return result


def _ordered(hooks: OrderedDict[int, Callable[..., Any]], hook: Callable[..., Any], first: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, hook)
    if first:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _name_tensors(group: dict[str, Any]) -> None:
    """Makes ``params`` a list of tensors, and of named ones a list of names beside it."""
    params = group["params"]
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    found = [params] if isinstance(params, Tensor) else list(params)
    names = [each[0] for each in found if isinstance(each, tuple)]
    if names and len(names) != len(found):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    group["params"] = [each[1] for each in found] if names else found
    if names:
        group["param_names"] = names


def _joined(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    theirs["params"] = mine["params"]
    if "param_names" in mine:
        theirs.setdefault("param_names", mine["param_names"])
    return theirs


def _suited(param: Tensor, value: Any, number: int, groups: list[dict[str, Any]], key: Hashable = None) -> Any:
    """A loaded value with every tensor in it in the dtype that its parameter asks for."""
    if isinstance(value, Tensor):
        return Optimizer._process_value_according_to_param_policy(param, value, number, groups, key)
    if isinstance(value, dict):
        return {name: _suited(param, each, number, groups, name) for name, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_suited(param, each, number, groups) for each in value)
    return value
