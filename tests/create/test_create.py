"""Tensors from numbers, sizes and data: recorded results and kinds of error of PyTorch for the same expressions.

`python tests/create/test_create.py`, where PyTorch is installed, records them anew.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

import dynagrad

RECORDED = Path(__file__).parents[1] / "recorded" / "create.json"
CASES = [
    "torch.tensor([1, 2.5, True])",
    "torch.tensor([True, 2])",
    "torch.tensor([])",
    "torch.tensor([[], []])",
    "torch.tensor([[1, 2], [3]])",
    "torch.tensor([[1, 2], 3])",
    "torch.tensor([1, [2]])",
    "torch.tensor('a')",
    "torch.tensor(['a'])",
    "torch.tensor([None])",
    "torch.tensor(None)",
    "torch.tensor([1, None])",
    "torch.tensor({1:2})",
    "torch.tensor([{}])",
    "torch.tensor(np.array([1, 2], dtype=object))",
    "torch.tensor(np.array(['a']))",
    "torch.tensor(np.float32(3))",
    "torch.tensor(np.float64(3))",
    "torch.tensor([np.float64(3)])",
    "torch.tensor([np.float32(3)])",
    "torch.tensor([np.int32(3)])",
    "torch.tensor([np.float32(3), 2])",
    "torch.tensor([np.array([1, 2]), np.array([3, 4])])",
    "torch.tensor([np.array([1, 2], dtype=np.float32), np.array([3, 4], dtype=np.float64)])",
    "torch.tensor([torch.tensor([1., 2]), torch.tensor([3., 4])])",
    "torch.tensor([torch.tensor(1., dtype=torch.float64), 2])",
    "torch.tensor([torch.tensor(1, dtype=torch.int8), torch.tensor(2, dtype=torch.uint8)])",
    "torch.tensor([torch.tensor([1.]), torch.tensor([2.])])",
    "torch.tensor(torch.tensor([1.]))",
    "torch.tensor(torch.tensor([1.], requires_grad=True))",
    "torch.tensor(range(4))",
    "torch.tensor((1, 2))",
    "torch.tensor({1, 2})",
    "torch.tensor(2**63)",
    "torch.tensor(2**64)",
    "torch.tensor([2**63])",
    "torch.tensor(-2**63)",
    "torch.tensor(300, dtype=torch.uint8)",
    "torch.tensor([300], dtype=torch.uint8)",
    "torch.tensor(-1, dtype=torch.uint8)",
    "torch.tensor(128, dtype=torch.int8)",
    "torch.tensor(256, dtype=torch.int8)",
    "torch.tensor(1e10, dtype=torch.int32)",
    "torch.tensor(float('nan'), dtype=torch.int64)",
    "torch.tensor(2.7, dtype=torch.int64)",
    "torch.tensor(1e300, dtype=torch.float32)",
    "torch.tensor(1e300, dtype=torch.float16)",
    "torch.tensor(70000, dtype=torch.float16)",
    "torch.tensor(2, dtype=torch.bool)",
    "torch.tensor([1, 2], requires_grad=True)",
    "torch.tensor([1, 2.], device='cuda')",
    "torch.tensor([1, 2.], dtype='float32')",
    "torch.tensor([1, 2.], dtype=np.float32)",
    "torch.tensor()",
    "torch.tensor(1, 2)",
    "torch.tensor(np.zeros((2, 3), dtype='>f4'))",
    "torch.tensor(np.zeros((2, 3), dtype=np.float16))",
    "torch.tensor(np.zeros((2, 3))[::-1])",
    "torch.from_numpy(np.zeros((2, 3))[::-1])",
    "torch.from_numpy([1])",
    "torch.from_numpy(np.zeros((2, 3), dtype='>f4'))",
    "torch.from_numpy(np.zeros(3, dtype=object))",
    "torch.from_numpy(np.array('a'))",
    "torch.as_tensor(np.arange(3))",
    "torch.as_tensor([1, 2])",
    "torch.as_tensor(torch.ones(2), dtype=torch.float64)",
    "torch.asarray([1, 2])",
    "torch.asarray(np.arange(3), copy=True)",
    "torch.asarray([1], copy=False)",
    "torch.asarray(b'abcd', dtype=torch.uint8)",
    "torch.frombuffer(b'abcdefgh', dtype=torch.int32)",
    "torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, count=1, offset=4)",
    "torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, count=3)",
    "torch.frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, offset=9)",
    "torch.frombuffer(bytearray(b'abcdefg'), dtype=torch.int32)",
    "torch.frombuffer(bytearray(b''), dtype=torch.int32)",
    "torch.frombuffer(3, dtype=torch.int32)",
    "torch.zeros(2, 3)",
    "torch.zeros((2, 3))",
    "torch.zeros([2, 3], dtype=torch.int32)",
    "torch.zeros(())",
    "torch.zeros()",
    "torch.zeros(2.5)",
    "torch.zeros((2, 2.5))",
    "torch.zeros(float('nan'))",
    "torch.zeros(-1)",
    "torch.zeros(2, -3)",
    "torch.zeros(2**62, 2**62)",
    "torch.zeros(2**63)",
    "torch.zeros(2**40)",
    "torch.zeros(torch.tensor(3))",
    "torch.zeros(np.int64(3))",
    "torch.zeros((np.int64(3), torch.tensor(2)))",
    "torch.zeros(True)",
    "torch.zeros('a')",
    "torch.zeros(None)",
    "torch.zeros(2, size=(3, ))",
    "torch.zeros(size=(3, ))",
    "torch.zeros(2, out=torch.empty(3))",
    "torch.zeros(2, dtype=torch.int32, out=torch.empty(2))",
    "torch.zeros(2, requires_grad=True, dtype=torch.int64)",
    "torch.zeros(2, names=None)",
    "torch.zeros(2, foo=1)",
    "torch.full((2, ), 1)",
    "torch.full((2, ), True)",
    "torch.full((2, ), 1.5)",
    "torch.full((2, ), 1.5, dtype=torch.int32)",
    "torch.full((2, ), torch.tensor(2.))",
    "torch.full(2, 1)",
    "torch.full((2, ), 300, dtype=torch.uint8)",
    "torch.full((2, ), 'a')",
    "torch.eye(3)",
    "torch.eye(2, 3)",
    "torch.eye(-1)",
    "torch.eye(2, -1)",
    "torch.eye(2, dtype=torch.bool)",
    "torch.eye(2.5)",
    "torch.arange(5)",
    "torch.arange(5.)",
    "torch.arange(1, 2, 0.3)",
    "torch.arange(1, 5, 2)",
    "torch.arange(5, 1, -1)",
    "torch.arange(1, 5, -1)",
    "torch.arange(1, 5, 0)",
    "torch.arange(float('nan'))",
    "torch.arange(0, float('inf'))",
    "torch.arange(0, 1e30)",
    "torch.arange(2**62, 2**62+3)",
    "torch.arange(torch.tensor(3))",
    "torch.arange(torch.tensor(3.))",
    "torch.arange(5, dtype=torch.float32)",
    "torch.arange(2.5, dtype=torch.int64)",
    "torch.arange(0.5, 5.5, 1.5, dtype=torch.int64)",
    "torch.arange(True)",
    "torch.arange(end=3)",
    "torch.arange(1, end=3)",
    "torch.arange(start=1, end=7, step=2)",
    "torch.arange()",
    "torch.arange('a')",
    "torch.arange(3, dtype=torch.bool)",
    "torch.arange(3, out=torch.empty(0))",
    "torch.linspace(0, 1, 5)",
    "torch.linspace(0, 10, 5, dtype=torch.int64)",
    "torch.linspace(0, 1, 0)",
    "torch.linspace(0, 1, 1)",
    "torch.linspace(0, 1, -1)",
    "torch.linspace(0, 1)",
    "torch.linspace(0, 1, 2.5)",
    "torch.linspace(torch.tensor(0.), torch.tensor(1.), 3)",
    "torch.linspace(torch.tensor([0.]), 1, 3)",
    "torch.logspace(0, 2, 3)",
    "torch.logspace(0, 2, 3, base=2)",
    "torch.logspace(0, 2, 3, base=-2)",
    "torch.scalar_tensor(3)",
    "torch.scalar_tensor(3, dtype=torch.int64)",
    "torch.empty_strided((2, 3), (1, 2)).stride()",
    "torch.empty_strided((2, 3), (1, -2)).stride()",
    "torch.empty_strided((2, 3), (1, )).stride()",
    "torch.tril(torch.ones(3))",
    "torch.tril(torch.ones(2, 3), 1)",
    "torch.tril(torch.ones(2, 3), 'a')",
    "torch.tril_indices(3, 3)",
    "torch.tril_indices(2, 3, 1, dtype=torch.int32)",
    "torch.triu_indices(3, 3, -1)",
    "torch.tril_indices(-1, 3)",
    "torch.tril_indices(2, 2, dtype=torch.float32)",
    "torch.diag(torch.ones(2), 1)",
    "torch.diag(torch.ones(2, 3), 1)",
    "torch.diag(torch.ones(2, 3), 5)",
    "torch.diag(torch.ones(2, 3, 1))",
    "torch.diag_embed(torch.ones(2, 3), 0, 1, 1)",
    "torch.diag_embed(torch.ones(2, 3), 0, 5, 1)",
    "torch.diagflat(torch.ones(2, 2))",
    "torch.meshgrid(torch.arange(2), torch.arange(3))",
    "torch.meshgrid(torch.arange(2), torch.arange(3), indexing='xy')",
    "torch.meshgrid(torch.arange(2), torch.ones(3), indexing='ij')",
    "torch.meshgrid(torch.ones(2, 2), indexing='ij')",
    "torch.meshgrid([torch.arange(2)], indexing='a')",
    "torch.meshgrid()",
    "torch.meshgrid(torch.tensor(1), torch.arange(2), indexing='ij')",
    "torch.ones(2).new_tensor([1, 2])",
    "torch.ones(2).new_tensor(torch.ones(1))",
    "torch.ones(2).new_zeros(2, 3)",
    "torch.ones(2).new_zeros((2, 3), dtype=torch.int8)",
    "torch.ones(2).new_full((2, ), 3)",
    "torch.ones(2).new_ones(2)",
    "torch.ones(2).new_empty_strided((2, ), (3, )).stride()",
    "torch.zeros_like(torch.ones(2, 3).t()).stride()",
    "torch.zeros_like(torch.ones(2, 3).t(), memory_format=torch.contiguous_format).stride()",
    "torch.zeros_like(torch.ones(2, 3)[:, ::2]).stride()",
    "torch.zeros_like([1])",
    "torch.full_like(torch.ones(2), 3.5, dtype=torch.int32)",
    "torch.rand_like(torch.ones(2, dtype=torch.int64))",
    "torch.tensor([1, 2, 3]).tolist()",
    "torch.tensor(3).tolist()",
    "torch.tensor([1, 2]).item()",
    "torch.tensor([]).item()",
    "torch.tensor([[5]]).item()",
    "torch.ones(2, requires_grad=True).numpy()",
    "np.asarray(torch.ones(2, requires_grad=True))",
    "torch.ones(2, dtype=torch.bfloat16).numpy()",
    "torch.ones(2, requires_grad=True).numpy(force=True)",
    "np.asarray(torch.ones(2), dtype=np.float64)",
    "torch.Tensor([1, 2])",
    "torch.FloatTensor([1, 2])",
    "torch.LongTensor([1, 2])",
    "torch.Tensor(3.5)",
    "torch.Tensor(torch.ones(2))",
    "torch.from_dlpack(np.arange(3))",
]


def described(value):
    """A result as JSON can hold it: dtype, sizes, strides and elements of a tensor."""
    if isinstance(value, (tuple, list)):
        return [described(each) for each in value]
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.tolist()]
    if not hasattr(value, "grad_fn"):
        return value
    return [str(value.dtype), list(value.shape), list(value.stride()), value.requires_grad, value.detach().tolist()]


def outcome(torch, case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return described(eval(case, {"torch": torch, "np": np}))  # noqa: S307 - ours
        except Exception as error:  # noqa: BLE001 - its kind is the result
            return {"error": type(error).__name__}


def close(ours, theirs):
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(close(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=3e-7) or (math.isnan(ours) and math.isnan(theirs))
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("case", CASES)
def test_create(case):
    theirs = json.loads(RECORDED.read_text())[case]
    ours = json.loads(json.dumps(outcome(dynagrad, case)))
    assert close(ours, theirs), f"{ours} is not {theirs}"


@pytest.mark.parity
@pytest.mark.parametrize("case", CASES)
def test_create_against_pytorch(case):
    import torch

    ours, theirs = outcome(dynagrad, case), outcome(torch, case)
    assert close(json.loads(json.dumps(ours)), json.loads(json.dumps(theirs))), f"{ours} is not {theirs}"


@pytest.mark.parametrize(
    "case", ["torch.complex(torch.ones(1), torch.ones(1))", "torch.tensor(1j)", "torch.zeros(2, dtype=complex)"]
)
def test_complex_is_a_clear_error(case):
    with pytest.raises((TypeError, NotImplementedError), match="complex"):
        eval(case, {"torch": dynagrad})  # noqa: S307 - ours


def test_copy_of_a_tensor_warns():
    with pytest.warns(UserWarning, match="clone"):
        dynagrad.tensor(dynagrad.ones(2))


def test_a_list_of_arrays_is_copied_whole():
    arrays = [np.random.default_rng(i).random((30, 20), dtype=np.float32) for i in range(5)]
    with pytest.warns(UserWarning, match="from a list of numpy.ndarrays is extremely slow"):
        assert dynagrad.tensor(arrays).numpy().tolist() == np.array(arrays).tolist()
    with pytest.warns(UserWarning, match="extremely slow"), pytest.raises(ValueError, match="expected sequence"):
        dynagrad.tensor([arrays[0], arrays[1][:7]])


if __name__ == "__main__":
    import torch

    lines = [f"{json.dumps(case)}: {json.dumps(outcome(torch, case))}" for case in CASES]
    RECORDED.write_text("{" + ",\n".join(lines) + "}\n")
