"""Programs of functions of functions, each as a function of the library: what tutorials teach, and how transforms nest."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

PROGRAMS: dict[str, Callable[[Any], list[Any]]] = {}


def program(made: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """Files a program, which returns tensors to compare."""
    PROGRAMS[made.__name__] = made
    return made


def detached(items: Any) -> dict[str, Any]:
    return {name: t.detach() for name, t in items}


# ---- per-sample gradients ----------------------------------------------------------------------------------------------


def small_net(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(64, 5)
    )


def loss_of(torch: Any, model: Any) -> Any:
    def loss(params: Any, buffers: Any, sample: Any, target: Any) -> Any:
        output = torch.func.functional_call(model, (params, buffers), (sample.unsqueeze(0),))
        return torch.nn.functional.cross_entropy(output, target.unsqueeze(0))

    return loss


@program
def gradients_of_samples(torch: Any) -> list[Any]:
    model = small_net(torch)
    params, buffers = detached(model.named_parameters()), detached(model.named_buffers())
    x, y = torch.randn(6, 1, 10, 10), torch.arange(6) % 5
    per_sample = torch.func.vmap(torch.func.grad(loss_of(torch, model)), in_dims=(None, None, 0, 0))
    return list(per_sample(params, buffers, x, y).values())


@program
def gradients_of_samples_in_chunks(torch: Any) -> list[Any]:
    model = small_net(torch)
    params, buffers = detached(model.named_parameters()), detached(model.named_buffers())
    x, y = torch.randn(7, 1, 10, 10), torch.arange(7) % 5
    gradient = torch.func.grad_and_value(loss_of(torch, model))
    per_sample = torch.func.vmap(gradient, in_dims=(None, None, 0, 0), chunk_size=3)
    found, losses = per_sample(params, buffers, x, y)
    return [*found.values(), losses]


@program
def gradients_of_samples_of_a_transformer(torch: Any) -> list[Any]:
    nn = torch.nn
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    model = nn.Sequential(nn.Embedding(10, 8), layer, nn.Flatten(), nn.Linear(40, 2))
    tokens = torch.arange(15).reshape(3, 5) % 10
    loss = loss_of(torch, model)
    params = detached(model.named_parameters())
    return list(
        torch.func.vmap(torch.func.grad(loss), (None, None, 0, 0))(params, {}, tokens, torch.tensor([0, 1, 1])).values()
    )


# ---- ensembles ---------------------------------------------------------------------------------------------------------


def perceptron(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))


@program
def ensemble(torch: Any) -> list[Any]:
    models = [perceptron(torch) for _ in range(4)]
    params, buffers = torch.func.stack_module_state(models)
    base = copy.deepcopy(models[0])

    def call(params: Any, buffers: Any, x: Any) -> Any:
        return torch.func.functional_call(base, (params, buffers), (x,))

    x = torch.randn(4, 5, 6)
    each = torch.func.vmap(call)(params, buffers, x)
    same = torch.func.vmap(call, in_dims=(0, 0, None))(params, buffers, x[0])
    each.sum().backward()
    return [each, same, *(p.grad for p in params.values())]


@program
def ensemble_trained_by_hand(torch: Any) -> list[Any]:
    models = [perceptron(torch) for _ in range(3)]
    params, _ = torch.func.stack_module_state(models)
    x, y = torch.randn(3, 5, 6), torch.randn(3, 5, 3)

    def step(params: Any, x: Any, y: Any) -> Any:
        def loss(params: Any) -> Any:
            return torch.nn.functional.mse_loss(torch.func.functional_call(models[0], params, (x,)), y)

        gradients, value = torch.func.grad_and_value(loss)(params)
        return {name: p - 0.1 * gradients[name] for name, p in params.items()}, value

    values = []
    params = {name: p.detach() for name, p in params.items()}
    for _ in range(3):
        params, value = torch.func.vmap(step)(params, x, y)
        values.append(value)
    return [*values, *params.values()]


# ---- Jacobians and Hessians --------------------------------------------------------------------------------------------


def predict(torch: Any, weight: Any, bias: Any, x: Any) -> Any:
    return torch.nn.functional.linear(x, weight, bias).tanh()


@program
def jacobians(torch: Any) -> list[Any]:
    func, n = torch.func, 5
    weight, bias, x, many = torch.randn(n, n), torch.randn(n), torch.randn(n), torch.randn(3, n)
    f = partial(predict, torch)
    found = [func.jacrev(f, argnums=2)(weight, bias, x), func.jacfwd(f, argnums=2)(weight, bias, x)]
    found += func.jacrev(f, argnums=(0, 1))(weight, bias, x)
    found += func.jacfwd(f, argnums=(0, 2))(weight, bias, x)
    found.append(func.hessian(f, argnums=2)(weight, bias, x))
    found.append(func.vmap(func.hessian(f, argnums=2), in_dims=(None, None, 0))(weight, bias, many))
    found.append(func.vmap(func.jacrev(f, argnums=2), in_dims=(None, None, 0))(weight, bias, many))
    found.append(func.vmap(func.jacfwd(f, argnums=2), in_dims=(None, None, 0))(weight, bias, many))
    return found


@program
def jacobian_of_trees(torch: Any) -> list[Any]:
    def f(inputs: Any, scale: Any) -> Any:
        return {"product": inputs["a"] * inputs["b"][0].sum() * scale, "other": (inputs["a"].sin(),)}

    inputs = {"a": torch.randn(3), "b": (torch.randn(2, 2),)}
    found = torch.func.jacrev(f)(inputs, torch.tensor(2.0))
    pushed = torch.func.jacfwd(f)(inputs, torch.tensor(2.0))
    return [
        each
        for tree in (found, pushed)
        for each in (
            tree["product"]["a"],
            tree["product"]["b"][0],
            tree["other"][0]["a"],
            tree["other"][0]["b"][0],
        )
    ]


@program
def products_with_jacobians(torch: Any) -> list[Any]:
    func, n = torch.func, 4
    weight, bias, x = torch.randn(n, n), torch.randn(n), torch.randn(n)
    f = partial(predict, torch, weight, bias)
    basis = torch.eye(n)
    value, pull = func.vjp(f, x)
    _, tangent = func.jvp(f, (x,), (basis[1],))
    _, push = func.linearize(f, x)
    columns = func.vmap(lambda v: func.jvp(f, (x,), (v,))[1])(basis)
    hvp = func.jvp(func.grad(lambda z: f(z).sum()), (x,), (basis[2],))[1]
    reverse = func.vjp(func.grad(lambda z: f(z).sum()), x)[1](basis[2])[0]
    return [value, *pull(basis[0]), tangent, push(basis[1]), columns, *func.vmap(pull)(basis), hvp, reverse]


# ---- neural tangent kernels --------------------------------------------------------------------------------------------


@program
def tangent_kernel(torch: Any) -> list[Any]:
    func, model = torch.func, torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    params = detached(model.named_parameters())
    x1, x2 = torch.randn(3, 4), torch.randn(2, 4)

    def f(params: Any, x: Any) -> Any:
        return func.functional_call(model, params, (x.unsqueeze(0),)).squeeze(0)

    first = func.vmap(func.jacrev(f), (None, 0))(params, x1)
    second = func.vmap(func.jacrev(f), (None, 0))(params, x2)
    pairs = [(first[name].flatten(2), second[name].flatten(2)) for name in params]
    full = sum(torch.einsum("Naf,Mbf->NMab", a, b) for a, b in pairs)

    def block(x1: Any, x2: Any) -> Any:
        output, pull = func.vjp(lambda params: f(params, x1), params)

        def row(v: Any) -> Any:
            return func.jvp(lambda params: f(params, x2), (params,), pull(v))[1]

        return func.vmap(row)(torch.eye(output.numel()))

    implicit = func.vmap(func.vmap(block, (None, 0)), (0, None))(x1, x2)
    return [full, implicit]


# ---- learning to learn -------------------------------------------------------------------------------------------------


@program
def maml(torch: Any) -> list[Any]:
    F = torch.nn.functional
    sizes = ((8, 1), (8,), (1, 8), (1,))
    params = [torch.randn(size).requires_grad_() for size in sizes]

    def net(params: Any, x: Any) -> Any:
        return F.linear(F.relu(F.linear(x, params[0], params[1])), params[2], params[3])

    def task(x1: Any, y1: Any, x2: Any, y2: Any) -> Any:
        gradients = torch.func.grad(lambda params: F.mse_loss(net(params, x1), y1))(params)
        adapted = [p - 0.1 * g for p, g in zip(params, gradients, strict=True)]
        return F.mse_loss(net(adapted, x2), y2)

    x1, x2 = torch.randn(4, 5, 1), torch.randn(4, 5, 1)
    losses = torch.func.vmap(task)(x1, x1.sin(), x2, x2.sin())
    losses.mean().backward()
    return [losses, *(p.grad for p in params)]


# ---- nesting -----------------------------------------------------------------------------------------------------------


@program
def nested_gradients(torch: Any) -> list[Any]:
    grad, vmap = torch.func.grad, torch.func.vmap
    x = torch.tensor(1.3)
    xs = torch.linspace(-1, 1, 6).reshape(2, 3)
    return [
        grad(grad(torch.sin))(x),
        grad(grad(grad(lambda a: a**5)))(x),
        grad(lambda a: a * grad(lambda b: a * b * b)(a))(x),
        grad(lambda a: a * grad(lambda b: a + b)(a))(x),
        vmap(vmap(grad(lambda a: a**3)))(xs),
        grad(lambda v: vmap(grad(lambda a: a**3))(v).sum())(xs[0]),
        vmap(grad(lambda q: vmap(lambda r: (r * q).sum().sin())(xs).sum()))(xs),
        vmap(lambda a: vmap(lambda b: grad(lambda t: (t * a * b).sum())(b))(xs))(xs),
        torch.func.jacrev(torch.func.jacfwd(lambda v: v.sin() * v.sum()))(xs[0]),
        torch.func.jacfwd(torch.func.jacrev(lambda v: v.sin() * v.sum()))(xs[0]),
    ]


@program
def backward_through_a_gradient(torch: Any) -> list[Any]:
    p, q = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    g = torch.func.grad(lambda a: a**3 * p)(q)
    g.backward()
    value, pull = torch.func.vjp(lambda a: a * p, q)
    (back,) = pull(torch.tensor(1.5))
    return [g.detach(), p.grad, q.grad, value.detach(), back.detach()]


@program
def grad_modes(torch: Any) -> list[Any]:
    x = torch.linspace(0, 1, 4)

    def inside(v: Any) -> Any:
        with torch.no_grad():
            c = v * 2
        return (v * c).sum()

    with torch.no_grad():
        outside = torch.func.grad(lambda v: (v**3).sum())(x)
        nested = torch.func.grad(lambda v: torch.func.grad(lambda u: (u**3).sum())(v).sum())(x)
    return [torch.func.grad(inside)(x), outside, nested]


@program
def batch_norm_of_each(torch: Any) -> list[Any]:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4, track_running_stats=False))
    x = torch.randn(2, 5, 3)
    weights = torch.linspace(-1, 1, 20).reshape(5, 4)
    params = detached(model.named_parameters())

    def loss(params: Any, x: Any) -> Any:
        return (torch.func.functional_call(model, params, (x,)) * weights).sum()

    return [torch.func.vmap(model)(x), *torch.func.vmap(torch.func.grad(loss), (None, 0))(params, x).values()]


@program
def recurrent_cells(torch: Any) -> list[Any]:
    cell = torch.nn.LSTM(4, 5, batch_first=True)
    params = detached(cell.named_parameters())
    x = torch.randn(3, 6, 4)

    def loss(params: Any, x: Any) -> Any:
        return (torch.func.functional_call(cell, params, (x.unsqueeze(0),))[0] ** 2).sum()

    return list(torch.func.grad(loss)(params, x[0]).values())


# ---- random ops --------------------------------------------------------------------------------------------------------


@program
def drawn_once(torch: Any) -> list[Any]:
    x = torch.zeros(3, 4)
    found = torch.func.vmap(lambda v: v + torch.randn(4), randomness="same")(x)
    masks = torch.func.vmap(lambda v: torch.rand(2) + v[0], randomness="same", chunk_size=2)(x)
    return [found - found[0], masks - masks[0]]


@program
def drawn_for_each(torch: Any) -> list[Any]:
    x = torch.zeros(3, 4)
    vmap = partial(torch.func.vmap, randomness="different")
    return [
        vmap(lambda v: v + torch.randn(4))(x),
        vmap(torch.rand_like)(x),
        vmap(lambda v: torch.nn.functional.dropout(v + 1))(x),
        vmap(lambda v: torch.bernoulli(v + 0.5))(x),
        vmap(lambda v: v.clone().normal_())(x),
        vmap(lambda v: v[0].long() + torch.randint(0, 9, (4,)))(x),
    ]


# ---- in place ----------------------------------------------------------------------------------------------------------


@program
def written_in_place(torch: Any) -> list[Any]:
    x = torch.linspace(-1, 1, 12).reshape(3, 4)

    def f(v: Any) -> Any:
        y = v * 2
        y += 1
        y[1:3] = v[:2] * 3
        y[0] *= 5
        z = torch.zeros_like(v)
        z.copy_(y).mul_(v)
        return z.add_(v.sum())

    def masked(v: Any) -> Any:
        y = v.clone()
        y.masked_fill_(v > 0, 7.0)
        return y.clamp_(max=5.0)

    gradient = torch.func.vmap(torch.func.grad(lambda v: f(v).sum()))(x)
    return [torch.func.vmap(f)(x), torch.func.vmap(masked)(x), gradient, torch.func.vmap(f, in_dims=1, out_dims=1)(x)]


# ---- forward mode ------------------------------------------------------------------------------------------------------


@program
def dual_numbers(torch: Any) -> list[Any]:
    from importlib import import_module

    forward_ad = import_module(f"{torch.__name__}.autograd.forward_ad")
    model = torch.nn.Linear(3, 2)
    x, v = torch.randn(4, 3), torch.randn(4, 3)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, v)
        y = model(dual).tanh()
        found = [
            forward_ad.unpack_dual(y).tangent,
            forward_ad.unpack_dual(y).primal,
            forward_ad.unpack_dual(dual).tangent,
        ]
        params = {name: (p.detach(), torch.ones_like(p)) for name, p in model.named_parameters()}
        duals = {name: forward_ad.make_dual(*pair) for name, pair in params.items()}
        out = torch.func.functional_call(model, duals, (x,))
        found.append(forward_ad.unpack_dual(out).tangent)
    return [t.detach() for t in found]
