"""The native ops of layers: derivatives of both orders against differences, known answers, layouts, and errors."""

from __future__ import annotations

import math

import pytest

import dynagrad
from dynagrad import nn
from dynagrad._core.card import CARDS
from dynagrad.autograd import gradcheck, gradgradcheck

F = nn.functional


def x(*shape, seed=0, low=-2.0, high=2.0):
    """Numbers between low and high that keep a distance from kinks at multiples of a half."""
    dynagrad.manual_seed(seed)
    drawn = dynagrad.rand(shape, dtype=dynagrad.float64) * (high - low) + low
    near = (drawn * 2 - (drawn * 2).round()).abs() < 0.05
    return (drawn + near * 0.1).requires_grad_()


def classes(*shape, below):
    dynagrad.manual_seed(7)
    return dynagrad.randint(0, below, shape)


positive = {"low": 0.1, "high": 0.9}
signs = dynagrad.tensor([1.0, -1.0, 1.0], dtype=dynagrad.float64)
CALLS = {
    "elu": (F.elu, x(3, 4)),
    "elu with alpha": (lambda t: F.elu(t, 0.7), x(3, 4)),
    "celu": (lambda t: F.celu(t, 1.5), x(3, 4)),
    "selu": (F.selu, x(3, 4)),
    "hardtanh": (lambda t: F.hardtanh(t, -0.8, 1.2), x(3, 4)),
    "relu6": (F.relu6, x(3, 4)),
    "leaky_relu": (lambda t: F.leaky_relu(t, 0.3), x(3, 4)),
    "hardsigmoid": (F.hardsigmoid, x(3, 4, low=-5, high=5)),
    "hardswish": (F.hardswish, x(3, 4, low=-5, high=5)),
    "mish": (F.mish, x(3, 4)),
    "softshrink": (F.softshrink, x(3, 4)),
    "hardshrink": (F.hardshrink, x(3, 4)),
    "threshold": (lambda t: F.threshold(t, 0.2, -3.0), x(3, 4)),
    "glu": (F.glu, x(3, 4)),
    "glu along 0": (lambda t: F.glu(t, 0), x(4, 3)),
    "prelu": (F.prelu, x(2, 3, 4), x(3, seed=1, **positive)),
    "prelu of one": (F.prelu, x(3), x(1, seed=1, **positive)),
    "linear": (F.linear, x(3, 4), x(2, 4, seed=1), x(2, seed=2)),
    "linear of a vector": (F.linear, x(4), x(2, 4, seed=1), x(2, seed=2)),
    "linear of a batch": (F.linear, x(2, 3, 4), x(2, 4, seed=1), x(2, seed=2)),
    "linear without bias": (F.linear, x(2, 3, 4), x(2, 4, seed=1)),
    "linear turned": (lambda a, b, c: F.linear(a.transpose(0, 1), b.t(), c), x(4, 3), x(4, 2, seed=1), x(2, seed=2)),
    "bilinear": (F.bilinear, x(2, 3), x(2, 2, seed=1), x(4, 3, 2, seed=2), x(4, seed=3)),
    "layer_norm": (lambda t, w, b: F.layer_norm(t, (4,), w, b), x(3, 4), x(4, seed=1), x(4, seed=2)),
    "layer_norm of two": (lambda t: F.layer_norm(t, (3, 4)), x(2, 3, 4)),
    "layer_norm without bias": (lambda t, w: F.layer_norm(t, (4,), w), x(3, 4), x(4, seed=1)),
    "layer_norm turned": (lambda t: F.layer_norm(t.transpose(0, 1), (3,)), x(3, 4)),
    "rms_norm": (lambda t, w: F.rms_norm(t, (4,), w), x(3, 4), x(4, seed=1)),
    "embedding": (lambda w: F.embedding(classes(2, 5, below=4), w), x(4, 3)),
    "embedding_bag": (lambda w: F.embedding_bag(classes(2, 5, below=4), w), x(4, 3)),
    "embedding_bag max": (lambda w: F.embedding_bag(classes(2, 5, below=4), w, mode="max"), x(4, 3)),
    "nll_loss": (lambda t: F.nll_loss(t, classes(3, below=4)), x(3, 4)),
    "nll_loss of images": (lambda t: F.nll_loss(t, classes(2, 3, 2, below=4), reduction="none"), x(2, 4, 3, 2)),
    "nll_loss by weight": (
        lambda t: F.nll_loss(t, classes(3, below=4), x(4, seed=9).detach().abs(), ignore_index=1),
        x(3, 4),
    ),
    "cross_entropy": (lambda t: F.cross_entropy(t, classes(3, below=4), label_smoothing=0.1), x(3, 4)),
    "mse_loss": (F.mse_loss, x(3, 4), x(3, 4, seed=1)),
    "smooth_l1_loss": (lambda a, b: F.smooth_l1_loss(a, b, reduction="sum", beta=0.7), x(3, 4), x(3, 4, seed=1)),
    "huber_loss": (lambda a, b: F.huber_loss(a, b, reduction="none", delta=0.7), x(3, 4), x(3, 4, seed=1)),
    "binary_cross_entropy": (F.binary_cross_entropy, x(3, 4, **positive), x(3, 4, seed=1, **positive)),
    "with logits": (F.binary_cross_entropy_with_logits, x(3, 4), x(3, 4, seed=1, **positive)),
    "soft_margin_loss": (lambda t: F.soft_margin_loss(t, signs), x(3)),
    "lstm cell": (
        CARDS["lstm_cell_step"].op,
        x(2, 8),
        x(2, 8, seed=1),
        x(2, 2, seed=2),
        x(8, seed=3),
        x(8, seed=4),
    ),
    "gru cell": (
        CARDS["gru_cell_step"].op,
        x(2, 6),
        x(2, 6, seed=1),
        x(2, 2, seed=2),
        x(6, seed=3),
        x(6, seed=4),
    ),
    "attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        x(1, 2, 3, 2),
        x(1, 2, 3, 2, seed=1),
        x(1, 2, 3, 2, seed=2),
    ),
    "cosine_similarity": (F.cosine_similarity, x(3, 4), x(3, 4, seed=1)),
    "pairwise_distance": (F.pairwise_distance, x(3, 4), x(3, 4, seed=1)),
    "pdist": (F.pdist, x(4, 3)),
    "normalize": (F.normalize, x(3, 4)),
    "multi_margin_loss": (lambda t: F.multi_margin_loss(t, classes(3, below=4), p=2), x(3, 4)),
    "multilabel_margin_loss": (
        lambda t: F.multilabel_margin_loss(t, dynagrad.tensor([[3, 0, -1, 1], [2, -1, 0, 0]])),
        x(2, 4),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_derivatives_are_differences(name: str) -> None:
    function, *inputs = CALLS[name]
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs, fast_mode=True, atol=1e-4)


