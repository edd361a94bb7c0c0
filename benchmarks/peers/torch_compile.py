"""``torch.compile`` on the two workloads that it is made for."""

from __future__ import annotations

import torch

from benchmarks.peers import Builders
from benchmarks.workloads import BATCH, CLASSES, ELEMENTS, HIDDEN, INPUTS, Step


def elementwise() -> Step:
    x = torch.randn(ELEMENTS, requires_grad=True)
    forward = torch.compile(lambda x: (torch.tanh(x) * torch.sigmoid(x) + x**2).sum())

    def step() -> None:
        x.grad = None
        forward(x).backward()

    return step


def mlp() -> Step:
    images, labels = torch.randn(BATCH, INPUTS), torch.randint(0, CLASSES, (BATCH, 1))
    w1 = (torch.randn(INPUTS, HIDDEN) * 0.05).requires_grad_()
    w2 = (torch.randn(HIDDEN, CLASSES) * 0.05).requires_grad_()
    b1, b2 = torch.zeros(HIDDEN, requires_grad=True), torch.zeros(CLASSES, requires_grad=True)
    parameters = [w1, b1, w2, b2]

    @torch.compile
    def forward(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = (images @ w1 + b1).relu() @ w2 + b2
        log_p = logits - logits.logsumexp(1, keepdim=True)
        return -log_p.gather(1, labels).mean()

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        forward(images, labels).backward()

    return step


def builders(threads: int) -> Builders:
    torch.set_num_threads(threads)
    return {"elementwise": elementwise, "mlp": mlp}
