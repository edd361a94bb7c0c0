"""Convolutions: identities, derivatives of two orders, empty inputs, errors; beside PyTorch over random geometries."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np
import pytest

import dynagrad
from dynagrad.autograd import gradcheck, gradgradcheck

GEOMETRIES = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": 3, "padding": 2, "dilation": 2},
    {"groups": 2, "padding": 1},
    {"stride": 2, "dilation": 3, "padding": 3, "groups": 2},
]
SIZES = {1: (9,), 2: (8, 7), 3: (7, 8, 7)}


def double(*shape: int, leaf: bool = True) -> Any:
    return dynagrad.randn(*shape, dtype=dynagrad.float64, requires_grad=leaf)


def slow_convolution(x: np.ndarray, w: np.ndarray, stride: int, padding: int, dilation: int, groups: int) -> np.ndarray:
    """The definition of a convolution over one dimension."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding)))
    length = (x.shape[2] - dilation * (w.shape[2] - 1) - 1) // stride + 1
    out = np.zeros((x.shape[0], w.shape[0], length))
    per_group = w.shape[0] // groups
    for m in range(w.shape[0]):
        channels = x[:, m // per_group * w.shape[1] : (m // per_group + 1) * w.shape[1]]
        for o in range(length):
            taps = channels[:, :, o * stride : o * stride + dilation * (w.shape[2] - 1) + 1 : dilation]
            out[:, m, o] = (taps * w[m]).sum((1, 2))
    return out


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_the_definition(geometry: dict[str, int]) -> None:
    g = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | geometry
    x, w = double(2, 4, 40, leaf=False), double(6, 4 // g["groups"], 3, leaf=False)
    assert np.allclose(dynagrad.conv1d(x, w, **g).numpy(), slow_convolution(x.numpy(), w.numpy(), **g))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_gradients_are_differences(rank: int, geometry: dict[str, int]) -> None:
    dynagrad.manual_seed(rank)
    groups = geometry.get("groups", 1)
    x, w, bias = double(2, 2 * groups, *SIZES[rank]), double(2 * groups, 2, *(3, 2, 1)[:rank]), double(2 * groups)
    for op in (getattr(dynagrad, f"conv{rank}d"), getattr(dynagrad, f"conv_transpose{rank}d")):
        call = functools.partial(op, **geometry)
        assert gradcheck(call, (x, w, bias), fast_mode=True)
        assert gradgradcheck(call, (x, w, bias), fast_mode=True)


def test_the_transposed_one_is_the_adjoint() -> None:
    x, w = double(2, 3, 9, 8, leaf=False), double(4, 3, 3, 2, leaf=False)
    y = dynagrad.conv2d(x, w, stride=2, padding=1)
    v = double(*y.shape, leaf=False)
    back = dynagrad.conv_transpose2d(v, w, stride=2, padding=1, output_padding=(0, 0))
    inside = x[:, :, : back.shape[2], : back.shape[3]]
    assert np.isclose((dynagrad.conv2d(inside, w, stride=2, padding=1) * v).sum().item(), (inside * back).sum().item())


def test_one_thread_and_many_give_the_same() -> None:
    x, w = double(1, 8, 40, 40), double(16, 8, 3, 3)
    found, threads = [], dynagrad.get_num_threads()
    for n in (1, 3):
        dynagrad.set_num_threads(n)
        y = dynagrad.conv2d(x, w, padding=1)
        found.append([y, *dynagrad.autograd.grad(y.sum(), (x, w))])
    dynagrad.set_num_threads(threads)
    assert all(dynagrad.allclose(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("shape", [(0, 2, 5, 5), (2, 0, 5, 5)])
def test_nothing_in_gives_zero_gradients(shape: tuple[int, ...]) -> None:
    x, w = double(*shape), double(3, shape[1], 3, 3)
    y = dynagrad.conv2d(x, w, padding=1)
    y.sum().backward()
    assert y.shape == (shape[0], 3 if shape[1] else 0, 5, 5)  # as PyTorch: without channels in there are none out
    assert not y.any()
    assert x.grad.shape == x.shape
    assert not w.grad.any()


def test_an_item_without_a_batch() -> None:
    x, w, bias = double(3, 6, 6), double(4, 3, 3, 3), double(4)
    assert dynagrad.equal(dynagrad.conv2d(x, w, bias), dynagrad.conv2d(x.unsqueeze(0), w, bias).squeeze(0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("conv2d(x[:, :2], w)", "expected input.* to have 3 channels, but got 2 channels"),
        ("conv2d(x[..., :2, :2], w)", r"padded input size per channel: \(2 x 2\). Kernel size: \(3 x 3\)"),
        ("conv2d(x, w, padding=-1)", "negative padding"),
        ("conv2d(x, w, stride=0)", "non-positive stride"),
        ("conv2d(x, w, dilation=0)", "non-positive dilation"),
        ("conv2d(x, w, groups=0)", "non-positive groups"),
        ("conv2d(x, w, groups=3)", "to be divisible by 3"),
        ("conv2d(x, w, x[0, 0, 0])", "expected bias to be 1-dimensional with 4 elements"),
        ("conv2d(x[0, 0], w)", "Expected 3D .* or 4D .* input to conv2d"),
        ("conv2d(x, w, stride=(1, 1, 1))", "expected stride to be a single integer value or a list of 2 values"),
        ("conv2d(x, w, padding='same', stride=2)", "not supported for strided"),
        ("conv2d(x, w, padding='foo')", "Invalid padding string"),
        ("conv2d(x.float(), w)", "should be the same"),
        ("conv_transpose2d(x, w)", "to have 4 channels"),
        ("conv_transpose2d(x, w.transpose(0, 1), output_padding=1)", "output padding must be smaller"),
    ],
)
def test_what_does_not_fit_is_said(call: str, words: str) -> None:
    names = {"x": double(2, 3, 8, 8, leaf=False), "w": double(4, 3, 3, 3, leaf=False)}
    with pytest.raises(RuntimeError, match=words):
        eval(f"dynagrad.{call}", names | {"dynagrad": dynagrad})  # noqa: S307  # this file's text


def test_padding_that_is_no_number_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="padding"):
        dynagrad.conv2d(double(2, 3, 8, 8), double(4, 3, 3, 3), padding=1.5)


def drawn(seed: int) -> tuple[str, list[list[int]], dict[str, Any], str]:
    """A function, the shapes of its three inputs, its other arguments and a dtype."""
    r = random.Random(seed)  # not a secret
    rank, transposed, groups = r.choice([1, 2, 2, 3]), r.random() < 0.4, r.choice([1, 1, 2, 3])
    c, m, n = r.choice([1, 2, 3, 5, 17]), r.choice([1, 2, 4, 9, 20]), r.choice([0, 1, 2, 3])
    kernel = [r.choice([1, 2, 3, 4]) for _ in range(rank)]
    size = [r.randint(4, (700, 20, 9)[rank - 1]) for _ in range(rank)]
    more: dict[str, Any] = {"stride": [r.choice([1, 1, 2, 3]) for _ in range(rank)], "groups": groups}
    more["padding"] = [r.choice([0, 1, 2, 3]) for _ in range(rank)]
    more["dilation"] = [r.choice([1, 1, 2, 3]) for _ in range(rank)]
    if transposed:
        more["output_padding"] = [
            r.randint(0, max(s, d) - 1) for s, d in zip(*map(more.get, ("stride", "dilation")), strict=True)
        ]
    elif r.random() < 0.2:
        more |= {"padding": r.choice(["same", "valid"]), "stride": 1}
    weight = [c * groups, m, *kernel] if transposed else [m * groups, c, *kernel]
    shapes = [[n, c * groups, *size], weight, [m * groups]]
    return f"conv{'_transpose' if transposed else ''}{rank}d", shapes, more, r.choice(["float32", "float64"])


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("seed", range(150))
def test_random_geometries_as_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    name, shapes, more, dtype = drawn(seed)
    numbers = [np.random.default_rng([seed, i]).standard_normal(shape) for i, shape in enumerate(shapes)]
    outcomes = []
    for library in (torch, dynagrad):
        inputs = [library.tensor(a, dtype=getattr(library, dtype), requires_grad=True) for a in numbers]
        try:
            y = getattr(library, name)(*inputs, **more)
        except RuntimeError:
            outcomes.append(None)
            continue
        weights = library.tensor(np.cos(np.arange(y.numel())).reshape(y.shape), dtype=y.dtype)
        outcomes.append([y, *library.autograd.grad(y, inputs, weights)])
    theirs, ours = outcomes
    assert (theirs is None) == (ours is None)
    accuracy = {"rtol": 1e-4, "atol": 1e-3} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-9}
    for a, b in zip(theirs or (), ours or (), strict=True):
        assert np.allclose(a.detach().numpy(), b.detach().numpy(), **accuracy)


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["int64", "int32", "float16", "bfloat16"])
def test_other_dtypes_as_pytorch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    numbers = [np.random.default_rng(i).integers(-4, 5, shape) for i, shape in enumerate([(2, 3, 8, 8), (4, 3, 3, 3)])]
    theirs, ours = (
        library.conv2d(*(library.tensor(a, dtype=getattr(library, dtype)) for a in numbers), stride=2, padding=1)
        for library in (torch, dynagrad)
    )
    assert str(ours.dtype) == str(theirs.dtype)
    assert np.array_equal(ours.double().numpy(), theirs.double().numpy())
