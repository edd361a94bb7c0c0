"""Pruning: weights multiplied by masks that a rule chooses. A pruned weight is made anew from both before every call.

The parameter becomes ``name_orig``, the mask is the buffer ``name_mask``, and ``name`` an ordinary attribute. Several
prunings of one parameter are a PruningContainer.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn.utils.convert_parameters import parameters_to_vector

if TYPE_CHECKING:
    from dynagrad.nn.modules.module import Module

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class BasePruningMethod(ABC):
    """A rule of pruning: a subclass says in ``compute_mask`` what stays, and in ``PRUNING_TYPE`` what it looks at.

    "unstructured" rules see the elements that are left of a parameter, "structured" ones the channels along their ``dim``,
    and "global" ones the whole.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.utils import prune
    >>> class KeepPositive(prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...
    ...     def compute_mask(self, t, default_mask):
    ...         return default_mask * (t > 0)
    >>> KeepPositive().prune(torch.tensor([-1.0, 2.0]))
    tensor([-0., 2.])
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:  # the arguments of such hooks
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for a tensor of importances; what ``default_mask`` drops stays dropped."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        if getattr(self, "_tensor_name", None) is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prunes a parameter of a module, on top of what has pruned it before.

        Args:
            module, name: whose parameter it is, and its name.
            args, kwargs: of the rule.
            importance_scores: what the rule looks at instead of the parameter. AssertionError for another shape.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        key = _key_of(module, name)
        if key is not None:
            earlier = module._forward_pre_hooks[key]
            method = PruningContainer(*(earlier if isinstance(earlier, PruningContainer) else (earlier,)), method)
        parameter = getattr(module, name)
        scores = parameter if importance_scores is None else importance_scores
        if scores.shape != parameter.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got {scores.shape} vs "
                f"{parameter.shape}"
            )
        before = dynagrad.ones_like(parameter) if key is None else getattr(module, name + "_mask").detach().clone()
        mask = method.compute_mask(scores.detach(), before.detach())
        if key is None:
            module.register_parameter(name + "_orig", module._parameters.pop(name))
        else:
            del module._forward_pre_hooks[key]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A tensor pruned by this rule, without a module."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {scores.shape} vs {t.shape}"
            )
        before = dynagrad.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=before)

    def remove(self, module: Module) -> None:
        """Makes what is left the parameter; it stays pruned. The hook is taken off by the function `remove`."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        assert original is not None
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _of(hook: Any, name: str) -> bool:
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


def _key_of(module: Module, name: str) -> int | None:
    """Where the module keeps the hook that prunes this parameter."""
    keys = [key for key, hook in module._forward_pre_hooks.items() if _of(hook, name)]
    if len(keys) > 1:
        raise AssertionError(
            f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a PruningContainer."
        )
    return keys[0] if keys else None


class PruningContainer(BasePruningMethod):
    """Prunings of one parameter, one after another: each sees what those before it left."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Puts one behind the others. TypeError for no rule, ValueError for one of another parameter."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer "
                f"{self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: Any) -> Any:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last rule, over the part of ``t`` that ``default_mask`` leaves."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        part: Any = tuple(slice(None) for _ in range(t.dim()))
        if method.PRUNING_TYPE == "unstructured":
            part = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()  # type: ignore[attr-defined]  # structured rules have one
            left = (mask != 0).movedim(dim, 0).reshape(t.shape[dim], -1).any(1)
            part = (*(slice(None) for _ in range(dim)), left)
        elif method.PRUNING_TYPE != "global":
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        made = mask.clone()
        made[part] = method.compute_mask(t[part], default_mask=mask[part]).to(made.dtype)
        return made


# ---- rules -----------------------------------------------------------------------------------------------------------


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:  # a part of the signature
        """``default_mask``."""
        return default_mask


