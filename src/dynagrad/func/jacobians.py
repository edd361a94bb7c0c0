"""Whole matrices of derivatives: ``jacrev`` row by row, ``jacfwd`` column by column, ``hessian``.

The function itself runs once; the rows are backward passes over what it recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dynagrad
from dynagrad.func.batched import RANDOM_OP
from dynagrad.func.tape import released
from dynagrad.func.transforms import (
    Argnums,
    _named,
    _pair,
    checked_outputs,
    chosen,
    pulled_back,
    replaced,
    run,
    traced,
)
from dynagrad.tensor import Tensor
from dynagrad.utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = ["hessian", "jacfwd", "jacrev"]


def _unit(like: Tensor, k: int) -> Tensor:
    """Zeros shaped like a tensor, with a one at flat position ``k``."""
    made = dynagrad.zeros(like.numel(), dtype=like.dtype)
    made[k] = 1
    return made.reshape(like.shape)


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The function that computes the Jacobian of ``func`` by reverse mode: a row for every element of the output.

    Args:
        func: takes tensors, or trees of them, and returns tensors or a tree of them.
        argnums: the position of the argument to differentiate with respect to, or a tuple of some.
        has_aux: ``func`` returns a pair of the outputs and something else, which is handed on as second result.
        chunk_size: how many rows may be computed at once. Here each is a pass of its own, which takes no more memory
            than any chunk would.

    For every output and every input the result has the shape ``(*output.shape, *input.shape)``: the tree of the outputs,
    with the tree of the inputs in each place, or a tuple of those if ``argnums`` is one.

    Raises:
        RuntimeError: outputs that are no floating tensors; ``argnums`` names no argument.
        ValueError: ``chunk_size`` is not positive.

    >>> import dynagrad as torch
    >>> jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    def jacobian(*args: Any) -> Any:
        outputs, output, _, aux, tape, values = pulled_back(func, args, has_aux, argnums)
        flat = [x for x in tree_flatten(values)[0] if isinstance(x, Tensor)]
        blocks = []
        for y in outputs:
            graph = tape.needs_graph([y])
            rows = [tape.pull([y], [_unit(y, k)], graph) for k in range(y.numel())]
            found = iter([_rows([row[i] for row in rows], y, x) for i, x in enumerate(flat)])
            blocks.append(tree_map(lambda x, found=found: next(found) if isinstance(x, Tensor) else x, values))
        result = tree_unflatten(blocks, tree_flatten(output)[1])
        return (result, aux) if has_aux else result

    return _named(jacobian, func)


def _rows(rows: list[Tensor], y: Tensor, x: Tensor) -> Tensor:
    shape = (*y.shape, *x.shape)
    return dynagrad.stack(rows).reshape(shape) if rows else dynagrad.zeros(shape, dtype=x.dtype)


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """The function that computes the Jacobian of ``func`` by forward mode: a column for every element of the input.

    Args:
        func, argnums, has_aux, chunk_size: as for :func:`jacrev`.
        randomness: what random ops in ``func`` do: "error" refuses them, "same" draws once, "different" for each column.

    The result and the errors are those of :func:`jacrev`.

    >>> import dynagrad as torch
    >>> jacfwd(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError("jacfwd: `chunk_size` should be greater than 0.")
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")

    def jacobian(*args: Any) -> Any:
        places, values = chosen(args, argnums)
        flat = [x for x in tree_flatten(values)[0] if isinstance(x, Tensor)]

        def linearized() -> Any:
            tape, inputs, _ = traced(values)
            output = run(tape, func, replaced(args, argnums, places, inputs), {})
            output, aux = _pair("jvp(f, primals, tangents)", output) if has_aux else (output, None)
            outputs, spec = checked_outputs(output)
            return tape.linear(outputs).push, outputs, spec, aux

        state = dynagrad.get_rng_state()
        push, outputs, spec, aux = linearized()
        if randomness == "error" and not dynagrad.equal(state, dynagrad.get_rng_state()):
            raise RuntimeError(RANDOM_OP)
        columns: list[list[list[Tensor | None]]] = [[] for _ in flat]
        for i, k in [(i, k) for i, x in enumerate(flat) for k in range(x.numel())]:
            if randomness == "different" and (i or k):
                push = linearized()[0]
            columns[i].append(push([_unit(x, k) if j == i else dynagrad.zeros_like(x) for j, x in enumerate(flat)]))
        blocks = []
        for o, y in enumerate(outputs):
            found = iter([_columns([column[o] for column in columns[i]], y, x) for i, x in enumerate(flat)])
            blocks.append(tree_map(lambda x, found=found: next(found) if isinstance(x, Tensor) else x, values))
        result = tree_unflatten(blocks, spec)
        return (result, tree_map(released, aux)) if has_aux else result

    return _named(jacobian, func)


def _columns(columns: Sequence[Tensor | None], y: Tensor, x: Tensor) -> Tensor:
    if not columns:
        return dynagrad.zeros((*y.shape, *x.shape), dtype=y.dtype)
    made = [dynagrad.zeros_like(y) if column is None else column for column in columns]
    return dynagrad.stack(made, -1).reshape((*y.shape, *x.shape))


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the Hessian of ``func``: the Jacobian of its Jacobian.

    The arguments and errors are those of :func:`jacrev`. A Hessian has as many rows as columns, and rows are cheaper here, so
    both Jacobians are computed by reverse mode.

    >>> import dynagrad as torch
    >>> hessian(lambda x: (x ** 3).sum())(torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
