"""Indexing, gathering and scattering. An index of its own for every example is joined by the number of the example."""

from __future__ import annotations

from typing import Any

from dynagrad.func.batched import Level, batched, in_terms_of_ops, rule, wrap
from dynagrad.func.rules.common import INPLACE, at_front, bind, dim_in, forms, lift, op, refuse_out, value_of
from dynagrad.tensor import Tensor

__all__: list[str] = []

_arange = op("arange")
_where = op("where")


def _is_bool(x: Any) -> bool:
    return isinstance(x, Tensor) and str(x.dtype) in ("torch.bool", "torch.uint8")


def _parts(key: Any) -> list[Any]:
    if isinstance(key, tuple):
        return list(key)
    if isinstance(key, list) and any(isinstance(each, (slice, Tensor, list, tuple)) or each is None for each in key):
        return list(key)
    return [key]


def _taken(items: list[Any], level: Level) -> list[Any]:
    """Lists as tensors, masks as the positions where they hold."""
    made: list[Any] = []
    for item in items:
        if isinstance(item, (list, range)) or type(item).__module__ == "numpy":
            item = op("as_tensor")(item)  # noqa: PLW2901  # what it means
        if _is_bool(item):
            if batched(item, level):
                raise RuntimeError(
                    "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over "
                    "indexing with a boolean mask."
                )
            made += item.nonzero(as_tuple=True) if item.ndim else [item]
        else:
            made.append(item)
    return made


def _positions(key: Any, x: Tensor, level: Level) -> tuple[tuple[Any, ...], list[Any]]:
    """A key as one of slices alone, and the index tensors for the dimensions that remain, None for those without."""
    items = _parts(key)
    used = sum(item.ndim if _is_bool(item) else 1 for item in items if item is not None and item is not Ellipsis)
    if any(item is Ellipsis for item in items):
        at = next(i for i, item in enumerate(items) if item is Ellipsis)
        items[at : at + 1] = [slice(None)] * (x.ndim - used)
    else:
        items += [slice(None)] * (x.ndim - used)
    basic: list[Any] = []
    indices: list[Any] = []
    for item in items:
        if isinstance(item, bool) or (_is_bool(item) and item.ndim == 0):
            basic.append(None)
            indices.append(op("as_tensor")([0] if bool(item) else [], dtype=op("arange")(0).dtype))
        elif isinstance(item, (Tensor, list, range)) or type(item).__module__ == "numpy":
            taken = _taken([item], level)
            basic += [slice(None)] * len(taken)
            indices += taken
        else:
            basic.append(item)
            if item is None or isinstance(item, slice):
                indices.append(None)
    return tuple(basic), indices


def _indexed(is_batched: bool, indices: list[Any], level: Level) -> tuple[Any, int]:
    """The key of ``value`` that picks the same from every example, and where the examples' dimension ends up."""
    given = [i for i, each in enumerate(indices) if each is not None]
    rank = max(indices[i].ndim for i in given)
    together = given == list(range(given[0], given[-1] + 1))
    own = any(batched(each, level) for each in indices)
    lifted = [None if each is None else lift(each, level, rank) for each in indices]
    key: list[Any] = [slice(None) if each is None else each for each in lifted]
    if not own:
        return (slice(None), *key), 0 if together else rank
    if not is_batched:
        return tuple(key), given[0] if together else 0
    numbers = _arange(level.size).reshape(level.size, *(1,) * rank)
    return (numbers, *key), -1