def _validate_pruning_amount_init(amount: Any) -> None:
    """Refuses what is no amount of anything; rules that scripts write themselves call this and the next two."""
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    size = float(amount)
    if size < 0 or (not isinstance(amount, numbers.Integral) and size > 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _validate_pruning_amount(amount: Any, tensor_size: int) -> None:
    """Refuses a number that is larger than what there is to prune."""
    if isinstance(amount, numbers.Integral) and amount > tensor_size:  # type: ignore[operator]  # Integral has no order
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={tensor_size}")


def _compute_nparams_toprune(amount: Any, tensor_size: int) -> int:
    """The number that an amount, itself a number or a part, means for so many."""
    return int(amount) if isinstance(amount, numbers.Integral) else round(amount * tensor_size)


class _ByAmount(BasePruningMethod):
    """A rule with an amount: a number of elements or channels, or a part of them between 0 and 1."""

    def __init__(self, amount: float) -> None:
        _validate_pruning_amount_init(amount)
        self.amount: Any = amount

    def _count(self, size: int) -> int:
        _validate_pruning_amount(self.amount, size)
        return _compute_nparams_toprune(self.amount, size)


class _Unstructured(_ByAmount):
    """Drops the elements of which a score is lowest."""

    PRUNING_TYPE = "unstructured"

    def _dropped(self, t: Tensor, count: int) -> Tensor:
        """The places of the elements to drop, in the flattened tensor."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """``default_mask`` without as many elements as the amount says."""
        mask = default_mask.clone(memory_format=dynagrad.contiguous_format)
        if count := self._count(t.nelement()):
            mask.view(-1)[self._dropped(t, count)] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Drops elements at random.

    Args:
        amount: how many, or what part between 0 and 1.
    """

    def _dropped(self, t: Tensor, count: int) -> Tensor:
        return dynagrad.topk(dynagrad.rand_like(t).view(-1), count).indices


class L1Unstructured(_Unstructured):
    """Drops the elements nearest to 0.

    Args:
        amount: how many, or what part between 0 and 1.
    """

    def _dropped(self, t: Tensor, count: int) -> Tensor:
        return dynagrad.topk(t.abs().reshape(-1), count, largest=False).indices


class _Structured(_ByAmount):
    """Drops whole channels along a dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _kept(self, t: Tensor, count: int) -> Tensor:
        """A bool for each channel."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """``default_mask`` without as many channels as the amount says. ValueError for vectors, IndexError for a bad dim."""
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.dim()} dims"
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        count = self._count(t.shape[self.dim])
        if count == 0:
            return default_mask
        shape = [1] * t.dim()
        shape[self.dim] = -1
        return default_mask * self._kept(t, count).to(default_mask.dtype).reshape(shape)


class RandomStructured(_Structured):
    """Drops channels at random.

    Args:
        amount: how many, or what part between 0 and 1.
        dim: along which the channels lie.
    """

    def _kept(self, t: Tensor, count: int) -> Tensor:
        draws = dynagrad.rand(t.shape[self.dim])
        return draws > dynagrad.kthvalue(draws, count).values


class LnStructured(_Structured):
    """Drops the channels of the smallest norms.

    Args:
        amount: how many, or what part between 0 and 1.
        n: of the norm, as for `torch.norm`.
        dim: along which the channels lie.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, count: int) -> Tensor:
        sizes = dynagrad.norm(t, self.n, [d for d in range(t.dim()) if d != self.dim % t.dim()])
        kept = dynagrad.zeros_like(sizes, dtype=dynagrad.bool)
        kept[dynagrad.topk(sizes, t.shape[self.dim] - count).indices] = True
        return kept


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:  # a part of the signature
        """``default_mask`` and the mask. AssertionError if their shapes differ."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)


# ---- functions -------------------------------------------------------------------------------------------------------


def identity(module: Module, name: str) -> Module:
    """Gives a parameter a mask of ones.

    >>> import dynagrad as torch
    >>> layer = torch.nn.utils.prune.identity(torch.nn.Linear(2, 1), "weight")
    >>> layer.weight_mask
    tensor([[1., 1.]])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Drops elements of a parameter at random: so many, or this part of them.

    >>> import dynagrad as torch
    >>> layer = torch.nn.utils.prune.random_unstructured(torch.nn.Linear(4, 1), "weight", 3)
    >>> layer.weight_mask.sum()
    tensor(1.)
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Drops the elements of a parameter that are nearest to 0, or that the scores rank lowest.

    >>> import dynagrad as torch
    >>> layer = torch.nn.Linear(4, 1)
    >>> layer.weight.data = torch.tensor([[0.1, -4.0, 2.0, -0.2]])
    >>> torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=0.5).weight_mask
    tensor([[0., 1., 1., 0.]])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Drops channels of a parameter along ``dim`` at random.

    >>> import dynagrad as torch
    >>> layer = torch.nn.utils.prune.random_structured(torch.nn.Linear(4, 3), "weight", 2, dim=0)
    >>> layer.weight_mask.sum()
    tensor(4.)
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Drops the channels of a parameter along ``dim`` that have the smallest n-norms.

    >>> import dynagrad as torch
    >>> layer = torch.nn.Linear(2, 2)
    >>> layer.weight.data = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    >>> torch.nn.utils.prune.ln_structured(layer, "weight", amount=1, n=2, dim=0).weight_mask
    tensor([[0., 0.],
            [1., 1.]])
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prunes a parameter by a mask given.

    >>> import dynagrad as torch
    >>> layer = torch.nn.utils.prune.custom_from_mask(torch.nn.Linear(2, 1), "weight", torch.tensor([[1, 0]]))
    >>> layer.weight_mask
    tensor([[1., 0.]])
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prunes several parameters by one unstructured rule that ranks the elements of all of them together.

    Args:
        parameters: pairs of a module and a name.
        pruning_method: the class of the rule, which gets ``kwargs``. TypeError for structured ones.
        importance_scores: by those pairs, what the rule looks at instead of the parameter.

    >>> import dynagrad as torch
    >>> from dynagrad.nn.utils import prune
    >>> a, b = torch.nn.Linear(2, 1, bias=False), torch.nn.Linear(2, 1, bias=False)
    >>> a.weight.data, b.weight.data = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])
    >>> prune.global_unstructured([(a, "weight"), (b, "weight")], prune.L1Unstructured, amount=3)
    >>> a.weight_mask, b.weight_mask
    (tensor([[0., 0.]]), tensor([[0., 1.]]))
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    weights = [getattr(module, name).detach() for module, name in pairs]
    masks = [
        getattr(module, name + "_mask", dynagrad.ones_like(weight))
        for (module, name), weight in zip(pairs, weights, strict=True)
    ]
    ranked = [scores.get(pair, weight) for pair, weight in zip(pairs, weights, strict=True)]
    method._tensor_name = "all of them"
    mask = PruningContainer(method).compute_mask(parameters_to_vector(ranked), parameters_to_vector(masks))
    for (module, name), part in zip(pairs, mask.split([weight.numel() for weight in weights]), strict=True):
        custom_from_mask(module, name, part.view_as(getattr(module, name)))


def remove(module: Module, name: str) -> Module:
    """Ends the pruning of a parameter: what is left becomes the parameter. ValueError if it is not pruned.

    >>> import dynagrad as torch
    >>> prune, layer = torch.nn.utils.prune, torch.nn.Linear(2, 1)
    >>> _ = prune.remove(prune.custom_from_mask(layer, "weight", torch.tensor([[0, 0]])), "weight")
    >>> layer.weight.abs().sum().item(), prune.is_pruned(layer)
    (0.0, False)
    """
    key = _key_of(module, name)
    if key is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    module._forward_pre_hooks.pop(key).remove(module)  # type: ignore[attr-defined]  # it is a rule's
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module or of one within it is pruned.

    >>> import dynagrad as torch
    >>> torch.nn.utils.prune.is_pruned(torch.nn.Linear(2, 1))
    False
    """
    return any(
        isinstance(hook, BasePruningMethod) for each in module.modules() for hook in each._forward_pre_hooks.values()
    )
