"""Adafactor, Muon and SparseAdam beside PyTorch's: steps, states, state_dicts, errors, texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dynagrad as dg
from tests.optim.problems import numbers, parameters, run

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

ADAFACTOR: list[dict[str, Any]] = [
    {}, {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.5, "d": 1.5, "maximize": True}, {"eps": (1e-3, 0.1), "beta2_decay": -0.5},
    {"foreach": True},
]  # fmt: skip
MUON: list[dict[str, Any]] = [
    {}, {"nesterov": False, "momentum": 0.5}, {"adjust_lr_fn": "match_rms_adamw"}, {"adjust_lr_fn": "original", "ns_steps": 3},
    {"weight_decay": 0.0, "ns_coefficients": (2.0, -1.5, 0.5)},
]  # fmt: skip
SPARSE: list[dict[str, Any]] = [{}, {"lr": 0.1, "betas": (0.5, 0.7)}, {"lr": 0.1, "maximize": True, "eps": 1e-3}]


def close(ours: Any, theirs: Any, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(ours.detach().tolist(), theirs.detach().tolist(), rtol=rtol, atol=atol)


def same_state(ours: Any, theirs: Any, rtol: float, atol: float) -> None:
    if isinstance(theirs, torch.Tensor):
        assert str(ours.dtype) == str(theirs.dtype)
        close(ours, theirs, rtol, atol)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            same_state(ours[key], theirs[key], rtol, atol)
    else:
        assert ours == theirs


@pytest.mark.parametrize("options", ADAFACTOR)
def test_adafactor_steps_as_pytorchs(options: dict[str, Any]) -> None:
    made = {}
    for lib in (dg, torch):
        params = parameters(lib)
        optimizer = lib.optim.Adafactor(params, **options)
        made[lib] = params, optimizer, run(lib, optimizer, params)
    np.testing.assert_allclose(made[dg][2], made[torch][2], rtol=1e-9)
    for ours, theirs in zip(made[dg][0], made[torch][0], strict=True):
        close(ours, theirs)
    same_state(made[dg][1].state_dict(), made[torch][1].state_dict(), 1e-9, 1e-12)
    assert repr(made[dg][1]) == repr(made[torch][1])


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
@pytest.mark.parametrize("options", MUON)
def test_muon_steps_as_pytorchs(options: dict[str, Any], shape: tuple[int, int]) -> None:
    made = {}
    for lib in (dg, torch):
        weight = lib.tensor(numbers(0, shape).tolist(), requires_grad=True)
        inputs = lib.tensor(numbers(1, (5, shape[1])).tolist())
        optimizer = lib.optim.Muon([weight], lr=0.1, **options)
        for _ in range(4):
            optimizer.zero_grad()
            (inputs @ weight.t()).tanh().square().sum().backward()
            optimizer.step()
        made[lib] = weight, optimizer
    # The iteration is in bfloat16, of which the last bit hangs on the order of sums.
    close(made[dg][0], made[torch][0], 0.02, 0.02)
    same_state(made[dg][1].state_dict(), made[torch][1].state_dict(), 0.05, 0.05)
    assert repr(made[dg][1]) == repr(made[torch][1])


@pytest.mark.parametrize("options", SPARSE)
def test_sparse_adam_steps_as_pytorchs_of_sparse_gradients(options: dict[str, Any]) -> None:
    made = {}
    for lib in (dg, torch):
        table = lib.nn.Embedding(5, 3, sparse=True)
        with lib.no_grad():
            table.weight.copy_(lib.tensor(numbers(0, (5, 3)).tolist()))
        optimizer = lib.optim.SparseAdam(table.parameters(), **options)
        for batch in ([0, 2, 2], [1, 2], [0]):
            optimizer.zero_grad()
            table(lib.tensor(batch)).pow(2).sum().backward()
            optimizer.step()
        made[lib] = table.weight, optimizer
    close(made[dg][0], made[torch][0], 1e-5, 1e-6)
    same_state(made[dg][1].state_dict(), made[torch][1].state_dict(), 1e-5, 1e-6)
    assert repr(made[dg][1]) == repr(made[torch][1])


def test_adafactors_state_goes_both_ways() -> None:
    params, theirs = parameters(dg), parameters(torch)
    ours, other = dg.optim.Adafactor(params), torch.optim.Adafactor(theirs)
    run(dg, ours, params, 3)
    run(torch, other, theirs, 3)

    def carried(value: Any, lib: Any) -> Any:
        if isinstance(value, (dg.Tensor, torch.Tensor)):
            return lib.tensor(value.tolist(), dtype=getattr(lib, str(value.dtype).removeprefix("torch.")))
        if isinstance(value, dict):
            return {key: carried(each, lib) for key, each in value.items()}
        return type(value)(carried(each, lib) for each in value) if isinstance(value, (list, tuple)) else value

    fresh, foreign = dg.optim.Adafactor(params), torch.optim.Adafactor(theirs)
    fresh.load_state_dict(carried(other.state_dict(), dg))
    foreign.load_state_dict(carried(ours.state_dict(), torch))
    np.testing.assert_allclose(run(dg, fresh, params, 3), run(torch, foreign, theirs, 3), rtol=1e-9)


BAD: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("Adafactor", (2,), {"lr": -1}), ("Adafactor", (2,), {"beta2_decay": 1}), ("Adafactor", (2,), {"eps": (-1, 1)}),
    ("Adafactor", (2,), {"eps": (None, -1)}), ("Adafactor", (2,), {"d": 0.5}), ("Adafactor", (2,), {"weight_decay": -1}),
    ("Muon", (2,), {}), ("Muon", (2, 2), {"lr": -1}), ("Muon", (2, 2), {"momentum": -1}), ("Muon", (2, 2), {"weight_decay": -1}),
    ("Muon", (2, 2), {"adjust_lr_fn": "x"}), ("Muon", (2, 2), {"ns_steps": 100}), ("Muon", (2, 2), {"ns_coefficients": (1, 2)}),
    ("SparseAdam", (2,), {"lr": -1}), ("SparseAdam", (2,), {"eps": -1}), ("SparseAdam", (2,), {"betas": (-1, 0)}),
    ("SparseAdam", (2,), {"betas": (0, 2.0)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "options"), BAD)
def test_refusals_are_pytorchs(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    refusals = []
    for lib in (dg, torch):
        weight = lib.ones(shape, requires_grad=True)
        weight.grad = lib.ones(shape)
        with pytest.raises(ValueError, match=r".") as refusal:
            getattr(lib.optim, name)([weight], **options).step()
        refusals.append(str(refusal.value))
    assert refusals[0] == refusals[1]


@pytest.mark.parametrize("name", ["Adafactor", "Muon", "SparseAdam"])
def test_a_rate_may_be_a_tensor_of_one_element(name: str) -> None:
    weight = dg.ones(2, 2, requires_grad=True)
    weight.grad = dg.ones(2, 2)
    getattr(dg.optim, name)([weight], lr=dg.tensor(0.1)).step()
    assert bool((weight < 1).all())
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        getattr(dg.optim, name)([weight], lr=dg.ones(2))
