"""Batches out of samples: tensors are stacked, numbers become tensors, containers are taken apart and kept."""

from __future__ import annotations

import collections.abc
import copy
import sys
from collections.abc import Callable
from typing import Any

import dynagrad
from dynagrad.tensor import Tensor

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)
CollateMap = dict[Any, Callable[..., Any]]


def default_convert(data: Any) -> Any:
    """``data`` with every NumPy array in it as a tensor over the same memory; everything else as it is.

    >>> from dynagrad.utils.data import default_convert
    >>> default_convert({"a": [1, "x"]})
    {'a': [1, 'x']}
    """
    if isinstance(data, Tensor):
        return data
    kind = type(data)
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_", "bytes_"):
        text = kind.__name__ == "ndarray" and data.dtype.kind in "SUO"
        return data if text else dynagrad.as_tensor(data)
    return _rebuilt(data, default_convert)


def _rebuilt(data: Any, convert: Callable[[Any], Any]) -> Any:
    """A container of the same kind with its items converted; a plain one if its class cannot be made."""
    kind = type(data)
    if isinstance(data, collections.abc.Mapping):
        return _like_mapping(data, {key: convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(convert(each) for each in data))
    if isinstance(data, tuple):
        return [convert(each) for each in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [convert(each) for each in data])
    return data


def _like_mapping(model: Any, items: dict[Any, Any]) -> Any:
    try:
        if isinstance(model, collections.abc.MutableMapping):
            made = copy.copy(model)
            made.update(items)
            return made
        return type(model)(items)  # the next line is for those that cannot
    except TypeError:
        return items


def _like_sequence(model: Any, items: list[Any]) -> Any:
    try:
        if isinstance(model, collections.abc.MutableSequence):
            made = copy.copy(model)
            for i, each in enumerate(items):
                made[i] = each
            return made
        return type(model)(items)  # the next line is for those that cannot
    except TypeError:
        return items


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """A batch out of a list of samples, by a table of functions for certain types.

    Args:
        batch: samples of one structure. RuntimeError for lists of unequal lengths, TypeError for what is in no table.
        collate_fn_map: functions of ``(batch, *, collate_fn_map)`` by type, or by tuple of types.

    >>> from dynagrad.utils.data._utils.collate import collate
    >>> collate([("a", "b"), ("c", "d")], collate_fn_map={str: lambda batch, *, collate_fn_map: "".join(batch)})
    ['ac', 'bd']
    """
    first = batch[0]
    chosen = _function_for(first, collate_fn_map or {})
    if chosen is not None:
        return chosen(batch, collate_fn_map=collate_fn_map)

    def joined(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, collections.abc.Mapping):
        return _like_mapping(first, {key: joined([each[key] for each in batch]) for key in first})
    if isinstance(first, collections.abc.Sequence):
        if not hasattr(first, "_fields") and any(len(each) != len(first) for each in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [joined(column) for column in zip(*batch, strict=False)]
        if isinstance(first, tuple):
            return type(first)(*columns) if hasattr(first, "_fields") else columns
        return _like_sequence(first, columns)
    raise TypeError(default_collate_err_msg_format.format(type(first)))


def _function_for(sample: Any, table: CollateMap) -> Callable[..., Any] | None:
    exact = table.get(type(sample))
    if exact is not None:
        return exact
    return next((function for kind, function in table.items() if isinstance(sample, kind)), None)


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:  # noqa: ARG001  # one signature
    """Tensors of one shape, stacked."""
    return dynagrad.stack(list(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Arrays of one shape, as one tensor. TypeError for arrays of text or of objects."""
    if batch[0].dtype.kind in "SaUO":
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([dynagrad.as_tensor(each) for each in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:  # noqa: ARG001
    """NumPy's numbers, as one tensor."""
    return dynagrad.as_tensor(list(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:  # noqa: ARG001
    """Python's floats, as one float64 tensor."""
    return dynagrad.tensor(list(batch), dtype=dynagrad.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:  # noqa: ARG001
    """Python's ints, as one int64 tensor."""
    return dynagrad.tensor(list(batch))


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:  # noqa: ARG001
    """Text, as it is."""
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """A batch out of a list of samples: tensors and arrays stacked, numbers as tensors, containers item by item.

    >>> from dynagrad.utils.data import default_collate
    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    _learn_of_numpy()
    return collate(batch, collate_fn_map=default_collate_fn_map)


def _learn_of_numpy() -> None:
    """Adds NumPy's types to the table once NumPy is there: a program without arrays never loads it."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and numpy.ndarray not in default_collate_fn_map:
        mine = dict(default_collate_fn_map)
        default_collate_fn_map.clear()
        default_collate_fn_map[Tensor] = mine.pop(Tensor)
        default_collate_fn_map[numpy.ndarray] = collate_numpy_array_fn
        default_collate_fn_map[numpy.bool_, numpy.number, numpy.object_] = collate_numpy_scalar_fn
        default_collate_fn_map.update(mine)
