"""What is measured, each written once against the torch API, taken as an argument.

A workload's ``build(torch)`` prepares the data and returns the step to be timed. Peers with an API of their own
write the same step in ``peers``, under the same name and with the same shapes, from the same constants here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.images import conv3x3, conv3x3_forward, lenet
from benchmarks.layers import function_apply, gpt, linear, lstm_cell, rows, tree_lstm

Step = Callable[[], object]

CHAIN_FACTOR = 0.999
SHORT_CHAIN = 4_000
LONG_CHAIN = 1_000_000
ELEMENTS = 4_000_000
POINTS = 80
BATCH, INPUTS, HIDDEN, CLASSES = 64, 784, 256, 10
MATRIX = 1024


@dataclass(frozen=True)
class Workload:
    """``per_step`` is the number of units (nodes, say) in one step; times are given for one unit."""

    name: str
    title: str
    unit: str
    build: Callable[[Any], Step]
    per_step: int = 1
    threaded: bool = False


def rnn_cell(torch: Any) -> Step:
    """Lab 2B's cell, forward and backward; gradients accumulate as they do in the lab."""
    torch.manual_seed(0)
    Wh = torch.randn(3, 3, requires_grad=True)
    Wx = torch.randn(3, 2, requires_grad=True)
    x = torch.randn(2, 1)
    h = torch.randn(3, 1)

    def step() -> None:
        i2h = Wx.mm(x)
        h2h = Wh.mm(h)
        next_h = (i2h + h2h).tanh()
        next_h.sum().backward()

    return step


def odsc_epoch(torch: Any) -> Step:
    """One epoch of the ODSC article's loop, on 80 points."""
    torch.manual_seed(42)
    x = torch.rand(POINTS, 1)
    y = 1 + 2 * x + 0.1 * torch.randn(POINTS, 1)
    b = torch.randn(1, requires_grad=True)
    w = torch.randn(1, requires_grad=True)
    lr = 0.1

    def step() -> None:
        nonlocal b, w
        yhat = b + w * x
        error = y - yhat
        loss = (error**2).mean()
        loss.backward()
        with torch.no_grad():
            b -= lr * b.grad
            w -= lr * w.grad
        b.grad.zero_()
        w.grad.zero_()

    return step


