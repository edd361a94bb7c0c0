"""``vmap``: a function of one example becomes a function of a batch of them.

Which dimensions are mapped over, in chunks or at once, and where they go in the results, is here; what ops make of
batched tensors, in `batched` and `rules`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import dynagrad
from dynagrad._core.intercept import told
from dynagrad.func.batched import BatchedTensor, Level, batched, opened, wrap
from dynagrad.tensor import Tensor
from dynagrad.utils._pytree import TreeSpec, _broadcast_to_and_flatten, tree_flatten, tree_map_, tree_unflatten

__all__ = ["vmap"]

Dims = Any


def vmap(
    func: Callable[..., Any],
    in_dims: Dims = 0,
    out_dims: Dims = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that maps ``func`` over a dimension of its inputs, computing all examples at once.

    Inside of ``func`` a tensor that is mapped over looks like one example. Its value cannot decide what Python does next.

    Args:
        func: takes one or more tensors, or trees of them, and returns tensors or a tree of them.
        in_dims: which dimension of each input is mapped over, None for an input that every example gets whole; one
            number for all inputs, or a tree of them.
        out_dims: where the mapped dimension appears in the outputs.
        randomness: "error" refuses random ops, "different" draws for each example, "same" draws once for all.
        chunk_size: how many examples are computed at once; all of them if None.

    Raises:
        ValueError: ``in_dims`` or ``out_dims`` do not fit the inputs or outputs, or the sizes differ.
        RuntimeError: ``func`` needs the value of one example, as ``.item()`` and ``if`` do; or one of the other things
            that cannot be done for many examples at once.

    >>> import dynagrad as torch
    >>> x, y = torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([[1., 1.], [2., 2.]])
    >>> torch.vmap(torch.dot)(x, y)
    tensor([ 3., 14.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    def mapped(*args: Any, **kwargs: Any) -> Any:
        _check_out_dims(func, out_dims)
        size, dims, leaves, spec = _inputs(func, in_dims, args)
        if chunk_size is None or size <= chunk_size:
            return _run(func, size, dims, leaves, spec, out_dims, randomness, kwargs)
        return _in_chunks(func, size, dims, leaves, spec, out_dims, randomness, kwargs, chunk_size)

    return functools.wraps(func)(mapped) if hasattr(func, "__name__") else mapped


def name_of(func: Any) -> str:
    """What errors call a function."""
    if hasattr(func, "__name__"):
        return func.__name__
    if isinstance(func, functools.partial):
        return f"functools.partial({name_of(func.func)}, ...)"
    return repr(func)


# ---- inputs ------------------------------------------------------------------------------------------------------------


def _inputs(func: Any, in_dims: Dims, args: tuple[Any, ...]) -> tuple[int, list[int | None], list[Any], TreeSpec]:
    """How many examples there are, the mapped dimension of each leaf of the arguments, the leaves, and their tree."""
    name = name_of(func)
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: "
            f"{type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{call}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    checked = [_checked_dim(call, leaf, dim) for leaf, dim in zip(leaves, dims, strict=True)]
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, checked, strict=True) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped "
            "dimension"
        )
    return sizes[0], checked, leaves, spec


def _checked_dim(call: str, leaf: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(f"{call}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None.")
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"{call}Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor "
            "arguments, please use None as the respective in_dim"
        )
    rank = leaf.dim()
    if not -rank <= dim < rank:
        raise ValueError(
            f"{call}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {rank} so expected in_dim "
            f"to satisfy -{rank} <= in_dim < {rank}."
        )
    return dim % rank


# ---- the call ----------------------------------------------------------------------------------------------------------


def _run(
    func: Any,
    size: int,
    dims: list[int | None],
    leaves: list[Any],
    spec: TreeSpec,
    out_dims: Dims,
    randomness: str,
    kwargs: dict[str, Any],
) -> Any:
    with opened(Level(size, randomness)) as level:
        return told(_examples, func, level, dims, leaves, spec, out_dims, kwargs)


def _examples(
    func: Any, level: Level, dims: list[int | None], leaves: list[Any], spec: TreeSpec, out_dims: Dims, kwargs: Any
) -> Any:
    inputs = [
        leaf if dim is None else wrap(leaf if dim == 0 else leaf.movedim(dim, 0), level)
        for leaf, dim in zip(leaves, dims, strict=True)
    ]
    outputs = func(*tree_unflatten(inputs, spec), **kwargs)
    flat, out_spec = tree_flatten(outputs)
    places = _out_dims_of(func, out_dims, outputs, out_spec)
    return tree_unflatten([_output(func, y, dim, level) for y, dim in zip(flat, places, strict=True)], out_spec)


# ---- outputs -----------------------------------------------------------------------------------------------------------


def _check_out_dims(func: Any, out_dims: Dims) -> None:
    def check(dim: Any) -> None:
        if dim is not None and not isinstance(dim, int):
            raise ValueError(
                f"vmap({name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection "
                "of ints representing where in the outputs the vmapped dimension should appear."
            )

    tree_map_(check, out_dims)


def _out_dims_of(func: Any, out_dims: Dims, outputs: Any, spec: TreeSpec) -> list[Any]:
    """Where the mapped dimension goes in each leaf of the outputs."""

    def refuse() -> NoReturn:
        raise ValueError(
            f"vmap({name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )

    if isinstance(outputs, Tensor):
        if isinstance(out_dims, tuple) and len(out_dims) == 1:
            return list(out_dims)
        if out_dims is not None and not isinstance(out_dims, int):
            refuse()
        return [out_dims]
    places = _broadcast_to_and_flatten(out_dims, spec)
    if places is None:
        refuse()
    return places


def _output(func: Any, y: Any, dim: int | None, level: Level) -> Any:
    """The result for all examples; one that does not depend on them is repeated."""
    name = name_of(func)
    if dim is None:
        if isinstance(y, BatchedTensor):
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return y
    if not isinstance(y, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(y)}. Did you mean to set out_dims= to "
            "None for output?"
        )
    value = y.value if batched(y, level) else y.expand(level.size, *y.shape)
    rank = value.dim()
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    return value if dim in (0, -rank) else value.movedim(0, dim)


# ---- in chunks ---------------------------------------------------------------------------------------------------------


def _in_chunks(
    func: Any,
    size: int,
    dims: list[int | None],
    leaves: list[Any],
    spec: TreeSpec,
    out_dims: Dims,
    randomness: str,
    kwargs: dict[str, Any],
    chunk_size: int,
) -> Any:
    """One run after the other, each of some of the examples. Random ops that draw once draw the same in all runs."""
    state = dynagrad.get_rng_state() if randomness == "same" else None
    columns, out_spec = [], None
    for start in range(0, size, chunk_size):
        length = min(chunk_size, size - start)
        part = [
            leaf if dim is None else leaf.narrow(dim, start, length) for leaf, dim in zip(leaves, dims, strict=True)
        ]
        if state is not None:
            dynagrad.set_rng_state(state)
        made = _run(func, length, dims, part, spec, out_dims, randomness, kwargs)
        flat, out_spec = tree_flatten(made)
        columns.append(flat)
    assert out_spec is not None
    places = _broadcast_to_and_flatten(out_dims, out_spec) or []
    joined = [
        each[0] if dim is None else dynagrad.cat(each, dim)
        for each, dim in zip(zip(*columns, strict=True), places, strict=True)
    ]
    return tree_unflatten(joined, out_spec)
