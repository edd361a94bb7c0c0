"""Products with Jacobians and Hessians, and the whole matrices, of ordinary Python functions of tensors.

Everything is made of ``grad``: forward-mode products apply reverse mode twice, since the gradient of
v ↦ vᵀJ u in v is J u. Derivative formulas live with their ops, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import dynagrad
from dynagrad._core.base import grad
from dynagrad.autograd.grad_mode import enable_grad
from dynagrad.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple["Tensor", ...]
Call = Callable[..., Any]

STRICT = "This is not allowed in strict mode"


def vjp(
    func: Call,
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the outputs of ``func`` and the product vᵀJ of a vector with its Jacobian.

    Args:
        func: takes the inputs and returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: shaped like the outputs; may be left out for a single output with one element.
        create_graph: make the results differentiable.
        strict: raise when an output does not depend on an input, instead of returning zeros.

    Raises:
        TypeError: something that is neither a tensor nor a tuple of tensors.
        RuntimeError: ``v`` does not fit, or ``strict`` is violated.

    Example:
        >>> vjp(lambda x: x * x, dynagrad.tensor([1.0, 2.0]), dynagrad.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        point = _Point(func, inputs, "vjp", create_graph, strict).run()
        cotangents = point.vector(v, point.outputs, point.many_outputs, "the user-provided function returns")
        found = _pull_back(point.outputs, point.inputs, cotangents, create_graph)
        products = point.fill(
            found,
            point.inputs,
            "The output of the user-provided function is independent of input {}",
        )
        point.check_differentiable(products)
    return point.result(point.outputs, point.many_outputs), point.result(products, point.many_inputs)


def jvp(
    func: Call,
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the outputs of ``func`` and the product J v of its Jacobian with a vector shaped like the inputs.

    The arguments and errors are those of :func:`vjp`; ``v`` may be left out for a single input with one element.

    Example:
        >>> jvp(lambda x: x * x, dynagrad.tensor([1.0, 2.0]), dynagrad.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        point = _Point(func, inputs, "jvp", create_graph, strict)
        tangents = point.vector(
            v,
            point.inputs,
            point.many_inputs,
            "the input to the user-provided function is",
        )
        point.run()
        cotangents = tuple(dynagrad.zeros_like(y).requires_grad_() for y in point.outputs)
        found = _pull_back(point.outputs, point.inputs, cotangents, True)
        pulled = point.fill(
            found,
            point.inputs,
            "The output of the user-provided function is independent of input {}",
        )
        found = _pull_back(pulled, cotangents, tangents, create_graph)
        products = point.fill(
            found,
            cotangents,
            "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double "
            "backward trick to compute forward mode gradients",
        )
        point.check_differentiable(products)
    return point.result(point.outputs, point.many_outputs), point.result(products, point.many_outputs)


def vhp(
    func: Call,
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of the scalar function ``func`` and the product vᵀH of a vector with its Hessian.

    The arguments and errors are those of :func:`vjp`; ``v`` is shaped like the inputs.

    Example:
        >>> vhp(lambda x: (x**3).sum(), dynagrad.tensor([1.0, 2.0]), dynagrad.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Call,
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Returns the value of the scalar function ``func`` and the product H v of its Hessian with a vector.

    H is symmetric, so this is :func:`vhp` transposed; the arguments and errors are the same.

    Example:
        >>> hvp(lambda x: (x**3).sum(), dynagrad.tensor([1.0, 2.0]), dynagrad.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str,
    func: Call,
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None,
    create_graph: bool,
    strict: bool,
) -> tuple[Any, Any]:
    with enable_grad():
        point = _Point(func, inputs, name, create_graph, strict)
        vector = point.vector(
            v,
            point.inputs,
            point.many_inputs,
            "the input to the user-provided function is",
        )
        point.run()
        _check_scalar(point.outputs, point.many_outputs, name)
        found = _pull_back(point.outputs, point.inputs, None, True)
        slope = point.fill(
            found,
            point.inputs,
            "The output of the user-provided function is independent of input {}",
        )
        if strict:
            _check_slope(slope)
        products = point.fill(
            _pull_back(slope, point.inputs, vector, create_graph),
            point.inputs,
            "The jacobian of the user-provided function is independent of input {}",
        )
        point.check_differentiable(products, "hessian")
    return point.result(point.outputs, point.many_outputs), point.result(products, point.many_inputs)


def jacobian(
    func: Call,
    inputs: Tensor | Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Returns the Jacobian of ``func``: for every output and every input, shape ``(*output.shape, *input.shape)``.

    A tuple of outputs makes a tuple of results, a tuple of inputs makes each of those a tuple.

    Args:
        func, inputs, create_graph, strict: as for :func:`vjp`.
        vectorize: accepted; the rows are computed one after the other all the same.
        strategy: ``reverse-mode``, or ``forward-mode``, which is accepted where PyTorch takes it.

    Example:
        >>> jacobian(lambda x: x * x, dynagrad.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_strategy("jacobian", strategy, vectorize, create_graph, strict)
    with enable_grad():
        point = _Point(func, inputs, "jacobian", create_graph, strict).run()
        blocks = tuple(_jacobian_of(point, o, y) for o, y in enumerate(point.outputs))
    return blocks if point.many_outputs else blocks[0]


def hessian(
    func: Call,
    inputs: Tensor | Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Returns the Hessian of the scalar function ``func``: for inputs i and j, shape ``(*i.shape, *j.shape)``.

    The arguments are those of :func:`jacobian`; a tuple of inputs makes a tuple of tuples.

    Example:
        >>> hessian(lambda x: (x**3).sum(), dynagrad.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy, vectorize, create_graph, strict)

    _as_tuple(inputs, "inputs", "hessian")

    def scalar(*xs: Tensor) -> Tensor:
        outputs = func(*xs)
        tensors = _as_tuple(outputs, "outputs of the user-provided function", "hessian")
        for i, y in enumerate(tensors):
            if strict and not y.requires_grad:
                _refuse_untracked(i)
        _check_scalar(tensors, isinstance(outputs, tuple), "hessian")
        return outputs.reshape(())

    def slope(*xs: Tensor) -> Any:
        rows = jacobian(scalar, xs if isinstance(inputs, tuple) else xs[0], create_graph=True)
        if strict:
            _check_slope(rows if isinstance(rows, tuple) else (rows,))
        return rows

    return jacobian(slope, inputs, create_graph=create_graph, strict=strict)


class _Point:
    """A function at one point: its tracked inputs, its outputs, and what ``create_graph`` and ``strict`` ask."""

    def __init__(
        self,
        func: Call,
        inputs: Tensor | Tensors,
        name: str,
        create_graph: bool,
        strict: bool,
    ) -> None:
        self.func, self.name, self.create_graph, self.strict = func, name, create_graph, strict
        self.many_inputs = isinstance(inputs, tuple)
        self.inputs = tuple(self._track(x) for x in _as_tuple(inputs, "inputs", name))

    def run(self) -> _Point:
        """Computes the outputs, after what can be said of the arguments."""
        outputs = self.func(*self.inputs)
        self.many_outputs = isinstance(outputs, tuple)
        self.outputs = _as_tuple(outputs, "outputs of the user-provided function", self.name)
        for i, y in enumerate(self.outputs):
            if self.strict and not y.requires_grad:
                _refuse_untracked(i)
        return self

    def _track(self, x: Tensor) -> Tensor:
        return x.view_as(x) if self.create_graph and x.requires_grad else x.detach().requires_grad_()

    def vector(self, v: Tensor | Tensors | None, like: Tensors, many: bool, what: str) -> Tensors:
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(f"The vector v can only be None if {what} a single Tensor with a single element.")
            return (dynagrad.ones_like(like[0]),)
        vs = _as_tuple(v, "v", self.name)
        if len(vs) != len(like):
            if not many:
                raise RuntimeError("The given v should contain a single Tensor.")
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
        for i, (given, x) in enumerate(zip(vs, like, strict=True)):
            if given.shape != x.shape:
                entry = f"Entry {i} in v" if many else "v"
                raise RuntimeError(f"{entry} has invalid size: should be {x.shape} but got {given.shape}.")
        return vs if self.create_graph else tuple(given.detach() for given in vs)

    def fill(self, found: Sequence[Tensor | None], like: Tensors, complaint: str) -> Tensors:
        """Zeros where nothing was found, which ``strict`` does not allow."""
        for i, g in enumerate(found):
            if g is None and self.strict:
                raise RuntimeError(f"{complaint.format(i)}. {STRICT}.")
        return tuple(dynagrad.zeros_like(x) if g is None else g for g, x in zip(found, like, strict=True))

    def check_differentiable(self, products: Tensors, what: str = "jacobian") -> None:
        for i, product in enumerate(products):
            if self.strict and self.create_graph and not product.requires_grad:
                raise RuntimeError(
                    f"The {what} of the user-provided function is independent of input {i}. {STRICT} when "
                    "create_graph=True."
                )

    def result(self, tensors: Tensors, many: bool) -> Any:
        if not self.create_graph:
            tensors = tuple(t.detach() for t in tensors)
        return tensors if many else tensors[0]


def _as_tuple(given: Any, role: str, name: str) -> Tensors:
    tensors = given if isinstance(given, tuple) else (given,)
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            where = f"value at index {i}" if isinstance(given, tuple) else f"given {role}"
            raise TypeError(
                f"The {role} given to {name} must be either a Tensor or a tuple of Tensors but the {where} has type "
                f"{type(t)}."
            )
    return tensors


def _refuse_untracked(output: int) -> NoReturn:
    raise RuntimeError(
        f"Output {output} of the user-provided function does not require gradients. The outputs must be computed in a "
        "differentiable manner from the input when running in strict mode."
    )


def _pull_back(
    outputs: Sequence[Tensor],
    inputs: Tensors,
    cotangents: Sequence[Tensor] | None,
    create_graph: bool,
) -> Sequence[Tensor | None]:
    """The gradients of those outputs that have a history; None for inputs that none of them depends on."""
    weights: Sequence[Tensor | None] = cotangents or [None] * len(outputs)
    pairs = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    ys, vs = [y for y, _ in pairs], [v for _, v in pairs]
    return grad(ys, inputs, vs, create_graph=create_graph, retain_graph=True, allow_unused=True)


def _jacobian_of(point: _Point, o: int, y: Tensor) -> Any:
    complaint = f"Output {o} of the user-provided function is independent of input {{}}"
    rows = []
    for k in range(y.numel()):
        cotangent = dynagrad.zeros(y.numel(), dtype=y.dtype, device=y.device)
        cotangent[k] = 1
        found = _pull_back([y], point.inputs, [cotangent.reshape(y.shape)], point.create_graph)
        row = point.fill(found, point.inputs, complaint)
        point.check_differentiable(row)
        rows.append(row)
    columns = tuple(
        dynagrad.stack([row[i] for row in rows]).reshape(tuple(y.shape) + tuple(x.shape))
        if rows
        else dynagrad.zeros(tuple(y.shape) + tuple(x.shape), dtype=x.dtype, device=x.device)
        for i, x in enumerate(point.inputs)
    )
    return point.result(columns, point.many_inputs)


def _check_scalar(outputs: Tensors, many: bool, name: str) -> None:
    if many:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")


def _check_slope(slope: Tensors) -> None:
    for i, g in enumerate(slope):
        if not g.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided function with respect to input "
                f"{i} is independent of the input. {STRICT}. You should ensure that your function is twice differentiable "
                "and that its gradient is not a constant, as that of a linear function is."
            )


def _check_strategy(name: str, strategy: str, vectorize: bool, create_graph: bool, strict: bool) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        hint = (
            ' Hint: If your function has more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, '
            'prefer to use "reverse-mode".'
            if name == "jacobian"
            else ""
        )
        raise AssertionError(f'Expected strategy to be either "forward-mode" or "reverse-mode".{hint}')
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError(
            'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported '
            'together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    if strategy == "forward-mode" and not vectorize:
        # two words of PyTorch's sentence are one
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
        )
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please "
            "either set `strict=False` or `vectorize=False`."
        )
