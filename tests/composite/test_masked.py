"""Masked reductions, windows, projections and reductions by index beside what they stand for."""

import math

import pytest

import dynagrad as torch
from dynagrad.autograd import gradcheck

X = torch.tensor([[1.0, 5.0, 2.0], [4.0, -3.0, 0.5]], dtype=torch.float64)
MASK = torch.tensor([[True, False, True], [True, True, False]])
ROWS = ([1.0, 2.0], [4.0, -3.0])


@pytest.mark.parametrize("name", ["sum", "prod", "amax", "amin", "mean", "var", "std", "norm", "logsumexp", "median"])
def test_a_masked_reduction_sees_what_the_mask_shows(name):
    found = getattr(torch.masked, name)(X, dim=1, mask=MASK)
    plain = {"norm": torch.linalg.vector_norm, "logsumexp": lambda t: t.logsumexp(0)}.get(name) or getattr(torch, name)
    expected = torch.stack([plain(torch.tensor(row, dtype=torch.float64)) for row in ROWS])
    torch.testing.assert_close(found, expected)


def test_masked_weights_sum_to_one_and_vanish_elsewhere():
    for name in ("softmax", "softmin"):
        weights = getattr(torch.masked, name)(X, 1, mask=MASK)
        torch.testing.assert_close(weights.sum(1), torch.ones(2, dtype=torch.float64))
        assert not weights[~MASK].any()


def test_masked_gradients_are_differences():
    x = X.clone().requires_grad_()
    for name in ("sum", "mean", "var", "norm"):
        function = getattr(torch.masked, name)
        assert gradcheck(lambda x, f=function: f(x, dim=1, mask=MASK), (x,))


def test_windows_are_symmetric_or_a_period():
    w = torch.signal.windows
    for window in (w.hann, w.hamming, w.blackman, w.nuttall, w.bartlett, w.cosine, w.gaussian, w.kaiser, w.exponential):
        whole = window(9, dtype=torch.float64)
        torch.testing.assert_close(whole, whole.flip(0))
        assert whole[4].item() == pytest.approx(1)
        if window is not w.cosine:
            torch.testing.assert_close(window(8, sym=False, dtype=torch.float64), whole[:8])
    assert w.hann(0).tolist() == []
    assert w.hann(1).tolist() == [1]


def test_a_matrix_of_low_rank_is_found_again():
    torch.manual_seed(0)
    A = torch.randn(20, 3, dtype=torch.float64) @ torch.randn(3, 15, dtype=torch.float64)
    U, S, V = torch.svd_lowrank(A, q=4)
    torch.testing.assert_close(U * S @ V.mT, A)
    U, S, V = torch.pca_lowrank(A, q=4)
    torch.testing.assert_close(U * S @ V.mT, A - A.mean(0))


def test_reductions_by_index_and_distances():
    t, index = torch.ones(3, 2), torch.tensor([0, 2, 0])
    source = torch.arange(6.0).reshape(3, 2) + 1
    found = t.index_reduce(0, index, source, "prod")
    assert found.tolist() == [[5.0, 12.0], [1.0, 1.0], [3.0, 4.0]]
    points = torch.randn(4, 3, dtype=torch.float64)
    distances = torch.cdist(points, points)
    torch.testing.assert_close(distances[0, 1], (points[0] - points[1]).norm())
    assert distances.diagonal().abs().max().item() < 1e-7
    assert torch.cdist(points, points, p=math.inf).shape == (4, 4)
    assert torch.ones(2, 3).sum_to_size(1, 3).tolist() == [[2.0, 2.0, 2.0]]


def test_a_variance_keeps_the_dtype_whatever_the_correction():
    x = torch.tensor([1.0, 2.0, 4.0], dtype=torch.bfloat16)
    assert torch.masked.var(x, correction=0.5).dtype == torch.bfloat16
    assert torch.masked.std(x, correction=0.5).dtype == torch.bfloat16
