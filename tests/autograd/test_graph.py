"""autograd.graph: gradient edges, versions, hooks on what is saved for backward."""

import pytest

import dynagrad as torch
from dynagrad.autograd import graph


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


def test_nodes_are_nodes(x):
    assert isinstance((x * 2).grad_fn, graph.Node)


def test_gradient_edges(x):
    y = x * 2
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn
    assert edge.output_nr == 0
    assert graph.get_gradient_edge(x).node.variable is x
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(torch.ones(1))


def test_gradients_are_taken_at_edges(x):
    y = x * 2
    assert torch.autograd.grad((y * 3).sum(), graph.get_gradient_edge(y))[0].tolist() == [3.0] * 2
    assert torch.autograd.grad(graph.get_gradient_edge((x * 2).sum()), x)[0].tolist() == [2.0] * 2


def test_gradients_by_name(x):
    found = torch.autograd.grad((x * 2).sum(), {"a": x})
    assert {name: g.tolist() for name, g in found.items()} == {"a": [2.0, 2.0]}


def test_increment_version(x):
    before = x._version
    graph.increment_version(x)
    graph.increment_version([x, torch.ones(1)])
    assert x._version == before + 2
    with pytest.raises(RuntimeError):
        graph.increment_version(5)


def test_saved_tensors_go_through_the_hooks(x):
    seen = []

    def pack(t):
        seen.append("pack")
        return t.tolist()

    def unpack(values):
        seen.append("unpack")
        return torch.tensor(values) * 10

    with graph.saved_tensors_hooks(pack, unpack):
        y = (x * x).sum()
    assert seen == ["pack", "pack"]
    y.backward()
    assert seen == ["pack", "pack", "unpack", "unpack"]
    assert x.grad.tolist() == [20.0] * 2


def test_the_innermost_hooks_count_and_the_outer_ones_return(x):
    names = []

    def hooks(name):
        return graph.saved_tensors_hooks(lambda t: (names.append(name), t)[1], lambda t: t)

    with hooks("outer"):
        with hooks("inner"):
            x.exp()
        x.exp()
    x.exp()
    assert names == ["inner", "outer"]


def test_unpack_must_return_a_tensor(x):
    with graph.saved_tensors_hooks(lambda t: t, lambda _: 5):
        y = (x * x).sum()
    with pytest.raises(TypeError):
        y.backward()


def test_save_on_cpu(x):
    with graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2.0] * 2


def test_hooks_can_be_forbidden():
    hooks = graph.saved_tensors_hooks(lambda t: t, lambda t: t)
    with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"), hooks:
        pass
    with hooks, pytest.raises(RuntimeError, match="not here"), graph.disable_saved_tensors_hooks("not here"):
        pass
    with hooks:
        pass


def test_gradients_are_taken_of_any_iterable(x):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    named = {"x": x, "w": w}
    loss = (x * x).sum() + (w * w).sum()
    found = torch.autograd.grad(loss, (each for each in named.values()), retain_graph=True)
    assert [g.tolist() for g in found] == [(2 * x).tolist(), [2, 4]]
    found = torch.autograd.grad(loss, named.values(), retain_graph=True)
    assert [g.tolist() for g in found] == [(2 * x).tolist(), [2, 4]]
    torch.autograd.backward(each for each in (loss, loss * 2))
    assert w.grad.tolist() == [6, 12]


def test_a_batch_of_gradients_is_a_gradient_for_each_row():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    unused = torch.ones(1, requires_grad=True)
    y = w * w
    rows = torch.eye(2)
    (found,) = torch.autograd.grad(y, w, rows, is_grads_batched=True, retain_graph=True)
    assert found.tolist() == [[2, 0], [0, 4]]
    found = torch.autograd.grad(
        y, {"w": w, "unused": unused}, rows, is_grads_batched=True, create_graph=True, allow_unused=True
    )
    assert found["unused"] is None
    found["w"].sum().backward()
    assert w.grad.tolist() == [2, 2]
    with pytest.raises(ValueError, match="lengths"):
        torch.autograd.grad(y, w, is_grads_batched=True)
    (found,) = torch.autograd.grad(y, w, rows, is_grads_batched=True)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(y, w, rows, is_grads_batched=True)
