"""Derivatives of functions: ``grad``, ``vjp``, ``jvp``, ``linearize``, which nest in one another and in ``vmap``.

They take arguments and results apart, and put them together again; the derivatives are those of `tape`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import dynagrad
from dynagrad.func.tape import Tape, recording, released
from dynagrad.tensor import Tensor
from dynagrad.utils._pytree import TreeSpec, tree_flatten, tree_map, tree_unflatten, treespec_pprint

__all__ = ["grad", "grad_and_value", "jvp", "linearize", "vjp"]

Argnums = int | tuple[int, ...]


# ---- arguments ---------------------------------------------------------------------------------------------------------


def chosen(args: Sequence[Any], argnums: Argnums) -> tuple[tuple[int, ...], Any]:
    """The positions that ``argnums`` names, none of them negative, and the arguments there, one or a tuple."""
    if isinstance(argnums, bool) or not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    places = tuple(_place(each, len(args)) for each in numbers)
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    picked = tuple(args[place] for place in places)
    return places, picked[0] if isinstance(argnums, int) else picked


def _place(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def replaced(args: Sequence[Any], argnums: Argnums, places: tuple[int, ...], values: Any) -> tuple[Any, ...]:
    """The arguments with others at some positions."""
    made = list(args)
    for place, value in zip(places, (values,) if isinstance(argnums, int) else values, strict=True):
        made[place] = value
    return tuple(made)


def traced(values: Any) -> tuple[Tape, Any, TreeSpec]:
    """A tape for the tensors of a tree, and the tree of its inputs. What is no tensor stays as it is."""
    leaves, spec = tree_flatten(values)
    tape = Tape([x for x in leaves if isinstance(x, Tensor)])
    given = iter(tape.inputs)
    inputs = tree_unflatten([next(given) if isinstance(x, Tensor) else x for x in leaves], spec)
    return tape, inputs, spec


def _with_gradients(values: Any, gradients: Sequence[Any]) -> Any:
    """The tree with a gradient for each tensor."""
    found = iter(gradients)
    return tree_map(lambda x: next(found) if isinstance(x, Tensor) else x, values)


def run(tape: Tape, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The function's result, recorded whatever the mode outside is."""
    try:
        with recording():
            return func(*args, **kwargs)
    finally:
        tape.close()


def _release(tree: Any) -> Any:
    return tree_map(released, tree)


# ---- grad --------------------------------------------------------------------------------------------------------------


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of ``func``, and its value.

    Args:
        func: takes tensors, or trees of them, and returns a tensor without dimensions.
        argnums: the position of the argument to differentiate with respect to, or a tuple of some.
        has_aux: ``func`` returns a pair of the value and something else, which is handed on.

    Returns a function that gives the pair ``(gradient, value)``, or ``(gradient, (value, aux))``.

    Raises:
        RuntimeError: the output is no tensor, or has dimensions; ``argnums`` names no argument.

    >>> import dynagrad as torch
    >>> grad_and_value(lambda x: (x * x).sum())(torch.tensor([1., 2.]))
    (tensor([2., 4.]), tensor(5.))
    """
    return _named(functools.partial(_grad_and_value, func, argnums, has_aux), func)


def _grad_and_value(func: Any, argnums: Argnums, has_aux: bool, *args: Any, **kwargs: Any) -> Any:
    places, values = chosen(args, argnums)
    tape, inputs, _ = traced(values)
    output = run(tape, func, replaced(args, argnums, places, inputs), kwargs)
    aux = None
    if has_aux:
        output, aux = _pair("grad_and_value(f)(*args)", output)
    if not isinstance(output, Tensor):
        raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}")
    if output.dim() != 0:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
            f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )
    found = _with_gradients(values, tape.pull([output], [dynagrad.ones_like(output)]))
    value = released(output)
    return (found, (value, _release(aux))) if has_aux else (found, value)


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of ``func``, which returns a tensor without dimensions.

    The arguments and errors are those of :func:`grad_and_value`. Gradients of gradients come by nesting, and a gradient for
    each example by ``vmap``. ``no_grad`` inside of ``func`` counts, outside it does not.

    >>> import dynagrad as torch
    >>> grad(grad(torch.sin))(torch.tensor(0.5))
    tensor(-0.4794)
    >>> torch.vmap(grad(lambda x: x ** 3))(torch.tensor([1., 2.]))
    tensor([ 3., 12.])
    """

    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = _grad_and_value(func, argnums, has_aux, *args, **kwargs)
        return (found, value[1]) if has_aux else found

    return _named(gradient, func)


