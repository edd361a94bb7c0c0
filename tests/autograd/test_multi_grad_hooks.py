"""Hooks on several gradients at once, callbacks at the end of a backward, saved tensors that may be written to, Variable."""

from __future__ import annotations

import warnings

import pytest

import dynagrad as torch
from dynagrad.autograd.graph import allow_mutation_on_saved_tensors, register_multi_grad_hook


def leaves(n):
    return [torch.ones(2, requires_grad=True) for _ in range(n)]


def test_all_gradients_arrive_together_and_none_stands_for_what_is_not_reached() -> None:
    a, b, c = leaves(3)
    seen = []
    handle = register_multi_grad_hook((a, b, c), seen.append)
    (2 * a + 3 * b).sum().backward()
    (2 * a + 3 * b + c).sum().backward()
    assert [[None if g is None else g[0].item() for g in each] for each in seen] == [[2, 3, None], [2, 3, 1]]
    handle.remove()
    (a + b).sum().backward()
    assert len(seen) == 2


def test_the_hook_runs_once_when_it_is_on_inner_tensors_of_a_partial_backward() -> None:
    (x,) = leaves(1)
    y, z = x * 2, x * 3
    seen = []
    register_multi_grad_hook((y, z), seen.append)
    torch.autograd.grad((y * y + z).sum(), y, retain_graph=True)
    assert len(seen) == 1
    assert seen[0][1] is None
    torch.autograd.grad((y * y + z).sum(), x)
    assert len(seen) == 2
    assert seen[1][1] is not None


def test_any_runs_once_in_each_backward() -> None:
    a, b = leaves(2)
    seen = []
    with register_multi_grad_hook((a, b), seen.append, mode="any"):
        for _ in range(3):
            (a * b).sum().backward()
    (a * b).sum().backward()
    assert len(seen) == 3


def test_backwards_within_hooks_are_counted_apart() -> None:
    a, b = leaves(2)
    seen = []
    inner = torch.ones(2, requires_grad=True)
    c = a * 1
    loss = (inner * inner).sum()
    c.register_hook(lambda _: loss.backward())
    register_multi_grad_hook((c, b, inner), lambda grads: seen.append([g is not None for g in grads]))
    (c * b).sum().backward()
    assert sorted(seen) == [[False, False, True], [True, True, False]]


def test_unknown_modes_and_tensors_without_gradient_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Expects mode to be one of \('all', 'any'\) but got some"):
        register_multi_grad_hook(leaves(1), print, mode="some")
    with pytest.raises(AssertionError, match="Expected gradient function to be set"):
        register_multi_grad_hook([torch.ones(1)], print)


def test_callbacks_run_when_the_backward_is_through() -> None:
    (a,) = leaves(1)
    seen = []
    queue = torch.autograd.Variable._execution_engine.queue_callback

    def hook(_):
        queue(lambda: (seen.append(a.grad[0].item()), queue(lambda: seen.append("last"))))

    (y := a * 5).register_hook(hook)
    y.sum().backward()
    assert seen == [5.0, "last"]
    with pytest.raises(RuntimeError, match="Final callbacks can only be installed during backward pass"):
        queue(lambda: None)


def test_an_error_in_a_callback_is_the_backwards() -> None:
    (a,) = leaves(1)

    def fail():
        raise KeyError("mine")

    a.register_hook(lambda _: torch.autograd.Variable._execution_engine.queue_callback(fail))
    with pytest.raises(KeyError, match="mine"):
        (a * 2).sum().backward()
    (a * 2).detach()
    torch.ones(1, requires_grad=True).sum().backward()  # the engine goes on


def test_saved_tensors_may_be_written_to() -> None:
    (x,) = leaves(1)
    with allow_mutation_on_saved_tensors() as context:
        y = x.clone()
        z = (y**2).sum()
        y.sin_()
        z.backward()
        assert x.grad.tolist() == [2, 2]
        with pytest.raises(RuntimeError, match="contexts cannot be nested"), allow_mutation_on_saved_tensors():
            pass
        late = (x**2).sum()
    with pytest.raises(AssertionError, match="outside of the 'allow_mutation_on_saved_tensors' context"):
        late.backward()
    assert context is not None


def test_the_optimiser_may_step_before_backward() -> None:
    w = torch.tensor([3.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    with allow_mutation_on_saved_tensors():
        loss = (w * w).sum()
        w.grad = torch.ones(1)
        optimizer.step()
        w.grad = None
        loss.backward()
    assert w.grad.item() == 6.0


def test_a_variable_is_a_leaf_over_the_same_memory() -> None:
    x = torch.ones(2)
    v = torch.autograd.Variable(x, requires_grad=True)
    assert v.data_ptr() == x.data_ptr()
    assert v.is_leaf
    assert v.requires_grad
    assert isinstance(x, torch.autograd.Variable)
    assert not isinstance(3, torch.autograd.Variable)
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got list"):
        torch.autograd.Variable([1.0])
    with pytest.warns(UserWarning, match="volatile was removed and now has no effect"):
        torch.autograd.Variable(x, volatile=True)


def test_switches_hold_for_their_region() -> None:
    assert torch.autograd.is_multithreading_enabled()
    with torch.autograd.set_multithreading_enabled(False):
        assert not torch.autograd.is_multithreading_enabled()
    assert torch.autograd.is_multithreading_enabled()
    with torch.autograd.enforce_grad_layout_policy(False):
        (x := leaves(1)[0]).sum().backward()
    assert x.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="only has an effect"):
        torch.autograd.graph.region_activation_memory_budget(0.5)
    with pytest.raises(TypeError, match="must be bool"):
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(1)


def test_inplace_function_is_a_function() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert torch.autograd.function.InplaceFunction(True).inplace
