"""Pools, interpolation, padding, sampling and CTC as functions: derivatives of two orders, identities, definitions.

PyTorch's operator database, which has more samples of these, is run by `make parity`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import dynagrad
from dynagrad.autograd import gradcheck, gradgradcheck
from dynagrad.nn import functional as F  # noqa: N812  # as everybody calls it

LINEAR_CALLS = {
    "avg_pool1d": ("F.avg_pool1d(x[0], 3, 2, 1)", (2, 3, 6, 5)),
    "avg_pool2d": ("F.avg_pool2d(x, (3, 2), 2, 1, True, False)", (2, 3, 6, 5)),
    "avg_pool3d": ("F.avg_pool3d(x, 2, 1, 1, divisor_override=3)", (2, 3, 4, 3, 3)),
    "adaptive_avg_pool2d": ("F.adaptive_avg_pool2d(x, (4, 3))", (2, 3, 6, 5)),
    "adaptive_avg_pool3d": ("F.adaptive_avg_pool3d(x, (2, 3, 2))", (1, 2, 3, 4, 3)),
    "nearest": ("F.interpolate(x, scale_factor=1.7)", (2, 3, 5, 4)),
    "bilinear": ("F.interpolate(x, (7, 3), mode='bilinear', align_corners=True)", (2, 3, 5, 4)),
    "bicubic": ("F.interpolate(x, scale_factor=1.7, mode='bicubic')", (2, 3, 5, 4)),
    "trilinear": ("F.interpolate(x, (3, 5, 2), mode='trilinear')", (1, 2, 2, 3, 4)),
    "smooth": ("F.interpolate(x, (2, 3), mode='bicubic', antialias=True)", (2, 3, 5, 7)),
    "constant": ("F.pad(x, (1, -1, 0, 2), value=3.)", (2, 3, 5, 4)),
    "reflect": ("F.pad(x, (2, 1, 0, 2), mode='reflect')", (2, 3, 5, 4)),
    "replicate": ("F.pad(x, (2, 1, -1, 2), mode='replicate')", (2, 3, 5, 4)),
    "circular": ("F.pad(x, (2, 1, -1, 2), mode='circular')", (2, 3, 5, 4)),
    "unfold": ("F.unfold(x, (2, 3), 2, 1, 2)", (2, 3, 6, 7)),
    "fold": ("F.fold(x, (4, 5), 2)", (2, 8, 12)),
    "pixel_shuffle": ("F.pixel_shuffle(x, 2)", (2, 8, 2, 3)),
    "pixel_unshuffle": ("F.pixel_unshuffle(x, 2)", (2, 2, 4, 2)),
    "channel_shuffle": ("F.channel_shuffle(x, 3)", (2, 6, 2)),
}
OTHER_CALLS = {
    "max_pool1d": ("F.max_pool1d(x[0], 3, 2, 1)", (2, 3, 6, 5)),
    "max_pool2d": ("F.max_pool2d(x, 3, 2, 1, 2, True)", (2, 3, 8, 9)),
    "max_pool3d": ("F.max_pool3d(x, 2, 1)", (1, 2, 3, 4, 3)),
    "adaptive_max_pool2d": ("F.adaptive_max_pool2d(x, (4, 3))", (2, 3, 6, 5)),
    "max_unpool2d": ("F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)", (2, 3, 6, 4)),
    "lp_pool2d": ("F.lp_pool2d(x + 9, 3, 2)", (2, 3, 6, 4)),
    "batch_norm": ("F.batch_norm(x, None, None, x[0, :, 0, 0], x[0, :, 0, 1], True)", (2, 3, 4, 3)),
    "batch_norm of vectors": ("F.batch_norm(x, None, None, training=True)", (5, 3)),
    "group_norm": ("F.group_norm(x, 2, x[0, :, 0, 0], x[0, :, 0, 1])", (2, 4, 3, 3)),
    "instance_norm": ("F.instance_norm(x, weight=x[0, :, 0, 0])", (2, 4, 3, 3)),
    "local_response_norm": ("F.local_response_norm(x, 3)", (2, 5, 3)),
}
CALLS = LINEAR_CALLS | OTHER_CALLS
# Geometries and modes that are only compared with PyTorch.
FURTHER_CALLS = (
    {
        f"max_pool{d}d {how}": (f"F.max_pool{d}d(x, {how}, return_indices=True)", (2, 3, 9, 8, 7)[: d + 2])
        for d in (1, 2, 3)
        for how in ("2", "3, 2, 1", "3, 1, 1, 2", "2, 3, 0, 1, True", "3, 2, 1, 1, True")
    }
    | {
        f"avg_pool{d}d {how}": (f"F.avg_pool{d}d(x, {how})", (2, 3, 9, 8, 7)[: d + 2])
        for d in (1, 2, 3)
        for how in ("2", "3, 2, 1", "3, 2, 1, True", "2, 3, 0, True, False", "3, 2, 1, True, False")
    }
    | {
        f"{mode} {how} of rank {d}": (f"F.interpolate(x, {how}, mode={mode!r})", (2, 2, 6, 5, 4)[: d + 2])
        for mode, ranks in {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3)}.items()
        for d in ranks
        for how in ("scale_factor=2", "scale_factor=0.6", "size=3", "size=11", "scale_factor=1.3")
    }
    | {
        f"{mode} {how}": (f"F.interpolate(x, {how}, mode={mode!r})", (2, 2, 6, 5, 4)[: d + 2])
        for mode, d in {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.items()
        for how in (
            "scale_factor=2",
            "scale_factor=0.6",
            "size=3, align_corners=True",
            "size=11",
            "scale_factor=1.3, recompute_scale_factor=True",
        )
    }
    | {
        f"{mode} smooth {how}": (f"F.interpolate(x, {how}, mode={mode!r}, antialias=True)", (2, 2, 12, 9))
        for mode in ("bilinear", "bicubic")
        for how in ("size=(5, 4)", "size=(15, 4), align_corners=True", "scale_factor=0.4")
    }
)


def called(text: str, x: Any) -> Any:
    return eval(text, {"F": F, "x": x})  # noqa: S307  # this file's text


def drawn(shape: tuple[int, ...], seed: int = 0) -> Any:
    """Numbers of which no two are near each other, so that what is largest stays so."""
    numbers = np.random.default_rng(seed).permutation(math.prod(shape)).reshape(shape)
    return dynagrad.tensor(numbers / 10 - 3, requires_grad=True)


@pytest.mark.parametrize("name", CALLS)
def test_derivatives_are_differences(name: str) -> None:
    text, shape = CALLS[name]
    x = drawn(shape)
    assert gradcheck(lambda x: called(text, x), (x,), fast_mode=True)
    assert gradgradcheck(lambda x: called(text, x), (x,), fast_mode=True, atol=1e-4)


@pytest.mark.parametrize("name", LINEAR_CALLS)
def test_linear_maps_are_linear_and_strides_do_not_matter(name: str) -> None:
    text, shape = LINEAR_CALLS[name]
    x, y = drawn(shape).detach(), drawn(shape, 1).detach()
    offset = called(text, x * 0)
    total = called(text, x + 2 * y) - offset
    assert dynagrad.allclose(total, called(text, x) - offset + 2 * (called(text, y) - offset))
    turned = x.transpose(0, -1).contiguous().transpose(0, -1)
    assert dynagrad.equal(called(text, turned), called(text, x))


@pytest.mark.parametrize("name", [name for name, (text, _) in CALLS.items() if "x[0" not in text])
def test_an_empty_batch_stays_empty(name: str) -> None:
    text, shape = CALLS[name]
    if "training=True" in text or name == "instance_norm":
        pytest.skip("there are no statistics of nothing")
    x = dynagrad.zeros((0, *shape[1:]), requires_grad=True)
    y = called(text, x)
    y.sum().backward()
    assert y.shape[0] == 0
    assert x.grad.shape == x.shape


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [*itertools.product((2, 3), (1, 2, 3), (0, 1), (1, 2))]
)
def test_the_definition_of_a_max_pool(kernel: int, stride: int, padding: int, dilation: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 11, 9))
    x[0, 3, 3] = np.nan
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    reach = dilation * (kernel - 1) + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (reach, reach), (1, 2))
    expected = windows[:, ::stride, ::stride, ::dilation, ::dilation].max((-1, -2))
    y, places = F.max_pool2d(dynagrad.tensor(x), kernel, stride, padding, dilation, return_indices=True)
    assert np.array_equal(y.numpy(), expected, equal_nan=True)
    picked = np.take_along_axis(x.reshape(2, -1), places.numpy().reshape(2, -1), 1)
    assert np.array_equal(picked, expected.reshape(2, -1), equal_nan=True)


def test_nothing_above_minus_infinity_still_has_a_place() -> None:
    y, places = F.max_pool2d(dynagrad.full((1, 4, 4), -math.inf), 3, 2, 1, return_indices=True)
    assert y.isinf().all()
    assert places.tolist() == [[[0, 1], [4, 5]]]


def test_bytes_are_interpolated_and_rounded_and_other_whole_numbers_are_not() -> None:
    x = dynagrad.tensor([[[0, 255]]], dtype=dynagrad.uint8)
    assert F.interpolate(x, 4, mode="linear").tolist() == [[[0, 64, 191, 255]]]
    assert F.interpolate(x, 3).tolist() == [[[0, 0, 255]]]
    with pytest.raises(NotImplementedError):
        F.interpolate(x.long(), 4, mode="linear")


# ---- sampling by grids ----
@pytest.mark.parametrize(
    ("mode", "padding_mode", "align"),
    [*itertools.product(("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True))],
)
def test_gradients_of_samples_are_differences(mode: str, padding_mode: str, align: bool) -> None:
    for rank in (2, 3):
        if (mode, rank) == ("bicubic", 3):
            continue
        generator = np.random.default_rng(rank)
        x = dynagrad.tensor(generator.standard_normal((2, 2, 4, 5, 3)[: rank + 2]), requires_grad=True)
        places = dynagrad.tensor(generator.uniform(-1.3, 1.3, (2, 3, *(1,) * (rank - 1), rank)), requires_grad=True)
        assert gradcheck(lambda x, p: F.grid_sample(x, p, mode, padding_mode, align), (x, places), fast_mode=True)


def test_the_identity_samples_every_pixel() -> None:
    x = drawn((2, 3, 4, 5))
    for align in (False, True):
        grid = F.affine_grid(dynagrad.eye(3, dtype=x.dtype)[:2].expand(2, 2, 3), list(x.shape), align_corners=align)
        for mode in ("bilinear", "nearest", "bicubic"):
            assert dynagrad.allclose(F.grid_sample(x, grid, mode, align_corners=align), x)


def test_a_second_derivative_of_samples_is_refused() -> None:
    x, places = drawn((1, 1, 3, 3)), dynagrad.zeros(1, 2, 2, 2, dtype=dynagrad.float64, requires_grad=True)
    y = F.grid_sample(x, places, align_corners=False)
    first = dynagrad.autograd.grad(y.square().sum(), x, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="grid_sampler_2d_backward is not implemented"):
        first.sum().backward()


def test_grids_that_do_not_fit() -> None:
    x, grid = dynagrad.zeros(1, 1, 3, 3), dynagrad.zeros(1, 2, 2, 2)
    for wrong in (grid.expand(2, 2, 2, 2), grid[..., :1], grid.double(), grid[0]):
        with pytest.raises(RuntimeError):
            F.grid_sample(x, wrong, align_corners=False)
    with pytest.raises(ValueError, match="expected mode"):
        F.grid_sample(x, grid, "cubic", align_corners=False)
    with pytest.raises(ValueError, match="affine matrices"):
        F.affine_grid(dynagrad.zeros(1, 3, 3), [1, 1, 2, 2], align_corners=False)


# ---- CTC ----
def spelled(path: tuple[int, ...]) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label]


@pytest.mark.parametrize("target", [[], [1], [1, 2], [1, 1], [2, 1, 2]])
def test_ctc_sums_over_all_paths(target: list[int]) -> None:
    log_p = dynagrad.randn(5, 1, 3, dtype=dynagrad.float64).log_softmax(2)
    values = log_p[:, 0].tolist()
    paths = (p for p in itertools.product(range(3), repeat=5) if spelled(p) == target)
    expected = -math.log(sum(math.exp(sum(values[t][k] for t, k in enumerate(path))) for path in paths))
    found = F.ctc_loss(log_p, dynagrad.tensor([target], dtype=dynagrad.long), [5], [len(target)], reduction="sum")
    assert math.isclose(found.item(), expected)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_gradients_of_ctc_are_differences(reduction: str) -> None:
    x = dynagrad.randn(6, 3, 4, dtype=dynagrad.float64, requires_grad=True)
    targets = dynagrad.tensor([[1, 2, 2], [3, 1, 0], [1, 0, 0]])
    call = lambda x: F.ctc_loss(x.log_softmax(2), targets, (6, 5, 4), (3, 2, 1), reduction=reduction)  # noqa: E731
    assert gradcheck(call, (x,), fast_mode=True)


def test_targets_that_no_path_spells() -> None:
    x = dynagrad.randn(2, 1, 3, requires_grad=True)
    arguments = (dynagrad.tensor([[1, 1, 1]]), (2,), (3,))
    assert F.ctc_loss(x.log_softmax(2), *arguments).item() == math.inf
    loss = F.ctc_loss(x.log_softmax(2), *arguments, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0
    assert not x.grad.any()


@pytest.mark.parametrize(
    ("targets", "inputs", "lengths", "blank"),
    [
        ([[1, 2]], (9,), (2,), 0),
        ([[1, 2]], (5,), (3,), 0),
        ([[1, 2]], (5, 5), (2,), 0),
        ([[1, 2]], (5,), (2,), 4),
        ([[1, 7]], (5,), (2,), 0),
        ([[1, -1]], (5,), (2,), 0),
        ([1, 2, 1], (5,), (2,), 0),
    ],
)
def test_ctc_refuses_what_is_out_of_range(targets: Any, inputs: Any, lengths: Any, blank: int) -> None:
    with pytest.raises(RuntimeError):
        F.ctc_loss(dynagrad.zeros(5, 1, 4), dynagrad.tensor(targets), inputs, lengths, blank)


# ---- beside PyTorch ----
def numbers_of(library: Any, text: str, shape: tuple[int, ...], dtype: str) -> list[Any]:
    """Results, and the gradient of a fixed weighting of the first, as arrays."""
    numbers = np.random.default_rng(1).permutation(math.prod(shape)).reshape(shape) / 10 - 3
    x = library.tensor(numbers, dtype=getattr(library, dtype), requires_grad=True)
    result = eval(text, {"F": library.nn.functional, "x": x})  # noqa: S307  # this file's text
    results = list(result) if isinstance(result, tuple) else [result]
    weights = np.cos(np.arange(results[0].numel())).reshape(results[0].shape)
    results += library.autograd.grad(results[0], x, library.tensor(weights, dtype=x.dtype))
    return [each.detach().numpy() for each in results]


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*CALLS, *FURTHER_CALLS])
def test_calls_as_pytorch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    text, shape = (CALLS | FURTHER_CALLS)[name]
    accuracy = {"rtol": 1e-9, "atol": 1e-9} if dtype == "float64" else {"rtol": 2e-4, "atol": 2e-5}
    theirs, ours = (numbers_of(library, text, shape, dtype) for library in (torch, dynagrad))
    for a, b in zip(theirs, ours, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.allclose(a, b, **accuracy)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("mode", "padding_mode", "align"),
    [*itertools.product(("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True))],
)
def test_samples_by_grids_as_pytorch(mode: str, padding_mode: str, align: bool) -> None:
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    for rank in (2, 3):
        if (mode, rank) == ("bicubic", 3):
            continue
        arrays = [generator.standard_normal((2, 3, 4, 5, 3)[: rank + 2])]
        arrays.append(generator.uniform(-2.5, 2.5, (2, *(4, 3, 2)[:rank], rank)))
        found = []
        for library in (torch, dynagrad):
            leaves = [library.tensor(a, requires_grad=True) for a in arrays]
            y = library.nn.functional.grid_sample(*leaves, mode, padding_mode, align)
            found.append([y, *library.autograd.grad(y.square().sum(), leaves)])
        assert all(np.allclose(a.detach().numpy(), b.detach().numpy()) for a, b in zip(*found, strict=True))


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_ctc_as_pytorch(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    numbers, found = np.random.default_rng(0).standard_normal((12, 4, 6)), []
    targets = np.random.default_rng(1).integers(1, 6, (4, 5))
    for library in (torch, dynagrad):
        x = library.tensor(numbers, requires_grad=True)
        arguments = (library.tensor(targets), library.tensor([12, 9, 7, 3]), library.tensor([5, 3, 0, 4]))
        loss = library.nn.CTCLoss(reduction=reduction, zero_infinity=True)(x.log_softmax(2), *arguments)
        found.append([loss, library.autograd.grad(loss.sum(), x)[0]])
    assert all(np.allclose(a.detach().numpy(), b.detach().numpy()) for a, b in zip(*found, strict=True))
