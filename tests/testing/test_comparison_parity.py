"""``assert_close`` and what is under it, beside PyTorch's: the same errors, word by word."""

from __future__ import annotations

import warnings

import pytest

import dynagrad
from tests.testing.cases import comparisons, outcome

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

OURS, THEIRS = comparisons(dynagrad), comparisons(torch)


@pytest.mark.parametrize("name", OURS)
def test_assert_close(name):
    (actual, expected, options), (a, b, same) = OURS[name], THEIRS[name]
    said = outcome(dynagrad.testing.assert_close, actual, expected, **options)
    assert said == outcome(torch.testing.assert_close, a, b, **same)


@pytest.mark.parametrize(
    ("actual", "expected", "options"),
    [
        ([1.0], [1], {}),
        ([1.0], [1.00009], {}),
        ([1.0], [2], {}),
        ([1.0], [2], {"msg": "not so"}),
        ([float("nan")], [float("nan")], {}),
        ([1.0], [1.5], {"rtol": 1.0}),
        (1.0, 1.0, {"rtol": 0.0, "atol": 0.5}),
    ],
)
def test_assert_allclose(actual, expected, options):
    for lib in (dynagrad, torch):
        with pytest.warns(FutureWarning, match="is deprecated since 1.12"):
            outcome(lib.testing.assert_allclose, actual, expected, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = outcome(dynagrad.testing.assert_allclose, actual, expected, **options)
        assert ours == outcome(torch.testing.assert_allclose, actual, expected, **options)


def test_tolerances():
    ours, theirs = dynagrad.testing._comparison, torch.testing._comparison
    for name in "bool int32 int64 float16 bfloat16 float32 float64 complex64".split():  # noqa: SIM905
        a, b = getattr(dynagrad, name), getattr(torch, name)
        assert ours.default_tolerances(a) == theirs.default_tolerances(b)
        assert ours.default_tolerances(a, dynagrad.float32) == theirs.default_tolerances(b, torch.float32)
    assert outcome(ours.default_tolerances, 3) == outcome(theirs.default_tolerances, 3)


def test_a_pair_shows_its_options():
    pairs = [lib.testing._comparison.NumberPair(1, 2.5, id=(0, "a")) for lib in (dynagrad, torch)]
    assert repr(pairs[0]) == repr(pairs[1])
