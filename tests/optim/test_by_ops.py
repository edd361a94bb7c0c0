"""Adafactor, Muon and SparseAdam without PyTorch: descent, what stays where it is, what they keep."""

from __future__ import annotations

from typing import Any

import pytest

import dynagrad as torch
from dynagrad.optim.muon import orthogonalised


@pytest.mark.parametrize(
    ("name", "options"), [("Adafactor", {"lr": 0.3}), ("Muon", {"lr": 0.05}), ("SparseAdam", {"lr": 0.1})]
)
def test_the_loss_falls(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    weight, target = torch.randn(4, 6, requires_grad=True), torch.randn(4, 6)
    optimizer = getattr(torch.optim, name)([weight], **options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (weight - target).square().mean()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(60)]
    assert losses[-1] < 0.2 * losses[0]


def test_rows_without_a_gradient_keep_their_moments() -> None:
    table = torch.nn.Embedding(4, 2, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    before = table.weight.detach().clone()
    for batch in ([0, 1], [1]):
        optimizer.zero_grad()
        table(torch.tensor(batch)).sum().backward()
        optimizer.step()
    moved = (table.weight != before).any(1).tolist()
    assert moved == [True, True, False, False]
    first = optimizer.state[table.weight]["exp_avg"]
    assert first[0].tolist() == pytest.approx([0.1, 0.1])
    assert first[1].tolist() == pytest.approx([0.19, 0.19])
    assert first[2:].tolist() == [[0, 0], [0, 0]]
    scalar = torch.tensor(1.0, requires_grad=True)
    optimizer = torch.optim.SparseAdam([scalar], lr=0.1)
    scalar.grad = torch.tensor(2.0)
    optimizer.step()
    assert scalar.item() == pytest.approx(0.9)


def test_adafactor_keeps_a_row_and_a_column() -> None:
    weight = torch.ones(3, 5, requires_grad=True)
    optimizer = torch.optim.Adafactor([weight])
    weight.grad = torch.ones(3, 5)
    optimizer.step()
    state = optimizer.state[weight]
    assert state["row_var"].shape == (3, 1)
    assert state["col_var"].shape == (1, 5)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_muons_iteration_brings_singular_values_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    made = orthogonalised(torch.randn(shape), (3.4445, -4.7750, 2.0315), 5, 1e-7)
    assert made.shape == shape
    assert made.dtype is torch.bfloat16
    values = torch.linalg.svdvals(made.float())
    assert bool(((values > 0.3) & (values < 1.4)).all())
