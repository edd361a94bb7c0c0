"""Tracing as the identity: the function runs on the examples, which shows whether it can, and stays what it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from dynagrad.jit.scripting import deprecated
from dynagrad.nn import Module
from dynagrad.random import fork_rng
from dynagrad.tensor import Tensor
from dynagrad.testing import assert_close

__all__ = ["TracerWarning", "TracingCheckError", "is_tracing", "trace", "trace_module"]


class TracerWarning(Warning):
    """Says that a function gives other results when it runs a second time."""


class TracingCheckError(Exception):
    """What PyTorch raises where two traces of a function are not the same program; there are no programs here."""


def is_tracing() -> bool:
    """False: a function that is called for ``trace`` takes the way that it will take later.

    >>> import dynagrad as torch
    >>> torch.jit.is_tracing()
    False
    """
    return False


def trace(
    func: Callable[..., Any],
    example_inputs: Any = None,
    optimize: None = None,  # noqa: ARG001  # has long meant nothing
    check_trace: bool = True,
    check_inputs: Iterable[Any] | None = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,  # noqa: ARG001  # says what a trace may hold
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: dict[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """The function or module itself, after a run on the examples: it follows its own control flow ever after.

    Args:
        func: what is called; in the modes that are on.
        example_inputs: its arguments as a tuple, or the only one.
        check_trace: whether a second run has to give the same results; a TracerWarning says where it does not.
        check_inputs: further tuples of arguments, which are tried likewise.
        check_tolerance: the relative tolerance of that check.
        example_kwarg_inputs: a dict of keywords, instead of ``example_inputs``. RuntimeError for both or neither.

    >>> import dynagrad as torch
    >>> model = torch.nn.Linear(2, 1)
    >>> with warnings.catch_warnings(action="ignore"):  # it is deprecated
    ...     torch.jit.trace(model, torch.ones(3, 2)) is model
    True
    """
    deprecated("trace", "switch to `torch.compile` or `torch.export`")
    if example_inputs is not None and example_kwarg_inputs is not None:
        raise RuntimeError("example_inputs and example_kwarg_inputs should not be both not None.")
    if example_inputs is None and example_kwarg_inputs is None:
        raise RuntimeError("example_kwarg_inputs should be a dict")
    _try(func, example_inputs if example_kwarg_inputs is None else example_kwarg_inputs, check_trace, check_tolerance)
    for inputs in check_inputs or ():
        _try(func, inputs, check_trace, check_tolerance)
    return func


def trace_module(
    mod: Module,
    inputs: dict[str, Any],
    optimize: None = None,  # noqa: ARG001
    check_trace: bool = True,
    check_inputs: Iterable[dict[str, Any]] | None = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,  # noqa: ARG001
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_inputs_is_kwarg: bool = False,  # noqa: ARG001  # a dict of inputs says so itself
    _store_inputs: bool = True,
) -> Module:
    """The module itself, after a run of the methods that ``inputs`` names on the arguments that it gives them."""
    deprecated("trace_module", "switch to `torch.compile` or `torch.export`")
    if not isinstance(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")  # noqa: TRY004  # PyTorch's kind
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")  # noqa: TRY004
    for each in (inputs, *(check_inputs or ())):
        for name, given in each.items():
            _try(mod if name == "forward" else getattr(mod, name), given, check_trace, check_tolerance)
    return mod


def _try(func: Callable[..., Any], inputs: Any, check: bool, tolerance: float) -> None:
    """Runs a function, twice where its results are to be compared. What it draws leaves the stream as one run does."""
    first = _called(func, inputs)
    if not check:
        return
    before = _buffers(func)
    with fork_rng():
        again = _called(func, inputs)
    for buffer, value in before:
        buffer.copy_(value)
    pairs = zip(_outputs(first), _outputs(again), strict=False)
    for number, (a, b) in enumerate(pairs, 1):
        try:
            assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
        except AssertionError as error:
            warnings.warn(
                f"Output nr {number}. of the traced function does not match the corresponding output of the Python "
                f"function. Detailed error:\n{error}",
                TracerWarning,
                stacklevel=3,
            )


def _called(func: Callable[..., Any], inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return func(**inputs)
    return func(inputs) if isinstance(inputs, Tensor) else func(*inputs)


def _outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def _buffers(func: Any) -> list[tuple[Tensor, Tensor]]:
    """Each buffer of a module, such as a running mean, and a copy of what it holds."""
    module = func if isinstance(func, Module) else getattr(func, "__self__", None)
    if not isinstance(module, Module):
        return []
    return [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