@rule("__getitem__")
def picked(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """``x[key]``."""
    x, key = args
    basic, indices = _positions(key, x, level)
    is_batched = batched(x, level)
    value = x.value[(slice(None), *basic)] if is_batched else x[basic]
    if all(each is None for each in indices):
        return wrap(value, level) if is_batched else value
    inside, at = _indexed(is_batched, indices, level)
    made = value[inside]
    if at > 0:
        made = made.movedim(at, 0)
    elif at < 0:
        # The picked dimensions come first; where all indices stand together they belong behind what was before them.
        given = [i for i, each in enumerate(indices) if each is not None]
        rank = max(indices[i].ndim for i in given)
        if rank and given == list(range(given[0], given[-1] + 1)) and given[0]:
            made = made.movedim(tuple(range(1, rank + 1)), tuple(range(1 + given[0], 1 + given[0] + rank)))
    return wrap(made, level)


@rule("__setitem__")
def put(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """``x[key] = source``."""
    x, key, source = args
    if not batched(x, level):
        raise RuntimeError(INPLACE)
    items = _parts(key)
    if len(items) == 1 and _is_bool(items[0]) and batched(items[0], level):
        return _put_where(x, items[0], source, level)
    basic, indices = _positions(key, x, level)
    value = x.value[(slice(None), *basic)]
    if all(each is None for each in indices):
        value.copy_(lift(source, level, value.ndim - 1)) if isinstance(source, Tensor) else value.fill_(source)
        return None
    inside, at = _indexed(True, indices, level)
    if not batched(source, level):
        value[inside] = source
        return None
    shape = value[inside].movedim(at, 0) if at > 0 else value[inside]
    given = [i for i, each in enumerate(indices) if each is not None]
    rank = max(indices[i].ndim for i in given)
    lifted = lift(source, level, value.ndim - 1 - len(given) + rank)
    if at < 0 and given == list(range(given[0], given[-1] + 1)) and given[0]:
        lifted = lifted.movedim(tuple(range(1 + given[0], 1 + given[0] + rank)), tuple(range(1, rank + 1)))
    if at > 0:
        lifted = lifted.expand(shape.shape).movedim(0, at)
    value[inside] = lifted
    return None


def _put_where(x: Any, mask: Any, source: Any, level: Level) -> None:
    """One number, or one number for each example, where the mask holds."""
    if isinstance(source, Tensor) and source.numel() != 1:
        raise RuntimeError(
            "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing "
            "with a boolean mask."
        )
    held = lift(mask, level, x.ndim)
    held = held.reshape(*held.shape[: mask.ndim + 1], *(1,) * (x.ndim - mask.ndim))
    if isinstance(source, Tensor):
        source = lift(source.reshape(()) if not batched(source, level) else source, level, x.ndim)
        source = source.reshape(-1, *(1,) * x.ndim) if source.ndim else source
        x.value.copy_(_where(held, source.to(x.dtype), x.value))
    else:
        x.value.masked_fill_(held, source)


@rule(*forms("index_put"), "index_put_")
def index_put(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """``x[indices] = values``, or added to it."""
    bound = bind(function, args, kwargs)
    x, indices = next(iter(bound.values())), list(bound["indices"])
    inplace = function.__name__.endswith("_")
    if inplace and not batched(x, level):
        raise RuntimeError(INPLACE)
    values = bound["values"]
    if len(indices) == 1 and _is_bool(indices[0]) and batched(indices[0], level) and not bound["accumulate"]:
        filled = x if inplace else wrap(at_front(x, level).clone(), level)
        _put_where(filled, indices[0], values, level)
        return filled
    indices = _taken(indices, level)
    target = x.value if inplace else at_front(x, level).clone()
    rank = max(each.ndim for each in indices if each is not None)
    numbers = _arange(level.size).reshape(level.size, *(1,) * rank)
    keys = [numbers, *(each if each is None else lift(each, level, rank) for each in indices)]
    rest = x.ndim - sum(each is not None for each in indices)
    source = lift(values, level, rank + rest) if batched(values, level) else values
    target.index_put_(tuple(keys), source, bool(bound["accumulate"]))
    return x if inplace else wrap(target, level)


# ---- along one dimension -----------------------------------------------------------------------------------------------


def _at_least_1d(x: Any, level: Level) -> Tensor:
    value = at_front(x, level)
    return value if x.ndim else value.unsqueeze(1)


@rule(*forms("gather take_along_dim"))
def gathered(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """One element along a dimension for every element of an index."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    x = bound["input"]
    index = bound["index"] if "index" in bound else bound["indices"]
    if bound["dim"] is None:
        made = at_front(x, level).reshape(level.size, -1).gather(1, at_front(index, level).reshape(level.size, -1))
        return wrap(made, level)
    value, where = _at_least_1d(x, level), _at_least_1d(index, level)
    made = function(value, **{"dim": dim_in(bound["dim"], x.ndim), "index" if "index" in bound else "indices": where})
    return wrap(made if index.ndim or x.ndim else made.squeeze(1), level)


@rule(*forms("scatter scatter_add scatter_reduce"), "scatter_", "scatter_add_", "scatter_reduce_")
def scattered(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """One element along a dimension written, or added, for every element of an index."""
    refuse_out(function, kwargs)
    bound = {name: each for name, each in bind(function, args, kwargs).items() if name != "out"}
    first = next(iter(bound))
    x = bound.pop(first)
    inplace = function.__name__.endswith("_")
    if inplace and not batched(x, level):
        raise RuntimeError(INPLACE)
    rank = x.ndim
    bound["dim"] = dim_in(bound["dim"], rank)
    bound["index"] = _at_least_1d(bound["index"], level)
    if isinstance(bound.get("src"), Tensor):
        bound["src"] = _at_least_1d(bound["src"], level)
    elif isinstance(bound.get("value"), Tensor):
        bound["src"] = (
            at_front(bound.pop("value"), level).reshape(-1, *(1,) * max(rank, 1)).expand(bound["index"].shape)
        )
    bound = {name: each for name, each in bound.items() if each is not None}
    value = _at_least_1d(x, level)
    made = function(value, **bound)
    if inplace:
        return x
    return wrap(made if rank else made.squeeze(1), level)


@rule(*forms("index_select"))
def index_select(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Some slices along a dimension."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    x, index = bound["input"], bound["index"]
    if not batched(index, level):
        value = x.value if x.ndim else x.value.unsqueeze(1)
        made = value.index_select(dim_in(bound["dim"], x.ndim), index)
        return wrap(made if x.ndim else made.squeeze(1), level)
    if x.ndim == 0:
        return wrap(at_front(x, level), level)
    dim = dim_in(bound["dim"], x.ndim) - 1
    where = at_front(index, level).reshape(level.size, *(1,) * dim, -1, *(1,) * (x.ndim - dim - 1))
    shape = (level.size, *x.shape[:dim], where.shape[dim + 1], *x.shape[dim + 1 :])
    return wrap(at_front(x, level).gather(dim + 1, where.expand(shape)), level)


@rule(*forms("index_add index_copy index_fill"), "index_add_", "index_copy_", "index_fill_")
def index_written(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Some slices along a dimension written, or added to."""
    refuse_out(function, kwargs)
    bound = {name: each for name, each in bind(function, args, kwargs).items() if name != "out"}
    first = next(iter(bound))
    x = bound.pop(first)
    name = function.__name__.strip("_")
    inplace = function.__name__.endswith("_")
    if inplace and not batched(x, level):
        raise RuntimeError(INPLACE)
    value = _at_least_1d(x, level)
    value = value if inplace else value.clone()
    dim = bound["dim"] = dim_in(bound["dim"], x.ndim)
    index, what = bound["index"], "value" if name == "index_fill" else "source"
    source = bound[what]
    if batched(index, level) or (name == "index_fill" and batched(source, level)):
        where = at_front(index, level).reshape(level.size, *(1,) * (dim - 1), -1, *(1,) * (value.ndim - dim - 1))
        where = where.expand(*value.shape[:dim], where.shape[dim], *value.shape[dim + 1 :])
        if not isinstance(source, Tensor):
            value.scatter_(dim, where, source)
        else:
            source = _at_least_1d(source, level)
            source = (
                source.reshape(-1, *(1,) * (value.ndim - 1)).expand(where.shape) if name == "index_fill" else source
            )
            if name == "index_add":
                value.scatter_add_(dim, where, source if bound["alpha"] == 1 else source * bound["alpha"])
            else:
                value.scatter_(dim, where, source)
    else:
        bound[what] = _at_least_1d(source, level) if name != "index_fill" else source
        getattr(value, f"{name}_")(**bound)
    return x if inplace else wrap(value if x.ndim else value.squeeze(1), level)


@rule(*forms("take"))
def taken(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Elements by their positions in the flattened example."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    x, index = bound["input"], bound["index"]
    if not batched(x, level):
        return wrap(x.take(index.value), level)
    flat, where = x.value.reshape(level.size, -1), at_front(index, level)
    count = flat.shape[1]
    where = where.reshape(level.size, -1)
    where = _where(where < 0, where + count, where)
    return wrap(flat.gather(1, where).reshape(level.size, *index.shape), level)


@rule(*forms("tril triu"), "tril_", "triu_")
def triangle(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Matrices without one of their corners."""
    refuse_out(function, kwargs)
    if args[0].ndim < 2:
        raise RuntimeError(f"{function.__name__.strip('_')}: input tensor must have at least 2 dimensions")
    made = function(args[0].value, *args[1:], **kwargs)
    return args[0] if function.__name__.endswith("_") else wrap(made, level)


@rule(*forms("diag"))
@in_terms_of_ops
def diag(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The diagonal of a matrix, or the matrix with a diagonal."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    x, offset = bound["input"], bound["diagonal"]
    if x.ndim == 1:
        return x.diag_embed(offset)
    if x.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {x.ndim}D")
    return x.diagonal(offset).clone()


@rule(*forms("diagflat"))
@in_terms_of_ops
def diagflat(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The matrix whose diagonal are all elements."""
    bound = bind(function, args, kwargs)
    return bound["input"].reshape(-1).diag_embed(bound["offset"])


@rule(*forms("searchsorted bucketize"))
def searched(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Positions in sorted rows: a row of its own for every example, or one for all."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    sought = bound["input"]
    rows = bound["boundaries"] if "boundaries" in bound else bound["sorted_sequence"]
    rest = {
        name: each for name, each in kwargs.items() if name not in ("input", "boundaries", "sorted_sequence", "out")
    }
    if not batched(rows, level) and not batched(rest.get("sorter"), level) and rows.ndim == 1:
        return wrap(function(*(value_of(each, level) for each in args), **rest), level)
    if not isinstance(sought, Tensor):
        sought = op("as_tensor")(sought, dtype=rows.dtype)
    if isinstance(rest.get("sorter"), Tensor):
        rest["sorter"] = at_front(rest["sorter"], level)
    values = at_front(sought, level)
    shape = values.shape if rows.ndim > 1 else (level.size, max(sought.numel(), 0))
    made = op("searchsorted")(at_front(rows, level).contiguous(), values.reshape(shape).contiguous(), **rest)
    return wrap(made.reshape(values.shape), level)