def _named(made: Callable[..., Any], func: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(func)(made) if hasattr(func, "__name__") else made


def _pair(api: str, output: Any) -> tuple[Any, Any]:
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{api}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


# ---- vjp ---------------------------------------------------------------------------------------------------------------


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of ``func``, and the function that multiplies a vector with its Jacobian from the left.

    Args:
        func: takes tensors, or trees of them, and returns tensors or a tree of them.
        primals: where.
        has_aux: ``func`` returns a pair of the outputs and something else, which is handed on as third result.

    Raises:
        RuntimeError: outputs that are no floating tensors; in the function returned, cotangents of another structure.

    >>> import dynagrad as torch
    >>> y, pull = vjp(torch.sin, torch.zeros(2))
    >>> pull(torch.tensor([1., 2.]))
    (tensor([1., 2.]),)
    """
    _, output, pull, aux, _, _ = pulled_back(func, primals, has_aux)
    return (output, pull, aux) if has_aux else (output, pull)


def pulled_back(
    func: Callable[..., Any], primals: Sequence[Any], has_aux: bool, argnums: Argnums | None = None
) -> tuple[Any, Any, Callable[..., Any], Any, Tape, Any]:
    """The outputs as the function gave them, as they leave the transform, and the way back; what else it returned.

    Further the tape, and the arguments that are differentiated with respect to.
    """
    primals = tuple(primals)
    places, values = chosen(primals, argnums) if argnums is not None else ((), primals)
    tape, inputs, _ = traced(values)
    args = replaced(primals, argnums, places, inputs) if argnums is not None else inputs
    output = run(tape, func, args, {})
    aux = None
    if has_aux:
        output, aux = _pair("vjp(f, *primals)", output)
    flat, spec = tree_flatten(output)
    if not flat:
        raise RuntimeError(
            f"vjp(f, *primals): Expected f to be a function that has non-empty output (got output = {flat})"
        )
    for y in flat:
        if not isinstance(y, Tensor):
            raise RuntimeError(
                f"vjp(f, *primals): expected f(*primals) to return only tensors, got unsupported type {type(y)}"
            )
        if not y.is_floating_point():
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                f"{y.dtype}"
            )

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, own = tree_flatten(cotangents)
        if own != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {treespec_pprint(own)}, primal output: {treespec_pprint(spec)}"
            )
        for i, (v, y) in enumerate(zip(given, flat, strict=True)):
            if v.shape != y.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {v.shape} and output[{i}] has a shape of {y.shape}."
                )
        return _with_gradients(values, tape.pull(flat, given, create_graph))

    return flat, _release(output), vjp_fn, _release(aux), tape, values


# ---- jvp ---------------------------------------------------------------------------------------------------------------

_JVP = "jvp(f, primals, tangents)"


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The value of ``func``, and the product of its Jacobian with a vector: how it changes in a direction.

    The gradient of v ↦ vᵀJ u in v is J u: two backward passes make a forward one.

    Args:
        func: takes tensors and returns tensors or a tree of them.
        primals: a tuple of the arguments.
        tangents: a tuple of the same structure: the direction.
        strict: an output that does not depend on the arguments is an error, instead of zero.
        has_aux: ``func`` returns a pair of the outputs and something else, which is handed on as third result.

    Raises:
        RuntimeError: no tuples of tensors, different structures or shapes, outputs that are no tensors.

    >>> import dynagrad as torch
    >>> jvp(torch.sin, (torch.zeros(2),), (torch.tensor([1., 2.]),))
    (tensor([0., 0.]), tensor([1., 2.]))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{_JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    given, spec = tree_flatten(primals)
    directions, own = tree_flatten(tangents)
    if own != spec:
        raise RuntimeError(
            f"{_JVP}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple "
            f"of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure {own}"
        )
    for name, each in (("primals", given), ("tangents", directions)):
        if not each:
            raise RuntimeError(f"{_JVP}: Expected {name} to contain at least one Tensor.")
        wrong = [x for x in each if not isinstance(x, Tensor)]
        if wrong:
            raise RuntimeError(f"{_JVP}: Expected {name} to only contain Tensors, got {type(wrong[0])}")
    for x, v in zip(given, directions, strict=True):
        if x.shape != v.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
                f"supported. Tensor is of size {list(x.shape)} while the given forward gradient is of size {list(v.shape)}."
            )
    tape, inputs, _ = traced(primals)
    output = run(tape, func, inputs, {})
    aux = None
    if has_aux:
        output, aux = _pair(_JVP, output)
    flat, out_spec = checked_outputs(output)
    pushed = tape.linear(flat).push(directions)
    if strict and any(t is None for t in pushed):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
            "with strict=True."
        )
    found = [dynagrad.zeros_like(y) if t is None else t for t, y in zip(pushed, flat, strict=True)]
    result = _release(output), tree_unflatten(found, out_spec)
    return (*result, _release(aux)) if has_aux else result


def checked_outputs(output: Any) -> tuple[list[Tensor], TreeSpec]:
    """The tensors that a function returned, for ``jvp``."""
    flat, spec = tree_flatten(output)
    if not flat:
        raise RuntimeError(f"{_JVP}: Expected f to be a function that has non-empty output (got output = {flat})")
    for y in flat:
        if not isinstance(y, Tensor):
            raise RuntimeError(f"{_JVP}: expected f(*primals) to return only tensors, got unsupported type {type(y)}")
    return flat, spec


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of ``func`` and its linear approximation, a function of directions that does not run ``func`` again.

    Args:
        func: takes tensors, or trees of them, and returns tensors or a tree of them.
        primals: where.

    Raises:
        RuntimeError: in the function returned, tangents of another structure, shape or dtype than the primals.

    >>> import dynagrad as torch
    >>> y, push = linearize(torch.sin, torch.zeros(2))
    >>> push(torch.tensor([1., 2.]))
    tensor([1., 2.])
    """
    given, spec = tree_flatten(primals)
    tape, inputs, _ = traced(primals)
    output = run(tape, func, inputs, {})
    flat, out_spec = checked_outputs(output)
    linear = tape.linear(flat)
    zeros = [(y.shape, y.dtype) for y in flat]
    tensors = [x for x in given if isinstance(x, Tensor)]

    def push(*tangents: Any) -> Any:
        directions, own = tree_flatten(tangents)
        if own != spec:
            raise RuntimeError(f"Expected the tangents {own} to have the same argspec as the primals {spec}")
        for i, (v, x) in enumerate(zip(directions, tensors, strict=True)):
            for what, a, b in (("shape", v.shape, x.shape), ("dtype", v.dtype, x.dtype)):
                if a != b:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {a} in flattened pytree doesn't match the {what} {b} of the "
                        "corresponding primal."
                    )
        found = linear.push(directions)
        made = [
            dynagrad.zeros(shape, dtype=dtype) if t is None else t
            for t, (shape, dtype) in zip(found, zeros, strict=True)
        ]
        return tree_unflatten(made, out_spec)

    return _release(output), push
