"""Layers leave channels last where they found them, and compute what they compute for any other order of elements."""

import pytest

import dynagrad as torch
from dynagrad import Tensor, nn
from dynagrad.nn import functional as F  # noqa: N812  # as everybody calls it

IMAGES = [
    nn.Conv2d(4, 6, 3),
    nn.Conv2d(4, 6, 1, stride=2),
    nn.ConvTranspose2d(4, 2, 2),
    nn.BatchNorm2d(4),
    nn.BatchNorm2d(4).eval(),
    nn.GroupNorm(2, 4),
    nn.MaxPool2d(2),
    nn.AvgPool2d(2),
    nn.AdaptiveAvgPool2d(2),
    nn.AdaptiveMaxPool2d(2),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=2, mode="bilinear"),
    nn.Upsample(scale_factor=2, mode="bicubic"),
    nn.ZeroPad2d(1),
    nn.ReflectionPad2d(1),
    nn.ReplicationPad2d(2),
    nn.PixelShuffle(2),
    nn.PixelUnshuffle(2),
    nn.ChannelShuffle(2),
    nn.ReLU(),
    nn.ELU(),
    nn.Hardswish(),
    nn.Hardtanh(),
    nn.LeakyReLU(),
    nn.GELU(),
]
VOLUMES = [
    nn.Conv3d(4, 6, 2),
    nn.BatchNorm3d(4),
    nn.GroupNorm(2, 4),
    nn.MaxPool3d(2),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=2, mode="trilinear"),
    nn.ConstantPad3d(1, 0.5),
    nn.ReplicationPad3d(1),
]
ROW_MAJOR_VOLUMES = [nn.AvgPool3d(2), nn.AdaptiveAvgPool3d(2), nn.AdaptiveMaxPool3d(2)]


def _name(layer: nn.Module) -> str:
    return type(layer).__name__


@pytest.mark.parametrize("layer", IMAGES, ids=_name)
def test_layers_of_images_keep_channels_last(layer: nn.Module) -> None:
    x = torch.randn(2, 4, 6, 8)
    y = layer(x.to(memory_format=torch.channels_last))
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert y.shape[1] == 1 or not y.is_contiguous()
    assert torch.allclose(y, layer(x), atol=1e-5)


@pytest.mark.parametrize("layer", VOLUMES, ids=_name)
def test_layers_of_volumes_keep_channels_last(layer: nn.Module) -> None:
    x = torch.randn(2, 4, 4, 4, 6)
    y = layer(x.to(memory_format=torch.channels_last_3d))
    assert y.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.allclose(y, layer(x), atol=1e-5)


@pytest.mark.parametrize("layer", ROW_MAJOR_VOLUMES, ids=_name)
def test_means_of_volumes_lie_row_by_row(layer: nn.Module) -> None:
    assert layer(torch.randn(2, 4, 4, 4, 4).to(memory_format=torch.channels_last_3d)).is_contiguous()


def test_the_weight_of_a_convolution_decides_too() -> None:
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    assert layer(torch.randn(2, 3, 5, 5)).stride() == (36, 1, 12, 4)


def test_a_weight_of_one_channel_takes_the_strides_asked_for() -> None:
    layer = nn.Conv2d(1, 4, 3).to(memory_format=torch.channels_last)
    assert layer.weight.stride() == (9, 1, 3, 1)
    assert layer(torch.randn(2, 1, 5, 5)).stride() == (36, 1, 12, 4)


def test_max_unpool_keeps_channels_last() -> None:
    x = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    values, places = F.max_pool2d(x, 2, return_indices=True)
    assert F.max_unpool2d(values, places, 2).stride() == (48, 1, 12, 3)


def test_gradients_are_those_of_row_major_images() -> None:
    layer = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ELU(), nn.MaxPool2d(2), nn.Upsample(size=5)
    )
    found = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = torch.arange(96.0).view(2, 3, 4, 4).sin().to(memory_format=memory_format).requires_grad_()
        layer.zero_grad()
        layer(x).cos().sum().backward()
        found.append([x.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_cat_keeps_the_format_that_all_share() -> None:
    last = torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert torch.cat([last, last], 1).stride() == (120, 1, 30, 6)
    assert torch.cat([last, last.contiguous()], 1).is_contiguous()
    assert torch.cat([torch.ones(0), last]).stride() == (60, 1, 15, 3)


def test_images_of_one_channel_stay_row_major() -> None:
    assert F.max_pool2d(torch.ones(2, 1, 4, 4), 2).stride() == (4, 4, 2, 1)


def test_places_of_largest_elements_lie_as_these() -> None:
    x = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last).requires_grad_()
    values, places = F.max_pool2d(x, 2, return_indices=True)
    assert values.stride() == places.stride() == (12, 1, 6, 3)
    values.sum().backward()
    assert isinstance(x.grad, Tensor)
    assert torch.equal((x.grad != 0).sum((2, 3)), torch.full((2, 3), 4))


def test_activations_lie_as_their_input() -> None:
    x = torch.randn(3, 4).t()
    for f in (F.elu, F.softshrink, F.hardsigmoid, F.mish):
        assert f(x).stride() == (1, 4)
        assert torch.equal(f(x), f(x.contiguous()))


def test_a_convolution_of_no_channels_makes_none() -> None:
    with pytest.warns(UserWarning, match="no-op"):
        layer = nn.Conv2d(0, 8, 2, stride=2)
    x = torch.ones(4, 0, 6, 6, requires_grad=True)
    y = layer(x)
    assert y.shape == (4, 0, 3, 3)
    y.sum().backward()
    assert layer.bias is not None
    assert torch.equal(layer.bias.grad, torch.zeros(8))
    assert x.grad is not None
    assert x.grad.shape == x.shape
