"""Schedules and averages against PyTorch: every rate of a run, states, warnings, errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")
# A sequence within a sequence takes its first step without the optimiser, and says so, in PyTorch too.
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:Detected call")]

Make = Callable[[Any, Any], Any]


def schedules(lib: Any) -> Any:
    return lib.optim.lr_scheduler


SCHEDULES: dict[str, Make] = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.9**epoch, lambda epoch: 1 / (1 + epoch)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda _: 0.95),
    "step": lambda s, o: s.StepLR(o, 3, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], 0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.25, 0.75, 6),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 7, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 3, 5),
    "cyclic2": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 2, mode="triangular2"),
    "cyclic exp": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 2, mode="exp_range", gamma=0.9),
    "cyclic own": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 2, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=21),
    "one cycle 3": lambda s, o: s.OneCycleLR(o, [0.1, 0.2], epochs=7, steps_per_epoch=3, three_phase=True),
    "one cycle linear": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=25, anneal_strategy="linear"),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 4)], [4, 9]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.5, total_iters=4), s.ExponentialLR(o, 0.9)]),
    "nested": lambda s, o: s.SequentialLR(
        o,
        [s.SequentialLR(o, [s.ConstantLR(o, 0.5, 2), s.ExponentialLR(o, 0.5)], [3]), s.StepLR(o, 2)],
        [5],
    ),
}
EPOCHS = 20


def optimizer_of(lib: Any, kind: str = "SGD") -> Any:
    params = [lib.ones(1, requires_grad=True), lib.ones(2, requires_grad=True)]
    groups = [{"params": [params[0]], "lr": 0.5}, {"params": [params[1]]}]
    return getattr(lib.optim, kind)(groups, lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {}))


def rates(lib: Any, make: Make, kind: str) -> list[Any]:
    optimizer = optimizer_of(lib, kind)
    schedule = make(schedules(lib), optimizer)
    found = []
    for _ in range(EPOCHS):
        groups = optimizer.param_groups
        momenta = [group.get("momentum", group.get("betas")) for group in groups]
        found.append((schedule.get_last_lr(), [group["lr"] for group in groups], momenta))
        optimizer.step()
        schedule.step()
    return found


def flat(value: Any) -> list[float]:
    return [x for each in value for x in flat(each)] if isinstance(value, (list, tuple)) else [float(value)]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rates_are_pytorchs(name: str, kind: str) -> None:
    ours, theirs = (rates(lib, SCHEDULES[name], kind) for lib in (dg, torch))
    assert flat(ours) == pytest.approx(flat(theirs), rel=1e-12, abs=1e-15)


CLOSED = ("step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine", "restarts", "lambda")


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_are_pytorchs(name: str) -> None:
    found = []
    for lib in (dg, torch):
        optimizer = optimizer_of(lib)
        schedule = SCHEDULES[name](schedules(lib), optimizer)
        optimizer.step()
        mine = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for epoch in (3, 1, 7, 11):
                schedule.step(epoch)
                mine.append(schedule.get_last_lr())
        found.append((mine, len(caught)))
    assert flat(found[0]) == pytest.approx(flat(found[1]))


@pytest.mark.parametrize("name", SCHEDULES)
def test_states_have_pytorchs_keys_and_go_on(name: str) -> None:
    states = []
    for lib in (dg, torch):
        optimizer = optimizer_of(lib)
        schedule = SCHEDULES[name](schedules(lib), optimizer)
        for _ in range(6):
            optimizer.step()
            schedule.step()
        states.append((schedule.state_dict(), optimizer.state_dict()))
    fresh = optimizer_of(dg)
    schedule = SCHEDULES[name](schedules(dg), fresh)
    fresh.load_state_dict(states[0][1])
    schedule.load_state_dict(states[1][0])  # PyTorch's state, read by ours
    going = []
    for _ in range(5):
        fresh.step()
        schedule.step()
        going.append(schedule.get_last_lr())
    whole = [each[0] for each in rates(dg, SCHEDULES[name], "SGD")]
    assert flat(going) == pytest.approx(flat(whole[7:12]))
    ours, theirs = set(states[0][0]), set(states[1][0])
    assert theirs - ours <= {"_get_lr_called_within_step", "_is_initial", "_anneal_func_type"}


METRICS = [1.0, 0.9, 0.9, 0.9, 0.9, 0.8, 0.85, 0.85, 0.85, 0.85, 0.85, 0.85, 0.85, 0.85]


@pytest.mark.parametrize("options", [
    {"patience": 1}, {"patience": 2, "cooldown": 2}, {"mode": "max", "patience": 0}, {"patience": 1, "min_lr": 0.02},
    {"patience": 1, "threshold": 0.2, "threshold_mode": "abs"}, {"patience": 1, "min_lr": [0.01, 0.3]},
    {"mode": "max", "threshold_mode": "abs", "patience": 1}, {"patience": 0, "factor": 0.5, "eps": 0.05},
])  # fmt: skip
def test_plateaus_are_pytorchs(options: dict[str, Any]) -> None:
    found = []
    for lib in (dg, torch):
        optimizer = optimizer_of(lib)
        schedule = schedules(lib).ReduceLROnPlateau(optimizer, **options)
        mine = []
        for metric in METRICS:
            schedule.step(lib.tensor(metric))
            mine.append((schedule.get_last_lr(), schedule.num_bad_epochs, schedule.best))
        found.append(mine)
        assert {"best", "num_bad_epochs", "last_epoch", "_last_lr", "cooldown_counter"} <= set(schedule.state_dict())
    assert flat(found[0]) == pytest.approx(flat(found[1]))


BAD: dict[str, Make] = {
    "no optimizer": lambda s, _: s.StepLR("nothing", 3),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda _: 1.0]),
    "not callable": lambda s, o: s.MultiplicativeLR(o, 3),
    "constant": lambda s, o: s.ConstantLR(o, 2.0),
    "linear start": lambda s, o: s.LinearLR(o, 0),
    "linear end": lambda s, o: s.LinearLR(o, 0.5, 2.0),
    "resume": lambda s, o: s.StepLR(o, 3, last_epoch=4),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 1.5),
    "eta_min": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 1, "x"),
    "cyclic mode": lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="x"),
    "cyclic rates": lambda s, o: s.CyclicLR(o, [0.1], 0.2),
    "cycle": lambda s, o: s.OneCycleLR(o, 0.1),
    "cycle steps": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0),
    "cycle start": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=3, pct_start=2.0),
    "cycle kind": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=3, anneal_strategy="x"),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]),
    "no parts": lambda s, _: s.ChainedScheduler([]),
    "plateau part": lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    "plateau factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="x"),
    "plateau rates": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1.0]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_schedules_are_refused_as_by_pytorch(name: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)) as theirs:
        BAD[name](schedules(torch), optimizer_of(torch))
    with pytest.raises(theirs.type):
        BAD[name](schedules(dg), optimizer_of(dg))


def messages(lib: Any, use: Callable[[Any, Any], None]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimizer = optimizer_of(lib)
        use(schedules(lib).StepLR(optimizer, 2), optimizer)
    return [str(warning.message)[:60] for warning in caught]


def overridden(schedule: Any, optimizer: Any) -> None:
    optimizer.step = lambda: None
    schedule.step()


@pytest.mark.parametrize("use", [
    lambda schedule, _: schedule.step(), lambda schedule, _: schedule.get_lr(), overridden,
])  # fmt: skip
def test_warnings_are_pytorchs(use: Any) -> None:
    ours = messages(dg, use)
    assert ours == messages(torch, use)
    assert ours


def test_a_tensor_rate_keeps_its_identity() -> None:
    rate = dg.tensor(1.0)
    optimizer = dg.optim.SGD([dg.ones(1, requires_grad=True)], lr=rate)
    schedule = dg.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.5
