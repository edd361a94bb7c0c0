"""What layers print and what they refuse, in PyTorch 2.13.0's words; fused layers; types of arguments."""

from __future__ import annotations

import pytest

import dynagrad
from dynagrad import nn


def test_parameters_in_containers_print_as_pytorchs() -> None:
    parts = [dynagrad.ones(2), dynagrad.ones(2, 3, dtype=dynagrad.float64), 3]
    assert repr(nn.ParameterList(parts)) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 2]\n"
        "    (1): Parameter containing: [torch.float64 of size 2x3]\n"
        "    (2): Object of type: int\n"
        ")"
    )
    assert repr(nn.ParameterDict({"a": parts[0], "b": parts[2]})) == (
        "ParameterDict(\n    (a): Parameter containing: [torch.FloatTensor of size 2]\n    (b): Object of type: int\n)"
    )


def test_a_failed_load_lists_what_is_missing_first() -> None:
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(2, 2).load_state_dict({"x": dynagrad.ones(1), "weight": dynagrad.ones(3)})
    missing, unexpected, shape = str(caught.value).split("\n\t")[1:4]
    assert missing == 'Missing key(s) in state_dict: "bias". '
    assert unexpected == 'Unexpected key(s) in state_dict: "x". '
    assert shape.startswith("size mismatch for weight")


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (nn.Dropout(), "dropout"),
        (nn.Dropout().eval(), "dropout"),
        (nn.Dropout(inplace=True), "dropout_"),
        (nn.AlphaDropout(), "alpha_dropout"),
        (nn.FeatureAlphaDropout(), "feature_alpha_dropout"),
    ],
)
def test_dropout_of_no_tensor(layer: nn.Module, name: str) -> None:
    message = rf"^{name}\(\): argument 'input' \(position 1\) must be Tensor, not str"
    with pytest.raises(TypeError, match=message):
        layer("a")


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.AvgPool2d(3), (2, 2), r"range of \[-2, 1\], but got -3"),
        (nn.AvgPool2d(3), (2,), r"range of \[-1, 0\], but got -3"),
        (nn.Unfold(3), (2, 2), r"range of \[-2, 1\], but got 2"),
        (nn.Unfold(3), (2,), r"range of \[-1, 0\], but got 1"),
        (nn.Unfold(3), (), "Dimension"),
    ],
)
def test_images_of_too_few_dimensions(layer: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(IndexError, match=message):
        layer(dynagrad.ones(shape))


@pytest.mark.parametrize(
    ("layer", "shape", "size"),
    [
        (nn.BatchNorm1d(3), (1, 3), r"torch.Size\(\[1, 3\]\)"),
        (nn.InstanceNorm1d(3), (1, 3, 1), r"torch.Size\(\[1, 3, 1\]\)"),
        (nn.GroupNorm(3, 3), (1, 3), r"\[1, 3\]"),
    ],
)
def test_a_single_value_has_no_variance(layer: nn.Module, shape: tuple[int, ...], size: str) -> None:
    with pytest.raises(ValueError, match=rf"when training, got input size {size}"):
        layer(dynagrad.ones(shape))


def normed(kind: type[nn.Module], features: int) -> nn.Module:
    """A BatchNorm that has seen something."""
    made = kind(features).double().eval()
    for tensor in (made.weight, made.bias, made.running_mean, made.running_var):
        tensor.detach().uniform_(0.5, 2)
    return made


@pytest.mark.parametrize("bias", [True, False])
def test_fused_layers_give_what_the_two_give(bias: bool) -> None:
    dynagrad.manual_seed(0)
    x = dynagrad.randn(2, 3, 5, 5, dtype=dynagrad.float64)
    bn = normed(nn.BatchNorm2d, 4)
    for layer, transposed in ((nn.Conv2d(3, 4, 3, bias=bias), False), (nn.ConvTranspose2d(3, 4, 3, bias=bias), True)):
        fused = nn.utils.fuse_conv_bn_eval(layer.double().eval(), bn, transposed)
        assert dynagrad.allclose(fused(x), bn(layer(x)))
        assert (fused.weight.requires_grad, fused.bias.requires_grad) == (True, bias)
    linear, bn = nn.Linear(5, 4, bias=bias).double().eval(), normed(nn.BatchNorm1d, 4)
    fused = nn.utils.fusion.fuse_linear_bn_eval(linear, bn)
    assert dynagrad.allclose(fused(x[0, 0]), bn(linear(x[0, 0])))


def test_layers_that_cannot_be_fused() -> None:
    linear, bn = nn.Linear(5, 4).eval(), nn.BatchNorm1d(4)
    with pytest.raises(AssertionError, match="only for eval"):
        nn.utils.fuse_linear_bn_eval(linear, bn)
    with pytest.raises(AssertionError, match=r"linear.out_features=4 and bn.num_features=3"):
        nn.utils.fuse_linear_bn_eval(linear, nn.BatchNorm1d(3).eval())
    with pytest.raises(AssertionError, match="must not be None"):
        nn.utils.fuse_conv_bn_eval(nn.Conv1d(1, 4, 1).eval(), nn.BatchNorm1d(4, track_running_stats=False).eval())


def test_types_of_arguments_can_be_named() -> None:
    from dynagrad.nn import common_types

    assert common_types._size_2_t == int | tuple[int, int]
    assert common_types._ratio_any_t == float | tuple[float, ...]


@pytest.mark.parametrize(
    ("logits", "target", "words"),
    [
        ("float32", "int64", "result type Float can't be cast to the desired output type Long"),
        ("float64", "int32", "result type Double can't be cast to the desired output type Int"),
        ("float32", "bool", "Subtraction, the `-` operator, with two bool tensors is not supported"),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_targets_of_logits_are_floating(logits: str, target: str, words: str, reduction: str) -> None:
    x, t = (dynagrad.ones(2, dtype=getattr(dynagrad, name)) for name in (logits, target))
    with pytest.raises(RuntimeError, match=words):
        nn.functional.binary_cross_entropy_with_logits(x.requires_grad_(), t, reduction=reduction)


@pytest.mark.parametrize("target", ["float16", "float32", "float64"])
@pytest.mark.parametrize("factors", [{}, {"weight": [0.5, 2.0]}, {"pos_weight": [3.0, 0.5]}], ids=str)
def test_the_dtype_of_the_target_is_that_of_the_loss(target: str, factors: dict[str, list[float]]) -> None:
    x = dynagrad.tensor([0.3, -1.2], dtype=dynagrad.float64, requires_grad=True)
    t = dynagrad.tensor([1.0, 0.0])
    given = {name: dynagrad.tensor(value, dtype=dynagrad.float64) for name, value in factors.items()}
    wide = nn.functional.binary_cross_entropy_with_logits(x, t.double(), **given)
    loss = nn.functional.binary_cross_entropy_with_logits(x, t.to(getattr(dynagrad, target)), **given)
    assert loss.dtype == getattr(dynagrad, target)
    assert loss.item() == pytest.approx(wide.item(), rel=2e-3)
    loss.backward()
    assert x.grad.dtype == dynagrad.float64
    assert x.grad.tolist() == pytest.approx(dynagrad.autograd.grad(wide, x)[0].tolist(), rel=2e-3)
