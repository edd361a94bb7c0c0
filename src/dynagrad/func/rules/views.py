"""Views and rearrangements: the examples' dimension stays in front, the others move as the op says."""

from __future__ import annotations

import math
from typing import Any

from dynagrad.func.batched import BatchedTensor, Level, batched, in_terms_of_ops, refresh, rule, wrap
from dynagrad.func.rules.common import at_front, bind, dim_in, dims_in, forms, lift, op, refuse_out, value_of, wrapped
from dynagrad.func.rules.fallback import looped
from dynagrad.tensor import Tensor

__all__ = ["sizes_of"]

# The parameters that are dimensions of the input, and how many more dimensions than the input they count.
_DIMS = {
    "transpose": (("dim0", "dim1"), 0),
    "movedim": (("source", "destination"), 0),
    "select": (("dim",), 0),
    "narrow": (("dim",), 0),
    "split": (("dim",), 0),
    "split_with_sizes": (("dim",), 0),
    "chunk": (("dim",), 0),
    "unbind": (("dim",), 0),
    "diagonal": (("dim1", "dim2"), 0),
    "unfold": (("dimension",), 0),
    "unflatten": (("dim",), 0),
    "flatten": (("start_dim", "end_dim"), 0),
    "rot90": (("dims",), 0),
    "unsqueeze": (("dim",), 1),
    "diag_embed": (("dim1", "dim2"), 1),
    "diagonal_scatter": (("dim1", "dim2"), 0),
    "select_scatter": (("dim",), 0),
    "slice_scatter": (("dim",), 0),
}
_NAMES = {function: name for name in _DIMS for function in forms(name)}


def _shifted(dims: Any, rank: int) -> Any:
    return dim_in(dims, rank) if isinstance(dims, int) else tuple(dim_in(each, rank) for each in dims)


@rule(*_NAMES)
def by_dims(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Ops whose arguments name dimensions."""
    names, more = _DIMS[_NAMES[function]]
    bound = bind(function, args, kwargs)
    first, *others = bound
    x = bound[first]
    if x.ndim + more == 0:
        if _NAMES[function] == "flatten":
            return wrap(value_of(x, level).unsqueeze(1), level)
        return looped(function, level, args, kwargs, warn=False)
    if isinstance(x, Tensor) and "src" in bound:
        shape = (level.size, *bound["src"].shape)
        bound["src"] = (
            value_of(bound["src"], level).expand(shape) if not batched(bound["src"], level) else bound["src"].value
        )
        value = at_front(x, level)
    else:
        value = value_of(x, level)
    rest = {name: bound[name] for name in others}
    for name in names:
        rest[name] = _shifted(rest[name], x.ndim + more)
    return wrapped(function(value, **rest), level)


def sizes_of(bound: dict[str, Any], rest: str, name: str) -> tuple[int, ...]:
    """The sizes given one by one, as one sequence, or by keyword."""
    given = bound[name] if bound.get(name) is not None else bound[rest]
    if len(given) == 1 and not isinstance(given[0], int):
        given = given[0]
    return tuple(int(each) for each in given)


def _filled(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """The sizes with -1 worked out, as the examples together might allow another answer."""
    if -1 not in shape or shape.count(-1) > 1:
        return shape
    known = math.prod(each for each in shape if each != -1)
    return tuple(numel // known if each == -1 else each for each in shape) if known and numel % known == 0 else shape


@rule(*forms("view reshape view_as reshape_as"))
def reshaped(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Another shape of every example."""
    bound = bind(function, args, kwargs)
    x, base = bound["input"], op("view" if function in forms("view view_as") else "reshape")
    if not batched(x, level):
        return base(x, args[1].shape)
    if "other" in bound:
        return wrap(base(x.value, (level.size, *bound["other"].shape)), level)
    if bound.get("dtype") is not None or (len(args) == 2 and not isinstance(args[1], (int, tuple, list))):
        return wrap(function(x.value, bound["dtype"] or args[1]), level)
    shape = sizes_of(bound, "shape" if base is op("view") else "args", "size" if base is op("view") else "shape")
    return wrap(base(x.value, (level.size, *_filled(shape, x.numel()))), level)


@rule(*forms("expand expand_as broadcast_to"))
def expanded(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every example, with dimensions of size 1 repeated."""
    bound = bind(function, args, kwargs)
    x = bound["input"]
    shape = tuple(bound["other"].shape) if "other" in bound else sizes_of(bound, "args", "size")
    if not batched(x, level):
        return x.expand(shape)
    return wrap(lift(x, level, len(shape)).expand(level.size, *shape), level)


@rule(*forms("permute"))
def permuted(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every example with its dimensions in another order."""
    bound = bind(function, args, kwargs)
    x, dims = bound["input"], sizes_of(bound, "args", "dims")
    if len(dims) != x.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(dims)}"
        )
    return wrap(x.value.permute(0, *(dim_in(each, x.ndim) for each in dims)), level)


