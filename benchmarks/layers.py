"""Workloads of layers, recurrent cells, trees and attention, in the torch API that is given as an argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Step = Callable[[], object]

LSTM_STEPS, LSTM_HIDDEN = 50, 64
TREE_LEAVES, TREE_HIDDEN, TREE_WORDS = 12, 128, 20
ROWS, COLUMNS = 2048, 512
LETTERS, WIDTH, LAYERS, HEADS, CONTEXT, TEXTS = 65, 192, 6, 6, 128, 8


def linear(torch: Any) -> Step:
    """``nn.Linear(4, 4)`` of a 4×4 input, forward alone, recorded."""
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(4, 4), torch.randn(4, 4)
    return lambda: layer(x)


def function_apply(torch: Any) -> Step:
    """A custom Function that saves its input, applied to a 4×4 tensor, recorded."""
    torch.manual_seed(0)
    x = torch.randn(4, 4, requires_grad=True)

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * g

    return lambda: Square.apply(x)


def lstm_cell(torch: Any) -> Step:
    """LSTMCell over 50 steps of one sequence, forward and backward."""
    torch.manual_seed(0)
    cell = torch.nn.LSTMCell(LSTM_HIDDEN, LSTM_HIDDEN)
    inputs = torch.randn(LSTM_STEPS, 1, LSTM_HIDDEN)

    def step() -> None:
        h = c = torch.zeros(1, LSTM_HIDDEN)
        for i in range(LSTM_STEPS):
            h, c = cell(inputs[i], (h, c))
        h.sum().backward()

    return step


def tree_lstm(torch: Any) -> Step:
    """A binary TreeLSTM over a new random tree with 12 leaves, forward and backward."""
    import random

    torch.manual_seed(0)
    choices = random.Random(0)  # noqa: S311  # the same trees in every process
    gates = torch.nn.Linear(2 * TREE_HIDDEN, 5 * TREE_HIDDEN)
    words = torch.nn.Embedding(TREE_WORDS, TREE_HIDDEN)

    def node(left: Any, right: Any) -> Any:
        (h1, c1), (h2, c2) = left, right
        i, f1, f2, o, u = gates(torch.cat([h1, h2], 1)).chunk(5, 1)
        c = i.sigmoid() * u.tanh() + f1.sigmoid() * c1 + f2.sigmoid() * c2
        return o.sigmoid() * c.tanh(), c

    def tree(leaves: int) -> Any:
        if leaves == 1:
            vector = words(torch.tensor([choices.randrange(TREE_WORDS)]))
            return vector, vector
        split = choices.randrange(1, leaves)
        return node(tree(split), tree(leaves - split))

    return lambda: tree(TREE_LEAVES)[0].sum().backward()


def rows(name: str) -> Callable[[Any], Step]:
    """One function of 2048×512, forward and backward."""

    def build(torch: Any) -> Step:
        torch.manual_seed(0)
        functional = torch.nn.functional
        x = torch.randn(ROWS, COLUMNS, requires_grad=True)
        gradient = torch.randn(ROWS, COLUMNS)
        labels = torch.randint(0, COLUMNS, (ROWS,))
        norm = torch.nn.LayerNorm(COLUMNS)
        function = {
            "softmax": lambda: functional.softmax(x, -1),
            "layer_norm": lambda: norm(x),
            "gelu": lambda: functional.gelu(x),
            "cross_entropy": lambda: functional.cross_entropy(x, labels),
        }[name]

        def step() -> None:
            x.grad = None
            y = function()
            y.backward(gradient if y.dim() else None)

        return step

    return build


def gpt(torch: Any) -> Step:
    """A whole training step of a small GPT: 6 layers, 6 heads, 192 wide, 128 letters of 8 texts, AdamW."""
    torch.manual_seed(0)
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):  # type: ignore[name-defined,misc]  # the base comes with the library
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.attention, self.projection = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.inner, self.outer = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            batch, length, width = x.shape
            heads = (batch, length, HEADS, width // HEADS)
            q, k, v = (t.view(heads).transpose(1, 2) for t in self.attention(self.norm1(x)).split(width, 2))
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.projection(y.transpose(1, 2).contiguous().view(batch, length, width))
            return x + self.outer(functional.gelu(self.inner(self.norm2(x))))

    class Model(nn.Module):  # type: ignore[name-defined,misc]  # likewise
        def __init__(self) -> None:
            super().__init__()
            self.letters, self.places = nn.Embedding(LETTERS, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, LETTERS, bias=False)

        def forward(self, text: Any) -> Any:
            x = self.letters(text) + self.places(torch.arange(text.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    model = Model()
    optimizer = torch.optim.AdamW(model.parameters())
    text, following = (torch.randint(0, LETTERS, (TEXTS, CONTEXT)) for _ in range(2))

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(text).view(-1, LETTERS), following.view(-1)).backward()
        optimizer.step()

    return step