@pytest.mark.parametrize("name", ["elu", "celu", "selu", "hardtanh", "leaky_relu", "threshold"])
def test_in_place_forms(name: str) -> None:
    arguments = (0.2, -3.0) if name == "threshold" else ()
    for layout in (lambda t: t * 1, lambda t: (t * 1).t()):
        given = layout(x(3, 4).detach())
        expected = getattr(F, name)(given.clone(), *arguments)
        assert getattr(F, name + "_")(given, *arguments) is given
        assert bool((given == expected).all())
    leaf = x(3, 4)
    out = getattr(F, name)(leaf * 1, *arguments, inplace=True)
    out.sum().backward()
    other = leaf.detach().requires_grad_()
    getattr(F, name)(other, *arguments).sum().backward()
    assert dynagrad.allclose(leaf.grad, other.grad, rtol=1e-14)  # the slope of elu in place is told by the result


@pytest.mark.parametrize("dtype", [dynagrad.float32, dynagrad.float16, dynagrad.bfloat16])
def test_narrow_dtypes_come_out_narrow(dtype) -> None:
    given = dynagrad.linspace(-2, 2, 6).to(dtype)
    for function in (F.elu, F.mish, F.hardswish, lambda t: F.layer_norm(t, (6,)), F.gelu, F.selu):
        out = function(given)
        assert out.dtype is dtype
        assert dynagrad.allclose(out.double(), function(given.double()), rtol=0.02, atol=0.02)


