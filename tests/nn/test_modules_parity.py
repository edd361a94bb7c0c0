"""Every module of PyTorch's own module database against ours: repr, initial numbers, state, results, gradients."""

from __future__ import annotations

import inspect
import warnings

import pytest

import dynagrad
from tests.nn.twin import alike, backward, load, over, tensors

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

INFOS = {info.name: info for info in module_db if "quantized" not in info.name and "Lazy" not in info.name}
# Each has a reason: what they draw in forward, or state that they only have elsewhere.
LEFT_OUT: dict[str, str] = {}


def our_class(name):
    return getattr(dynagrad.nn, name.rpartition(".")[2], None)


def samples(info, dtype, training):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    return [each for each in inputs if each.forward_input is not None]


def made_in_both(info, sample, dtype):
    """The two modules, drawn from the same seed, in the dtype under test."""
    args, kwargs = sample.constructor_input.args, dict(sample.constructor_input.kwargs)
    if "_random_samples" in kwargs:  # the database draws them in float64 only, which PyTorch refuses beside float32
        kwargs["_random_samples"] = kwargs["_random_samples"].to(dtype)
    ours = our_class(info.name)
    if "dtype" in inspect.signature(info.module_cls).parameters or issubclass(info.module_cls, torch.nn.RNNBase):
        kwargs = {**kwargs, "dtype": dtype}
    torch.manual_seed(3)
    theirs = info.module_cls(*args, **kwargs)
    args, kwargs = over(args, torch), over(kwargs, torch)
    dynagrad.manual_seed(3)
    made = ours(*args, **kwargs)
    return made, theirs


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", sorted(INFOS))
def test_a_module_is_pytorchs(name, dtype, training):
    info = INFOS[name]
    if our_class(name) is None:
        pytest.skip(f"dynagrad has no {name} yet")
    tolerance = 1e-7 if dtype is torch.float64 else 3e-4
    found = samples(info, dtype, training)
    assert found or name in LEFT_OUT
    for sample in found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(info, sample, dtype, training, tolerance)


def check(info, sample, dtype, training, tolerance):
    what = f"{info.name}: {sample.constructor_input.args} {sample.constructor_input.kwargs} {sample.desc}"
    ours, theirs = made_in_both(info, sample, dtype)
    assert repr(ours) == repr(theirs), what
    assert list(ours.state_dict()) == list(theirs.state_dict()), what
    for (key, mine), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        alike(mine, other, f"{what}: the initial {key}", 0)
    load(ours, theirs)
    ours.train(training)
    theirs.train(training)
    args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
    our_args, our_kwargs = over(args, torch), over(kwargs, torch)
    torch.manual_seed(4)
    expected = tensors(theirs(*args, **kwargs))
    dynagrad.manual_seed(4)
    results = tensors(ours(*our_args, **our_kwargs))
    assert len(results) == len(expected), what
    for i, (mine, other) in enumerate(zip(results, expected, strict=True)):
        alike(mine, other, f"{what}: output {i}", tolerance)
        assert mine.requires_grad == other.requires_grad, what
    backward(expected, torch)
    backward(results, dynagrad)
    mine, others = tensors([our_args, our_kwargs]), tensors([args, kwargs])
    for i, (a, b) in enumerate(zip(mine, others, strict=True)):
        if b.is_leaf:
            alike(a.grad, b.grad, f"{what}: gradient of input {i}", tolerance)
    for (key, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        alike(a.grad, b.grad, f"{what}: gradient of {key}", tolerance)
    for (key, mine_now), other_now in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        alike(mine_now, other_now, f"{what}: {key} after a step", tolerance)
