"""Pruning without PyTorch: one rule on another, what a failure leaves, training of what is left."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest

import dynagrad as torch
from dynagrad.nn.utils import prune


def layer() -> Any:
    made = torch.nn.Linear(4, 3)
    made.weight.data = torch.arange(1.0, 13.0).reshape(3, 4)
    return made


def test_rules_add_up_in_a_container() -> None:
    module = layer()
    prune.l1_unstructured(module, "weight", 2)
    prune.ln_structured(module, "weight", amount=1, n=2, dim=0)
    assert module.weight_mask.tolist() == [[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    (hook,) = module._forward_pre_hooks.values()
    assert isinstance(hook, prune.PruningContainer)
    assert [type(each).__name__ for each in hook] == ["L1Unstructured", "LnStructured"]
    assert len(hook) == 2
    assert hook[1].n == 2
    other = prune.L1Unstructured(1)
    other._tensor_name = "bias"
    with pytest.raises(ValueError, match="Can only add pruning methods acting on the parameter named 'weight'"):
        hook.add_pruning_method(other)
    with pytest.raises(TypeError, match="is not a BasePruningMethod subclass"):
        hook.add_pruning_method(3)


def test_a_failure_leaves_the_earlier_pruning() -> None:
    module = layer()
    prune.l1_unstructured(module, "weight", 2)
    mask = module.weight_mask.clone()
    with pytest.raises(ValueError, match="should be smaller than the number of parameters"):
        prune.l1_unstructured(module, "weight", 50)
    assert (module.weight_mask == mask).all()
    assert type(next(iter(module._forward_pre_hooks.values()))) is prune.L1Unstructured
    module(torch.ones(1, 4))
    prune.remove(module, "weight")
    assert module.weight.flatten()[:2].tolist() == [0, 0]
    assert list(module.state_dict()) == ["bias", "weight"]


def test_training_moves_only_what_is_left() -> None:
    module = prune.random_structured(layer(), "weight", amount=2, dim=1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    before = module.weight_orig.detach().clone()
    module(torch.ones(2, 4)).square().sum().backward()
    optimizer.step()
    moved = module.weight_orig != before
    assert (moved == module.weight_mask.bool()).all()
    module(torch.ones(1, 4))
    assert (module.weight == module.weight_orig * module.weight_mask).all()


def test_a_pruned_state_is_saved_and_loaded() -> None:
    module, file = prune.l1_unstructured(layer(), "weight", 5), io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = prune.identity(torch.nn.Linear(4, 3), "weight")
    other.load_state_dict(torch.load(file))
    x = torch.ones(1, 4)
    assert (other(x) == module(x)).all()
    plain = prune.remove(module, "weight")
    assert (copy.deepcopy(plain)(x) == other(x)).all()
