"""Interpolated images of bytes are PyTorch's, number by number: modes, sizes, channels, layouts."""

import itertools
import warnings

import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

pytestmark = pytest.mark.parity

SIZES = ((5, 7), (16, 9), (33, 40))
TARGETS = ((5, 7), (3, 9), (20, 20), (16, 11))


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_every_byte(mode, smooth, corners):
    generator = torch.Generator().manual_seed(0)
    for channels, size, target, last in itertools.product((1, 3, 5), SIZES, TARGETS, (False, True)):
        image = torch.randint(0, 256, (2, channels, *size), dtype=torch.uint8, generator=generator)
        ours = dynagrad.from_dlpack(image.clone())
        theirs = image.contiguous(memory_format=torch.channels_last) if last else image
        how = {"size": target, "mode": mode, "align_corners": corners, "antialias": smooth}
        expected = torch.nn.functional.interpolate(theirs, **how)
        assert dynagrad.nn.functional.interpolate(ours, **how).tolist() == expected.tolist()


def test_scales_that_are_no_ratio_of_the_sizes():
    image = torch.arange(48, dtype=torch.uint8).view(1, 3, 4, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for scale in (1.2, (1.2, 2.0), (0.6, 3.3)):
            expected = torch.nn.functional.interpolate(image, scale_factor=scale, mode="bilinear")
            found = dynagrad.nn.functional.interpolate(
                dynagrad.from_dlpack(image.clone()), scale_factor=scale, mode="bilinear"
            )
            assert found.tolist() == expected.tolist()
