"""Pruning beside PyTorch's: masks, parameters, states, hooks, errors; and the order in memory of weights."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")
importlib.import_module("torch.nn.utils.prune")  # PyTorch has it only when it is imported
pytestmark = pytest.mark.parity

STEPS: list[list[tuple[Any, ...]]] = [
    [("l1_unstructured", 0.5)], [("l1_unstructured", 3), ("l1_unstructured", 0.5)], [("identity",)],
    [("ln_structured", 1, 2, 0)], [("ln_structured", 0.5, 1, 1), ("l1_unstructured", 2)],
    [("l1_unstructured", 4), ("ln_structured", 2, float("inf"), -1)], [("ln_structured", 0, 2, 0)],
    [("random_unstructured", 5)], [("random_structured", 2, 1)], [("random_unstructured", 0.3), ("random_structured", 1, 0)],
    [("ln_structured", 1, 2, 0), ("ln_structured", 1, 2, 0)], [("l1_unstructured", 0)],
]  # fmt: skip


def layer(lib: Any, seed: int = 0) -> Any:
    made = lib.nn.Linear(5, 4)
    values = np.random.default_rng(seed).standard_normal((4, 5))
    made.weight.data = lib.tensor(values.tolist())
    made.bias.data = lib.tensor(values[:, 0].tolist())
    return made


def same(ours: Any, theirs: Any) -> None:
    """Both modules have the same entries, of the same values, and the same gradients of an output."""
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].tolist(), value.tolist(), rtol=1e-6)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    outputs = []
    for module, lib in ((ours, dg), (theirs, torch)):
        module.zero_grad()
        out = module(lib.arange(10.0).reshape(2, 5))
        (out * out).sum().backward()
        outputs.append(out)
    np.testing.assert_allclose(outputs[0].tolist(), outputs[1].tolist(), rtol=1e-5)
    for (_, mine), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(mine.grad.tolist(), other.grad.tolist(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("steps", STEPS)
def test_masks_parameters_and_gradients_are_pytorchs(steps: list[tuple[Any, ...]]) -> None:
    made = []
    for lib in (dg, torch):
        lib.manual_seed(1)
        module = layer(lib)
        lib.manual_seed(2)
        for name, *args in steps:
            getattr(lib.nn.utils.prune, name)(module, "weight", *args)
        assert lib.nn.utils.prune.is_pruned(module)
        made.append(module)
    same(*made)
    for lib, module in zip((dg, torch), made, strict=True):
        assert lib.nn.utils.prune.remove(module, "weight") is module
        assert not lib.nn.utils.prune.is_pruned(module)
        assert isinstance(module.weight, lib.nn.Parameter)
    same(*made)


def test_global_pruning_ranks_all_weights_together() -> None:
    made = []
    for lib in (dg, torch):
        prune = lib.nn.utils.prune
        model = lib.nn.Sequential(layer(lib, 0), lib.nn.Linear(4, 5), layer(lib, 1))
        model[1].weight.data = lib.arange(20.0).reshape(5, 4) / 30
        model[1].bias.data = lib.zeros(5)
        pairs = [(model[0], "weight"), (model[2], "weight"), (model[2], "bias")]
        prune.l1_unstructured(model[2], "bias", 1)
        scores = {(model[0], "weight"): lib.arange(20.0).reshape(4, 5) / 10}
        prune.global_unstructured(pairs, prune.L1Unstructured, scores, amount=0.4)
        made.append(model)
    same(*made)


def test_scores_and_rules_of_ones_own() -> None:
    made = []
    for lib in (dg, torch):
        prune = lib.nn.utils.prune

        class KeepRows(prune.BasePruningMethod):
            PRUNING_TYPE = "global"

            def compute_mask(self, t: Any, default_mask: Any) -> Any:
                mask = default_mask.clone()
                mask[1:3] = 0
                return mask

        module = layer(lib)
        prune.l1_unstructured(module, "weight", 0.3, importance_scores=-lib.arange(20.0).reshape(4, 5))
        KeepRows.apply(module, "weight")
        assert type(next(iter(module._forward_pre_hooks.values()))) is prune.PruningContainer
        prune.custom_from_mask(module, "bias", lib.tensor([1, 0, 1, 0]))
        pruned = KeepRows().prune(lib.ones(4, 2), default_mask=lib.tensor([[1.0, 0.0]] * 4))
        assert pruned.tolist() == [[1, 0], [0, 0], [0, 0], [1, 0]]
        made.append(module)
    same(*made)


REFUSALS: list[Any] = [
    lambda lib, p, m: p.l1_unstructured(m, "weight", amount=70), lambda lib, p, m: p.l1_unstructured(m, "weight", amount="a"),
    lambda lib, p, m: p.l1_unstructured(m, "weight", amount=-1), lambda lib, p, m: p.l1_unstructured(m, "weight", amount=1.5),
    lambda lib, p, m: p.ln_structured(m, "bias", 1, 2, 0), lambda lib, p, m: p.ln_structured(m, "weight", 1, 2, 3),
    lambda lib, p, m: p.remove(m, "weight"), lambda lib, p, m: p.l1_unstructured(m, "nope", 1),
    lambda lib, p, m: p.custom_from_mask(m, "weight", lib.ones(1)),
    lambda lib, p, m: p.global_unstructured([(m, "weight")], p.L1Unstructured, importance_scores=[1], amount=1),
    lambda lib, p, m: p.global_unstructured(3, p.L1Unstructured, amount=1),
    lambda lib, p, m: p.l1_unstructured(m, "weight", 1, importance_scores=lib.ones(1)), lambda lib, p, m: p.BasePruningMethod(),
    lambda lib, p, m: p.PruningContainer(3), lambda lib, p, m: p.L1Unstructured(amount=2).prune(lib.ones(2), importance_scores=lib.ones(1)),
]  # fmt: skip


@pytest.mark.parametrize("bad", REFUSALS)
def test_refusals_are_pytorchs_and_leave_the_module_as_it_was(bad: Any) -> None:
    refusals = []
    for lib in (dg, torch):
        module = layer(lib)
        with pytest.raises((ValueError, TypeError, IndexError, AssertionError, AttributeError)) as refusal:
            bad(lib, lib.nn.utils.prune, module)
        assert list(module.state_dict()) == ["weight", "bias"] or lib is torch
        refusals.append(refusal)
    assert refusals[0].type is refusals[1].type
    assert str(refusals[0].value) == str(refusals[1].value)


@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d", "Linear"])
def test_weights_change_their_order_in_memory(name: str) -> None:
    strides = []
    for lib in (dg, torch):
        module = lib.nn.Sequential(lib.nn.Linear(2, 3) if name == "Linear" else getattr(lib.nn, name)(2, 3, 2))
        before = module[0].weight.detach().clone()
        made = lib.nn.utils.convert_conv2d_weight_memory_format(module, lib.channels_last)
        assert made is module
        assert bool((module[0].weight == before).all())
        strides.append(module[0].weight.stride())
    assert strides[0] == strides[1]
