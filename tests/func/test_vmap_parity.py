"""Every line of ``calls.txt`` under ``vmap``: PyTorch's values, shapes and dtypes, for every place of the batch."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import dynagrad
import dynagrad.func
from tests.func.scenes import CALLS, Scene, as_tuple, dims_of, flat

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


def mapped(library: Any, text: str, dims: tuple[int | None, ...]) -> list[Any]:
    scene = Scene(library, text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return flat(library.func.vmap(lambda *ts: as_tuple(scene(*ts)), in_dims=dims)(*scene.inputs(dims)))


@pytest.mark.parametrize("text", CALLS)
def test_a_call_gives_what_pytorch_gives(text: str) -> None:
    for dims in dims_of(Scene(dynagrad, text)):
        try:
            expected = mapped(torch, text, dims)
        except (RuntimeError, TypeError, NotImplementedError):
            continue  # what PyTorch cannot map over; test_vmap_calls.py compares with a loop
        found = mapped(dynagrad, text, dims)
        for y, wanted in zip(found, expected, strict=True):
            assert tuple(y.shape) == tuple(wanted.shape), dims
            assert str(y.dtype) == str(wanted.dtype), dims
            close = torch.allclose(
                torch.tensor(y.tolist()).double(), wanted.double(), rtol=1e-6, atol=1e-8, equal_nan=True
            )
            assert close, dims
