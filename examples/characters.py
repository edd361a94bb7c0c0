"""A model of characters, trained on this project's own documentation: an RNN, an LSTM or a small GPT (--model).

It says how far the loss fell from that of a guess, ln of the number of characters, and prints a sample.
"""

from pathlib import Path

import torch
from curves import draw, options
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

args = options(__doc__, model=["gpt", "lstm", "rnn"])
STEPS, BATCH, BLOCK, WIDTH = (20, 4, 32, 32) if args.quick else (1500, 16, 64, 128)

DOCS = Path(__file__).parent.parent / "docs"
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md")))[:200_000]
CHARACTERS = sorted(set(TEXT))
NUMBER = {character: i for i, character in enumerate(CHARACTERS)}
DATA = torch.tensor([NUMBER[character] for character in TEXT])


class Recurrent(nn.Module):
    """Embedding, two recurrent layers, and a linear layer to the characters."""

    def __init__(self, layer):
        super().__init__()
        self.embedding = nn.Embedding(len(CHARACTERS), WIDTH)
        self.recurrent = layer(WIDTH, WIDTH, num_layers=2, batch_first=True)
        self.head = nn.Linear(WIDTH, len(CHARACTERS))

    def forward(self, x):
        return self.head(self.recurrent(self.embedding(x))[0])


class Block(nn.Module):
    """A layer of a Transformer, normalised ahead of attention and of the perceptron."""

    def __init__(self, heads=4):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, WIDTH // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Characters and positions, three blocks, and a linear layer to the characters."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(len(CHARACTERS), WIDTH), nn.Embedding(BLOCK, WIDTH)
        self.blocks = nn.Sequential(*[Block() for _ in range(3)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(CHARACTERS))

    def forward(self, x):
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(h)))


def batch():
    starts = torch.randint(len(DATA) - BLOCK - 1, (BATCH,)).tolist()
    x = torch.stack([DATA[start : start + BLOCK] for start in starts])
    y = torch.stack([DATA[start + 1 : start + BLOCK + 1] for start in starts])
    return x, y


@torch.no_grad()
def sample(model, start, length):
    text = [NUMBER[character] for character in start]
    for _ in range(length):
        logits = model(torch.tensor([text[-BLOCK:]]))[0, -1]
        text.append(torch.multinomial(F.softmax(logits / 0.8, dim=-1), 1).item())
    return "".join(CHARACTERS[i] for i in text)


torch.manual_seed(0)
model = GPT() if args.model == "gpt" else Recurrent(nn.LSTM if args.model == "lstm" else nn.RNN)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3 if args.model == "gpt" else 3e-3)
losses = []
for step in (bar := tqdm(range(STEPS), unit="step")):
    x, y = batch()
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
    if step % 50 == 0:
        bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)

last = losses[-100:]
print(f"{args.model}, {sum(p.numel() for p in model.parameters())} parameters, {STEPS} steps on {len(TEXT)} characters: "
      f"{losses[0]:.2f} nats per character at first, {sum(last) / len(last):.2f} at last")
print(sample(model, "The ", 40 if args.quick else 300))
draw(args.out, f"characters_{args.model}", {"training loss": losses}, log=False)
