"""The edges of what functions of layers take: nothing at all, one too many, and results in memory that is there already."""

import math
from collections.abc import Callable

import pytest

import dynagrad as torch
from dynagrad import Tensor, nn
from dynagrad.nn import functional as F  # noqa: N812  # as everybody calls it


@pytest.mark.parametrize("f", [F.softplus, F.logsigmoid, F.gelu, F.softshrink, F.hardshrink])
def test_out(f: Callable[..., Tensor]) -> None:
    x, out = torch.tensor([-2.0, -0.1, 3.0]), torch.empty(3)
    assert f(x, out=out) is out
    assert torch.equal(out, f(x))
    assert torch.equal(f(x, out=torch.empty(0)), out)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        f(x, out=torch.ones(1).expand(3))
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        f(x.requires_grad_(), out=out)


def test_threshold_may_write_twice_to_one_place() -> None:
    x = torch.zeros(1).expand(3)
    assert F.threshold(x, 0.5, 7.0, inplace=True).tolist() == [7.0, 7.0, 7.0]


def test_long_rows_are_normalised_to_full_precision() -> None:
    x = torch.arange(2_000_000).double().mul(0.7).sin().add(0.5).float()
    y = F.layer_norm(x, x.shape)
    wide = x.double()
    expected = (wide - wide.mean()) / (wide.var(correction=0) + 1e-5).sqrt()
    assert float((y - expected).abs().max()) < 2e-6


def test_losses_of_nothing() -> None:
    assert math.isnan(F.cross_entropy(torch.rand(5, 0), torch.rand(5, 0)).item())
    for f in (F.multi_margin_loss, F.multilabel_margin_loss):
        for x in (torch.ones(0), torch.ones(3, 0)):
            with pytest.raises(
                RuntimeError, match="Expected non-empty vector or matrix with optional 0-dim batch size"
            ):
                f(x, torch.ones(10).long())


def test_margin_losses_have_the_shape_of_the_target() -> None:
    x = torch.tensor([0.1, 0.4, 0.2])
    assert F.multi_margin_loss(x, torch.tensor(1), reduction="none").shape == ()
    assert F.multi_margin_loss(x, torch.tensor([1]), reduction="none").shape == (1,)
    with pytest.raises(RuntimeError, match=r"Expected target size \[2\], but got \[2, 1\]"):
        F.multi_margin_loss(torch.ones(2, 3), torch.zeros(2, 1).long())


