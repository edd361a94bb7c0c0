"""Reductions, cumulative ops and order: what their derivatives and edge cases promise, without another library."""

from __future__ import annotations

import math

import pytest

import dynagrad as dg

NAN, INF = float("nan"), float("inf")


def leaf(values: list[object]) -> dg.Tensor:
    return dg.tensor(values, dtype=dg.float64, requires_grad=True)


def gradient(f, values: list[object]) -> list[object]:  # type: ignore[no-untyped-def]  # any op
    x = leaf(values)
    f(x).sum().backward()
    grad: list[object] = x.grad.tolist()
    return grad


def test_a_long_float32_sum_keeps_its_digits() -> None:
    x = dg.full((10_000_000,), 0.1)
    assert x.sum().item() == pytest.approx(1e6, rel=1e-6)
    assert x.reshape(-1, 4).sum(0).tolist() == pytest.approx([250_000.0] * 4, rel=3e-6)


@pytest.mark.parametrize("op", ["sum", "mean", "amax", "prod", "var", "norm"])
def test_every_layout_reduces_alike(op: str) -> None:
    x = dg.rand(7, 5, 6, dtype=dg.float64)
    whole = getattr(x.permute(2, 0, 1).contiguous().permute(1, 2, 0), op)()
    assert whole.item() == pytest.approx(getattr(x, op)().item(), rel=1e-12)


def test_nan_is_the_extreme_and_the_first_one_is_found() -> None:
    x = dg.tensor([1.0, NAN, 3.0, NAN])
    assert math.isnan(x.max().item())
    assert math.isnan(x.amin().item())
    assert x.argmax().item() == 1
    assert x.argmin().item() == 1
    assert x.max(0).indices.item() == 1


def test_equal_extremes_share_the_gradient_of_all_and_the_first_takes_that_of_a_dimension() -> None:
    assert gradient(lambda x: x.max(), [1, 2, 2]) == [0, 0.5, 0.5]
    assert gradient(lambda x: x.amax(0), [1, 2, 2]) == [0, 0.5, 0.5]
    assert gradient(lambda x: x.max(0).values, [1, 2, 2]) == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "expected"), [([2, 3, 4], [12, 8, 6]), ([0, 3, 4], [12, 0, 0]), ([0, 0, 4], [0, 0, 0])]
)
def test_the_gradient_of_a_product_is_exact_with_zeros(values: list[object], expected: list[object]) -> None:
    assert gradient(lambda x: x.prod(), values) == expected
    assert gradient(lambda x: x.prod(0), values) == expected


def test_the_gradient_of_running_products_is_exact_with_zeros() -> None:
    assert gradient(lambda x: x.cumprod(0), [2, 0, 3]) == [1, 8, 0]


def test_rows_of_minus_infinity() -> None:
    x = dg.full((2, 3), -INF)
    assert x.logsumexp(1).tolist() == [-INF, -INF]
    assert all(math.isnan(value) for value in x.softmax(1).reshape(-1).tolist())


def test_softmax_is_safe_from_overflow_along_every_dimension() -> None:
    x = dg.tensor([[1000.0, 1000.0], [-1000.0, 1000.0]])
    assert x.softmax(1).tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert x.softmax(0).tolist() == [[1.0, 0.5], [0.0, 0.5]]


def test_order_is_stable_and_nan_comes_last() -> None:
    found = dg.tensor([NAN, 1.0, -0.0, 0.0, 1.0]).sort()
    assert found.indices.tolist() == [2, 3, 1, 4, 0]
    assert dg.tensor([1, 2, 1, 2]).sort(descending=True).indices.tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("n", [5, 399, 400, 3000])
def test_sorting_agrees_with_python(n: int) -> None:
    values = dg.randint(-50, 50, (n,)).tolist()
    assert dg.tensor(values).sort().values.tolist() == sorted(values)
    assert dg.tensor(values).topk(5).values.tolist() == sorted(values, reverse=True)[:5]
    assert dg.unique(dg.tensor(values)).tolist() == sorted(set(values))


def test_medians() -> None:
    assert dg.tensor([4, 1, 3, 2]).median().item() == 2
    assert math.isnan(dg.tensor([1.0, NAN]).median().item())
    assert dg.tensor([1.0, NAN, 2.0]).nanmedian(0).indices.item() == 0


def test_results_have_names_and_print_them() -> None:
    found = dg.tensor([1, 3]).max(0)
    assert found.values is found[0]
    assert found.indices is found[1]
    assert repr(found).startswith("torch.return_types.max(\nvalues=tensor(3),\nindices=")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: x.amax(), RuntimeError, "Specify the reduction dim"),
        (lambda x: x.max(0), IndexError, "Expected reduction dim 0 to have non-zero size"),
        (lambda x: x.argmin(), IndexError, "Expected reduction dim"),
        (lambda x: x.sum(2), IndexError, "Dimension out of range"),
        (lambda x: x.sum((0, -2)), RuntimeError, "appears multiple times"),
        (lambda x: x.int().mean(), RuntimeError, "could not infer output dtype"),
        (lambda x: x.norm(INF), RuntimeError, "does not have an identity"),
        (lambda x: x.topk(4), RuntimeError, "out of range"),
        (lambda x: x.int().softmax(1, dtype=None), NotImplementedError, "not implemented"),
    ],
)
def test_errors(call, error: type[Exception], text: str) -> None:  # type: ignore[no-untyped-def]  # any op
    x = dg.zeros(0, 3)
    with pytest.raises(error, match=text):
        call(x if "topk" not in text else dg.zeros(3))


def test_nothing_reduces_to_the_identity() -> None:
    x = dg.zeros(0, 3)
    assert x.sum().item() == 0
    assert x.prod(0).tolist() == [1, 1, 1]
    assert x.all().item() is True
    assert x.any().item() is False
    assert math.isnan(x.mean().item())
