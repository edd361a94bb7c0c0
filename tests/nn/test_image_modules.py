"""Layers of images: their signatures, texts, keys, first numbers and results beside PyTorch's; what they refuse."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import dynagrad
from dynagrad import nn

# name, arguments, shape of the input
LAYERS = [
    ("Conv1d", "4, 6, 3, padding='same', dilation=2", (2, 4, 9)),
    ("Conv1d", "4, 6, 4, padding='same', padding_mode='circular'", (2, 4, 9)),
    ("Conv2d", "4, 6, (3, 2), stride=2, padding=1, groups=2, padding_mode='reflect'", (2, 4, 9, 8)),
    ("Conv2d", "4, 6, 3, bias=False, padding=(1, 0), padding_mode='replicate'", (4, 9, 8)),
    ("Conv3d", "2, 3, 2, stride=(1, 2, 1)", (2, 2, 4, 5, 4)),
    ("ConvTranspose1d", "4, 6, 3, stride=2", (2, 4, 5)),
    ("ConvTranspose2d", "4, 6, 3, 2, 1, 1, groups=2", (2, 4, 5, 4)),
    ("ConvTranspose3d", "2, 3, 2, dilation=2, bias=False", (2, 2, 3, 3, 3)),
    ("MaxPool1d", "3, 2, 1", (2, 4, 9)),
    ("MaxPool2d", "3, padding=(0, 1), ceil_mode=True", (2, 4, 8, 8)),
    ("MaxPool2d", "2, return_indices=True", (2, 4, 8, 8)),
    ("MaxPool3d", "2, dilation=2, stride=1", (2, 4, 5, 5, 5)),
    ("AvgPool1d", "2, 1, 1", (2, 4, 9)),
    ("AvgPool2d", "3, 2, 1, count_include_pad=False", (2, 4, 9, 8)),
    ("AvgPool3d", "2, divisor_override=3", (2, 4, 4, 4, 4)),
    ("LPPool1d", "2, 3", (2, 4, 9)),
    ("LPPool2d", "4, 2", (2, 4, 8, 8)),
    ("LPPool3d", "2, 2", (2, 4, 4, 4, 4)),
    ("AdaptiveMaxPool1d", "3", (2, 4, 9)),
    ("AdaptiveMaxPool2d", "(3, None), return_indices=True", (2, 4, 9, 8)),
    ("AdaptiveMaxPool3d", "2", (2, 4, 5, 4, 3)),
    ("AdaptiveAvgPool1d", "4", (2, 4, 9)),
    ("AdaptiveAvgPool2d", "1", (2, 4, 9, 8)),
    ("AdaptiveAvgPool3d", "(2, 3, None)", (2, 4, 5, 4, 3)),
    ("FractionalMaxPool2d", "2, output_ratio=0.5", (2, 4, 9, 8)),
    ("FractionalMaxPool3d", "2, output_size=(2, 1, 2)", (2, 4, 5, 4, 4)),
    ("ConstantPad1d", "(1, 2), 2.5", (2, 4, 5)),
    ("ConstantPad2d", "1, 2", (2, 4, 5, 4)),
    ("ConstantPad3d", "(1, -1, 0, 1, 2, 0), 0.5", (2, 4, 5, 4, 3)),
    ("ZeroPad1d", "1", (2, 4, 5)),
    ("ZeroPad2d", "(1, 0, 2, 1)", (2, 4, 5, 4)),
    ("ZeroPad3d", "1", (2, 4, 5, 4, 3)),
    ("ReflectionPad1d", "2", (2, 4, 5)),
    ("ReflectionPad2d", "(1, 0, 2, 1)", (4, 5, 4)),
    ("ReflectionPad3d", "1", (2, 4, 5, 4, 3)),
    ("ReplicationPad1d", "2", (2, 4, 5)),
    ("ReplicationPad2d", "(1, 0, 2, -1)", (2, 4, 5, 4)),
    ("ReplicationPad3d", "1", (2, 4, 5, 4, 3)),
    ("CircularPad1d", "2", (2, 4, 5)),
    ("CircularPad2d", "(1, 0, 2, 1)", (2, 4, 5, 4)),
    ("CircularPad3d", "1", (2, 4, 5, 4, 3)),
    ("Upsample", "scale_factor=2", (2, 4, 5)),
    ("Upsample", "scale_factor=(1.5, 2.0), mode='bilinear'", (2, 4, 5, 4)),
    ("Upsample", "size=(3, 7), mode='bicubic', align_corners=True", (2, 4, 5, 4)),
    ("Upsample", "size=6, mode='trilinear'", (2, 4, 5, 4, 3)),
    ("UpsamplingNearest2d", "scale_factor=2", (2, 4, 5, 4)),
    ("UpsamplingBilinear2d", "size=(7, 9)", (2, 4, 5, 4)),
    ("Fold", "(4, 5), 2, stride=2, padding=1", (2, 8, 9)),
    ("Unfold", "(2, 3), dilation=2, padding=1", (2, 4, 6, 6)),
    ("PixelShuffle", "2", (2, 8, 3, 3)),
    ("PixelUnshuffle", "3", (2, 2, 6, 3)),
    ("ChannelShuffle", "2", (2, 6, 3)),
    ("BatchNorm1d", "4", (6, 4)),
    ("BatchNorm1d", "4, momentum=None", (3, 4, 5)),
    ("BatchNorm2d", "4, affine=False", (3, 4, 5, 6)),
    ("BatchNorm2d", "4, track_running_stats=False, eps=0.1", (3, 4, 5, 6)),
    ("BatchNorm3d", "4, bias=False", (3, 4, 2, 3, 4)),
    ("InstanceNorm1d", "4", (3, 4, 5)),
    ("InstanceNorm2d", "4, affine=True, track_running_stats=True", (3, 4, 5, 6)),
    ("InstanceNorm3d", "4", (4, 2, 3, 4)),
    ("GroupNorm", "2, 4", (3, 4, 5)),
    ("GroupNorm", "4, 4, affine=False", (3, 4, 5, 2)),
    ("LocalResponseNorm", "3, alpha=0.1", (2, 5, 4, 3)),
    ("LazyConv1d", "3, 2", (2, 4, 5)),
    ("LazyConv2d", "3, 2, 2", (2, 4, 5, 5)),
    ("LazyConv3d", "3, 2", (2, 4, 5, 5, 3)),
    ("LazyConvTranspose1d", "3, 2", (2, 4, 5)),
    ("LazyConvTranspose2d", "3, 2, 2", (2, 4, 5, 5)),
    ("LazyConvTranspose3d", "3, 2", (2, 4, 5, 5, 3)),
    ("LazyBatchNorm1d", "", (3, 4, 5)),
    ("LazyBatchNorm2d", "", (3, 4, 5, 6)),
    ("LazyInstanceNorm2d", "", (3, 4, 5, 6)),
    ("SyncBatchNorm", "4", (3, 4, 5)),
]
NAMES = sorted({name for name, _, _ in LAYERS})
IDS = [f"{name}({arguments})" for name, arguments, _ in LAYERS]


def build(library: Any, name: str, arguments: str) -> Any:
    library.manual_seed(3)
    return eval(f"nn.{name}({arguments})", {"nn": library.nn})  # noqa: S307  # this file's text


def draw(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize(("name", "arguments", "shape"), LAYERS, ids=IDS)
def test_a_layer_survives_copying_pickling_and_its_own_state(name: str, arguments: str, shape: tuple[int, ...]) -> None:
    layer, x = build(dynagrad, name, arguments), dynagrad.tensor(draw(shape))
    layer(x)
    layer.eval()
    dynagrad.manual_seed(0)
    expected = parts(layer(x))
    fresh = build(dynagrad, name, arguments).eval()
    fresh.load_state_dict(layer.state_dict())
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), fresh):  # noqa: S301  # our own bytes
        dynagrad.manual_seed(0)
        assert all(dynagrad.equal(a, b) for a, b in zip(parts(other(x)), expected, strict=True))


def test_pooling_and_unpooling_are_inverse_where_something_is_largest() -> None:
    x = dynagrad.tensor(draw((2, 3, 8, 8)))
    pooled, places = nn.MaxPool2d(2, return_indices=True)(x)
    back = nn.MaxUnpool2d(2)(pooled, places)
    assert dynagrad.equal(back[back != 0], x[back != 0])
    assert dynagrad.equal(nn.MaxPool2d(2)(back.where(back != 0, -9)), pooled)
    assert nn.MaxUnpool2d(2)(pooled, places, output_size=(2, 3, 9, 9)).shape == (2, 3, 9, 9)


def test_folding_counts_the_windows_over_each_pixel() -> None:
    ones = dynagrad.ones(1, 1, 4, 4)
    folded = nn.Fold((4, 4), 3, padding=1)(nn.Unfold(3, padding=1)(ones))
    assert folded[0, 0].tolist() == [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]


def test_batch_norm_keeps_statistics() -> None:
    layer, x = nn.BatchNorm2d(3, momentum=0.25), dynagrad.tensor(draw((4, 3, 5, 5)) * 2 + 1)
    layer(x)
    assert dynagrad.allclose(layer.running_mean, 0.25 * x.mean((0, 2, 3)))
    assert dynagrad.allclose(layer.running_var, 0.75 + 0.25 * x.var((0, 2, 3)))
    assert layer.num_batches_tracked == 1
    y = layer.eval()(x)
    assert layer.num_batches_tracked == 1
    scale = (layer.running_var + layer.eps).sqrt().view(1, 3, 1, 1)
    assert dynagrad.allclose(y, (x - layer.running_mean.view(1, 3, 1, 1)) / scale, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ("nn.Conv2d(3, 4, 3, groups=2)", ValueError, "in_channels must be divisible by groups"),
        ("nn.Conv2d(4, 3, 3, groups=2)", ValueError, "out_channels must be divisible by groups"),
        ("nn.Conv2d(4, 4, 3, groups=0)", ValueError, "groups must be a positive integer"),
        ("nn.Conv2d(4, 4, 3, padding='full')", ValueError, "Invalid padding string"),
        ("nn.Conv2d(4, 4, 3, 2, padding='same')", ValueError, "not supported for strided"),
        ("nn.Conv2d(4, 4, 3, padding_mode='mirror')", ValueError, "padding_mode must be one of"),
        ("nn.ConvTranspose2d(4, 4, 3, padding_mode='reflect')", ValueError, 'Only "zeros"'),
        ("nn.ConvTranspose2d(4, 4, 3, 2)(x, output_size=(30, 30))", ValueError, "requested an output size"),
        ("nn.BatchNorm2d(4)(x[0])", ValueError, "expected 4D input"),
        ("nn.BatchNorm2d(3)(x)", RuntimeError, "running_mean should contain 4 elements not 3"),
        ("nn.BatchNorm1d(4)(x[:1, :, 0, 0])", ValueError, "Expected more than 1 value per channel"),
        ("nn.InstanceNorm2d(3, affine=True)(x)", ValueError, "to match num_features"),
        ("nn.InstanceNorm2d(4)(x[:, :, :1, :1])", ValueError, "Expected more than 1 spatial element"),
        ("nn.GroupNorm(3, 4)", ValueError, "divisible"),
        ("nn.GroupNorm(2, 6)(x)", RuntimeError, "weight"),
        ("nn.FractionalMaxPool2d(2)", ValueError, "requires specifying either"),
        ("nn.FractionalMaxPool2d(2, output_ratio=1.5)", ValueError, "between 0 and 1"),
        ("nn.MaxPool2d(2, padding=2)(x)", RuntimeError, "at most half"),
        ("nn.MaxPool2d(9)(x)", RuntimeError, "Output size is too small"),
        ("nn.MaxPool2d(0)(x)", RuntimeError, "greater than zero"),
        ("nn.AvgPool2d(2, divisor_override=0)(x)", RuntimeError, "divisor must be not zero"),
        ("nn.AdaptiveAvgPool2d(-1)(x)", RuntimeError, "greater than or equal to 0"),
        ("nn.MaxUnpool2d(2)(x, x.long() * 0 + 1000)", RuntimeError, "invalid max index"),
        ("nn.ReflectionPad2d(8)(x)", RuntimeError, "less than the corresponding input dimension"),
        ("nn.CircularPad2d(9)(x)", RuntimeError, "wrapping around more than once"),
        ("nn.ConstantPad2d(-5, 0)(x)", RuntimeError, "negative output size"),
        ("nn.PixelShuffle(3)(x)", RuntimeError, "divisible by the square"),
        ("nn.PixelUnshuffle(3)(x)", RuntimeError, "divisible by downscale_factor"),
        ("nn.ChannelShuffle(3)(x)", RuntimeError, "divisible by groups"),
        ("nn.Upsample(scale_factor=2, mode='linear')(x)", NotImplementedError, "linear mode needs 3D"),
        ("nn.Upsample()(x)", ValueError, "either size or scale_factor"),
        ("nn.Upsample(size=4, scale_factor=2)(x)", ValueError, "only one of size or scale_factor"),
        ("nn.Fold((4, 4), 3)(x[0])", RuntimeError, "divisible by the product"),
        ("nn.Unfold(9)(x)", RuntimeError, "at least one"),
    ],
)
def test_what_does_not_fit_is_refused(call: str, error: type[Exception], words: str) -> None:
    names = {"nn": nn, "x": dynagrad.tensor(draw((2, 4, 8, 8)))}
    with pytest.raises(error, match=words):
        eval(call, names)  # noqa: S307  # this file's text


# ---- beside PyTorch ----
@pytest.mark.parity
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_old_response_norm_as_pytorch(size: int) -> None:
    torch = pytest.importorskip("torch")
    theirs, ours = (
        lib.nn.CrossMapLRN2d(size, 0.2)(lib.tensor(draw((2, 7, 4, 3)))).numpy() for lib in (torch, dynagrad)
    )
    assert np.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    theirs, ours = (inspect.signature(getattr(library.nn, name).__init__) for library in (torch, dynagrad))
    shape = [(p.name, p.kind, p.default) for p in theirs.parameters.values()]
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == shape


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize(("name", "arguments", "shape"), LAYERS, ids=IDS)
def test_a_layer_is_pytorchs(name: str, arguments: str, shape: tuple[int, ...]) -> None:
    """The text, the first numbers bit for bit, results and gradients in training and evaluation, the state after."""
    torch = pytest.importorskip("torch")
    found = []
    for library in (torch, dynagrad):
        layer, said = build(library, name, arguments), []
        said.append(repr(layer))
        for training in (True, False):
            x = library.tensor(draw(shape, training), requires_grad=True)
            library.manual_seed(1)
            outputs = parts(layer.train(training)(x))
            first = outputs[0]
            weights = library.tensor(np.cos(np.arange(first.numel())).reshape(first.shape).astype("float32"))
            leaves = [x, *layer.parameters()]
            said += [*outputs, *library.autograd.grad(first, leaves, weights)]
        said += [repr(layer), list(layer.state_dict()), *layer.state_dict().values()]
        found.append([each.detach().numpy() if hasattr(each, "detach") else each for each in said])
    for ours, theirs in zip(*found, strict=True):
        if isinstance(theirs, np.ndarray):
            assert ours.dtype == theirs.dtype
            assert np.allclose(ours, theirs, rtol=1e-4, atol=2e-5)
        else:
            assert ours == theirs


@pytest.mark.parity
@pytest.mark.parametrize(("name", "arguments"), [(name, arguments) for name, arguments, _ in LAYERS if "Conv" in name])
def test_first_numbers_are_bit_for_bit_pytorchs(name: str, arguments: str) -> None:
    torch = pytest.importorskip("torch")
    if name.startswith("Lazy"):
        pytest.skip("they are drawn at the first input")
    theirs, ours = (build(library, name, arguments).state_dict() for library in (torch, dynagrad))
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[key].numpy(), theirs[key].numpy()) for key in theirs)
