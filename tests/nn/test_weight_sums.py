"""Note [Sums of weight gradients]: a weight that one graph uses often gets the same gradient however it is asked for."""

from __future__ import annotations

import threading

import dynagrad

F = dynagrad.nn.functional


def repeated(weight, bias, times=4):
    x = dynagrad.linspace(-1, 1, 6, dtype=dynagrad.float64).view(2, 3)
    total = 0
    for i in range(times):
        x = F.linear(x, weight, bias if i % 2 else None).tanh()
        total = total + (x * x).sum()
    return total


def leaves():
    dynagrad.manual_seed(0)
    weight = dynagrad.randn(3, 3, dtype=dynagrad.float64, requires_grad=True)
    return weight, dynagrad.randn(3, dtype=dynagrad.float64, requires_grad=True)


def expected():
    """From a graph in which no two gradients are summed by the product: a copy of the weight for every use."""
    weight, bias = leaves()
    x = dynagrad.linspace(-1, 1, 6, dtype=dynagrad.float64).view(2, 3)
    total = 0
    for i in range(4):
        made = x @ (weight * 1).t()
        x = (made + bias if i % 2 else made).tanh()
        total = total + (x * x).sum()
    total.backward()
    return weight.grad


def test_all_ways_to_the_gradient_agree() -> None:
    answer = expected()
    weight, bias = leaves()
    loss = repeated(weight, bias)
    loss.backward(retain_graph=True)
    assert dynagrad.allclose(weight.grad, answer, rtol=1e-12)
    loss.backward()
    assert dynagrad.allclose(weight.grad, answer * 2, rtol=1e-12)
    (asked,) = dynagrad.autograd.grad(repeated(weight, bias), weight)
    assert dynagrad.allclose(asked, answer, rtol=1e-12)
    (recorded,) = dynagrad.autograd.grad(repeated(weight, bias), weight, create_graph=True)
    assert dynagrad.allclose(recorded, answer, rtol=1e-12)


def test_hooks_of_the_weight_see_the_sum() -> None:
    answer, seen = expected(), []
    weight, bias = leaves()
    weight.register_hook(lambda g: seen.append(g.clone()))
    repeated(weight, bias).backward()
    assert len(seen) == 1
    assert dynagrad.allclose(seen[0], answer, rtol=1e-12)


def test_a_gradient_that_a_hook_kept_is_not_written_to() -> None:
    weight, bias = leaves()
    kept = []
    x = dynagrad.ones(2, 3, dtype=dynagrad.float64)
    first = F.linear(x, weight, bias)
    turned = first.grad_fn.next_functions[2][0]
    turned.register_hook(lambda gi, go: kept.append((gi[0], gi[0].clone())))
    (F.linear(first, weight, bias).sum() + F.linear(x, weight, bias).sum()).backward()
    assert all(bool((now == then).all()) for now, then in kept)


def test_threads_share_a_weight() -> None:
    answer = expected()
    weight, bias = leaves()
    losses = [repeated(weight, bias) for _ in range(8)]
    threads = [threading.Thread(target=loss.backward) for loss in losses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dynagrad.allclose(weight.grad, answer * 8, rtol=1e-10)
