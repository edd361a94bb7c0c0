"""Parametrisations one behind the other, and what they may not change."""

import pytest

import dynagrad as torch
from dynagrad import Tensor, nn
from dynagrad.nn.utils.parametrize import register_parametrization


class Outer(nn.Module):
    """A matrix of rank one from two vectors, and two vectors for a matrix."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x.unsqueeze(-1) * y.unsqueeze(-2)

    def right_inverse(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        return matrix[:, 0] / matrix[0, 0], matrix[0]


class Scaled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 3 * x

    def right_inverse(self, x: Tensor) -> Tensor:
        return x / 3


class Cast(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.double()


class Smaller(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x

    def right_inverse(self, x: Tensor) -> Tensor:
        return x[:1]


class ToWhole(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x

    def right_inverse(self, x: Tensor) -> Tensor:
        return x.long()


def test_the_second_is_put_behind_the_first_and_changes_no_original() -> None:
    layer = nn.Linear(3, 3)
    register_parametrization(layer, "weight", Outer())
    before = layer.weight.clone()
    register_parametrization(layer, "weight", Scaled())
    assert torch.allclose(layer.weight, 3 * before)
    layer.weight = before
    assert torch.allclose(layer.weight, before, atol=1e-6)


@pytest.mark.parametrize(("second", "what"), [(Cast(), "dtype"), (Smaller(), "shape")])
def test_a_second_that_changes_too_much_is_not_taken(second: nn.Module, what: str) -> None:
    layer = register_parametrization(nn.Linear(2, 2), "weight", Scaled())
    with pytest.raises(ValueError, match=f"{what}.*unless the `unsafe` flag is enabled"):
        register_parametrization(layer, "weight", second)
    assert len(layer.parametrizations.weight) == 1
    register_parametrization(layer, "weight", second, unsafe=True)
    assert len(layer.parametrizations.weight) == 2


def test_a_first_that_changes_the_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match="may not change the dtype of the tensor, unless `unsafe` flag is enabled"):
        register_parametrization(nn.Linear(2, 2), "weight", Cast())
    with pytest.raises(ValueError, match="When `right_inverse` outputs one tensor, it may not change the dtype"):
        register_parametrization(nn.Linear(2, 2), "weight", ToWhole())
