"""Checks derivatives against finite differences: ``gradcheck`` for the first order, ``gradgradcheck`` for the second.

The slow mode compares whole Jacobians; the fast mode compares one random projection of each, which costs three
evaluations per input however large it is. What is checked are public functions: nothing here knows the engine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import dynagrad
from dynagrad._core.base import grad
from dynagrad.autograd.function import Function, forward_mode
from dynagrad.autograd.grad_mode import enable_grad
from dynagrad.autograd.jacobians import (
    get_analytical_jacobian,
    get_numerical_jacobian,
    get_numerical_jacobian_wrt_specific_input,
)
from dynagrad.tensor import Tensor

__all__ = [
    "GradcheckError",
    "get_analytical_jacobian",
    "get_numerical_jacobian",
    "get_numerical_jacobian_wrt_specific_input",
    "gradcheck",
    "gradgradcheck",
]

Tensors = tuple["Tensor", ...]
Call = Callable[..., "Tensor | Sequence[Tensor]"]


class GradcheckError(RuntimeError):
    """A derivative that is not what it should be; the message says which, where and by how much."""


class _Tolerances(NamedTuple):
    eps: float
    atol: float
    rtol: float
    nondet: float


def gradcheck(
    func: Call,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,  # noqa: ARG001  # means nothing for dense tensors
) -> bool:
    """Checks the gradients of ``func`` against central differences, for every input that requires grad.

    Args:
        func: takes ``inputs`` and returns a tensor or a sequence of tensors.
        inputs: a tensor or a sequence of arguments; float64, for the differences to mean anything.
        eps: the step of the differences.
        atol, rtol: the tolerances of the comparison, as in ``allclose``.
        raise_exception: raise what was found; otherwise return False.
        nondet_tol: how far two runs of the same backward may differ.
        check_undefined_grad: also check that an absent output gradient counts as zero.
        check_grad_dtypes: also check that gradients have the dtype of their inputs.
        check_batched_grad: also check that a batch of output gradients gives what they give one by one.
        check_forward_ad: also check products with the Jacobian from the right, by the ``jvp`` of Functions that have one.
        check_batched_forward_grad: not available; True is an error.
        check_backward_ad: False checks nothing about backward.
        fast_mode: compare a random projection of the Jacobian instead of all of it.
        masked: concerns sparse tensors only; accepted and without effect.

    Raises:
        GradcheckError: a gradient is wrong.
        ValueError: no input requires grad.
        NotImplementedError: an unavailable check was asked for.

    Example:
        >>> x = dynagrad.randn(3, dtype=dynagrad.float64, requires_grad=True)
        >>> gradcheck(dynagrad.sigmoid, x)
        True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_forward_grad:
        raise NotImplementedError(
            "gradcheck: check_batched_forward_grad=True is not available: tangents are pushed one after the other, so there is "
            "no batch to compare with"
        )
    arguments = _as_tuple(inputs)
    try:
        _check_inputs(arguments)
        if check_backward_ad:
            check = _Check(func, arguments, _Tolerances(eps, atol, rtol, nondet_tol))
            check.run(fast_mode, check_undefined_grad, check_grad_dtypes)
        if check_forward_ad:
            _Check(func, arguments, _Tolerances(eps, atol, rtol, nondet_tol)).compare_forward()
        if check_batched_grad:
            _Check(func, arguments, _Tolerances(eps, atol, rtol, nondet_tol)).compare_batched()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Call,
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Checks the gradients of the gradients of ``func``, in its inputs and in the output gradients.

    Args:
        grad_outputs: the output gradients to differentiate at; random ones when left out.
        gen_non_contig_grad_outputs: make the random ones non-contiguous.
        check_fwd_over_rev: also check the gradients' own derivatives by forward mode.
        check_rev_over_rev: False checks nothing.

    The other arguments and the errors are those of :func:`gradcheck`.

    Example:
        >>> x = dynagrad.randn(3, dtype=dynagrad.float64, requires_grad=True)
        >>> gradgradcheck(dynagrad.sigmoid, x)
        True
    """
    arguments = _as_tuple(inputs)
    if grad_outputs is None:
        cotangents = _random_cotangents(_differentiable(func(*arguments)), gen_non_contig_grad_outputs)
    else:
        cotangents = _as_tuple(grad_outputs)
    return gradcheck(
        _gradient_function(func, arguments, len(cotangents)),
        arguments + cotangents,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_backward_ad=check_rev_over_rev,
        check_forward_ad=check_fwd_over_rev,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _random_cotangents(outputs: Tensors, non_contiguous: bool) -> Tensors:
    return tuple(_random_cotangent(y, non_contiguous) for y in outputs)


def _random_cotangent(y: Tensor, non_contiguous: bool) -> Tensor:
    if not non_contiguous:
        return dynagrad.randn(y.shape, dtype=y.dtype, device=y.device).requires_grad_()
    doubled = dynagrad.randn((*y.shape, 2), dtype=y.dtype, device=y.device)
    return doubled.select(-1, 1).detach().requires_grad_()


def _gradient_function(func: Call, arguments: tuple[Any, ...], cotangent_count: int) -> Callable[..., Tensors]:
    """The function that maps inputs and output gradients to the gradients of those inputs that require one."""
    wanted = [i for i, x in enumerate(arguments) if _is_differentiable(x)]

    def gradients(*given: Any) -> Tensors:
        cotangents = given[len(given) - cotangent_count :]
        inputs = given[: len(given) - cotangent_count]
        outputs = _differentiable(func(*inputs))
        found = grad(
            outputs,
            [inputs[i] for i in wanted],
            cotangents,
            create_graph=True,
            allow_unused=True,
        )
        return tuple(g for g in found if g is not None)

    return gradients


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _is_differentiable(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _differentiable(outputs: Any) -> Tensors:
    return tuple(y for y in _as_tuple(outputs) if _is_differentiable(y))


def _check_inputs(arguments: tuple[Any, ...]) -> None:
    wanted = [(i, x) for i, x in enumerate(arguments) if _is_differentiable(x)]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, x in wanted:
        if x.dtype is not dynagrad.float64:
            warnings.warn(
                f"Input #{i} requires gradient and is {x.dtype}, not a double precision floating point: "
                "the differences will be too coarse, so this check will likely fail",
                stacklevel=3,
            )
        if any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping "
                "to be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )


class _NoGradient(Function):
    """The identity, whose backward passes no gradient on."""

    @staticmethod
    def forward(_ctx: Any, y: Tensor) -> Tensor:
        return y.clone()

    @staticmethod
    def backward(_ctx: Any, _g: Tensor) -> None:
        return None


class _Check:
    """One function at one point, and the comparisons that can be made there."""

    def __init__(self, func: Call, arguments: tuple[Any, ...], tolerances: _Tolerances) -> None:
        self.func = func
        self.arguments = arguments
        self.tolerances = tolerances
        self.positions = [i for i, x in enumerate(arguments) if _is_differentiable(x)]
        self.inputs: Tensors = tuple(arguments[i] for i in self.positions)

    def run(self, fast: bool, undefined: bool, dtypes: bool) -> None:
        outputs = self.outputs()
        if not outputs:
            self._check_constant()
            return
        if fast:
            self._compare_projections(outputs)
        else:
            self._compare_jacobians(outputs)
        self._check_zero_cotangents(outputs, dtypes)
        if undefined:
            self._check_undefined_cotangents(len(outputs))

    def outputs(self) -> Tensors:
        return _differentiable(self.func(*self.arguments))

    def values(self) -> list[Tensor]:
        """The floating outputs at the point where the inputs now stand, copied: they may alias the inputs."""
        outputs = _as_tuple(self.func(*self.arguments))
        kept = _differentiable(outputs) or [y for y in outputs if y.is_floating_point()]
        return [y.detach().clone() for y in kept]

    def difference(self, x: Tensor, step: Tensor) -> list[Tensor]:
        """The derivative of every output along ``step``, a tensor shaped like ``x``: (f(x + εs) - f(x - εs)) / 2ε."""
        eps = self.tolerances.eps
        data = x.data  # has a version counter of its own, so writing to it upsets no graph
        original = data.clone()
        try:
            data.copy_(original + eps * step)
            above = self.values()
            data.copy_(original - eps * step)
            below = self.values()
        finally:
            data.copy_(original)
        for a, b in zip(above, below, strict=True):
            self._check_alike(a, b)
        return [(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)]

    def _check_alike(self, above: Tensor, below: Tensor) -> None:
        for what, found in (("shape", (below.shape, above.shape)), ("dtype", (below.dtype, above.dtype))):
            if found[0] != found[1]:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed by "
                    f"{self.tolerances.eps}, but got: {what}s {found[0]} and {found[1]}."
                )

    def numerical(self, x: Tensor) -> list[list[Tensor]]:
        """For every element of ``x``, the derivative of every output."""
        return [[d.reshape(-1) for d in self.difference(x, _unit_at(x, k))] for k in range(x.numel())]

    def analytical(self, y: Tensor) -> list[Tensor]:
        """For every input, the Jacobian of ``y``: one row per element of ``y``, one column per element of the input."""
        rows = [self.pull_back([y], [_unit_at(y, k)]) for k in range(y.numel())]
        return [dynagrad.stack([row[i].reshape(-1) for row in rows]) for i in range(len(self.inputs))]

    def pull_back(self, outputs: Sequence[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor]:
        found = grad(outputs, self.inputs, cotangents, retain_graph=True, allow_unused=True)
        return [dynagrad.zeros_like(x) if g is None else g for g, x in zip(found, self.inputs, strict=True)]

    def _compare_jacobians(self, outputs: Tensors) -> None:
        numerical = [self.numerical(x) for x in self.inputs]
        for o, y in enumerate(outputs):
            if not y.numel():
                continue
            analytical, again = self.analytical(y), self.analytical(y)
            for i, x in enumerate(self.inputs):
                if x.numel():
                    expected = dynagrad.stack([column[o] for column in numerical[i]], 1)
                    self._compare(expected, analytical[i], o, i)
                    self._check_repeatable(analytical[i], again[i], o, i)

    def compare_forward(self) -> None:
        """Compares the Jacobians with those of forward mode, a column for each element of an input."""
        outputs = self.outputs()
        with forward_mode(), enable_grad():
            weights = [dynagrad.zeros_like(y).requires_grad_() for y in outputs]
            pulled = grad(outputs, self.inputs, weights, create_graph=True, allow_unused=True) if outputs else ()
        for i, (x, back) in enumerate(zip(self.inputs, pulled, strict=False)):
            numerical = self.numerical(x)
            columns = [self._pushed(back, weights, _unit_at(x, k)) for k in range(x.numel())]
            for o, y in enumerate(outputs):
                if x.numel() and y.numel():
                    expected = dynagrad.stack([column[o] for column in numerical], 1)
                    found = dynagrad.stack([column[o].reshape(-1) for column in columns], 1)
                    self._compare(expected, found, o, i, "Jacobian computed with forward mode mismatch")

    def _pushed(self, back: Tensor | None, weights: Sequence[Tensor], tangent: Tensor) -> list[Tensor]:
        """J v for every output: the gradient of the pulled-back wᵀJ, linear in w, in the direction v."""
        found: Sequence[Tensor | None] = [None] * len(weights)
        if back is not None and back.requires_grad:
            found = grad([back], weights, [tangent], retain_graph=True, allow_unused=True)
        return [dynagrad.zeros_like(w) if t is None else t for t, w in zip(found, weights, strict=True)]

    def compare_batched(self) -> None:
        """Compares a batch of output gradients with each of them alone."""
        outputs = self.outputs()
        for o, y in enumerate(outputs):
            rows = dynagrad.stack([_unit(y), 2 * _unit(y)])
            many = grad([y], self.inputs, [rows], retain_graph=True, allow_unused=True, is_grads_batched=True)
            alone = [self.pull_back([y], [row]) for row in rows]
            for i, g in enumerate(many):
                expected = dynagrad.stack([each[i] for each in alone])
                if g is not None and not dynagrad.allclose(g, expected):
                    raise GradcheckError(
                        f"While computing batched gradients, got a result that differs from the gradients one by one, for "
                        f"output {o} and input {self.positions[i]}\nbatched:{g}\none by one:{expected}\n"
                    )

    def _compare(self, numerical: Tensor, analytical: Tensor, o: int, i: int, what: str = "Jacobian mismatch") -> None:
        t = self.tolerances
        if dynagrad.allclose(analytical.to(numerical.dtype), numerical, rtol=t.rtol, atol=t.atol):
            return
        row, column, size = _worst(numerical.tolist(), analytical.tolist())
        raise GradcheckError(
            f"{what} for output {o} with respect to input {self.positions[i]},\n"
            f"numerical:{numerical}\nanalytical:{analytical}\n"
            f"The difference is largest, {size:.3g}, for element {row} of the output and element {column} of the input "
            f"(both counted flat; atol={t.atol}, rtol={t.rtol})\n"
        )

    def _check_repeatable(self, once: Tensor, twice: Tensor, o: int, i: int) -> None:
        if once.numel() and (once - twice).abs().max().item() > self.tolerances.nondet:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                "different values, although analytical gradient matches numerical gradient.The tolerance for "
                f"nondeterminism was {self.tolerances.nondet}. It is output {o} with respect to input {self.positions[i]}:\n"
                f"first:{once}\nsecond:{twice}\n"
            )

    def _compare_projections(self, outputs: Tensors) -> None:
        cotangents = [_unit(y) for y in outputs]
        directions = [_unit(x) for x in self.inputs]
        numerical = [self.difference(x, u) for x, u in zip(self.inputs, directions, strict=True)]
        for o, y in enumerate(outputs):
            pulled, again = (
                self.pull_back([y], [cotangents[o]]),
                self.pull_back([y], [cotangents[o]]),
            )
            for i, u in enumerate(directions):
                expected = (numerical[i][o] * cotangents[o]).sum().item()
                found = (pulled[i] * u).sum().item()
                # An error within atol in every element of the Jacobian adds up to at most this.
                slack = u.abs().sum().item() * cotangents[o].abs().sum().item()
                self._compare_numbers(expected, found, max(1.0, slack), o, i)
                self._check_repeatable(pulled[i], again[i], o, i)

    def _compare_numbers(self, numerical: float, analytical: float, slack: float, o: int, i: int) -> None:
        t = self.tolerances
        if not abs(numerical - analytical) <= t.atol * slack + t.rtol * abs(numerical):
            raise GradcheckError(
                f"Jacobian mismatch for output {o} with respect to input {self.positions[i]},\n"
                f"numerical:{numerical}\nanalytical:{analytical}\n"
                f"in a random projection (atol={t.atol}, rtol={t.rtol}); fast_mode=False tells which element it is\n"
            )

    def _check_constant(self) -> None:
        for i, x in enumerate(self.inputs):
            for column in self.numerical(x):
                if any(d.numel() and d.abs().max().item() > self.tolerances.atol for d in column):
                    raise GradcheckError(
                        "Numerical gradient for function expected to be zero: no output requires grad, but the outputs "
                        f"change with input {self.positions[i]}"
                    )

    def _check_zero_cotangents(self, outputs: Tensors, dtypes: bool) -> None:
        found = grad(
            outputs,
            self.inputs,
            [dynagrad.zeros_like(y) for y in outputs],
            retain_graph=True,
            allow_unused=True,
        )
        for position, x, g in zip(self.positions, self.inputs, found, strict=True):
            if g is None:
                continue
            if not _is_zero(g):
                raise GradcheckError(
                    f"backward not multiplied by grad_output: with zero output gradients the gradient of input "
                    f"{position} should be zero, but it is {g}"
                )
            if dtypes and g.dtype is not x.dtype:
                raise GradcheckError(f"The gradient of input {position} is {g.dtype}, but the input is {x.dtype}")

    def _check_undefined_cotangents(self, count: int) -> None:
        everything = set(range(count))
        for absent in [everything] if count == 1 else [everything, *({o} for o in everything)]:
            outputs = [_NoGradient.apply(y) if o in absent else y for o, y in enumerate(self.outputs())]
            cotangents = [dynagrad.zeros_like(y) for y in outputs]
            advice = (
                "Expected backward function to handle undefined output grads. Please look at "
                '"Notes about undefined output gradients" in "tools/autograd/derivatives.yaml": an absent gradient is to '
                f"count as zero (output {sorted(absent)} had none)"
            )
            try:
                found = grad(outputs, self.inputs, cotangents, allow_unused=True)
            except RuntimeError as error:
                raise GradcheckError(f"{advice}, but it raised: {error}") from error
            for position, g in zip(self.positions, found, strict=True):
                if g is not None and not _is_zero(g):
                    raise GradcheckError(f"{advice}, but the gradient of input {position} is {g}")


def _unit_at(x: Tensor, k: int) -> Tensor:
    """Zeros shaped like ``x``, with a one at flat position ``k``."""
    made = dynagrad.zeros(x.numel(), dtype=x.dtype, device=x.device)
    made[k] = 1
    return made.reshape(x.shape)


@cache
def _source() -> dynagrad.Generator:
    """Random numbers of gradcheck's own: a function that draws from one state each time must stay the same function."""
    return dynagrad.Generator()


def _unit(x: Tensor) -> Tensor:
    """A random direction of length 1, shaped like ``x``."""
    direction = dynagrad.rand(x.shape, dtype=x.dtype, device=x.device, generator=_source()) + 0.1
    return direction / (direction * direction).sum().sqrt()


def _is_zero(g: Tensor) -> bool:
    return g.numel() == 0 or g.abs().max().item() == 0


def _worst(numerical: list[list[float]], analytical: list[list[float]]) -> tuple[int, int, float]:
    """Row, column and size of the largest difference; one that is not a number counts as the largest."""
    gaps = (
        (r, c, abs(n - a))
        for r, (ns, found) in enumerate(zip(numerical, analytical, strict=True))
        for c, (n, a) in enumerate(zip(ns, found, strict=True))
    )
    return max(gaps, key=lambda gap: float("inf") if gap[2] != gap[2] else gap[2])
