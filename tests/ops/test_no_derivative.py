"""Ops that have no derivative: what they compute takes part in no graph in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dynagrad

CASES: list[tuple[str, Callable[[Any], Any]]] = [
    ("_unique2", lambda x: x.unique()),
    ("_unique2", lambda x: dynagrad.unique(x, return_inverse=True, return_counts=True)[0]),
    ("unique_dim", lambda x: dynagrad.unique(x, dim=0)),
    ("unique_consecutive", lambda x: x.unique_consecutive()),
    ("unique_consecutive", lambda x: dynagrad.unique_consecutive(x, dim=0)),
    ("geqrf", lambda x: dynagrad.geqrf(x.outer(x))[1]),
]


@pytest.mark.parametrize(("op", "function"), CASES)
def test_backward_says_that_there_is_none(op: str, function: Callable[[Any], Any]) -> None:
    x = dynagrad.tensor([1.0, 2.0, 2.0], requires_grad=True)
    y = function(x)
    assert y.requires_grad
    with pytest.raises(NotImplementedError, match=f"the derivative for '{op}' is not implemented"):
        (x.sum() + y.sum()).backward()
    with dynagrad.no_grad():
        assert not function(x).requires_grad
    assert not function(x.detach()).requires_grad


def test_the_places_and_counts_of_distinct_elements_are_integers_without_history() -> None:
    _, inverse, counts = dynagrad.unique(
        dynagrad.tensor([1.0, 1.0], requires_grad=True), return_inverse=True, return_counts=True
    )
    assert (inverse.requires_grad, counts.requires_grad) == (False, False)


def test_functions_that_pytorch_takes_for_constants_are_constants() -> None:
    x = dynagrad.tensor([0.5], requires_grad=True)
    assert not dynagrad.special.airy_ai(x).requires_grad
    assert not dynagrad.special.chebyshev_polynomial_t(x, 2).requires_grad


def test_a_product_with_several_zeros_has_one_derivative_and_no_second() -> None:
    x = dynagrad.tensor([2.0, 3.0], dtype=dynagrad.float64, requires_grad=True)
    index = dynagrad.tensor([1, 1, 0])
    src = dynagrad.tensor([0.0, 0.0, 5.0], dtype=dynagrad.float64, requires_grad=True)
    y = x.scatter_reduce(0, index, src, "prod")
    of_x, of_src = dynagrad.autograd.grad(y.sum(), (x, src), create_graph=True)
    assert (of_x.tolist(), of_src.tolist()) == ([5.0, 0.0], [0.0, 0.0, 2.0])
    with pytest.raises(
        RuntimeError, match=r"Double backward is unsupported for src when >1 zeros in src are scattered"
    ):
        of_src.sum().backward()
    assert dynagrad.autograd.grad(of_x.sum(), src)[0].tolist() == [0.0, 0.0, 1.0]


def test_with_one_zero_the_second_derivative_is_there() -> None:
    x = dynagrad.tensor([2.0, 3.0], dtype=dynagrad.float64, requires_grad=True)
    src = dynagrad.tensor([0.0, 4.0], dtype=dynagrad.float64, requires_grad=True)

    def product(x: Any, src: Any) -> Any:
        return x.scatter_reduce(0, dynagrad.tensor([1, 1]), src, "prod")

    assert dynagrad.autograd.gradgradcheck(product, (x, src))
