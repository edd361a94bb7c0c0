"""dtypes of which there are no tensors: programs name them in tables, compare with them and ask for their limits."""

from __future__ import annotations

import pickle

import pytest
from dynagrad._core.types import BY_NAME, NAMED_ONLY

import dynagrad


@pytest.mark.parametrize("name", NAMED_ONLY)
def test_no_tensor_has_one(name):
    dtype = getattr(dynagrad, name)
    assert pickle.loads(pickle.dumps(dtype)) is dtype  # noqa: S301 - our own bytes
    assert repr(dtype) == f"torch.{name}"
    for call in (
        lambda: dynagrad.zeros(2, dtype=dtype),
        lambda: dynagrad.ones(2).to(dtype),
        lambda: dynagrad.ones(2).view(dtype),
        lambda: dynagrad.tensor([1.0], dtype=dtype),
        lambda: dynagrad.ones(2).sum(dtype=dtype),
        lambda: dynagrad.nn.Linear(1, 1, dtype=dtype),
        lambda: dynagrad.promote_types(dtype, dynagrad.float32),
    ):
        with pytest.raises(TypeError, match=f"tensors of torch.{name} yet"):
            call()
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
        dynagrad.set_default_dtype(dtype)


@pytest.mark.parity
@pytest.mark.parametrize("name", [*BY_NAME, *NAMED_ONLY])
def test_what_it_says_of_itself_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(dynagrad, name), getattr(torch, name)
    for question in (
        lambda module, dtype: (dtype.is_complex, dtype.is_floating_point, dtype.is_signed, dtype.itemsize),
        lambda module, dtype: repr(dtype.to_real()),
        lambda module, dtype: repr(dtype.to_complex()),
        lambda module, dtype: repr(module.finfo(dtype)),
        lambda module, dtype: [getattr(module.finfo(dtype), each) for each in ("bits", "max", "tiny", "eps", "dtype")],
        lambda module, dtype: repr(module.iinfo(dtype)),
        lambda module, dtype: [getattr(module.iinfo(dtype), each) for each in ("bits", "min", "max", "dtype")],
    ):
        assert answer(question, dynagrad, ours) == answer(question, torch, theirs)


def answer(question, module, dtype):
    try:
        return question(module, dtype)
    except (TypeError, RuntimeError) as error:
        return type(error)
