"""grouped_mm and the functions inside of modules beside PyTorch's: values, gradients, errors."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

RANDOM = np.random.default_rng(0)
SHAPES = [
    ((8, 16), (2, 16, 8), [4, 8]),
    ((2, 4, 16), (2, 16, 8), None),
    ((8, 16), (16, 8), [8, 16]),
    ((2, 8, 16), (16, 16), [8, 16]),
]


@pytest.mark.parametrize(("a", "b", "ends"), SHAPES)
def test_products_of_groups_are_pytorchs(a: Any, b: Any, ends: Any) -> None:
    values = [RANDOM.standard_normal(shape) for shape in (a, b)]
    found = []
    for lib in (dg, torch):
        leaves = [lib.tensor(value.tolist(), requires_grad=True) for value in values]
        offs = None if ends is None else lib.tensor(ends, dtype=lib.int32)
        made = lib.nn.functional.grouped_mm(*leaves, offs=offs)
        found.append((made, *lib.autograd.grad((made * made).sum(), leaves)))
    for ours, theirs in zip(*found, strict=True):
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=1e-4, atol=1e-5)


def bad(lib: Any) -> list[Any]:
    a, b, offs = lib.ones(8, 16), lib.ones(2, 16, 8), lib.tensor([4, 8], dtype=lib.int32)
    grouped = lib.nn.functional.grouped_mm
    return [
        lambda: grouped(a, b), lambda: grouped(a, b, offs=offs.long()), lambda: grouped(a.reshape(2, 4, 16), b, offs=offs),
        lambda: grouped(a, b, offs=offs, bias=lib.ones(2, 8)), lambda: grouped(a, lib.ones(3, 16, 8), offs=offs),
        lambda: grouped(a, lib.ones(2, 8, 8), offs=offs), lambda: grouped(a[0], b, offs=offs),
    ]  # fmt: skip


@pytest.mark.parametrize("i", range(7))
def test_refusals_are_pytorchs(i: int) -> None:
    refusals = []
    for lib in (dg, torch):
        with pytest.raises(RuntimeError) as refusal:
            bad(lib)[i]()
        refusals.append(str(refusal.value))
    assert refusals[1] in refusals[0]


def test_the_functions_inside_of_modules_are_pytorchs() -> None:
    values = RANDOM.standard_normal((2, 5, 3, 3)).tolist()
    found = []
    for lib in (dg, torch):
        functions = importlib.import_module(f"{lib.__name__}.nn.modules._functions")
        leaf = lib.tensor(values, requires_grad=True)
        passed = functions.BackwardHookFunction.apply(leaf * 2, lib.ones(1))
        assert not passed[1].requires_grad
        # The values of CrossMapLRN2d only: PyTorch's derivative of it is not that of its values.
        found.append(
            (functions.CrossMapLRN2d.apply(leaf, 3, 0.1, 0.75, 1.5), *lib.autograd.grad(passed[0].sum(), leaf))
        )
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=1e-5, atol=1e-6)
