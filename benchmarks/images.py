"""Workloads of images, against the torch API; listed in ``workloads``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Step = Callable[[], object]

IMAGES, SIDE = 32, 28


def conv3x3(torch: Any) -> Step:
    """A convolution 3 by 3 from 32 to 64 channels on 32 images of 28 by 28, forward and backward."""
    torch.manual_seed(0)
    x = torch.randn(IMAGES, 32, SIDE, SIDE, requires_grad=True)
    w = (torch.randn(64, 32, 3, 3) * 0.05).requires_grad_()
    b = torch.zeros(64, requires_grad=True)
    g = torch.randn(IMAGES, 64, SIDE, SIDE)

    def step() -> None:
        x.grad = w.grad = b.grad = None
        torch.conv2d(x, w, b, padding=1).backward(g)

    return step


def conv3x3_forward(torch: Any) -> Step:
    """The same without a graph."""
    torch.manual_seed(0)
    x = torch.randn(IMAGES, 32, SIDE, SIDE)
    w = torch.randn(64, 32, 3, 3) * 0.05
    b = torch.zeros(64)
    return lambda: torch.conv2d(x, w, b, padding=1)


def lenet(torch: Any) -> Step:
    """A step of a convnet of LeNet's kind on 32 images of 28 by 28: forward, cross-entropy, backward."""
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    images = torch.randn(IMAGES, 1, SIDE, SIDE)
    labels = torch.randint(0, 10, (IMAGES,))

    def step() -> None:
        model.zero_grad()
        log_p = torch.log_softmax(model(images), 1)
        (-log_p.gather(1, labels.unsqueeze(1)).mean()).backward()

    return step
