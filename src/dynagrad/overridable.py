"""Which functions take part in ``__torch_function__``, and their public names. How they do is in `overrides`.

Nothing is listed twice: a function takes part if it is an op or is declared to take a tensor, a method or attribute if it is
one of Tensor's. What makes a tensor out of other things, or asks whether something is one, does not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from dynagrad._core.card import CARDS
from dynagrad._core.intercept import attribute_getters, native_functions
from dynagrad.tensor import Tensor

__all__ = ["ignored", "named", "namespaces", "python_functions", "takes_part", "testing_function"]

# PyTorch asks nobody before these: they are there to make a tensor, to ask what something is, or to look behind a subclass.
NOT_ASKED = {
    "torch": [
        "as_tensor",
        "asarray",
        "from_dlpack",
        "from_file",
        "from_numpy",
        "frombuffer",
        "is_storage",
        "is_tensor",
        "scalar_tensor",
        "tensor",
        "set_printoptions",
        "typename",
        "vmap",
    ],
    "torch.Tensor": [
        "__array_wrap__",
        "__copy__",
        "__delitem__",
        "__hash__",
        "__init_subclass__",
        "__iter__",
        "__new__",
        "__setstate__",
        "__torch_function__",
        "as_subclass",
        "new",
        "_make_subclass",
    ],
    "torch.nn.init": ["calculate_gain"],
}


def namespaces() -> dict[str, Any]:
    """The places that are searched for functions, by their public names, in the order in which names are looked up."""
    import dynagrad

    return {
        "torch": dynagrad,
        "torch.nn.functional": dynagrad.nn.functional,
        "torch.nn.init": dynagrad.nn.init,
        "torch.linalg": dynagrad.linalg,
        "torch.special": dynagrad.special,
        "torch.functional": dynagrad.functional,
        "torch.Tensor": Tensor,
    }


def _members(space: Any, every: bool) -> Iterator[tuple[str, Any]]:
    """The public members of a namespace: of a module what it has, of Tensor what it and the native tensor define.

    Args:
        space: the module, or Tensor.
        every: whether that includes what a module loads when it is first asked for.
    """
    if isinstance(space, ModuleType):
        waiting = vars(space).get("_LAZY_NAMES", ()) if every else ()
        for each in dict.fromkeys((*vars(space), *waiting)):
            if not each.startswith("_"):
                yield each, getattr(space, each)
        return
    for kind in Tensor.__mro__[:-1]:
        yield from vars(kind).items()


def takes_part(function: Any, method: bool = False) -> bool:
    """Whether a function of a namespace takes part: a native op, or one whose declaration speaks of tensors."""
    if isinstance(function, FunctionType):
        declared = getattr(function, "__wrapped__", function).__annotations__.items()
        takes = any("Tensor" in str(kind) for name, kind in declared if name != "return")
        return method or function in _ops() or takes
    return function in native_functions() if type(function) is type(native_functions) else False


@functools.cache
def _ops() -> frozenset[Callable[..., Any]]:
    return frozenset(card.op for card in CARDS.values())


@functools.cache
def _found(every: bool = True) -> dict[str, dict[str, Any]]:
    """Namespace -> name -> function, of all that take part."""
    found: dict[str, dict[str, Any]] = {}
    for name, space in namespaces().items():
        here = found[name] = {}
        method = space is Tensor
        for each, function in _members(space, every):
            if each in here or each in NOT_ASKED.get(name, ()) or isinstance(function, type):
                continue
            kind = type(function)
            if kind is property:
                here[each + ".__get__"] = function.__get__
            elif (
                method and kind is not FunctionType and callable(function) and each not in vars(object)
            ) or takes_part(function, method):
                here[each] = function
    found["torch.Tensor"].update({name + ".__get__": get for name, get in attribute_getters().items()})
    return found


@functools.cache
def _names() -> dict[Callable[..., Any], str]:
    names: dict[Callable[..., Any], str] = {}
    for space, functions in _found().items():
        # of several names in a namespace, the one that the function calls itself
        for name, function in sorted(functions.items(), key=lambda each: each[0] != getattr(each[1], "__name__", "")):
            names.setdefault(function, f"{space}.{name}")
    return names


def named(function: Any) -> str | None:
    """The public name of a function that takes part, such as ``torch.add``; None for anything else."""
    try:
        return _names().get(function)
    except TypeError:
        return None


def overridable() -> dict[Any, list[Callable[..., Any]]]:
    """Each namespace with its functions; each attribute of Tensor, by its descriptor, with the function that reads it."""
    spaces, found = namespaces(), _found()
    listed: dict[Any, list[Callable[..., Any]]] = {}
    for name, functions in found.items():
        for each, function in functions.items():
            if each.endswith(".__get__"):
                listed[getattr(Tensor, each.partition(".")[0])] = [function]
            else:
                listed.setdefault(spaces[name], []).append(function)
    return listed


@functools.cache
def ignored() -> frozenset[Callable[..., Any]]:
    """The public functions of the namespaces that do not take part."""
    found = set()
    for space in namespaces().values():
        for _, function in _members(space, every=True):
            if callable(function) and not isinstance(function, type) and getattr(function, "__hash__", None):
                found.add(function)
    return frozenset(found - set(_names()))


def python_functions() -> Iterator[tuple[FunctionType, Callable[..., Any]]]:
    """Those that take part, are written in Python and do not ask by themselves, each with what is called in its name.

    A property's getter is a function that nobody calls by itself: what is called is the property's ``__get__``.
    """
    seen = set()
    for functions in _found(every=False).values():
        for function in functions.values():
            inner = getattr(getattr(function, "__self__", None), "fget", None) or function
            if isinstance(inner, FunctionType) and inner not in seen and not hasattr(inner, "__wrapped__"):
                seen.add(inner)
                yield inner, function


def testing_function(function: Callable[..., Any]) -> Callable[..., int]:
    """A function with the same arguments whose result is -1."""
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # one that does not say
        return lambda *_args, **_kwargs: -1

    def override(*args: Any, **kwargs: Any) -> int:
        signature.bind(*args, **kwargs)
        return -1

    override.__signature__ = signature  # type: ignore[attr-defined]  # where `inspect` looks
    return override
