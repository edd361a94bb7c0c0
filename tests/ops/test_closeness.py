"""``isclose`` and ``allclose`` of integers, whose differences do not wrap."""

from __future__ import annotations

import pytest

import dynagrad


@pytest.mark.parametrize(
    ("dtype", "a", "b", "tolerances", "close"),
    [
        ("uint8", 1, 3, (2.0, 0.0), True),
        ("uint8", 3, 1, (2.0, 0.0), True),
        ("uint8", 5, 9, (0.0, 0.5), True),
        ("uint8", 0, 255, (3.0, 0.0), False),
        ("uint8", 255, 0, (3.0, 0.0), False),
        ("int8", 127, -128, (3.0, 0.0), False),
        ("int8", -128, 127, (300.0, 0.0), True),
        ("int8", 100, -100, (0.0, 1.0), False),
        ("int16", -32768, 32767, (3.0, 0.0), False),
        ("bool", 0, 1, (1.0, 0.0), True),
        ("bool", 0, 1, (0.5, 0.0), False),
    ],
)
def test_the_distance_is_that_of_the_numbers(dtype, a, b, tolerances, close):
    x, y = (dynagrad.tensor([value], dtype=getattr(dynagrad, dtype)) for value in (a, b))
    atol, rtol = tolerances
    assert dynagrad.isclose(x, y, atol=atol, rtol=rtol).item() is close
    assert dynagrad.allclose(x, y, atol=atol, rtol=rtol) is close