REFUSED = [
    (lambda: F.nll_loss(torch.ones(4, 3), torch.zeros(4, 2).long()), RuntimeError, "0D or 1D target tensor expected"),
    (lambda: F.nll_loss(torch.ones(3), torch.zeros(9).long()), ValueError, "1D target must have size 1, but got .*: 9"),
    (
        lambda: F.cosine_embedding_loss(torch.ones(4, 2), torch.ones(4, 2), torch.ones(4, 1)),
        RuntimeError,
        "0D or 1D target tensor expected, multi-target not supported",
    ),
    (
        lambda: F.cosine_embedding_loss(torch.ones(2, 3), torch.ones(3), torch.ones(2)),
        RuntimeError,
        r"1D target tensor expects 2D input tensors, but found inputs with sizes \[2, 3\] and \[3\]",
    ),
    (
        lambda: F.ctc_loss(torch.zeros(5, 2, 3), torch.ones(4).int(), torch.tensor([5.0, 5.0]), torch.tensor([2, 2])),
        RuntimeError,
        "input_lengths must be integral",
    ),
    (
        lambda: F.ctc_loss(torch.zeros(5, 2, 3), torch.ones(4).int(), torch.tensor([5, 5]), torch.tensor([2.0, 2])),
        RuntimeError,
        "target_lengths must be integral",
    ),
    (lambda: nn.RNN(5, 6)(torch.ones(0, 4, 5)), RuntimeError, "Expected sequence length to be larger than 0 in RNN"),
    (
        lambda: F.fold(torch.ones(1, 12, 12), (4, 5), 2, dilation=8),
        RuntimeError,
        r"sliding blocks as \(-4, -3\), which is too small",
    ),
    (
        lambda: F.grid_sample(torch.ones(1, 1, 2, 0), torch.ones(1, 1, 1, 2), align_corners=False),
        RuntimeError,
        "with dimension 3 being empty",
    ),
    (
        lambda: F.pad(torch.ones(1, 0, 3, 3), (1, 1, 1, 1), "reflect"),
        RuntimeError,
        r"Expected 3D or 4D \(batch mode\) tensor with possibly 0 batch size",
    ),
    (
        lambda: F.pad(torch.ones(2, 3), (1, 1, 1, 1), "circular"),
        NotImplementedError,
        "Padding size 4 is not supported for 2D input tensor",
    ),
    (
        lambda: F.adaptive_avg_pool2d(torch.ones(1, 1, 4, 4).int(), 2),
        NotImplementedError,
        "\"adaptive_avg_pool2d\" not implemented for 'Int'",
    ),
    (lambda: F.adaptive_max_pool2d(torch.ones(2, 2), 1), RuntimeError, "Expected 3D or 4D tensor, but got"),
    (lambda: F.avg_pool2d(torch.ones(1, 4, 4), 2, 0), RuntimeError, "stride should not be zero"),
    (
        lambda: F.embedding_bag(torch.tensor([[0, 3]]), torch.ones(3, 2)),
        RuntimeError,
        "Expected idx >= 0 && idx < num_embeddings but found idx to be 3",
    ),
    (
        lambda: F.embedding_bag(torch.tensor([[0, 1]]), torch.ones(3, 2), padding_idx=3),
        RuntimeError,
        "padding_idx must be within the number of embeddings, -3 through 2, but got 3",
    ),
    (
        lambda: F.embedding_bag(
            torch.tensor([[0]]), torch.ones(3, 2), mode="sum", per_sample_weights=torch.ones(1, 1).double()
        ),
        RuntimeError,
        "have the same type as tensor for argument #1 'per_sample_weights'",
    ),
    (lambda: F.embedding(torch.tensor([0]), torch.tensor(1.0)), RuntimeError, "'weight' must be 2-D"),
    (lambda: nn.utils.rnn.pack_padded_sequence(torch.ones(3, 0), []), RuntimeError, "Cannot pack empty tensors"),
    (
        lambda: nn.utils.rnn.pack_sequence([torch.ones(1), torch.ones(2)]),
        RuntimeError,
        "You can pass `enforce_sorted=False`",
    ),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_refusals(call: Callable[[], object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_pools_of_empty_batches() -> None:
    assert F.adaptive_avg_pool2d(torch.ones(1, 0, 4, 4), 2).shape == (1, 0, 2, 2)
    assert F.adaptive_max_pool2d(torch.ones(0, 4, 4), 2).shape == (0, 2, 2)
    assert F.adaptive_avg_pool1d(torch.ones(0, 4), 2).shape == (0, 2)
    assert nn.FractionalMaxPool2d(2, output_size=(0, 1))(torch.ones(1, 5, 4)).shape == (1, 0, 1)


def test_attention_of_an_empty_batch() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    assert layer(torch.ones(0, 3, 4)).shape == (0, 3, 4)


def test_attention_refuses_a_bias_beside_static_keys() -> None:
    m = nn.MultiheadAttention(6, 3, add_bias_kv=True)
    q = torch.ones(2, 6, 6)
    given = (m.in_proj_weight, m.in_proj_bias, m.bias_k, m.bias_v, False, 0.0, m.out_proj.weight, m.out_proj.bias)
    for name in ("key", "value"):
        with pytest.raises(AssertionError, match=f"bias cannot be added to static {name}"):
            F.multi_head_attention_forward(q, q, q, 6, 3, *given, **{f"static_{name[0]}": torch.ones(18, 4, 2)})


def test_bags_of_half_precision_are_rounded_once() -> None:
    weight = torch.full((1, 1), 1.0).half()
    bag = F.embedding_bag(torch.zeros(1, 4097).long(), weight, mode="sum")
    assert bag.item() == 4096.0  # added one by one in float16, ones would stop counting at 2048


def test_a_packed_sequence_of_any_type() -> None:
    packed = nn.utils.rnn.pack_sequence([torch.ones(2), torch.ones(1)])
    for name in ("short", "byte", "char", "int", "bfloat16"):
        assert getattr(packed, name)().data.dtype is getattr(packed.data, name)().dtype


def test_a_broadcast_element_of_the_target_itself() -> None:
    x = torch.arange(4)
    x[1:] = x[2]
    assert x.tolist() == [0, 2, 2, 2]


def test_losses_warn_of_broadcasting() -> None:
    with pytest.warns(UserWarning, match="Please ensure they have the same size"):
        F.mse_loss(torch.ones(3, 1), torch.ones(3))


def test_attention_warns_of_masks_of_two_kinds() -> None:
    layer, q = nn.MultiheadAttention(4, 2), torch.ones(3, 2, 4)
    with pytest.warns(UserWarning, match="Support for mismatched key_padding_mask and attn_mask is deprecated"):
        layer(q, q, q, key_padding_mask=torch.zeros(2, 3), attn_mask=torch.zeros(3, 3).bool())


def test_gradcheck_draws_from_a_state_of_its_own() -> None:
    def dropped(x: Tensor) -> Tensor:
        before = torch.get_rng_state()
        try:
            return F.rrelu(x, training=True)
        finally:
            torch.set_rng_state(before)

    x = torch.tensor([-1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(dropped, x, fast_mode=True)


def test_a_gradient_may_be_set_under_its_inner_name() -> None:
    p = nn.Parameter(torch.ones(2))
    p._grad = torch.tensor([3.0, 4.0])
    assert nn.utils.clip_grad_norm_([p], 1.0).item() == 5.0
    assert p.grad is p._grad


def test_of_equal_rows_in_a_bag_the_first_gets_the_gradient() -> None:
    weight = torch.tensor([[1.0, 5.0], [2.0, 5.0], [2.0, 0.0]], requires_grad=True)
    y = F.embedding_bag(torch.tensor([0, 1, 2]), weight, torch.tensor([0, 3]), mode="max")
    assert y.tolist() == [[2.0, 5.0], [0.0, 0.0]]
    y.sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
