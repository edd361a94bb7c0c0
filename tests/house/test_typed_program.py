"""A program as users write it: `make lint` asks the type checker what it makes of it, and here it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

import dynagrad as torch
import dynagrad.nn.functional as F  # noqa: N812  # as all the world writes it
from dynagrad import nn
from dynagrad.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.scale = nn.Parameter(torch.ones(width))
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(width, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert_type(self.first.weight, torch.Tensor)
        hidden: torch.Tensor = self.first(x) * self.scale
        return F.log_softmax(self.last(hidden), dim=-1)


@torch.no_grad()
def accuracy(net: Net, x: torch.Tensor, y: torch.Tensor) -> float:
    assert_type(y == 1, torch.Tensor)
    return float((net(x).argmax(1) == y).float().mean())


@torch.inference_mode()
def halves(x: torch.Tensor) -> Iterator[torch.Tensor]:
    yield from x / 2


def test_tensors() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert_type(x, torch.Tensor)
    assert_type(x.shape, torch.Size)
    assert_type(x.size(0), int)
    assert_type(x.requires_grad, bool)
    assert_type(x[0], torch.Tensor)
    assert_type(-x + 1, torch.Tensor)
    assert_type(1.0 - x, torch.Tensor)
    assert_type(2 / x, torch.Tensor)
    assert_type(2**x @ x, torch.Tensor)
    assert_type(x > 1, torch.Tensor)
    assert_type(torch.exp(x), torch.Tensor)
    loss = torch.sum(x * x)
    assert_type(loss.backward(), None)
    assert_type(x.grad, torch.Tensor | None)
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 4.0]
    values, indices = torch.max(x, dim=0)
    assert (float(values), int(indices)) == (2.0, 1)


def test_training() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(8, 2), torch.arange(8) % 3
    net = Net(4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for data, target in DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True):
        optimizer.zero_grad()
        loss = F.nll_loss(net(data), target)
        assert_type(loss, torch.Tensor)
        loss.backward()
        optimizer.step()
    schedule.step()
    assert 0 <= accuracy(net, x, y) <= 1
    assert [half.tolist() for half in halves(torch.ones(2))] == [0.5, 0.5]
    for name, parameter in net.named_parameters():
        assert_type(name, str)
        assert_type(parameter.data, torch.Tensor)