def chain(nodes: int) -> Callable[[Any], Step]:
    """``y = y * 0.999 + a`` until the graph has ``nodes`` nodes, then backward."""

    def build(torch: Any) -> Step:
        a = torch.tensor(1e-3, requires_grad=True)
        x = torch.tensor(1.0, requires_grad=True)

        def step() -> None:
            y = x
            for _ in range(nodes // 2):
                y = y * CHAIN_FACTOR + a
            y.backward()

        return step

    return build


def live_chain(torch: Any) -> Step:
    """A chain of a million nodes, built and returned; its memory is what is measured."""
    a = torch.tensor(1e-3, requires_grad=True)
    x = torch.tensor(1.0, requires_grad=True)

    def step() -> object:
        y = x
        for _ in range(LONG_CHAIN // 2):
            y = y * CHAIN_FACTOR + a
        return y

    return step


def elementwise(torch: Any) -> Step:
    """``(tanh(x) * sigmoid(x) + x**2).sum()`` of 4 million float32, forward and backward."""
    torch.manual_seed(0)
    x = torch.randn(ELEMENTS, requires_grad=True)

    def step() -> None:
        x.grad = None
        (torch.tanh(x) * torch.sigmoid(x) + x**2).sum().backward()

    return step


def mlp(torch: Any) -> Step:
    """784-256-10, batch 64, ReLU, cross-entropy written out, forward and backward."""
    torch.manual_seed(0)
    images = torch.randn(BATCH, INPUTS)
    labels = torch.randint(0, CLASSES, (BATCH, 1))
    w1 = (torch.randn(INPUTS, HIDDEN) * 0.05).requires_grad_()
    b1 = torch.zeros(HIDDEN, requires_grad=True)
    w2 = (torch.randn(HIDDEN, CLASSES) * 0.05).requires_grad_()
    b2 = torch.zeros(CLASSES, requires_grad=True)
    parameters = [w1, b1, w2, b2]

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        logits = (images @ w1 + b1).relu() @ w2 + b2
        log_p = logits - logits.logsumexp(1, keepdim=True)
        (-log_p.gather(1, labels).mean()).backward()

    return step


def sgd_step(torch: Any) -> Step:
    """A step of gradient descent over a 4 by 4 and a 4-element parameter that have their gradients."""
    torch.manual_seed(0)
    parameters = [torch.randn(4, 4, requires_grad=True), torch.randn(4, requires_grad=True)]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    return torch.optim.SGD(parameters, lr=1e-4).step


def tiny_mlp(torch: Any) -> Step:
    """2-16-16-1 with tanh, batch 32, mean squared error: zero_grad, forward, backward and a step of Adam."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
    x = torch.randn(32, 2)
    return training_step(torch, model, nn.MSELoss(), x, (x * x).sum(1, keepdim=True))


def mlp_adam(torch: Any) -> Step:
    """784-256-10, batch 64, ReLU and cross-entropy: zero_grad, forward, backward and a step of Adam."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    labels = torch.randint(0, CLASSES, (BATCH,))
    return training_step(torch, model, nn.CrossEntropyLoss(), torch.randn(BATCH, INPUTS), labels)


def training_step(torch: Any, model: Any, criterion: Any, inputs: Any, targets: Any) -> Step:
    """A whole step of training with Adam."""
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()

    return step


def matmul(torch: Any) -> Step:
    """1024 by 1024 float32, no graph."""
    torch.manual_seed(0)
    a = torch.randn(MATRIX, MATRIX)
    b = torch.randn(MATRIX, MATRIX)
    return lambda: a @ b


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("rnn_cell", "lab 2B's RNN cell, forward + backward", "step", rnn_cell),
        Workload("odsc_epoch", "ODSC training loop, 80 points", "epoch", odsc_epoch),
        Workload("chain", "scalar chain of 4000 nodes", "node", chain(SHORT_CHAIN), SHORT_CHAIN),
        Workload("long_chain", "scalar chain of 1 000 000 nodes", "node", chain(LONG_CHAIN), LONG_CHAIN),
        Workload("elementwise", "(tanh(x)*sigmoid(x) + x**2).sum(), 4 M", "step", elementwise, threaded=True),
        Workload("mlp", "MLP 784-256-10, batch 64", "step", mlp, threaded=True),
        Workload("sgd_step", "SGD step, 2 parameters", "step", sgd_step),
        Workload("tiny_mlp", "MLP 2-16-16-1, batch 32, Adam, whole step", "step", tiny_mlp, threaded=True),
        Workload("mlp_adam", "MLP 784-256-10, batch 64, Adam, whole step", "step", mlp_adam, threaded=True),
        Workload(
            "conv3x3", "conv 3×3, 32 to 64 channels, 32×28×28, forward + backward", "step", conv3x3, threaded=True
        ),
        Workload("conv3x3_forward", "the same, forward alone", "step", conv3x3_forward, threaded=True),
        Workload("lenet", "LeNet-style convnet, batch 32, 28×28, a step", "step", lenet, threaded=True),
        Workload("linear", "nn.Linear(4, 4), forward", "call", linear),
        Workload("function_apply", "autograd.Function.apply, forward", "call", function_apply),
        Workload("lstm_cell", "LSTMCell, 50 steps, 64 wide, forward + backward", "loop", lstm_cell),
        Workload("tree_lstm", "TreeLSTM, a new tree of 12 leaves, 128 wide", "sentence", tree_lstm),
        Workload("softmax", "softmax of 2048×512, forward + backward", "step", rows("softmax"), threaded=True),
        Workload("layer_norm", "layer_norm of 2048×512, forward + backward", "step", rows("layer_norm"), threaded=True),
        Workload("gelu", "gelu of 2048×512, forward + backward", "step", rows("gelu"), threaded=True),
        Workload("cross_entropy", "cross_entropy of 2048×512", "step", rows("cross_entropy"), threaded=True),
        Workload("gpt", "GPT 6 layers, 192 wide, 8×128 letters, a step", "step", gpt, threaded=True),
        Workload("matmul", "matmul 1024×1024", "step", matmul, threaded=True),
    )
}
