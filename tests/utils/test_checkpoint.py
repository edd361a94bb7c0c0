"""Checkpointing: the same values and gradients, less memory, the same random numbers, and errors that say why."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

import dynagrad as dg
from dynagrad.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential, set_checkpoint_early_stop


def noisy(x: Any, w: Any) -> Any:
    h = (x @ w).tanh()
    return (h * dg.rand_like(h)).exp().sum(), h


def gradients(run: Any) -> list[Any]:
    dg.manual_seed(1)
    x, w = dg.randn(3, 4, requires_grad=True), dg.randn(4, 4, requires_grad=True)
    dg.manual_seed(2)
    loss, h = run(x, w)
    (loss + h.sum()).backward()
    return [loss.item(), x.grad.tolist(), w.grad.tolist(), dg.rand(1).item()]


@pytest.mark.parametrize("reentrant", [False, True])
def test_values_gradients_and_random_numbers_are_the_same(reentrant: bool) -> None:
    assert gradients(lambda x, w: checkpoint(noisy, x, w, use_reentrant=reentrant)) == gradients(noisy)


def test_the_function_runs_once_more_and_saves_nothing_before() -> None:
    runs = []

    def function(x: Any) -> Any:
        runs.append(1)
        return x.exp().sin().cos().exp()

    x = dg.ones(3, requires_grad=True)
    y = checkpoint(function, x, use_reentrant=False)
    y.sum().backward()
    assert len(runs) == 2


def test_a_second_backward_and_second_derivatives() -> None:
    x = dg.tensor([0.5], requires_grad=True)
    y = checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False)
    first = dg.autograd.grad(y, x, retain_graph=True)[0]
    assert dg.equal(first, dg.autograd.grad(y, x, retain_graph=True)[0])
    slope = dg.autograd.grad(y, x, create_graph=True)[0]
    second = dg.autograd.grad(slope, x)[0]
    assert second.item() == pytest.approx(((x.cos() ** 2 - x.sin()) * x.sin().exp()).item(), rel=1e-5)


def test_nested_checkpoints() -> None:
    def inner(x: Any) -> Any:
        return x.exp().sin()

    x = dg.ones(2, requires_grad=True)
    checkpoint(lambda x: checkpoint(inner, x, use_reentrant=False).cos(), x, use_reentrant=False).sum().backward()
    expected = dg.ones(2, requires_grad=True)
    inner(expected).cos().sum().backward()
    assert dg.equal(x.grad, expected.grad)


def test_keywords_contexts_and_early_stop() -> None:
    seen: list[str] = []

    @contextlib.contextmanager
    def context(name: str) -> Any:
        seen.append(name)
        yield

    def function(x: Any, *, scale: float) -> Any:
        y = (x * x).exp() * scale
        seen.append("end")
        return y

    x = dg.ones(1, requires_grad=True)
    y = checkpoint(function, x, scale=2.0, use_reentrant=False, context_fn=lambda: (context("first"), context("again")))
    y.backward()
    assert seen == ["first", "end", "again"]
    with set_checkpoint_early_stop(False):
        checkpoint(function, x, scale=2.0, use_reentrant=False).backward()
    assert seen[-2:] == ["end", "end"]


@pytest.mark.parametrize(("steps", "message"), [((2, 3), "different metadata"), ((3, 1), "different number")])
def test_a_function_that_does_something_else_is_noticed(steps: Any, message: str) -> None:
    calls = iter(steps)

    def function(x: Any) -> Any:
        n = next(calls)
        x = x.expand(n) if message == "different metadata" else x
        for _ in range(n):
            x = x.exp()
        return x

    x = dg.ones(1, requires_grad=True)
    y = checkpoint(function, x, use_reentrant=False, debug=True)
    with pytest.raises(CheckpointError, match=message):
        y.sum().backward()


def test_inputs_that_were_written_to_are_noticed() -> None:
    x, scale = dg.ones(1, requires_grad=True), dg.ones(1)
    y = checkpoint(lambda x, s: (x * s).exp(), x, scale, use_reentrant=False)
    scale.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_options_that_cannot_be_meant() -> None:
    x = dg.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="Unexpected keyword"):
        checkpoint(dg.exp, x, use_reentrant=True, other=1)
    with pytest.raises(ValueError, match="only supported when use_reentrant=False"):
        checkpoint(dg.exp, x, use_reentrant=True, debug=True)
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(dg.exp, x, use_reentrant=False, determinism_check="x")
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed"):
        checkpoint(dg.exp, x)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_chain_in_segments(reentrant: bool) -> None:
    dg.manual_seed(0)
    model = dg.nn.Sequential(*[dg.nn.Linear(3, 3) for _ in range(5)])
    x = dg.randn(2, 3, requires_grad=True)
    model(x).sum().backward()
    expected, x.grad = x.grad, None
    y = checkpoint_sequential(model, 2, x, use_reentrant=reentrant)
    y.sum().backward()
    assert dg.allclose(x.grad, expected)


@pytest.mark.parametrize("reentrant", [False, True])
def test_the_function_runs_again_under_the_autocast_of_its_first_run(reentrant: bool) -> None:
    kinds: list[Any] = []

    def halves(x: Any) -> Any:
        y = x @ x
        kinds.append(y.dtype)
        return y

    x = dg.ones(2, 2, requires_grad=True)
    with dg.autocast("cpu", dtype=dg.bfloat16):
        y = checkpoint(halves, x, use_reentrant=reentrant, early_stop=False)
    y.float().sum().backward()
    assert kinds == [dg.bfloat16, dg.bfloat16]
    assert x.grad.tolist() == [[4.0, 4.0], [4.0, 4.0]]


def test_the_older_form_fills_gradients_and_does_not_return_them() -> None:
    x = dg.ones(2, requires_grad=True)
    message = r"use_reentrant=True, torch.utils.checkpoint is incompatible with .grad\(\) or passing an `inputs`"
    with pytest.raises(RuntimeError, match=message):
        dg.autograd.grad(checkpoint(dg.exp, x, use_reentrant=True).sum(), x)
    with pytest.raises(RuntimeError, match=message):
        checkpoint(dg.exp, x, use_reentrant=True).sum().backward(inputs=[x])
    checkpoint(dg.exp, x, use_reentrant=True).sum().backward()
    assert dg.allclose(x.grad, x.detach().exp())
