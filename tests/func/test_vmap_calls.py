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
