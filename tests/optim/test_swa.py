"""Averages of weights: SWA and exponential, with buffers and batch norms; and beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.optim import swa_utils


def stepped(lib: Any, **options: Any) -> tuple[Any, Any]:
    """A model and its average after a few updates."""
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.BatchNorm1d(2))
    average = lib.optim.swa_utils.AveragedModel(model, **options)
    for step in range(4):
        with lib.no_grad():
            for p in model.parameters():
                p.add_(0.1 * (step + 1))
            model[1].running_mean.add_(step)
        average.update_parameters(model)
    return model, average


def test_the_average_is_the_mean_of_all_updates() -> None:
    model, average = stepped(dg)
    first = model[0].weight - 0.9  # the updates added 0.1, then 0.2, 0.3 and 0.4 more
    assert dg.allclose(average.module[0].weight, first + (0.0 + 0.2 + 0.5 + 0.9) / 4, atol=1e-6)
    assert int(average.n_averaged) == 4
    assert dg.equal(average.module[1].running_mean, model[1].running_mean)
    assert average(dg.randn(4, 3)).shape == (4, 2)
    assert next(name for name, _ in average.named_buffers()) == "n_averaged"


def test_exponential_averages() -> None:
    for options in (
        {"avg_fn": swa_utils.get_ema_avg_fn(0.5)},
        {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.5)},
    ):
        model, average = stepped(dg, **options, use_buffers=True)
        start = model[0].weight - 0.9
        assert dg.allclose(average.module[0].weight, start + 0.6, atol=1e-6)
    with pytest.raises(ValueError, match="Invalid decay value"):
        swa_utils.get_ema_avg_fn(1.5)
    with pytest.raises(AssertionError, match="Only one of"):
        swa_utils.AveragedModel(model, avg_fn=len, multi_avg_fn=len)


def test_batch_norms_are_computed_anew() -> None:
    model = dg.nn.Sequential(dg.nn.BatchNorm1d(2, momentum=0.3)).eval()
    data = [dg.randn(8, 2) * 3 + 1 for _ in range(5)]
    swa_utils.update_bn([(x, 0) for x in data], model)
    assert dg.allclose(model[0].running_mean, dg.cat(data).mean(0), atol=1e-5)
    assert model[0].momentum == 0.3
    assert not model.training


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["swa", "ema", "ema multi", "swa fn"])
def test_averages_are_pytorchs(kind: str) -> None:
    torch = pytest.importorskip("torch")
    states = []
    for lib in (dg, torch):
        utils = lib.optim.swa_utils
        options = {
            "swa": {},
            "ema": {"avg_fn": utils.get_ema_avg_fn(0.9)},
            "ema multi": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.9), "use_buffers": True},
            "swa fn": {"avg_fn": utils.get_swa_avg_fn()},
        }[kind]
        states.append(stepped(lib, **options)[1].state_dict())
    ours, theirs = states
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name].double().numpy(), value.double().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_swa_rates_are_pytorchs(strategy: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (dg, torch):
        optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=1.0)
        schedule = lib.optim.swa_utils.SWALR(optimizer, swa_lr=0.1, anneal_epochs=4, anneal_strategy=strategy)
        mine = []
        for _ in range(7):
            optimizer.step()
            schedule.step()
            mine += schedule.get_last_lr()
        found.append(mine)
    assert found[0] == pytest.approx(found[1])