def test_known_answers() -> None:
    assert F.elu(dynagrad.tensor(-1.0)).item() == pytest.approx(math.exp(-1) - 1)
    assert F.mish(dynagrad.tensor(1.0)).item() == pytest.approx(math.tanh(math.log1p(math.e)))
    assert F.one_hot(dynagrad.tensor([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    even = F.cross_entropy(dynagrad.zeros(2, 4), dynagrad.tensor([0, 3]))
    assert even.item() == pytest.approx(math.log(4))
    ignored = F.cross_entropy(dynagrad.zeros(2, 4), dynagrad.tensor([0, -100]), reduction="none")
    assert ignored.tolist() == pytest.approx([math.log(4), 0])
    probabilities = F.cross_entropy(dynagrad.zeros(1, 2), dynagrad.tensor([[0.3, 0.7]]))
    assert probabilities.item() == pytest.approx(math.log(2))
    assert math.isnan(F.nll_loss(dynagrad.zeros(1, 2), dynagrad.tensor([-100])).item())
    assert F.softplus(dynagrad.tensor(100.0)).item() == 100
    assert F.mish(dynagrad.tensor([100.0, -100.0])).tolist() == pytest.approx([100, 0])


def test_gradients_of_an_embedding_may_spare_padding_and_count() -> None:
    weight = dynagrad.zeros(3, 1, requires_grad=True)
    F.embedding(dynagrad.tensor([0, 1, 1]), weight, padding_idx=0).sum().backward()
    assert weight.grad.tolist() == [[0], [2], [0]]
    weight.grad = None
    F.embedding(dynagrad.tensor([0, 1, 1]), weight, scale_grad_by_freq=True).sum().backward()
    assert weight.grad.tolist() == [[1], [1], [0]]


def test_attention_masks() -> None:
    q, k, v = (x(1, 2, 3, 4, seed=seed).detach() for seed in range(3))
    causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    allowed = dynagrad.ones(3, 3, dtype=dynagrad.bool).tril()
    assert dynagrad.allclose(causal, F.scaled_dot_product_attention(q, k, v, allowed))
    added = dynagrad.zeros(3, 3, dtype=dynagrad.float64).masked_fill(~allowed, -math.inf)
    assert dynagrad.allclose(causal, F.scaled_dot_product_attention(q, k, v, added))
    nowhere = F.scaled_dot_product_attention(q, k, v, dynagrad.zeros(3, 3, dtype=dynagrad.bool))
    assert nowhere.abs().sum().item() == 0
    shared = F.scaled_dot_product_attention(q, k[:, :1], v[:, :1], enable_gqa=True)
    assert dynagrad.allclose(shared[:, 1], F.scaled_dot_product_attention(q[:, 1], k[:, 0], v[:, 0]))
    with pytest.raises(RuntimeError, match="should not be set when is_causal"):
        F.scaled_dot_product_attention(q, k, v, allowed, is_causal=True)


def test_labels_out_of_range() -> None:
    with pytest.raises(IndexError, match="Target 4 is out of bounds"):
        F.cross_entropy(dynagrad.zeros(2, 4), dynagrad.tensor([0, 4]))
    with pytest.raises(IndexError, match="Target -1 is out of bounds"):
        F.nll_loss(dynagrad.zeros(2, 4), dynagrad.tensor([0, -1]))
    with pytest.raises(IndexError, match="index out of range in self"):
        F.embedding(dynagrad.tensor([0, 5]), dynagrad.zeros(5, 2))
    with pytest.raises(IndexError, match="index out of range in self"):
        F.embedding(dynagrad.tensor([-1]), dynagrad.zeros(5, 2))
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(dynagrad.tensor([1.5]), dynagrad.tensor([1.0]))
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        F.one_hot(dynagrad.tensor([3]), 3)


def test_shapes_and_dtypes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"batch_size \(2\) to match target batch_size \(3\)"):
        F.cross_entropy(dynagrad.zeros(2, 4), dynagrad.tensor([0, 1, 2]))
    with pytest.raises(RuntimeError, match=r"Given normalized_shape=\[4\]"):
        F.layer_norm(dynagrad.zeros(2, 3), (4,))
    with pytest.raises(ValueError, match="probability has to be between 0 and 1"):
        F.dropout(dynagrad.zeros(1), 1.5)
    with pytest.raises(NotImplementedError, match="not implemented"):
        F.elu(dynagrad.tensor([1]))
    with pytest.raises(RuntimeError, match=r"same dtype|scalar type|dtype"):
        nn.Linear(2, 2)(dynagrad.zeros(1, 2, dtype=dynagrad.float64))
    with pytest.raises(RuntimeError, match="input_size"):
        nn.LSTM(3, 4)(dynagrad.zeros(5, 1, 2))
    with pytest.warns(UserWarning, match="target size"):
        F.mse_loss(dynagrad.zeros(2, 1), dynagrad.zeros(2))


def test_dropout_keeps_the_mean() -> None:
    dynagrad.manual_seed(0)
    out = F.dropout(dynagrad.ones(10_000), 0.25)
    assert sorted(set(out.tolist())) == pytest.approx([0, 4 / 3])
    assert out.mean().item() == pytest.approx(1, abs=0.05)
    channels = F.dropout2d(dynagrad.ones(8, 16, 4, 4), 0.5)
    assert set(channels.sum((2, 3)).flatten().tolist()) == {0.0, 32.0}
    assert F.dropout(dynagrad.ones(3), 0.5, training=False).tolist() == [1, 1, 1]
    assert F.dropout(dynagrad.ones(3), 1.0).tolist() == [0, 0, 0]


def test_a_layer_is_its_cell_step_by_step() -> None:
    dynagrad.manual_seed(0)
    for layer, cell in (
        (nn.LSTM(3, 4), nn.LSTMCell(3, 4)),
        (nn.GRU(3, 4), nn.GRUCell(3, 4)),
        (nn.RNN(3, 4), nn.RNNCell(3, 4)),
    ):
        for name, value in cell.named_parameters():
            value.data = getattr(layer, name + "_l0").data
        steps = dynagrad.randn(5, 2, 3)
        output, _ = layer(steps)
        state = None
        for i in range(5):
            state = cell(steps[i], state)
            h = state[0] if isinstance(state, tuple) else state
            assert dynagrad.allclose(output[i], h, atol=1e-6)


def test_packed_sequences_are_padded_ones_without_their_padding() -> None:
    dynagrad.manual_seed(0)
    sequences = [dynagrad.randn(n, 3) for n in (2, 5, 3)]
    packed = nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    layer = nn.LSTM(3, 4, 2, bidirectional=True)
    out, (h, c) = layer(packed)
    for i, (sequence, part) in enumerate(zip(sequences, nn.utils.rnn.unpack_sequence(out), strict=True)):
        alone, (h_alone, c_alone) = layer(sequence)
        assert dynagrad.allclose(part, alone, atol=1e-6)
        assert dynagrad.allclose(h[:, i], h_alone, atol=1e-6)
        assert dynagrad.allclose(c[:, i], c_alone, atol=1e-6)


def test_a_loss_of_a_linear_layer_refuses_what_it_cannot_do():
    rows, w, classes = dynagrad.ones(2, 3), dynagrad.zeros(4, 3), dynagrad.tensor([0, 3])
    assert F.linear_cross_entropy(rows, w, classes).item() == pytest.approx(math.log(4))
    many = F.linear_cross_entropy(rows, dynagrad.zeros(4, 5, 3), dynagrad.zeros(2, 5).long(), reduction="none")
    assert many.shape == (2, 5)
    with pytest.raises(RuntimeError, match=r"last dimensions \(in_features\), got 3 and 2"):
        F.linear_cross_entropy(rows, dynagrad.zeros(4, 2), classes)
    with pytest.raises(RuntimeError, match="requires batched input"):
        F.linear_cross_entropy(rows[0], dynagrad.zeros(4, 5, 3), classes)
    with pytest.raises(RuntimeError, match="ignore_index cannot be specified"):
        F.linear_cross_entropy(rows, w, dynagrad.zeros(2, 4), ignore_index=1)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_chunks_give_the_loss_and_the_gradients_of_the_whole(bias, reduction, size):
    dynagrad.manual_seed(0)
    leaves = [dynagrad.randn(7, 3).double(), dynagrad.randn(5, 3).double()] + [dynagrad.randn(5).double()] * bias
    classes, weight = dynagrad.tensor([0, 4, 2, 1, 2, 3, 3]), dynagrad.rand(5).double()
    leaves = [each.requires_grad_() for each in leaves]
    found = []
    for options in (None, nn.LinearCrossEntropyOptions(batch_chunk_size=size)):
        loss = F.linear_cross_entropy(
            leaves[0], leaves[1], classes, linear_bias=leaves[2] if bias else None, weight=weight, reduction=reduction,
            ignore_index=2, options=options,
        )  # fmt: skip
        found.append((loss, *dynagrad.autograd.grad((loss * loss).sum(), leaves)))
    for whole, chunked in zip(*found, strict=True):
        assert dynagrad.allclose(whole, chunked, rtol=1e-12, atol=1e-14)


def test_chunks_run_backward_once_unless_asked_to_keep():
    x, w = dynagrad.ones(4, 3, requires_grad=True), dynagrad.zeros(2, 3, requires_grad=True)
    classes = dynagrad.tensor([0, 1, 1, 0])
    loss = F.linear_cross_entropy(x, w, classes, options=nn.LinearCrossEntropyOptions(batch_chunk_size=2))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="linear_cross_entropy chunked backward called twice"):
        loss.backward()
    keep = nn.LinearCrossEntropyOptions(allow_retain_graph=True)
    loss = F.linear_cross_entropy(x, w, classes, options=keep)
    first = dynagrad.autograd.grad(loss, [x, w], retain_graph=True)
    again = dynagrad.autograd.grad(loss, [x, w])
    assert all(bool((a == b).all()) for a, b in zip(first, again, strict=True))
    rows = F.linear_cross_entropy(x, w, classes, reduction="none", options=nn.LinearCrossEntropyOptions())
    rows.sum().backward(retain_graph=True)
    rows.sum().backward()
    with pytest.warns(UserWarning, match="``options`` ignored"):
        F.linear_cross_entropy(x, w, classes, label_smoothing=0.1, options=keep)


def test_options_of_chunks_are_checked():
    options = nn.LinearCrossEntropyOptions
    for bad in (
        {"acc_policy": "x"},
        {"chunking_method": "aspect_ratio:0"},
        {"batch_chunk_size": 0},
        {"acc_dtype": dynagrad.int64},
    ):
        with pytest.raises(ValueError, match=next(iter(bad))):
            options(**bad)
    with pytest.raises(ValueError, match="give different chunk sizes"):
        options(batch_chunk_size=3, chunking_method="aspect_ratio").resolve(8, 2, 8, dynagrad.float32)
    with pytest.raises(RuntimeError, match="linear_cross_entropy supports float32 acc_dtype"):
        options(acc_dtype=dynagrad.float64).resolve(8, 2, 8, dynagrad.float32)
    assert options().resolve(64, 4, 32, dynagrad.float32) == (4, False, dynagrad.float32)
    assert options().resolve(64, 4, 32, dynagrad.bfloat16) == (8, True, dynagrad.float32)


def test_steps_of_integers_and_losses_of_one_score():
    whole = dynagrad.tensor([-3, 2, 7])
    assert F.hardtanh(whole, -1.5, 2.7).tolist() == [-1, 2, 2]
    assert F.threshold(whole, 2.5, 20.7).tolist() == [20, 20, 7]
    assert F.relu6(whole.clone(), inplace=True).tolist() == [0, 2, 6]
    with pytest.raises(RuntimeError, match="unsigned type with negative limits"):
        F.hardtanh(dynagrad.ones(2, dtype=dynagrad.uint8))
    score, right = dynagrad.tensor(1.5, requires_grad=True), dynagrad.tensor(0)
    assert F.multi_margin_loss(score, right).item() == F.multilabel_margin_loss(score, right).item() == 0
    alone = dynagrad.ones(1, 3, requires_grad=True)
    (gradient,) = dynagrad.autograd.grad(F.pdist(alone).sum(), alone)
    assert gradient.tolist() == [[0, 0, 0]]
