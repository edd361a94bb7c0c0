"""Draws the pictures of the README into this folder, from the graphs that dynagrad records."""

from pathlib import Path

import dynagrad as torch
from dynagrad.viz import make_dot

HERE = Path(__file__).resolve().parent


def rnn_cell() -> torch.Tensor:
    """Lab 2B's cell, with its two parameters named in the picture."""
    Wh = torch.randn(3, 3, requires_grad=True)
    Wx = torch.randn(3, 2, requires_grad=True)
    x = torch.randn(2, 1)
    h = torch.randn(3, 1)
    out = (Wx.mm(x) + Wh.mm(h)).tanh().sum()
    make_dot(out, params={"Wh": Wh, "Wx": Wx, "out": out}).render(HERE / "rnn_cell", format="svg", cleanup=True)
    return out


if __name__ == "__main__":
    rnn_cell()
