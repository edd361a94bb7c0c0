"""What the functions of ``autograd.functional`` say of what they cannot do, beside PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad

pytestmark = pytest.mark.parity

PRODUCTS = ("vjp", "jvp", "vhp", "hvp")


def calls(lib: Any) -> dict[str, tuple[Any, ...]]:
    """Name -> (function, inputs, vector, options) of calls that PyTorch refuses, made with a library."""
    x, v = lib.ones(2, requires_grad=True), lib.ones(2)

    def square(x: Any) -> Any:
        return (x * x).sum()

    return {
        "an input that is no tensor": (lambda x: x * 3, (x, 2), v, {}),
        "inputs in a list": (lambda x: x * 3, [x], v, {}),
        "an output that is no tensor": (lambda x: 3, x, v, {}),
        "a vector that is no tensor": (lambda x: x * 3, x, (v, 2), {}),
        "a vector of another size": (square, (x,), (v[:1],), {}),
        "too many vectors": (square, x, (v, v), {}),
        "too few vectors": (square, (x, x), (v,), {}),
        "no vector": (lambda x: x * 3, x, None, {}),
        "an output without history": (lambda x: x.detach().sum(), x, v, {"strict": True}),
        "an output of something else": (lambda x: lib.ones((), requires_grad=True) * 1, x, v, {"strict": True}),
        "a linear function": (lambda x: x.sum() * 3, x, v, {"strict": True, "create_graph": True}),
    }


def said(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[type, str]:
    try:
        function(*args, **options)
    except (RuntimeError, TypeError) as error:
        return type(error), str(error)
    return type(None), ""


@pytest.mark.parametrize("case", list(calls(dynagrad)))
@pytest.mark.parametrize("name", [*PRODUCTS, "jacobian", "hessian"])
def test_the_errors_are_the_same(name: str, case: str) -> None:
    import torch

    found = []
    for lib in (torch, dynagrad):
        function, inputs, vector, options = calls(lib)[case]
        args = (function, inputs, vector) if name in PRODUCTS else (function, inputs)
        found.append(said(getattr(lib.autograd.functional, name), args, options))
    (their_type, theirs), (our_type, ours) = found
    assert our_type is their_type
    assert ours.partition(" You should ensure")[0] == theirs.partition(" You should ensure")[0]
