"""Optimisers without PyTorch: native steps are the formulas', leave no graph, and are writes; hooks, states, errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import dynagrad as dg
from tests.optim.problems import loss_of, parameters, run

NAMES = ("SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD")
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"weight_decay": 0.1, "maximize": True}],
    "Adam": [{"amsgrad": True}, {"weight_decay": 0.1}, {"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "NAdam": [{"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "RAdam": [{"betas": (0.5, 0.8)}],
    "RMSprop": [{"centered": True}, {"momentum": 0.9}, {"centered": True, "momentum": 0.9}],
    "ASGD": [{"t0": 2, "lambd": 0.1}],
    "Adagrad": [{"lr_decay": 0.1, "initial_accumulator_value": 0.1}],
}
CASES = [(name, options) for name in NAMES for options in [{}, *OPTIONS.get(name, [])]]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_native_step_is_the_formula(name: str, options: dict[str, Any]) -> None:
    """The formula in ops is what strided parameters take."""
    native, by_ops = parameters(dg), parameters(dg, strided=True)
    first = run(dg, getattr(dg.optim, name)(native, **options), native)
    np.testing.assert_allclose(first, run(dg, getattr(dg.optim, name)(by_ops, **options), by_ops), rtol=1e-10)
    for a, b in zip(native, by_ops, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_large_parameters_step_as_small_ones(name: str) -> None:
    """Beyond some size the work is split among threads."""
    values = np.random.default_rng(0).standard_normal(70_001)
    large = dg.tensor(values, requires_grad=True)
    small = [dg.tensor(part, requires_grad=True) for part in np.array_split(values, 30)]
    for params in ([large], small):
        optimizer = getattr(dg.optim, name)(params, lr=0.1)
        for _ in range(3):
            for p in params:
                p.grad = p.detach() * 3
            optimizer.step()
    np.testing.assert_array_equal(large.detach().numpy(), np.concatenate([p.detach().numpy() for p in small]))


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_a_write_and_leaves_no_graph(name: str) -> None:
    params = parameters(dg)
    optimizer = getattr(dg.optim, name)(params)
    loss = loss_of(dg, params)
    loss.backward(retain_graph=True)
    versions = [p._version for p in params]
    optimizer.step()
    assert [p._version for p in params] == [version + 1 for version in versions]
    assert all(p.is_leaf and p.grad_fn is None for p in params)
    assert all(not value.requires_grad for state in optimizer.state.values() for value in state.values())
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation(.|\n)*optimizer.step"):
        loss.backward()


def test_parameters_without_gradients_stay() -> None:
    used, unused = dg.ones(2, requires_grad=True), dg.ones(2, requires_grad=True)
    optimizer = dg.optim.Adam([used, unused], lr=0.1)
    used.sum().backward()
    optimizer.step()
    assert used.tolist() == pytest.approx([0.9, 0.9])
    assert unused.tolist() == [1, 1]
    assert unused not in optimizer.state


def test_groups_have_options_of_their_own() -> None:
    a, b = dg.ones(1, requires_grad=True), dg.ones(1, requires_grad=True)
    optimizer = dg.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.25}], lr=0.5)
    (a + b).sum().backward()
    optimizer.step()
    assert (a.item(), b.item()) == (0.5, 0.75)


def test_named_parameters() -> None:
    optimizer = dg.optim.SGD([("w", dg.ones(1, requires_grad=True))], lr=0.5)
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w"]
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": [dg.ones(1, requires_grad=True)]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        dg.optim.SGD([("w", dg.ones(1)), dg.ones(1)], lr=0.5)


def test_a_tensor_is_a_learning_rate() -> None:
    rate = dg.tensor(0.5)
    w = dg.ones(1, requires_grad=True)
    optimizer = dg.optim.SGD([w], lr=rate)
    w.sum().backward()
    optimizer.step()
    rate.fill_(0.25)
    optimizer.step()
    assert w.item() == 0.25
    with pytest.raises(ValueError, match="1-element"):
        dg.optim.SGD([w], lr=dg.ones(2))


def test_hyperparameters_are_differentiated_through_a_differentiable_step() -> None:
    rate = dg.tensor(0.1, requires_grad=True, dtype=dg.float64)
    start = dg.tensor([1.0, 2.0], dtype=dg.float64)
    w = start.clone()
    w.grad = 2 * start
    optimizer = dg.optim.SGD([w], lr=rate, differentiable=True)
    optimizer.step()
    (w * w).sum().backward()
    expected = (2 * (start - 0.1 * 2 * start) * (-2 * start)).sum()
    assert rate.grad.item() == pytest.approx(expected.item())


def test_hooks_run_around_a_step() -> None:
    w = dg.ones(1, requires_grad=True)
    optimizer = dg.optim.SGD([w], lr=0.5)
    seen: list[str] = []
    handles = [
        optimizer.register_step_pre_hook(lambda *_: seen.append("pre")),
        optimizer.register_step_post_hook(lambda *_: seen.append("post")),
        dg.optim.optimizer.register_optimizer_step_pre_hook(lambda *_: seen.append("all pre")),
        dg.optim.optimizer.register_optimizer_step_post_hook(lambda *_: seen.append("all post")),
    ]
    optimizer.step()
    assert seen == ["all pre", "pre", "post", "all post"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 4
    with optimizer.register_step_pre_hook(lambda *_: "nonsense"), pytest.raises(RuntimeError, match="tuple"):
        optimizer.step()


def test_hooks_run_around_the_step_of_a_users_optimiser() -> None:
    class Mine(dg.optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": 1.0})

        @dg.no_grad()
        def step(self) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * p.grad)

    w = dg.ones(1, requires_grad=True)
    optimizer = Mine([w])
    seen = []
    optimizer.register_step_post_hook(lambda *_: seen.append(w.item()))
    w.sum().backward()
    optimizer.step()
    assert seen == [0.0]


def test_state_dict_hooks() -> None:
    optimizer = dg.optim.SGD([dg.ones(1, requires_grad=True)], lr=0.5)
    seen = []
    optimizer.register_state_dict_pre_hook(lambda _: seen.append(1))
    optimizer.register_state_dict_pre_hook(lambda _: seen.append(0), prepend=True)
    optimizer.register_state_dict_post_hook(lambda _, state: {**state, "more": 1})
    assert optimizer.state_dict()["more"] == 1
    assert seen == [0, 1]
    optimizer.register_load_state_dict_pre_hook(lambda _, state: state["inner"])
    optimizer.register_load_state_dict_post_hook(lambda _: seen.append(2))
    optimizer.load_state_dict({"inner": optimizer.state_dict()})
    assert seen[-1] == 2


def test_loading_keeps_the_parameters_and_casts_the_state() -> None:
    single, double = parameters(dg, "float32"), parameters(dg, "float64")
    source, target = dg.optim.Adam(single, lr=0.3), dg.optim.Adam(double, lr=0.1)
    run(dg, source, single, 2)
    target.load_state_dict(source.state_dict())
    assert target.param_groups[0]["lr"] == 0.3
    assert target.param_groups[0]["params"] == double
    state = target.state[double[0]]
    assert (state["exp_avg"].dtype, state["step"].dtype, state["step"].item()) == (dg.float64, dg.float32, 2.0)


@pytest.mark.parametrize(("groups", "message"), [
    ([[0]], "different number of parameter groups"), ([[0], [1, 2]], "doesn't match the size"),
])  # fmt: skip
def test_a_state_that_does_not_fit_changes_nothing(groups: list[list[int]], message: str) -> None:
    optimizer = dg.optim.SGD([{"params": [dg.ones(1, requires_grad=True)]} for _ in range(2)], lr=0.5)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict({"state": {}, "param_groups": [{"params": each, "lr": 9.0} for each in groups]})
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])  # noqa: S301
@pytest.mark.parametrize("name", NAMES)
def test_copies_go_on_as_the_original(name: str, copied: Any) -> None:
    params = parameters(dg)
    optimizer = getattr(dg.optim, name)(params)
    run(dg, optimizer, params, 2)
    both = copied((params, optimizer))
    assert run(dg, both[1], both[0], 2) == run(dg, optimizer, params, 2)


def test_zero_grad() -> None:
    w = dg.ones(2, requires_grad=True)
    optimizer = dg.optim.SGD([w], lr=0.5)
    w.sum().backward()
    kept = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is kept
    assert kept.tolist() == [0, 0]
    optimizer.zero_grad()
    assert w.grad is None


def test_what_cannot_be_optimised() -> None:
    w = dg.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="empty parameter list"):
        dg.optim.SGD([], lr=0.5)
    with pytest.raises(TypeError, match="should be an iterable of Tensors"):
        dg.optim.SGD(w, lr=0.5)
    with pytest.raises(TypeError, match="one of the params is int"):
        dg.optim.SGD([1], lr=0.5)
    with pytest.raises(TypeError, match="ordered collections"):
        dg.optim.SGD([{"params": {w}}], lr=0.5)
    with pytest.raises(ValueError, match="non-leaf"):
        dg.optim.SGD([w * 2], lr=0.5)
    with pytest.raises(ValueError, match="more than one parameter group"):
        dg.optim.SGD([{"params": [w]}, {"params": [w]}], lr=0.5)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        dg.optim.SGD([w, w], lr=0.5)
    optimizer = dg.optim.Adam([w], capturable=True)
    w.sum().backward()
    with pytest.raises(AssertionError, match="capturable"):
        optimizer.step()


def test_a_parameter_that_may_not_be_written_is_refused() -> None:
    w = dg.ones(1, requires_grad=True).detach().expand(3).requires_grad_()
    w.grad = dg.ones(3)
    with pytest.raises(RuntimeError, match="single memory location"):
        dg.optim.SGD([w], lr=0.1).step()


def test_lbfgs_finds_the_minimum_of_rosenbrocks_valley() -> None:
    at = dg.tensor([-1.2, 1.0], dtype=dg.float64, requires_grad=True)
    optimizer = dg.optim.LBFGS([at], line_search_fn="strong_wolfe", max_iter=100)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (1 - at[0]) ** 2 + 100 * (at[1] - at[0] ** 2) ** 2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == pytest.approx(24.2)
    assert at.tolist() == pytest.approx([1, 1], abs=1e-4)
    with pytest.raises(ValueError, match="per-parameter options"):
        dg.optim.LBFGS([{"params": [at]}, {"params": [dg.ones(1, requires_grad=True)]}])
    with pytest.raises(TypeError, match="closure"):
        optimizer.step()
