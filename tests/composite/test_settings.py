"""Names that scripts use at their start: what they answer, and what they refuse."""

import pytest

import dynagrad as torch


def test_compiling_changes_nothing():
    def double(x):
        return 2 * x

    assert torch.compile(double) is double
    assert torch.compile(mode="max-autotune")(double) is double
    with pytest.raises(TypeError, match="unexpected"):
        torch.compile(double, speed=9)


def test_a_scaler_without_cuda_passes_on_what_it_gets():
    with pytest.warns(UserWarning, match="CUDA"):
        scaler = torch.amp.GradScaler("cuda")
    assert scaler.scale(torch.ones(1)).item() == 1


def test_functions_write_in_place():
    x = torch.tensor([-1.0, 4.0])
    assert torch.abs_(x) is x
    assert torch.sqrt_(x).tolist() == [1.0, 2.0]


def test_loops_over_elements_and_diagonals():
    x = torch.arange(3.0)
    assert x.apply_(lambda v: v + 1).tolist() == [1.0, 2.0, 3.0]
    assert x.map_(torch.ones(3), lambda a, b: a - b).tolist() == [0.0, 1.0, 2.0]
    assert torch.zeros(5, 2).fill_diagonal_(1, wrap=True).tolist() == [[1, 0], [0, 1], [0, 0], [1, 0], [0, 1]]
    assert torch.ones(1).is_nonzero()
    with pytest.raises(RuntimeError, match="pin"):
        x.pin_memory()


def test_drawn_tensors_stay_within_their_bounds():
    x = torch.testing.make_tensor(50, 4, dtype=torch.float64, low=2, high=3, noncontiguous=True, requires_grad=True)
    assert (x.min() >= 2, x.max() < 3, x.is_contiguous(), x.requires_grad) == (True, True, False, True)
    assert torch.testing.make_tensor((100,), dtype=torch.int64, low=0, high=2, exclude_zero=True).tolist() == [1] * 100
