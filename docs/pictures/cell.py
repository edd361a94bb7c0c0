"""Lab 2B's recurrent cell, as the README's picture shows it."""

import torch

torch.manual_seed(2)
Wh = torch.randn(3, 3, requires_grad=True)
Wx = torch.randn(3, 2, requires_grad=True)
x = torch.randn(2, 1)
h = torch.randn(3, 1)

# compute i2h and h2h
i2h = Wx.mm(x)
h2h = Wh.mm(h)
# add them
next_h = i2h + h2h
# apply tanh: the sum is unnamed now
next_h = next_h.tanh()
# sum all items
out = next_h.sum()

# backward
out.backward()
