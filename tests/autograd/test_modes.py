"""Grad modes and anomaly mode: context managers, decorators of functions and of generators, nesting, threads."""

import threading

import pytest

import dynagrad as torch
from dynagrad.autograd import detect_anomaly, set_detect_anomaly


def enabled():
    return torch.is_grad_enabled()


def test_blocks_nest_and_restore():
    with torch.no_grad():
        assert not enabled()
        with torch.enable_grad():
            assert enabled()
        assert not enabled()
    assert enabled()


def test_a_block_restores_after_an_error():
    with pytest.raises(ZeroDivisionError), torch.no_grad():
        raise ZeroDivisionError
    assert enabled()


@pytest.mark.parametrize("decorate", [torch.no_grad(), torch.no_grad, torch.inference_mode(), torch.inference_mode])
def test_functions_are_decorated_with_and_without_parentheses(decorate):
    @decorate
    def probe(depth=2):
        """Says something."""
        return [enabled(), *(probe(depth - 1) if depth else [])]

    assert probe() == [False] * 3
    assert probe.__doc__ == "Says something."
    assert enabled()


def test_set_grad_enabled_acts_at_once_or_for_a_block():
    torch.set_grad_enabled(False)
    assert not enabled()
    torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not enabled()
    assert enabled()
    with pytest.raises(TypeError):
        torch.set_grad_enabled("yes")


def test_set_grad_enabled_decorates():
    @torch.set_grad_enabled(False)
    def probe():
        return enabled()

    assert enabled()
    assert not probe()
    assert enabled()


def test_every_step_of_a_generator_runs_in_the_mode():
    @torch.no_grad()
    def steps():
        try:
            got = yield enabled()
            try:
                yield got, enabled()
            except KeyError:
                yield "caught", enabled()
        finally:
            assert not enabled()
        return "end"

    walk = steps()
    assert next(walk) is False
    assert enabled()
    assert walk.send(5) == (5, False)
    assert enabled()
    assert walk.throw(KeyError()) == ("caught", False)
    with pytest.raises(StopIteration, match="end"):
        next(walk)
    assert enabled()
    early = steps()
    next(early)
    early.close()
    assert enabled()


def test_results_under_no_grad():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        y = x * 2
    assert not y.requires_grad
    assert y.is_leaf


def test_inference_mode():
    x = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        assert not enabled()
        y = x * 2
        with torch.inference_mode(mode=False):
            assert enabled()
            assert not torch.is_inference_mode_enabled()
    assert y.is_inference()
    assert not torch.is_inference_mode_enabled()
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * y


def test_inference_mode_records_nothing_even_with_grad_mode_on():
    x = torch.ones(2, requires_grad=True)
    with torch.inference_mode(), torch.enable_grad():
        assert enabled()
        assert not (x * 2).requires_grad


def test_modes_belong_to_a_thread():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def nan_gradient():
    a = torch.zeros(2, requires_grad=True)
    return (a / a).sqrt().sum()


def test_anomaly_mode_stops_at_the_first_nan():
    with pytest.warns(UserWarning, match="Anomaly Detection"):
        manager = detect_anomaly()
    with manager:
        y = nan_gradient()
        with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th output"):
            y.backward()
    nan_gradient().backward()


def test_anomaly_mode_can_ignore_nan():
    with set_detect_anomaly(True, check_nan=False):
        nan_gradient().backward()
    set_detect_anomaly(True)
    assert torch.is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not torch.is_anomaly_enabled()
