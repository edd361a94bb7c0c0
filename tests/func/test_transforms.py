"""Derivatives of functions against formulas, loops and finite differences; what they leave behind, which is nothing."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad as torch
from dynagrad.func import (
    debug_unwrap,
    functional_call,
    functorch,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    replace_all_batch_norm_modules_,
    vjp,
    vmap,
)
from dynagrad.utils.checkpoint import checkpoint

X = torch.linspace(-1.0, 1.5, 12, dtype=torch.float64).reshape(3, 4)
W = torch.linspace(0.5, 1.5, 8, dtype=torch.float64).reshape(2, 4)


def f(w: Any, x: Any) -> Any:
    return (torch.tanh(x @ w.T) ** 2).sum()


def curved(v: Any) -> Any:
    return v.sin() * v.sum()


def close(a: Any, b: Any, atol: float = 1e-9) -> bool:
    assert a.shape == b.shape
    return torch.allclose(a, b, rtol=1e-7, atol=atol)


def differences(function: Any, x: Any, eps: float = 1e-6) -> Any:
    """The Jacobian by central differences, a column for each element of x."""
    columns = []
    for k in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype)
        step[k] = eps
        step = step.reshape(x.shape)
        columns.append((function(x + step) - function(x - step)) / (2 * eps))
    return torch.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


def test_gradients_are_slopes() -> None:
    assert close(grad(f)(W, X), differences(lambda w: f(w, X), W), 1e-7)
    gradients, value = grad_and_value(f, argnums=(0, 1))(W, X)
    assert close(gradients[1], differences(lambda x: f(W, x), X), 1e-7)
    assert close(value, f(W, X))


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians_are_slopes(jacobian: Any) -> None:
    assert close(jacobian(curved)(X[0]), differences(curved, X[0]), 1e-7)
    assert close(vmap(jacobian(curved))(X), torch.stack([differences(curved, x) for x in X]), 1e-7)
    assert close(jacobian(jacobian(curved))(X[0]), differences(jacrev(curved), X[0]), 1e-6)
    assert close(hessian(lambda v: curved(v).sum())(X[0]), differences(grad(lambda v: curved(v).sum()), X[0]), 1e-6)


def test_jacobians_of_what_does_not_depend_are_zero_and_empty_ones_empty() -> None:
    assert jacrev(lambda v: X[0] * 2)(X[1]).tolist() == torch.zeros(4, 4).tolist()
    assert jacfwd(lambda v: X[0] * 2)(X[1]).tolist() == torch.zeros(4, 4).tolist()
    assert jacrev(lambda v: v[:0])(X[0]).shape == (0, 4)
    assert jacfwd(lambda v: v.sum())(X[0][:0]).shape == (0,)


def test_products_agree_with_the_jacobian() -> None:
    jacobian, v = jacrev(curved)(X[0]), X[1]
    assert close(jvp(curved, (X[0],), (v,))[1], jacobian @ v)
    assert close(linearize(curved, X[0])[1](v), jacobian @ v)
    value, pull = vjp(curved, X[0])
    assert close(pull(v)[0], v @ jacobian)
    assert close(value, curved(X[0]))
    assert close(vmap(pull)(X)[0], X @ jacobian)
    assert close(vmap(lambda u: jvp(curved, (X[0],), (u,))[1])(X), X @ jacobian.T)


def test_each_example_has_a_gradient_of_its_own() -> None:
    each = vmap(grad(f), in_dims=(None, 0))(W, X)
    assert close(each, torch.stack([grad(f)(W, x) for x in X]))
    assert close(each.sum(0), grad(f)(W, X))
    behind = vmap(grad(f), in_dims=(None, 1), out_dims=2)(W, X.T)
    assert close(behind, each.movedim(0, 2))


def test_aux_is_handed_on_without_history() -> None:
    found, aux = grad(lambda v: ((v**2).sum(), {"doubled": v * 2}), has_aux=True)(X)
    assert close(found, 2 * X)
    assert not aux["doubled"].requires_grad
    rows, (value, more) = vmap(grad_and_value(lambda v: ((v**2).sum(), v[0]), has_aux=True))(X)
    assert close(rows, 2 * X)
    assert close(value, (X**2).sum(1))
    assert close(more, X[:, 0])
    assert jacrev(lambda v: (v, v.sum()), has_aux=True)(X[0])[1].item() == X[0].sum().item()
    assert vjp(lambda v: (v, v.sum()), X[0], has_aux=True)[2].item() == X[0].sum().item()
    assert jvp(lambda v: (v, v.sum()), (X[0],), (X[1],), has_aux=True)[2].item() == X[0].sum().item()


def test_nothing_is_left_behind() -> None:
    p = torch.ones(4, dtype=torch.float64, requires_grad=True)
    for made in (
        grad(lambda v: (v**3).sum())(X[0]),
        *grad_and_value(lambda v: (v**3).sum())(X[0]),
        jacrev(curved)(X[0]),
        jacfwd(curved)(X[0]),
        *jvp(curved, (X[0],), (X[1],)),
        vjp(curved, X[0])[0],
        vjp(curved, X[0])[1](X[1])[0],
        hessian(lambda v: curved(v).sum())(X[0]),
    ):
        assert not made.requires_grad
    assert X.grad is None
    through = grad(lambda v: (v**2 * p).sum())(X[0])
    assert through.requires_grad
    through.sum().backward()
    assert close(p.grad, 2 * X[0])


def test_outer_tensors_are_constants_inside_and_variables_outside() -> None:
    q = torch.tensor(3.0, requires_grad=True)
    inner = grad(lambda a: a * q)(q)
    assert inner.item() == 3.0
    assert torch.autograd.grad(inner, q)[0].item() == 1.0
    assert grad(lambda a: a * grad(lambda b: a + b)(a))(torch.tensor(3.0)).item() == 1.0
    assert grad(lambda a: a * grad(lambda b: a * b * b)(a))(torch.tensor(3.0)).item() == 54.0
    _, pull = vjp(lambda a: a * q, q)
    assert torch.autograd.grad(pull(torch.tensor(2.0))[0], q)[0].item() == 2.0


def test_grad_modes_count_inside_and_not_outside() -> None:
    q = torch.tensor(3.0, requires_grad=True)
    with torch.no_grad():
        assert not grad(lambda a: a * a * q)(q).requires_grad
        assert grad(lambda a: a * a)(torch.tensor(3.0)).item() == 6.0

    with torch.inference_mode():
        assert grad(lambda a: a * a)(torch.tensor(3.0)).item() == 6.0
        assert close(jacfwd(curved)(X[0]), jacrev(curved)(X[0]))
        assert close(vmap(hessian(lambda v: (v**3).sum()))(X), torch.diag_embed(6 * X))

    def half(a: Any) -> Any:
        with torch.no_grad():
            frozen = a * 1
        return a * frozen

    assert grad(half)(torch.tensor(3.0)).item() == 3.0


def test_a_branch_on_the_value_is_allowed_where_nothing_is_mapped_over() -> None:
    def branch(v: Any) -> Any:
        return v * 2 if v.sum() > 0 else v * 3

    assert close(jacrev(branch)(X[2]), 2 * torch.eye(4, dtype=torch.float64))
    assert close(jacfwd(branch)(X[0]), 3 * torch.eye(4, dtype=torch.float64))
    assert grad(lambda v: v.sum() * v.sum().item())(X[2]).tolist() == [X[2].sum().item()] * 4


def test_random_ops_in_a_jacobian() -> None:
    v = torch.ones(4)
    same = jacfwd(lambda t: t * torch.rand(4), randomness="same")(v).diagonal()
    different = jacfwd(lambda t: t.sum() * torch.rand(2), randomness="different")(v)
    assert same.min() > 0
    assert len(set(different[0].tolist())) == 4


def test_levels_nest_and_chunks_are_the_whole() -> None:
    outer = vmap(lambda a: vmap(lambda b: a * b.sum() + debug_unwrap(b).shape[0])(X))(X)
    assert close(outer, X[:, None] * X.sum(1)[None, :, None] + 3)
    assert close(vmap(curved, chunk_size=2)(X), vmap(curved)(X))
    assert vmap(lambda v: (v, torch.ones(2)), out_dims=(1, None))(X)[1].tolist() == [1.0, 1.0]
    assert vmap(lambda v: 7 * torch.ones(2))(X).shape == (3, 2)
    assert vmap(lambda v: v.sin().sum())(torch.zeros(0, 3)).shape == (0,)


def test_batch_norms_learn_to_do_without_running_statistics() -> None:
    model = replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.BatchNorm1d(2)))
    batches = torch.randn(3, 5, 4)
    assert torch.allclose(vmap(model)(batches), torch.stack([model(x) for x in batches]), atol=1e-6)


def test_modules_of_every_kind_of_call_are_mapped() -> None:
    layer = torch.nn.Linear(4, 2)
    params = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in layer.named_parameters()}
    x = torch.randn(2, 4)
    found = vmap(lambda p, x: functional_call(layer, p, (x,)))(params, x)
    expected = torch.stack([x[0] @ layer.weight.T + layer.bias, 2 * (x[1] @ layer.weight.T + layer.bias)])
    assert torch.allclose(found, expected, atol=1e-6)


def test_what_backward_computes_anew_is_computed_for_all_examples() -> None:
    def f(v: Any) -> Any:
        return checkpoint(lambda u: (u.sin() * u).exp(), v, use_reentrant=False).sum()

    assert close(vmap(grad(f))(X), torch.stack([grad(f)(x) for x in X]))


def test_hooks_see_all_examples() -> None:
    def f(v: Any) -> Any:
        y = v * 2
        debug_unwrap(y).register_hook(lambda g: g * 10)
        return (y**2).sum()

    assert close(vmap(grad(f))(X), 80 * X)


def test_recorded_rules_write_where_the_example_says() -> None:
    def f(v: Any) -> Any:
        y = v.clone()
        y[v > 0] = 7.0
        y[..., 0] += 1
        return y

    assert close(vmap(f)(X), torch.stack([f(x) for x in X]))


def test_the_names_are_where_pytorch_has_them() -> None:
    assert torch.vmap is vmap
    assert torch.func.grad is grad


def test_functorch_speaks_of_its_successor() -> None:
    models = [torch.nn.Linear(3, 2) for _ in range(2)]
    x = torch.randn(3)
    with pytest.warns(FutureWarning, match="Please use `torch.func.functional_call` instead"):
        f, params = functorch.make_functional(models[0])
    assert torch.equal(f(params, x), models[0](x))
    assert all(p.requires_grad for p in params)
    with pytest.warns(FutureWarning, match="`functorch.combine_state_for_ensemble` is deprecated"):
        f, params, buffers = functorch.combine_state_for_ensemble(models)
    with pytest.warns(FutureWarning, match="Please use `torch.vmap` instead"):
        found = functorch.vmap(f, (0, 0, None))(params, buffers, x)
    assert torch.allclose(found, torch.stack([model(x) for model in models]), atol=1e-6)
    normed = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).eval()
    with pytest.warns(FutureWarning, match="make_functional_with_buffers"):
        g, weights, statistics = functorch.make_functional_with_buffers(normed, disable_autograd_tracking=True)
    assert torch.equal(g(weights, statistics, x[None]), normed(x[None]))
    with pytest.warns(FutureWarning), pytest.raises(RuntimeError, match="`model` has buffers"):
        functorch.make_functional(normed)
