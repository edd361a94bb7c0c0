"""The programs of ``programs.py`` give what they give with PyTorch, random numbers included."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import dynagrad
import dynagrad.func
from tests.func.programs import PROGRAMS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


def run(name: str, library: Any) -> list[Any]:
    library.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if library is torch else "error")
        return PROGRAMS[name](library)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_pytorch_gives(name: str) -> None:
    expected, found = run(name, torch), run(name, dynagrad)
    assert len(found) == len(expected)
    for i, (y, wanted) in enumerate(zip(found, expected, strict=True)):
        assert tuple(y.shape) == tuple(wanted.shape), i
        assert str(y.dtype) == str(wanted.dtype), i
        assert y.requires_grad == wanted.requires_grad, i
        values = torch.tensor(y.tolist(), dtype=wanted.dtype)
        assert torch.allclose(values, wanted, rtol=1e-4, atol=1e-5), (i, values, wanted)
