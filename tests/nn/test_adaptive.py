"""AdaptiveLogSoftmaxWithLoss: its numbers as PyTorch 2.13.0 gave them, what runs, and what is refused."""

from __future__ import annotations

import pytest

import dynagrad
from dynagrad import nn


def layer_and_input():
    dynagrad.manual_seed(0)
    layer = nn.AdaptiveLogSoftmaxWithLoss(4, 7, [2, 5], div_value=2.0, head_bias=True)
    return layer, dynagrad.linspace(-3, 3, 12).view(3, 4)


OUTPUT = [-2.695608, -2.012279, -3.04431]
LOG_PROB = [
    [-1.884609, -2.695608, -3.825716, -4.238744, -3.7834, -1.061944, -0.978556],
    [-1.840293, -0.811903, -3.0739, -3.232707, -3.044155, -2.038642, -2.012279],
    [-3.04431, -0.176531, -3.584574, -3.48916, -3.567398, -4.264486, -4.295147],
]
KEYS = ["head.weight", "head.bias", "tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight", "tail.1.1.weight"]
HEAD_BIAS_GRADIENT = [-0.213904, 0.116562, 0.092935, 0.004406]
LAST_GRADIENT = [0.112756, -0.112756]


def test_the_numbers_are_pytorchs() -> None:
    layer, x = layer_and_input()
    assert list(layer.state_dict()) == KEYS
    output, loss = layer(x, dynagrad.tensor([1, 6, 0]))
    assert output.tolist() == pytest.approx(OUTPUT, abs=1e-5)
    assert loss.item() == pytest.approx(-sum(OUTPUT) / 3, abs=1e-5)
    loss.backward()
    assert layer.head.bias.grad.tolist() == pytest.approx(HEAD_BIAS_GRADIENT, abs=1e-5)
    assert layer.tail[1][1].weight.grad.flatten().tolist() == pytest.approx(LAST_GRADIENT, abs=1e-5)
    assert layer.tail[0][0].weight.grad is None  # no target lies in that cluster


def test_all_classes_have_a_probability_and_the_likeliest_is_predicted() -> None:
    layer, x = layer_and_input()
    for row, expected in zip(layer.log_prob(x).tolist(), LOG_PROB, strict=True):
        assert row == pytest.approx(expected, abs=1e-5)
    assert layer.predict(x).tolist() == [6, 1, 1]
    assert layer.predict(x[:0]).tolist() == []


def test_an_input_without_a_batch() -> None:
    layer, x = layer_and_input()
    output, loss = layer(x[1], dynagrad.tensor(6))
    assert output.shape == loss.shape == ()
    assert output.item() == -loss.item() == pytest.approx(OUTPUT[1], abs=1e-5)


def test_a_reset_draws_what_a_new_layer_draws() -> None:
    layer, _ = layer_and_input()
    first = layer.tail[1][1].weight.tolist()
    dynagrad.manual_seed(0)
    layer.reset_parameters()
    assert layer.tail[1][1].weight.tolist() == first


REFUSED = [
    ([], "larger than 0"),
    ([20], "between 1 and n_classes-1"),
    ([0, 3], "unique, positive"),
    ([3, 3], "unique"),
    ([1.5], "integers"),
]


@pytest.mark.parametrize(("cutoffs", "message"), REFUSED)
def test_cutoffs_that_do_not_ascend_are_refused(cutoffs: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)


BAD_CALLS = [
    ((2, 8), [0, 20], r"in \[0, 19\], but values in range \[0, 20\]"),
    ((2, 8), [-1, 3], r"range \[-1, 3\]"),
    ((2, 8), [0], "same size in the batch"),
    ((2, 8), 0, "0D target tensor expects 1D"),
    ((2,), [0, 1], "1D target tensor expects 2D"),
    ((2, 8), [[0], [1]], "multi-target"),
]


@pytest.mark.parametrize(("shape", "target", "message"), BAD_CALLS)
def test_inputs_that_do_not_fit_are_refused(shape: tuple[int, ...], target: object, message: str) -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4])
    with pytest.raises(RuntimeError, match=message):
        layer(dynagrad.ones(shape), dynagrad.tensor(target))
