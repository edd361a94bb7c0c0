"""``make_tensor`` and matrices of a kind, beside PyTorch's: the same numbers from the same seed, in the same order."""

from __future__ import annotations

import warnings

import pytest

import dynagrad
from dynagrad.testing._internal import common_utils
from tests.testing.cases import outcome

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal import common_utils as their_utils

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = ["bool", "uint8", "int8", "int16", "int32", "int64"]
OPTIONS = [
    {},
    {"low": 1, "high": 3},
    {"low": 0.5, "high": 2.5},
    {"noncontiguous": True},
    {"exclude_zero": True, "low": -1, "high": 2},
    {"low": float("-inf"), "high": float("inf")},
    {"low": -20, "high": -3},
    {"low": 5, "high": 3},
    {"low": float("nan")},
    {"high": 1},
    {"noncontiguous": True, "memory_format": "channels_last"},
    {"memory_format": "channels_last"},
    {"requires_grad": True},
]


def made(lib, dtype, options, shape=((2, 3, 2, 5),)):
    options = {key: getattr(lib, value) if key == "memory_format" else value for key, value in options.items()}
    lib.manual_seed(7)
    found = outcome(lib.testing.make_tensor, *shape, dtype=getattr(lib, dtype), device="cpu", **options)
    if isinstance(found, str):
        return found
    plain = found.detach().double()
    return plain.tolist(), found.stride(), found.storage_offset(), found.requires_grad, lib.rand(1).item()


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_numbers(dtype, options):
    ours, theirs = made(dynagrad, dtype, options), made(torch, dtype, options)
    if isinstance(ours, str) and "memory_format" in options:  # which each library shows in its own way
        ours, theirs = ours.partition("but got")[0], theirs.partition("but got")[0]
    assert ours == theirs


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (2, 1), ((2, 2),), ([2, 0],)])
def test_shapes(shape):
    for options in ({}, {"noncontiguous": True}):
        assert made(dynagrad, "float32", options, shape) == made(torch, "float32", options, shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_widest_range(dtype):
    top = torch.finfo(getattr(torch, dtype)).max
    assert made(dynagrad, dtype, {"low": -top, "high": top}) == made(torch, dtype, {"low": -top, "high": top})


@pytest.mark.parametrize("lib", [dynagrad, torch])
def test_an_empty_range_is_deprecated(lib):
    with pytest.warns(FutureWarning, match="Passing `low==high`"):
        assert lib.testing.make_tensor(2, dtype=lib.float32, device="cpu", low=1, high=1).tolist() == [1, 1]


MATRICES = {
    "random_symmetric_matrix": ((3, 2), {}),
    "random_symmetric_psd_matrix": ((3, 2), {}),
    "random_symmetric_pd_matrix": ((3, 2), {}),
    "random_hermitian_pd_matrix": ((3, 2), {"dtype": "float64", "device": "cpu"}),
    "make_symmetric_matrices": ((2, 3, 3), {"dtype": "float64", "device": "cpu"}),
    "make_symmetric_pd_matrices": ((2, 3, 3), {"dtype": "float64", "device": "cpu"}),
    "make_fullrank_matrices_with_distinct_singular_values": ((2, 3, 4), {"dtype": "float64", "device": "cpu"}),
    "random_well_conditioned_matrix": ((2, 3, 4), {"dtype": "float64", "device": "cpu"}),
    "random_square_matrix_of_rank": ((4, 2), {}),
    "random_matrix": ((4, 3, 2), {"singular": True}),
    "random_matrix_with_scaled_reduction_dim": ((4, 3, 2), {"reduction_dim": -2}),
    "random_lowrank_matrix": ((2, 4, 3, 2), {}),
}


@pytest.mark.parametrize("name", MATRICES)
def test_matrices(name):
    sizes, options = MATRICES[name]

    def made(lib, utils):
        lib.manual_seed(3)
        named = {key: getattr(lib, value) if key == "dtype" else value for key, value in options.items()}
        return getattr(utils, name)(*sizes, **named)

    # A product of singular vectors does not depend on their signs.
    ours, theirs = made(dynagrad, common_utils), made(torch, their_utils)
    torch.testing.assert_close(torch.tensor(ours.tolist(), dtype=torch.float64), theirs, rtol=1e-9, atol=1e-12)
