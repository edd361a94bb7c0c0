"""Memory shared with NumPy, buffers and DLPack, and what pickling and copying keep."""

import copy
import gc
import hashlib
import pickle

import numpy as np
import pytest

import dynagrad

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def test_an_array_and_its_tensor_share_memory():
    array = np.arange(6.0).reshape(2, 3)
    tensor = dynagrad.from_numpy(array)
    array[0, 0] = 9
    assert tensor.tolist()[0][0] == 9
    back = tensor.numpy()
    assert np.shares_memory(back, array)
    del tensor, array
    gc.collect()
    assert back[0, 0] == 9


def test_the_buffer_of_a_tensor():
    x = dynagrad.ones(2, 3)
    view = memoryview(x)
    assert (view.shape, view.strides, view.format, view.readonly) == ((2, 3), (12, 4), "f", False)
    np.asarray(x)[0, 0] = 5
    assert x.tolist()[0][0] == 5
    with pytest.raises(BufferError, match="contiguous"):
        hashlib.sha256(x.as_strided((3, 2), (1, 3)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_goes_and_comes_back(dtype):
    array = np.array([0, 1, 1]).astype(dtype)
    tensor = dynagrad.from_numpy(array)
    assert str(tensor.dtype) == f"torch.{dtype}"
    assert tensor.numpy().dtype == array.dtype
    assert np.from_dlpack(tensor).tolist() == array.tolist()
    again = dynagrad.from_dlpack(array)
    assert (again.dtype, again.tolist()) == (tensor.dtype, array.tolist())
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        loaded = pickle.loads(pickle.dumps(tensor, protocol))  # noqa: S301 - ours
        assert (loaded.dtype, loaded.tolist()) == (tensor.dtype, array.tolist())


def test_empty_and_0d_arrays():
    assert dynagrad.zeros(0, 3).numpy().shape == (0, 3)
    assert tuple(dynagrad.from_numpy(np.zeros((0, 3))).shape) == (0, 3)
    assert dynagrad.tensor(3.0).numpy().shape == ()
    assert tuple(dynagrad.from_dlpack(np.zeros((2, 0))).shape) == (2, 0)


def test_strided_memory_keeps_its_strides():
    array = np.arange(12.0).reshape(3, 4)[:, ::2]
    assert dynagrad.from_numpy(array).stride() == (4, 2)
    assert dynagrad.from_dlpack(array).tolist() == array.tolist()
    assert np.asarray(dynagrad.from_numpy(array)).strides == array.strides


def test_read_only_memory_warns():
    array = np.ones(3)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        dynagrad.from_numpy(array)
    with pytest.warns(UserWarning, match="not writable"):
        dynagrad.frombuffer(b"abcd", dtype=dynagrad.uint8)


def test_a_capsule_is_consumed_once():
    capsule = dynagrad.ones(2).__dlpack__()
    dynagrad.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="consumed only once"):
        dynagrad.from_dlpack(capsule)


def test_what_requires_grad_is_not_exported():
    x = dynagrad.ones(2, requires_grad=True)
    for export in (x.numpy, lambda: np.asarray(x)):
        with pytest.raises(RuntimeError, match="detach"):
            export()
    for export in (x.__dlpack__, lambda: memoryview(x)):
        with pytest.raises(BufferError, match="detach"):
            export()
    assert x.numpy(force=True).tolist() == [1, 1]


def test_bfloat16():
    x = dynagrad.tensor([1.5, 2.5], dtype=dynagrad.bfloat16)
    with pytest.raises(TypeError, match="BFloat16"):
        x.numpy()
    assert dynagrad.from_dlpack(x).tolist() == [1.5, 2.5]
    assert pickle.loads(pickle.dumps(x)).tolist() == [1.5, 2.5]  # noqa: S301 - ours


@pytest.mark.parametrize("remake", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])  # noqa: S301 - ours
def test_copies_keep_flags_and_attributes(remake):
    x = dynagrad.ones(2, 2, requires_grad=True)
    x.note = "kept"
    made = remake(x)
    assert made is not x
    assert (made.requires_grad, made.is_leaf, made.note, made.tolist()) == (True, True, "kept", x.tolist())


def test_deepcopy():
    x = dynagrad.ones(2, requires_grad=True)
    first, second = copy.deepcopy([x, x])
    assert first is second
    assert first is not x
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)
    x.grad = dynagrad.ones(2)
    assert copy.deepcopy(x).grad.tolist() == [1, 1]
    assert copy.deepcopy(x).grad is not x.grad


def test_deep_copies_share_memory_as_the_originals_do():
    x = dynagrad.arange(6.0).reshape(2, 3)
    empty = dynagrad.empty(0)
    made = copy.deepcopy({"x": x, "turned": x.t(), "last": x[1], "empty": empty, "other": x.clone()})
    made["x"][1, 2] = 9
    assert made["turned"].tolist() == [[0, 3], [1, 4], [2, 9]]
    assert made["turned"].stride() == (1, 3)
    assert made["last"].tolist() == [3, 4, 9]
    assert made["other"].tolist() == x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert made["empty"].shape == (0,)


def test_a_copy_shares_memory_and_a_deep_copy_does_not():
    x = dynagrad.zeros(2)
    copy.copy(x).fill_(1)
    copy.deepcopy(x).fill_(2)
    assert x.tolist() == [1, 1]


class Named(dynagrad.Tensor):
    pass


def test_subclasses_are_kept():
    x = Named([1, 2])
    x.name = "x"
    for made in (x, copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x))):  # noqa: S301 - ours
        assert (type(made), made.name, made.tolist()) == (Named, "x", [1, 2])


def test_constructors_of_classes():
    assert tuple(dynagrad.Tensor(2, 3).shape) == (2, 3)
    assert tuple(dynagrad.Tensor().shape) == (0,)
    assert dynagrad.LongTensor([1.5, 2]).tolist() == [1, 2]
    assert isinstance(dynagrad.ones(1), dynagrad.FloatTensor)
    assert not isinstance(dynagrad.ones(1), dynagrad.LongTensor)
    with pytest.raises(TypeError, match="sequence"):
        dynagrad.Tensor(3.5)


@pytest.mark.parity
@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_dlpack_with_pytorch(dtype):
    import torch

    ours = dynagrad.ones(3).to(getattr(dynagrad, dtype))
    theirs = torch.from_dlpack(ours)
    assert str(theirs.dtype) == f"torch.{dtype}"
    assert dynagrad.from_dlpack(theirs).tolist() == ours.tolist()