@rule(*forms("flip"))
def flipped(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every example, backwards along some dimensions."""
    bound = bind(function, args, kwargs)
    x, dims = bound["input"], sizes_of(bound, "args", "dims")
    return wrap(x.value.flip([dim_in(each, x.ndim) for each in dims]) if dims and x.ndim else x.value.clone(), level)


@rule(*forms("roll"))
def rolled(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every example, shifted in a circle."""
    bound = bind(function, args, kwargs)
    x, dims = bound["input"], bound["dims"]
    if isinstance(dims, int):
        dims = (dims,)
    if dims:
        return wrap(x.value.roll(bound["shifts"], tuple(dim_in(each, x.ndim) for each in dims)), level)
    return wrap(x.value.reshape(level.size, -1).roll(bound["shifts"], 1).reshape(x.value.shape), level)


@rule(*forms("repeat"))
def repeated(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every example, repeated along its dimensions."""
    bound = bind(function, args, kwargs)
    x, times = bound["self"], sizes_of(bound, "args", "repeats")
    if len(times) < x.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    return wrap(lift(x, level, len(times)).repeat(1, *times), level)


@rule(*forms("squeeze"))
def squeezed(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every example without its dimensions of size 1, or without some of them."""
    bound = bind(function, args, kwargs)
    x, dim = bound["input"], bound["dim"]
    if x.ndim == 0:
        if dim is not None:
            dims_in(dim, 0)
        return wrap(x.value, level)
    named = list(range(1, x.ndim + 1)) if dim is None else dims_in(dim, x.ndim) if dim != () else []
    dims = tuple(each for each in named if x.shape[each - 1] == 1)
    return wrap(x.value.squeeze(dims) if dims else x.value, level)


@rule(*forms("t"))
def turned(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """A matrix transposed."""
    if args[0].ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {args[0].ndim}D")
    return wrap(args[0].value.transpose(1, 2) if args[0].ndim == 2 else args[0].value, level)


@rule(*forms("adjoint"))
def adjoint(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """Matrices transposed."""
    if args[0].ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {args[0].ndim}-D tensor."
        )
    return wrap(args[0].value.transpose(-2, -1), level)


@rule(*forms("ravel"))
def raveled(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """Every example as one row."""
    return wrap(args[0].value.reshape(level.size, args[0].numel()), level)


@rule(*forms("atleast_1d atleast_2d atleast_3d"))
def at_least(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Examples with dimensions of size 1 added."""
    tensors = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    made = tuple(_at_least(x, level, int(function.__name__[8])) for x in tensors)
    return made if len(tensors) > 1 or isinstance(args[0], (tuple, list)) else made[0]


def _at_least(x: Any, level: Level, rank: int) -> Any:
    shape = {
        (0, 1): (1,), (0, 2): (1, 1), (0, 3): (1, 1, 1), (1, 2): (1, *x.shape), (1, 3): (1, *x.shape, 1), (2, 3): (*x.shape, 1)
    }.get((x.ndim, rank), tuple(x.shape))  # fmt: skip
    return wrap(x.value.reshape(level.size, *shape), level) if batched(x, level) else x.reshape(shape)


@rule(*forms("broadcast_tensors"))
def broadcast(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """All in the shape that they broadcast to."""
    tensors = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    shape = op("broadcast_shapes")(*(t.shape for t in tensors))
    return tuple(
        wrap(lift(t, level, len(shape)).expand(level.size, *shape), level) if batched(t, level) else t.expand(shape)
        for t in tensors
    )


@rule(*forms("meshgrid"))
def grid(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Each of some vectors, along a dimension of its own."""
    tensors = list(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else list(args)
    indexing, n = kwargs.get("indexing") or "ij", len(tensors)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    sizes = [tensors[i].numel() for i in order]
    made = []
    for i, t in enumerate(tensors):
        shape = [sizes[k] if order[k] == i else 1 for k in range(n)]
        if batched(t, level):
            made.append(wrap(t.value.reshape(level.size, *shape).expand(level.size, *sizes), level))
        else:
            made.append(t.reshape(shape).expand(sizes))
    return tuple(made)


@rule(*forms("as_strided"))
def strided(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Every example with other sizes and strides."""
    bound = bind(function, args, kwargs)
    x, size, stride = bound["input"], tuple(bound["size"]), tuple(bound["stride"])
    if isinstance(x.value, BatchedTensor):
        return looped(function, level, args, kwargs, warn=False)
    offset = x.value.storage_offset() if bound["storage_offset"] is None else bound["storage_offset"]
    return wrap(x.value.as_strided((level.size, *size), (x.value.stride(0), *stride), offset), level)


@rule(*forms("cat stack"))
def joined(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Tensors joined along a dimension; those without a batch dimension are given one."""
    refuse_out(function, kwargs)
    bound = bind(function, args, kwargs)
    dim = bound["dim"] if bound["axis"] is None else bound["axis"]
    tensors = list(bound["tensors"])
    stacks = function in forms("stack")
    # An empty 1-d tensor joins anything, as if it were not there.
    kept = [t for t in tensors if stacks or tuple(t.shape) != (0,)] or tensors
    rank = max(t.ndim for t in kept) + stacks
    return wrap(function([at_front(t, level) for t in kept], dim_in(dim, rank)), level)


@rule(*forms("unsafe_split unsafe_split_with_sizes unsafe_chunk"))
@in_terms_of_ops
def copied_parts(function: Any, _level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """Copies of the parts."""
    return tuple(part.clone() for part in op(function.__name__.strip("_").removeprefix("unsafe_"))(*args, **kwargs))


@rule("unsqueeze_", "squeeze_", "t_", "transpose_", "swapdims_", "swapaxes_")
def turned_in_place(function: Any, level: Level, args: Any, kwargs: dict[str, Any]) -> Any:
    """The shape itself changes."""
    x, name = args[0], function.__name__.strip("_")
    if not batched(x, level):
        return function(*args, **kwargs)
    dims = [*args[1:], *kwargs.values()]
    if name == "unsqueeze":
        x.value.unsqueeze_(dim_in(dims[0], x.ndim + 1))
    elif name == "t":
        if x.ndim == 2:
            x.value.transpose_(1, 2)
    elif name == "squeeze":
        named = dims_in(dims[0], x.ndim) if dims else list(range(1, x.ndim + 1))
        for each in sorted((d for d in named if x.shape[d - 1] == 1), reverse=True):
            x.value.squeeze_(each)
    else:
        x.value.transpose_(dim_in(dims[0], x.ndim), dim_in(dims[1], x.ndim))
    refresh(x)
    return x


@rule("__iter__")
def rows(_function: Any, level: Level, args: Any, _kwargs: dict[str, Any]) -> Any:
    """The slices along the first dimension of an example."""
    if args[0].ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter([wrap(each, level) for each in args[0].value.unbind(1)])
