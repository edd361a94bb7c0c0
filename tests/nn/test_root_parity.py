"""The functions of layers at the root beside PyTorch's: values, gradients, several results, draws, errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

RANDOM = np.random.default_rng(0)


def numbers(*shape: int) -> Any:
    return RANDOM.standard_normal(shape)


def floats(*shape: int) -> Any:
    value = numbers(*shape).tolist()
    return lambda lib: lib.tensor(value, dtype=lib.float64, requires_grad=True)


def signs(*shape: int) -> Any:
    value = np.sign(numbers(*shape)).tolist()
    return lambda lib: lib.tensor(value, dtype=lib.float64)


def whole(*values: int) -> Any:
    return lambda lib: lib.tensor(values)


def weights(mode: str, layers: int, directions: int, bias: bool, projection: int = 0) -> Any:
    """The weights of a recurrent layer with inputs of 3 and states of 4 numbers."""
    gates = {"lstm": 16, "gru": 12, "rnn": 4}[mode]
    state, made = projection or 4, []
    for layer in range(layers):
        for _ in range(directions):
            made += [floats(gates, 3 if layer == 0 else directions * state), floats(gates, state)]
            made += [floats(gates), floats(gates)] if bias else []
            made += [floats(projection, 4)] if projection else []
    return made


def recurrent(mode: str, layers: int, directions: int, bias: bool, batch_first: bool, projection: int = 0) -> Any:
    state = floats(layers * directions, 2, projection or 4)
    hx = [state, floats(layers * directions, 2, 4)] if mode == "lstm" else state
    params = weights(mode[:4].rstrip("_"), layers, directions, bias, projection)
    return [floats(2, 2, 3), hx, params, bias, layers, 0.0, False, directions == 2, batch_first]


def packed(mode: str, directions: int) -> Any:
    hx = [floats(directions, 3, 4), floats(directions, 3, 4)] if mode == "lstm" else floats(directions, 3, 4)
    params = weights(mode[:4].rstrip("_"), 1, directions, True)
    return [floats(6, 3), whole(3, 2, 1), hx, params, True, 1, 0.0, False, directions == 2]


X, Y = floats(4, 6), floats(4, 6)
PROBABILITIES = [floats(4, 6), lambda lib: lib.softmax(lib.arange(24.0, dtype=lib.float64).reshape(4, 6) / 9, 1)]
CALLS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("celu", [X], {}), ("celu", [X, 0.5], {}), ("celu", [X], {"alpha": 2.0}), ("selu", [X], {}),
    ("rrelu", [X], {}), ("rrelu", [X, 0.2, 0.3, False], {}), ("threshold", [X, 0.1, 5.0], {}),
    ("hardshrink", [X], {}), ("hardshrink", [X, 0.1], {}), ("prelu", [X, floats(6)], {}), ("prelu", [X, floats(1)], {}),
    ("dropout", [X, 0.5, False], {}), ("dropout", [X, 1.0, True], {}), ("feature_dropout", [X, 0.0, True], {}),
    ("alpha_dropout", [X, 0.5, False], {}), ("feature_alpha_dropout", [X, 1.0, True], {}),
    ("native_dropout", [X, 0.5, False], {}), ("native_dropout", [X, 1.0, True], {}), ("native_dropout", [X, 0.0, None], {}),
    ("layer_norm", [X, [6]], {}), ("layer_norm", [X, [4, 6], floats(4, 6), floats(4, 6), 1e-3], {}),
    ("rms_norm", [X, [6]], {}), ("rms_norm", [X, [6], floats(6), 1e-3], {}),
    ("native_layer_norm", [X, [6], floats(6), floats(6), 1e-5], {}), ("native_layer_norm", [floats(2, 3, 4), [3, 4], None, None, 0.1], {}),
    ("native_group_norm", [floats(2, 6, 3), floats(6), floats(6), 2, 6, 3, 3, 1e-5], {}),
    ("native_batch_norm", [floats(3, 2, 4), floats(2), floats(2), None, None, True, 0.1, 1e-5], {}),
    ("native_batch_norm", [floats(3, 2), None, None, lambda lib: lib.zeros(2, dtype=lib.float64), lambda lib: lib.ones(2, dtype=lib.float64), False, 0.1, 1e-5], {}),
    ("norm_except_dim", [floats(2, 3, 4)], {}), ("norm_except_dim", [floats(2, 3, 4), 2, 1], {}), ("norm_except_dim", [X, 2, -1], {}),
    ("binary_cross_entropy_with_logits", PROBABILITIES, {}), ("binary_cross_entropy_with_logits", PROBABILITIES, {"reduction": 0}),
    ("binary_cross_entropy_with_logits", [*PROBABILITIES, signs(6), signs(6), 2], {}),
    ("kl_div", PROBABILITIES, {}), ("kl_div", PROBABILITIES, {"reduction": 2}), ("kl_div", [X, Y], {"log_target": True, "reduction": 0}),
    ("poisson_nll_loss", [X, lambda lib: lib.arange(24.0, dtype=lib.float64).reshape(4, 6), True, True, 1e-8, 1], {}),
    ("hinge_embedding_loss", [X, signs(4, 6)], {}), ("hinge_embedding_loss", [X, signs(4, 6), 0.5, 2], {}),
    ("margin_ranking_loss", [X, Y, signs(4, 6)], {}), ("margin_ranking_loss", [X, Y, signs(4, 6), 0.3, 0], {}),
    ("cosine_embedding_loss", [X, Y, signs(4)], {}), ("cosine_embedding_loss", [X, Y, signs(4), 0.2, 2], {}),
    ("triplet_margin_loss", [X, Y, floats(4, 6)], {}), ("triplet_margin_loss", [X, Y, floats(4, 6), 2.0, 1.0, 1e-6, True, 0], {}),
    ("cosine_similarity", [X, Y], {}), ("cosine_similarity", [X, Y], {"dim": 0}), ("pairwise_distance", [X, Y, 1.0], {"keepdim": True}),
    ("pdist", [X], {}), ("pdist", [X, 1.0], {}),
    ("embedding", [X, whole(1, 1, 3)], {}), ("embedding", [X, whole(1, 1, 3), 1, True], {}),
    ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1, 1)], {}), ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1, 1), False, 1], {}),
    ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1, 1), False, 2], {}),
    ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1, 4)], {"mode": 1, "include_last_offset": True}),
    ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1), False, 0, False, floats(4)], {}),
    ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1), False, 0, False, None, False, 2], {}),
    ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1), False, 1, False, None, False, 2], {}),
    ("embedding_bag", [X, whole(1, 2, 0, 3), whole(0, 1), False, 2, False, None, False, 2], {}),
    ("bilinear", [floats(5, 2), floats(5, 3), floats(4, 2, 3)], {}), ("bilinear", [floats(5, 2), floats(5, 3), floats(4, 2, 3), floats(4)], {}),
    ("conv_tbc", [floats(5, 2, 3), floats(2, 3, 4), floats(4)], {}), ("conv_tbc", [floats(5, 2, 3), floats(2, 3, 4), floats(4), 2], {}),
    ("grid_sampler_2d", [floats(2, 2, 3, 3), floats(2, 4, 4, 2), 0, 0, False], {}), ("grid_sampler_2d", [floats(2, 2, 3, 3), floats(2, 4, 4, 2), 1, 1, True], {}),
    ("grid_sampler_3d", [floats(1, 2, 3, 3, 3), floats(1, 2, 2, 2, 3), 0, 2, False], {}),
    ("lstm_cell", [floats(2, 3), [floats(2, 4), floats(2, 4)], floats(16, 3), floats(16, 4), floats(16), floats(16)], {}),
    ("lstm_cell", [floats(2, 3), [floats(2, 4), floats(2, 4)], floats(16, 3), floats(16, 4)], {}),
    ("gru_cell", [floats(2, 3), floats(2, 4), floats(12, 3), floats(12, 4), floats(12), floats(12)], {}),
    ("rnn_tanh_cell", [floats(2, 3), floats(2, 4), floats(4, 3), floats(4, 4), floats(4), floats(4)], {}),
    ("rnn_relu_cell", [floats(2, 3), floats(2, 4), floats(4, 3), floats(4, 4)], {}),
    ("lstm", recurrent("lstm", 1, 1, True, False), {}), ("lstm", recurrent("lstm", 2, 2, False, True), {}),
    ("lstm", recurrent("lstm", 2, 2, True, False, projection=2), {}), ("lstm", packed("lstm", 2), {}),
    ("gru", recurrent("gru", 2, 1, True, True), {}), ("gru", packed("gru", 1), {}),
    ("rnn_tanh", recurrent("rnn_tanh", 1, 2, False, False), {}), ("rnn_tanh", packed("rnn_tanh", 1), {}),
    ("rnn_relu", recurrent("rnn_relu", 2, 2, True, False), {}),
]  # fmt: skip


def built(lib: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [built(lib, each) for each in value]
    return value(lib) if callable(value) else value


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in leaves(each)]
    return [value] if hasattr(value, "requires_grad_") and value.requires_grad else []


def close(ours: Any, theirs: Any) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().tolist(), theirs.detach().tolist(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), [pytest.param(*call, id=f"{call[0]}-{i}") for i, call in enumerate(CALLS)]
)
def test_values_and_gradients_are_pytorchs(name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    results, gradients = [], []
    for lib in (dg, torch):
        given = built(lib, args)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = getattr(lib, name)(*given, **{key: built(lib, each) for key, each in kwargs.items()})
        made = made if isinstance(made, tuple) else (made,)
        results.append(made)
        total = sum((each * each).sum() for each in made if each.requires_grad)
        wanted = leaves(given)
        gradients.append(lib.autograd.grad(total, wanted, allow_unused=True))
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs)
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours is None) == (theirs is None)
        if theirs is not None:
            close(ours, theirs)


IN_PLACE = [
    ("celu_", ()), ("selu_", ()), ("rrelu_", ()), ("threshold_", (0.1, 2.0)), ("dropout_", (1.0, True)),
    ("feature_dropout_", (0.5, False)), ("alpha_dropout_", (1.0, True)), ("feature_alpha_dropout_", (0.5, False)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), IN_PLACE)
def test_forms_in_place_write_to_the_tensor(name: str, args: tuple[Any, ...]) -> None:
    found = []
    for lib in (dg, torch):
        x = X(lib).detach()
        assert getattr(lib, name)(x, *args) is x
        found.append(x)
    close(*found)


@pytest.mark.parametrize("name", ["dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "rrelu"])
def test_draws_are_pytorchs(name: str) -> None:
    found = []
    for lib in (dg, torch):
        lib.manual_seed(3)
        args = (0.1, 0.4, True) if name == "rrelu" else (0.4, True)
        found.append(getattr(lib, name)(lib.arange(1.0, 97.0).reshape(4, 6, 4) - 40, *args))
    np.testing.assert_allclose(found[0].tolist(), found[1].tolist(), rtol=1e-6)


def ones(*shape: int) -> Any:
    return lambda lib: lib.ones(shape)


REFUSALS: list[tuple[str, list[Any]]] = [
    ("dropout", [ones(2), 1.5, True]), ("feature_dropout", [ones(2), 0.5, True]), ("alpha_dropout", [ones(2), -1.0, True]),
    ("lstm_cell", [ones(2, 3), [ones(2, 4), ones(2, 4)], ones(16, 5), ones(16, 4)]),
    ("lstm_cell", [ones(2, 3), [ones(3, 4), ones(2, 4)], ones(16, 3), ones(16, 4)]),
    ("lstm_cell", [ones(2, 3), [ones(2, 4), ones(2, 5)], ones(16, 3), ones(16, 4)]),
    ("lstm_cell", [ones(2, 3), [ones(2, 4)], ones(16, 3), ones(16, 4)]), ("gru_cell", [ones(2, 3), ones(2, 5), ones(12, 3), ones(12, 4)]),
    ("rnn_tanh_cell", [ones(3), ones(4), ones(4, 3), ones(4, 4)]),
    ("layer_norm", [ones(2, 3), 3]), ("layer_norm", [ones(2, 3), [2]]), ("rms_norm", [ones(2, 3), 3]),
    ("embedding", [ones(2), whole(1)]), ("embedding", [ones(2, 2), whole(2)]),
    ("conv_tbc", [ones(2, 2), ones(1, 2, 1), ones(1)]), ("conv_tbc", [ones(2, 2, 3), ones(1, 2, 1), ones(1)]),
    ("grid_sampler_2d", [ones(1, 1, 2), ones(1, 1, 2, 2), 0, 0, False]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args"), [pytest.param(*each, id=f"{each[0]}-{i}") for i, each in enumerate(REFUSALS)]
)
def test_refusals_are_pytorchs(name: str, args: list[Any]) -> None:
    refusals = []
    for lib in (dg, torch):
        with pytest.raises((RuntimeError, TypeError, IndexError)) as refusal:
            getattr(lib, name)(*built(lib, args))
        refusals.append(refusal)
    ours, theirs = refusals
    assert ours.type is theirs.type
    sentence = str(theirs.value).splitlines()[0].rstrip(".")
    assert sentence in str(ours.value) or name == "grid_sampler_2d"
