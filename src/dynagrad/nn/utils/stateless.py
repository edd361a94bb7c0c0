"""A call of a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dynagrad import Tensor

__all__ = ["functional_call"]


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor] | tuple[dict[str, Tensor], ...] | list[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with tensors in the place of its parameters and buffers, which stay as they are.

    Args:
        module: the module.
        parameters_and_buffers: tensors by their paths, in one dict or several.
        args: the positional arguments, or the only one.
        kwargs: the keyword arguments.
        tie_weights: whether a parameter with several paths is replaced at all of them.
        strict: whether every parameter and buffer must be given; RuntimeError if not.

    >>> import dynagrad
    >>> layer = dynagrad.nn.Linear(1, 1, bias=False)
    >>> dynagrad.func.functional_call(layer, {"weight": dynagrad.tensor([[3.]])}, dynagrad.ones(1))
    tensor([3.])
    """
    given = _merged(parameters_and_buffers)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _merged(given: Any) -> dict[str, Tensor]:
    if isinstance(given, dict):
        return given
    if not isinstance(given, (list, tuple)):
        raise ValueError(
            f"Expected parameters_and_buffers to be a dict, or a list/tuple of dicts, but got {type(given)}"
        )
    if not all(isinstance(each, dict) for each in given):
        raise ValueError("Expected all elements of parameters_and_buffers to be dictionaries")
    names = [name for each in given for name in each]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: value for each in given for name, value in each.items()}


@contextmanager
def _replaced(module: Any, given: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    unexpected, missing = sorted(given.keys() - own.keys()), sorted(own.keys() - given.keys())
    values = dict(given)
    if tie_weights:
        values |= _tied(own, given)
        missing = [name for name in missing if name not in values]
    if strict and (unexpected or missing):
        lines = [f"Unexpected key(s): {', '.join(unexpected)}."] if unexpected else []
        lines += [f"Missing key(s): {', '.join(missing)}."] if missing else []
        raise RuntimeError(f"Error(s) in replacing parameters and buffers of {module._get_name()}: {' '.join(lines)}")
    places = [_place(module, name) for name in values if name in own]
    before = [where[name] for where, name in places]
    try:
        for (where, name), path in zip(places, [path for path in values if path in own], strict=True):
            where[name] = values[path]
        yield
    finally:
        # What a module writes to its buffers goes back to the caller, as the value in the dict.
        for (where, name), path in zip(places, [path for path in values if path in own], strict=True):
            if path in given and where[name] is not values[path]:
                given[path] = where[name]
        for (where, name), value in zip(places, before, strict=True):
            where[name] = value


def _tied(own: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Values for the other paths of the tensors that are replaced."""
    by_tensor: dict[int, str] = {}
    for name, value in given.items():
        if name in own:
            other = by_tensor.setdefault(id(own[name]), name)
            if other != name and given[other] is not value:
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted([other, name])}, which are tied. Consider using "
                    "tie_weights=False"
                )
    return {
        name: given[by_tensor[id(tensor)]]
        for name, tensor in own.items()
        if id(tensor) in by_tensor and name not in given
    }


def _place(module: Any, path: str) -> tuple[dict[str, Any], str]:
    """The register that holds the tensor at a path, and its name there."""
    parent, _, name = path.rpartition(".")
    owner = module.get_submodule(parent)
    return (owner._parameters if name in owner._parameters else owner._buffers), name
