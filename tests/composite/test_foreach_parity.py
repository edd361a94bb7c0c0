"""Every ``_foreach_`` function that PyTorch has is here, and gives its numbers."""

from __future__ import annotations

import pytest

import dynagrad
from dynagrad.composite.foreach import BINARY, UNARY

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

NAMES = [name for name in dir(torch) if name.startswith("_foreach_")]
NUMBERS = [[0.25, 0.5, 0.875], [[0.75, 0.125]]]
OPTIONS = {"addcmul": "tt", "addcdiv": "tt", "lerp": "tn", "copy_": "t", "mm": "T", **dict.fromkeys(BINARY, "n")}


def arguments(module, name):
    """Lists of tensors, as many as the function takes, and a number where it takes one."""
    plain = name if name in OPTIONS else name.removesuffix("_")
    kinds = "" if plain in UNARY else OPTIONS.get(plain, "")
    make = {
        "t": lambda: [module.tensor(each, dtype=module.float64) for each in NUMBERS],
        "T": lambda: [module.tensor(NUMBERS[1], dtype=module.float64).T],
        "n": lambda: 0.5,
    }
    first = [module.tensor(NUMBERS[1], dtype=module.float64)] if kinds == "T" else make["t"]()
    return [first, *(make[kind]() for kind in kinds)]


@pytest.mark.parametrize("full", NAMES)
def test_the_numbers_are_pytorchs(full):
    name = full.removeprefix("_foreach_")
    found = getattr(dynagrad, full)(*arguments(dynagrad, name))
    wanted = getattr(torch, full)(*arguments(torch, name))
    assert type(found) is type(wanted)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(torch.from_numpy(a.numpy()), b)
