"""Attention with functions of scores and indices, against PyTorch's, which has no derivative of it on the CPU."""

from __future__ import annotations

import warnings

import pytest

import dynagrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

NUMBERS = [((i * 37) % 101) / 50 - 1 for i in range(2 * 4 * 5 * 3)]

SCORES = {
    "none": lambda m: None,
    "bias": lambda m: lambda score, b, h, q, kv: score + (q - kv) * 0.1 * (h + 1),
    "causal": lambda m: lambda score, b, h, q, kv: m.where(q >= kv, score, -float("inf")),
    "cap": lambda m: lambda score, b, h, q, kv: 5 * m.tanh(score / 5),
}
MASKS = {
    "none": lambda flex: None,
    "causal": lambda flex: lambda b, h, q, kv: q >= kv,
    "window": lambda flex: flex.and_masks(lambda b, h, q, kv: q >= kv, lambda b, h, q, kv: q - kv <= 2),
    "either": lambda flex: flex.or_masks(lambda b, h, q, kv: q == kv, lambda b, h, q, kv: kv < 1),
    "blind": lambda flex: lambda b, h, q, kv: q > kv,
}


def run(module, score, mask, kv_heads=4):
    import importlib

    flex = importlib.import_module(f"{module.__name__}.nn.attention.flex_attention")
    q, k, v = (
        module.tensor(NUMBERS, dtype=module.float32).reshape(2, 4, 5, 3)[:, :heads].mul(sign)
        for heads, sign in ((4, 1), (kv_heads, -1), (kv_heads, 2))
    )
    shown = MASKS[mask](flex)
    block = None if shown is None else flex.create_block_mask(shown, None, None, 5, 5, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out, aux = flex.flex_attention(
            q, k, v, SCORES[score](module), block, enable_gqa=kv_heads != 4, return_aux=flex.AuxRequest(lse=True)
        )
    return [each.numpy() for each in (out, aux.lse)]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("mask", MASKS)
def test_results(score, mask):
    for ours, theirs in zip(run(dynagrad, score, mask), run(torch, score, mask), strict=True):
        torch.testing.assert_close(torch.from_numpy(ours), torch.from_numpy(theirs), rtol=1e-5, atol=1e-5)


def test_heads_may_share_keys():
    for ours, theirs in zip(run(dynagrad, "bias", "causal", 2), run(torch, "bias", "causal", 2), strict=True):
        torch.testing.assert_close(torch.from_numpy(ours), torch.from_numpy(theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mask", ["none", "window", "blind"])
def test_the_derivative_is_that_of_the_numbers(mask):
    from dynagrad.nn.attention import flex_attention as flex

    shown = MASKS[mask](flex)
    block = None if shown is None else flex.create_block_mask(shown, None, None, 3, 3)
    x = dynagrad.tensor(NUMBERS[:12], dtype=dynagrad.float64).reshape(1, 2, 3, 2).requires_grad_()
    assert dynagrad.autograd.gradcheck(lambda x: flex.flex_attention(x, 2 * x, x, SCORES["cap"](dynagrad), block), (x,))


def test_masks_are_made_alike():
    from torch.nn.attention import flex_attention as theirs

    from dynagrad.nn.attention import flex_attention as ours

    def causal(b, h, q, kv):
        return q >= kv

    for size in (128, 2):
        made = [flex.create_block_mask(causal, 2, None, 8, 8, device="cpu", BLOCK_SIZE=size) for flex in (ours, theirs)]
        assert made[0].shape == tuple(made[1].shape)
        assert made[0].to_dense().tolist() == made[1].to_dense().tolist()
    assert made[0].sparsity() == pytest.approx(
        made[1].sparsity()
    )  # PyTorch's is below zero where a block is no whole one
    assert (
        ours.create_mask(causal, 1, 1, 3, 4).tolist() == theirs.create_mask(causal, 1, 1, 3, 4, device="cpu").tolist()
    )


@pytest.mark.parametrize(
    "shapes",
    [((2, 4, 5, 3), (2, 4, 5, 2), (2, 4, 5, 2)), ((2, 4, 5, 3), (2, 2, 5, 3), (2, 2, 5, 3)), ((5, 3), (5, 3), (5, 3))],
)
def test_what_does_not_fit_is_refused_as_there(shapes):
    from torch.nn.attention.flex_attention import flex_attention as theirs

    from dynagrad.nn.attention.flex_attention import flex_attention as ours

    with pytest.raises(Exception) as wanted:  # noqa: PT011 - whatever PyTorch raises
        theirs(*(torch.ones(shape) for shape in shapes))
    with pytest.raises(type(wanted.value)) as found:
        ours(*(dynagrad.ones(shape) for shape in shapes))
    assert str(wanted.value) in str(found.value)
