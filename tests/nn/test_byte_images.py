"""Images of bytes are interpolated in whole numbers; beside PyTorch: test_byte_images_parity.py."""

import itertools

import pytest

import dynagrad

F = dynagrad.nn.functional
WAYS = list(itertools.product(("bilinear", "bicubic"), (False, True), (False, True)))


@pytest.mark.parametrize(("mode", "smooth", "corners"), WAYS)
@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_one_colour_stays_that_colour(mode, smooth, corners, value):
    image = dynagrad.full((2, 3, 5, 7), value, dtype=dynagrad.uint8)
    found = F.interpolate(image, size=(11, 4), mode=mode, align_corners=corners, antialias=smooth)
    assert (found.dtype, found.unique().tolist()) == (dynagrad.uint8, [value])


@pytest.mark.parametrize(("mode", "smooth", "corners"), WAYS)
def test_bytes_are_the_floating_numbers_rounded_axis_by_axis(mode, smooth, corners):
    dynagrad.manual_seed(0)
    image = dynagrad.randint(0, 256, (2, 3, 16, 700), dtype=dynagrad.uint8)
    how = {"mode": mode, "align_corners": corners, "antialias": smooth}
    exact = image.double()
    for size in ((16, 307), (20, 307)):  # the last axis first
        exact = (F.interpolate(exact, size=size, **how) + 0.5).floor().clamp(0, 255)
    off = (F.interpolate(image, size=(20, 307), **how).double() - exact).abs()
    assert off.max() <= 1  # weights of 16 bits
    assert (off > 0).double().mean() < 0.05


def test_the_same_size_is_a_copy_also_where_the_scale_says_otherwise():
    image = dynagrad.arange(16, dtype=dynagrad.uint8).view(1, 1, 4, 4)
    same = F.interpolate(image, scale_factor=1.2, mode="bilinear")
    assert dynagrad.equal(same, image)
    assert same.data_ptr() != image.data_ptr()


def test_numbers_of_pytorch():
    image = dynagrad.tensor([[[[0, 255, 3], [90, 7, 200]]]], dtype=dynagrad.uint8)
    assert F.interpolate(image, size=(2, 4), mode="bilinear").flatten().tolist() == [0, 159, 161, 3, 90, 38, 79, 200]
    cubic = F.interpolate(image, size=(3, 3), mode="bicubic", align_corners=True)
    assert cubic.flatten().tolist() == [0, 255, 3, 45, 131, 102, 90, 7, 200]


def test_other_whole_numbers_are_refused():
    with pytest.raises(NotImplementedError, match="not implemented for"):
        F.interpolate(dynagrad.ones(1, 1, 2, 2).long(), size=3, mode="bilinear")
