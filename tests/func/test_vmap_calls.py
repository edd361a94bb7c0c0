"""Every line of ``calls.txt``: all examples at once give what one after the other gives."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import dynagrad
from dynagrad.func import vmap
from tests.func.scenes import CALLS, EXAMPLES, Scene, as_tuple, dims_of, flat

# The ops that have no rule: they are looped over, with a warning, as in PyTorch.
LOOPED = ("torch.histc",)
NO_DERIVATIVE = ("S.zeta", "torch.igamma")


def one_by_one(scene: Scene, dims: tuple[int | None, ...], inputs: list[Any]) -> list[Any]:
    each = [
        flat(scene(*(t if d is None else t.select(d, i) for t, d in zip(inputs, dims, strict=True))))
        for i in range(EXAMPLES)
    ]
    return [dynagrad.stack(list(column)) for column in zip(*each, strict=True)]


@pytest.mark.parametrize("text", CALLS)
def test_a_batch_is_its_examples(text: str) -> None:
    scene = Scene(dynagrad, text)
    for dims in dims_of(scene):
        inputs = scene.inputs(dims)
        expected = one_by_one(scene, dims, inputs)
        with warnings.catch_warnings():
            if text.startswith(LOOPED):
                warnings.simplefilter("ignore")
            found = flat(vmap(lambda *ts: as_tuple(scene(*ts)), in_dims=dims)(*inputs))
        for y, wanted in zip(found, expected, strict=True):
            assert y.shape == wanted.shape, dims
            assert y.dtype is wanted.dtype, dims
            assert dynagrad.allclose(y.double(), wanted.double(), rtol=1e-7, atol=1e-9), dims


def weighted(results: list[Any]) -> Any:
    """A number that depends on every element of the floating results differently; None if nothing is differentiable."""
    total = None
    for y in results:
        if y.is_floating_point() and y.requires_grad:
            weights = dynagrad.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
            total = (y * weights).sum() if total is None else total + (y * weights).sum()
    return total


@pytest.mark.parametrize("text", [text for text in CALLS if not text.startswith(LOOPED + NO_DERIVATIVE)])
def test_gradients_go_through_a_batch(text: str) -> None:
    scene = Scene(dynagrad, text)
    dims = (0,) * len(scene.shapes)
    inputs = [t.requires_grad_() if t.is_floating_point() else t for t in scene.inputs(dims)]
    expected = weighted(one_by_one(scene, dims, inputs))
    if expected is None:
        return
    found = weighted(flat(vmap(lambda *ts: as_tuple(scene(*ts)), in_dims=dims)(*inputs)))
    wanted = [t for t in inputs if t.requires_grad]
    pairs = zip(
        dynagrad.autograd.grad(found, wanted, allow_unused=True),
        dynagrad.autograd.grad(expected, wanted, allow_unused=True),
        strict=True,
    )
    for g, one in pairs:
        assert (g is None) == (one is None)
        assert g is None or dynagrad.allclose(g, one, rtol=1e-6, atol=1e-9)
