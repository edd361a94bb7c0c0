"""torch.ops.aten: the names lead to the functions, and the operators that have no other name compute what they say."""

import copy

import pytest

import dynagrad
from dynagrad import nn

aten = dynagrad.ops.aten


def test_an_operator_is_the_function_of_its_name():
    x = dynagrad.tensor([-1.0, 2.0])
    assert aten.add(x, x).tolist() == [-2, 4]
    assert aten.add.Tensor(x, x, alpha=2).tolist() == [-3, 6]
    assert aten.mul.Scalar(x, 3).tolist() == [-3, 6]
    assert aten.relu.default(x).tolist() == [0, 2]
    assert aten.sum.dim_IntList(x, [0], True).tolist() == [1]
    assert aten.gelu(x, approximate="tanh").tolist() == nn.functional.gelu(x, approximate="tanh").tolist()
    assert aten.view(x, [2, 1]).shape == (2, 1)
    assert aten.add_.Tensor(x, 1) is x
    assert aten.upsample(x.view(1, 1, 2), (4,), "nearest").flatten().tolist() == [0, 0, 3, 3]
    assert repr(aten.add.Tensor) == "<OpOverload(op='aten.add.Tensor')>"
    assert copy.deepcopy([aten.add.Tensor])[0](x, x).tolist() == [0, 6]


@pytest.mark.parametrize("name", ["no_such_operator", "float32", "Tensor", "nn", "__wrapped__"])
def test_what_is_no_operator(name):
    with pytest.raises(AttributeError, match=f"'_OpNamespace' 'aten' object has no attribute '{name}'"):
        getattr(aten, name)


def test_other_libraries_are_empty():
    with pytest.raises(AttributeError, match="'_OpNamespace' 'torchvision' object has no attribute 'nms'"):
        _ = dynagrad.ops.torchvision.nms
    with pytest.raises(NotImplementedError, match="compiled for PyTorch"):
        dynagrad.ops.load_library("kernels.so")
    with pytest.raises(AttributeError):
        _ = aten.add.Tensor.more


def test_a_slice_is_a_view():
    x = dynagrad.arange(6.0).view(2, 3).requires_grad_()
    part = aten.slice.Tensor(x, -1, 0, 3, 2)
    assert (part.tolist(), part.data_ptr()) == ([[0, 2], [3, 5]], x.data_ptr())
    assert dynagrad.autograd.grad(part.sum(), x)[0].tolist() == [[1, 0, 1]] * 2


def test_derivatives_by_name():
    dynagrad.manual_seed(0)
    x = dynagrad.randn(2, 5, dtype=dynagrad.float64, requires_grad=True)
    g = dynagrad.randn(2, 5, dtype=dynagrad.float64)
    p = x.softmax(1)
    found = aten._softmax_backward_data(g, p.detach(), 1, x.dtype)
    assert dynagrad.allclose(found, dynagrad.autograd.grad(p, x, g)[0])

    images = dynagrad.randn(2, 3, 6, 6, dtype=dynagrad.float64, requires_grad=True)
    pooled, places = nn.functional.max_pool2d(images, 3, 2, return_indices=True)
    expected = dynagrad.autograd.grad(pooled, images, dynagrad.ones_like(pooled))[0]
    of_pool = aten.max_pool2d_with_indices_backward
    found = of_pool(dynagrad.ones_like(pooled), images, [3, 3], [2, 2], [0, 0], [1, 1], False, places)
    assert dynagrad.equal(found, expected)
    assert not dynagrad.autograd.grad(found.sum(), images)[0].any()

    kept = dynagrad.tensor([True, False])
    assert aten.native_dropout_backward(dynagrad.tensor([1.0, 1.0]), kept, 2.0).tolist() == [2, 0]


def test_rows_of_nothing_but_minus_infinity_are_zeros():
    x = dynagrad.tensor([[float("-inf")] * 2, [0.0, 0.0]])
    x.requires_grad_()
    found = aten._safe_softmax(x, 1)
    assert found.tolist() == [[0, 0], [0.5, 0.5]]
    assert dynagrad.autograd.grad(found[:, 0].sum(), x)[0].tolist() == [[0, 0], [0.25, -0.25]]


def test_images_resampled_by_size_or_by_scales():
    images = dynagrad.arange(36.0).view(1, 1, 6, 6)
    expected = nn.functional.interpolate(images, (3, 2), mode="bilinear", antialias=True)
    assert dynagrad.equal(aten._upsample_bilinear2d_aa(images, [3, 2], False), expected)
    halved = nn.functional.interpolate(images, scale_factor=0.5, mode="bilinear", antialias=True)
    assert dynagrad.equal(aten._upsample_bilinear2d_aa.vec(images, None, False, [0.5, 0.5]), halved)
    assert dynagrad.equal(aten._upsample_bilinear2d_aa(images, [3, 3], False, scales_h=0.5, scales_w=0.5), halved)


def test_normalisation_with_its_statistics():
    x = dynagrad.tensor([[1.0], [3.0]])
    made, mean, scale = dynagrad._native_batch_norm_legit(x, None, None, True, 0.1, 0.0)
    assert (made.tolist(), mean.tolist(), scale.tolist()) == ([[-1], [1]], [2], [1])
    running = dynagrad.zeros(1), dynagrad.ones(1)
    *_, scale = dynagrad._native_batch_norm_legit(x, None, None, *running, False, 0.1, 0.0)
    assert scale.shape == (0,)
    *_, reserve = aten._batch_norm_with_update(x, None, None, *running, 0.5, 0.0)
    assert (reserve.dtype, running[0].tolist(), running[1].tolist()) == (dynagrad.uint8, [1], [1.5])
