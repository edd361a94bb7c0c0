"""GradScaler on the CPU: what it does to scales, gradients and steps, recorded from PyTorch 2.13.0 and beside it."""

from __future__ import annotations

import copy
import math
import pickle

import pytest

import dynagrad


def trained(library, factors, **options):
    """Scales and the parameter after each iteration; a factor multiplies the loss, and may be infinite or NaN."""
    w = library.tensor([1.0, -2.0], requires_grad=True)
    optimizer = library.optim.SGD([w], lr=0.1, momentum=0.9)
    scaler = library.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2, **options)
    trace = []
    for factor in factors:
        optimizer.zero_grad()
        scaler.scale((w * w).sum() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
        trace.append((scaler.get_scale(), *w.tolist()))
    return trace, scaler.state_dict()


FACTORS = [1.0, 1.0, math.inf, 1.0, math.nan, 0.5, 0.5, 3e38, 1.0]
TRACE = [
    (8.0, 0.8, -1.6),
    (16.0, 0.46, -0.92),
    (8.0, 0.46, -0.92),
    (8.0, 0.062, -0.124),
    (4.0, 0.062, -0.124),
    (4.0, -0.3024, 0.6048),
    (8.0, -0.60012, 1.20024),
    (4.0, -0.60012, 1.20024),
    (4.0, -0.748044, 1.496088),
]
STATE = {"scale": 4.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2, "_growth_tracker": 1}


def test_a_step_that_overflows_is_left_out_and_the_scale_follows() -> None:
    trace, state = trained(dynagrad, FACTORS)
    assert state == STATE
    for row, expected in zip(trace, TRACE, strict=True):
        assert row == pytest.approx(expected, rel=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("options", [{}, {"growth_factor": 1e30}, {"growth_factor": 3.7, "backoff_factor": 0.3}])
def test_scales_and_steps_are_pytorchs(options: dict[str, float]) -> None:
    torch = pytest.importorskip("torch")
    trace, state = trained(dynagrad, FACTORS * 2, **options)
    expected, expected_state = trained(torch, FACTORS * 2, **options)
    assert state == expected_state
    for row, other in zip(trace, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-6)


def scaled_once(**options):
    w = dynagrad.ones(2, requires_grad=True)
    optimizer, scaler = dynagrad.optim.SGD([w], lr=0.5), dynagrad.amp.GradScaler("cpu", **options)
    scaler.scale(w.sum()).backward()
    return w, optimizer, scaler


def test_gradients_can_be_clipped_between() -> None:
    w, optimizer, scaler = scaled_once()
    assert w.grad.tolist() == [65536.0, 65536.0]
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="already been called on this optimizer"):
        scaler.unscale_(optimizer)
    dynagrad.nn.utils.clip_grad_value_([w], 0.5)
    scaler.step(optimizer)
    assert w.tolist() == [0.75, 0.75]
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"after step\(\)"):
        scaler.unscale_(optimizer)
    with pytest.raises(AssertionError, match="pickled at the beginning"):
        pickle.dumps(scaler)
    scaler.update()
    scaler.unscale_(optimizer)


def test_what_it_refuses() -> None:
    w, optimizer, scaler = scaled_once()
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: None)
    with pytest.raises(AssertionError, match="No inf checks were recorded prior"):
        scaler.update()
    with pytest.raises(ValueError, match="iterable of Tensors"):
        scaler.scale(3)
    w.grad = None
    with pytest.raises(AssertionError, match="for this optimizer"):
        scaler.step(optimizer)
    fresh = dynagrad.amp.GradScaler("cpu")
    for call in (lambda: fresh.step(optimizer), lambda: fresh.unscale_(optimizer), fresh.update):
        with pytest.raises(AssertionError, match="_scale is None"):
            call()
    with pytest.raises(AssertionError, match="must be > 1"):
        dynagrad.amp.GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(AssertionError, match="must be < 1"):
        dynagrad.amp.GradScaler("cpu", backoff_factor=1.0)
    narrow = dynagrad.ones(1, dtype=dynagrad.float16, requires_grad=True)
    narrow.grad = dynagrad.ones(1, dtype=dynagrad.float16)
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(dynagrad.optim.SGD([narrow]))


def test_outputs_come_in_lists_and_tuples_too() -> None:
    scaler = dynagrad.amp.GradScaler("cpu", init_scale=2.0)
    one = dynagrad.ones(1)
    first, (second, third) = scaler.scale([one, (one, one.to(dynagrad.float16))])
    assert (first.item(), second.item(), third.item(), third.dtype) == (2.0, 2.0, 2.0, dynagrad.float16)
    assert [each.item() for each in scaler.scale(iter([one]))] == [2.0]


def test_a_state_goes_on_elsewhere() -> None:
    _, optimizer, scaler = scaled_once(growth_interval=5)
    scaler.step(optimizer)
    scaler.update(4.0)
    other = dynagrad.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == other.scale(dynagrad.ones(())).item() == 4.0
    assert other.state_dict() == scaler.state_dict() == copy.deepcopy(scaler).state_dict()
    scaler.step(optimizer)
    scaler.update(dynagrad.tensor([16.0]))
    assert scaler.get_scale() == 16.0
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})


def test_switched_off_it_passes_everything_on() -> None:
    w, x = dynagrad.ones(1, requires_grad=True), dynagrad.ones(1)
    optimizer, scaler = dynagrad.optim.SGD([w], lr=1.0), dynagrad.amp.GradScaler("cpu", enabled=False)
    assert scaler.scale(x) is x
    w.grad = x.clone()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.load_state_dict({})
    assert (w.item(), scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()) == (0.0, 1.0, {}, False)


def test_autocast_goes_on_without_where_pytorch_does() -> None:
    with pytest.warns(UserWarning, match="target dtype is not supported"), dynagrad.autocast("cpu", dynagrad.float32):
        assert dynagrad.ones(1).dtype is dynagrad.float32
    with pytest.raises(ValueError, match="of type `str`"):
        dynagrad.autocast(dynagrad.device("cpu"))
