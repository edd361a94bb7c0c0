"""Parameters that have no shape yet may be told where and what to be, and no more."""

import copy
from collections.abc import Callable

import pytest

import dynagrad as torch
from dynagrad import nn


def test_what_needs_no_shape_works() -> None:
    layer = nn.LazyLinear(5)
    assert layer.weight.dtype is torch.float32
    assert layer.weight.requires_grad
    assert "UninitializedParameter" in repr(layer.weight)
    assert layer.double().weight.dtype is torch.float64
    assert copy.deepcopy(layer)(torch.ones(2, 3).double()).shape == (2, 5)
    assert layer(torch.ones(2, 3).double()).shape == (2, 5)
    assert type(layer.weight) is nn.Parameter


@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_norms_ask_for_a_shape(norm: Callable[[nn.Module], nn.Module]) -> None:
    with pytest.raises(ValueError, match="can't have uninitialized parameters"):
        norm(nn.LazyLinear(5))
