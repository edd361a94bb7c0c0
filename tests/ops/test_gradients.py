"""Derivatives of the first and second order against finite differences, for every op and sample that has one."""

import pytest

import dynagrad
from dynagrad._core.card import CARDS
from dynagrad._core.ops import underivable
from dynagrad.autograd import gradcheck, gradgradcheck
from tests.samples import LEFT_OUT, Scene, function, samples_of, tensors

# Differences of random numbers mean nothing, nor do those of fresh tensors.
CHECKED = sorted(name for name, card in CARDS.items() if name not in LEFT_OUT and card.kind not in {"random", "create"})
LAYOUTS = ("plain", "turned", "strided")
BY_STRIDES = {"as_strided", "as_strided_scatter", "view", "view_as"}  # whose results the layout of the inputs defines


def differentiable_calls(card, layout):
    """The op's samples as functions of their inputs, where an output requires grad."""
    op = function(dynagrad, card.name, card.op)
    for text in samples_of(card):
        scene = Scene(dynagrad, domain=card.domain, layout=layout)
        try:
            outputs = tensors(scene.call(op, text))
        except Exception:  # noqa: BLE001, S112  # tests/ops/test_recorded.py says which calls are errors
            continue
        if scene.smooth and any(x.numel() for x in scene.inputs) and _has_differences(outputs):
            yield text, _of_inputs(op, text, scene), scene.inputs


def _has_differences(outputs):
    """Whether differences tell anything: not where the numbers are coarse, not finite, or PyTorch has no derivative."""
    outputs = [y for y in outputs if y.requires_grad]
    return bool(outputs) and all(
        y.dtype is dynagrad.float64 and y.isfinite().all() and (y.is_leaf or _has_formula(y.grad_fn)) for y in outputs
    )


def _has_formula(node):
    return type(node).__name__ != "NotImplemented" and not isinstance(node, underivable.NoFormula)


def _of_inputs(op, text, scene):
    """The sample as a function of the tensors that the scene drew."""

    def call(*inputs):
        replay = Scene(dynagrad, domain=scene.domain, layout=scene.layout)
        given = iter(inputs)
        replay._input = lambda values, at, leaf: next(given) if leaf else replay._laid_out(values, at or replay.layout)
        result = tensors(replay.call(op, text))
        return tuple(y for y in result if y.is_floating_point())

    return call


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CHECKED)
def test_gradients_are_differences(name, layout):
    if name in BY_STRIDES and layout != "plain":
        return
    for text, call, inputs in differentiable_calls(CARDS[name], layout):
        try:
            assert gradcheck(call, inputs, fast_mode=layout != "plain")
            assert gradgradcheck(call, inputs, fast_mode=True, atol=1e-4)
        except Exception as error:
            error.add_note(f"in {name}({text}), inputs {layout}")
            raise
