"""Hooks on tensors, on nodes and on leaves: their order, what they may return, and how they are removed."""

import pytest

import dynagrad as torch


@pytest.fixture
def x():
    return torch.ones(3, requires_grad=True)


def test_a_tensor_hook_sees_and_may_replace_the_gradient(x):
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert seen == [[1.0] * 3]
    assert x.grad.tolist() == [20.0] * 3


def test_hooks_of_a_leaf_run_before_it_accumulates(x):
    x.register_hook(lambda g: g + 1)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [6.0] * 3


def test_tensor_hooks_run_in_order_of_registration_and_can_be_removed(x):
    seen = []
    y = x * 2
    handles = [y.register_hook(lambda _, name=name: seen.append(name)) for name in "abc"]
    handles[1].remove()
    handles[1].remove()
    y.sum().backward()
    assert seen == ["a", "c"]


def test_a_handle_is_a_context_manager(x):
    seen = []
    y = (x * 2).sum()
    with y.register_hook(lambda _: seen.append(1)):
        y.backward(retain_graph=True)
    y.backward()
    assert seen == [1]


def test_hooks_need_a_gradient():
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        torch.ones(2).register_hook(print)


@pytest.mark.parametrize("returned", [torch.ones(5), torch.ones(1), torch.ones(3, dtype=torch.float64), "a"])
def test_hooks_return_tensors_of_the_same_shape_and_dtype(x, returned):
    y = x * 2
    y.register_hook(lambda _: returned)
    with pytest.raises((RuntimeError, TypeError)):
        y.sum().backward()


def test_node_hooks_see_both_sides(x):
    seen = []
    y = x * 2
    handle = y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
    y.sum().backward(retain_graph=True)
    (inputs, outputs) = seen[0]
    assert inputs[0].tolist() == [2.0] * 3
    assert outputs[0].tolist() == [1.0] * 3
    handle.remove()
    y.sum().backward()
    assert len(seen) == 1


def test_node_hooks_may_replace_gradients(x):
    y = x * 2
    y.grad_fn.register_hook(lambda inputs, _: (inputs[0] * 10, *inputs[1:]))
    y.sum().backward()
    assert x.grad.tolist() == [20.0] * 3


def test_node_prehooks_may_replace_gradients(x):
    y = x * 2
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
    y.sum().backward()
    assert x.grad.tolist() == [20.0] * 3


def test_post_accumulate_hooks_run_once_grad_is_there(x):
    seen = []
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append((leaf is x, leaf.grad.tolist())))
    (x * 2).sum().backward()
    assert seen == [(True, [2.0] * 3)]
    y = x * 2
    with pytest.raises(RuntimeError, match="leaf"):
        y.register_post_accumulate_grad_hook(print)


def test_a_post_accumulate_hook_may_step_and_clear(x):
    def step(leaf):
        with torch.no_grad():
            leaf -= 0.5 * leaf.grad
        leaf.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 2).sum().backward()
    assert x.tolist() == [0.0] * 3
    assert x.grad is None


def test_retain_grad(x):
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0] * 3
    x.retain_grad()
    assert not x.retains_grad
    with pytest.raises(RuntimeError):
        torch.ones(2).retain_grad()


def test_retained_gradients_are_those_after_the_hooks(x):
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    y.sum().backward()
    assert y.grad.tolist() == [5.0] * 3


def test_autograd_grad_takes_the_hooks_into_account(x):
    y = x * 2
    y.register_hook(lambda g: g * 5)
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 7,))
    z = y.sum()
    assert torch.autograd.grad(z, x, retain_graph=True)[0].tolist() == [70.0] * 3
    assert torch.autograd.grad(z, y, retain_graph=True)[0].tolist() == [5.0] * 3
    # PyTorch takes the gradient of a tensor on the way to another one before its hooks run.
    assert torch.autograd.grad(z, [y, x])[0].tolist() == [1.0] * 3


def test_backward_into_chosen_inputs_runs_their_hooks(x):
    seen = []
    x.register_hook(lambda g: g * 7)
    x.register_post_accumulate_grad_hook(lambda _: seen.append(1))
    (x * 2).sum().backward(inputs=[x])
    assert x.grad.tolist() == [14.0] * 3
    assert seen == [1]
    torch.autograd.grad((x * 2).sum(), x)
    assert seen == [1]


def test_hooks_of_an_accumulating_node(x):
    seen = []
    y = (x * 2).sum()
    sink = y.grad_fn.next_functions[0][0].next_functions[0][0]
    sink.register_prehook(lambda outputs: seen.append(("before", outputs[0].tolist())))
    sink.register_hook(lambda inputs, outputs: seen.append(("after", inputs, outputs[0].tolist())))
    x.register_hook(lambda g: seen.append(("tensor", g.tolist())))
    torch.autograd.grad(y, x, retain_graph=True)
    assert seen == [("tensor", [2.0] * 3)]
    y.backward()
    assert seen[1:] == [("tensor", [2.0] * 3), ("before", [2.0] * 3), ("after", (), [2.0] * 3)]


@pytest.mark.parametrize("returned", ["a", torch.ones(3), (torch.ones(3),), (torch.ones(3),) * 3])
def test_node_hooks_return_as_many_gradients_as_they_got(x, returned):
    y = x * torch.ones(3, requires_grad=True)
    y.grad_fn.register_hook(lambda *_: returned)
    with pytest.raises((TypeError, RuntimeError), match=r"expected tuple|incorrect number of values"):
        y.sum().backward()


@pytest.mark.parametrize("returned", ["a", torch.ones(3), (torch.ones(3),) * 2])
def test_node_prehooks_return_as_many_gradients_as_they_got(x, returned):
    y = x * 2
    y.grad_fn.register_prehook(lambda *_: returned)
    with pytest.raises((TypeError, RuntimeError), match=r"expected tuple|incorrect number of values"):
        y.sum().backward()


def test_hooks_stay_with_the_value_that_was_overwritten(x):
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.mul_(3)
    y.sum().backward()
    assert seen == [[3.0] * 3]


def test_a_backward_inside_a_hook(x):
    inner = []
    y = x * 2

    def hook(g):
        z = torch.ones(1, requires_grad=True)
        with torch.enable_grad():
            (z * 4).backward()
        inner.append(z.grad.tolist())
        return g

    y.register_hook(hook)
    y.sum().backward()
    assert inner == [[4.0]]
    assert x.grad.tolist() == [2.0] * 3
