"""Lab 2B, "Dynamic Computational Graphs": its code cells in order, with the exercise solved.

Runs on PyTorch, and unmodified through ``dynagrad run``. An argument names the folder for the pictures.
"""

import sys
from pathlib import Path

import torch
from torchviz import make_dot

OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "out"


def show(dot, name):
    """Stands in for the notebook, which draws a cell's last value."""
    for kind in ("svg", "png"):
        print("picture:", dot.render(OUT / name, format=kind, cleanup=True))


print("--- 2. Forward propagation")
Wh = torch.randn(3, 3, requires_grad=True)
Wx = torch.randn(3, 2, requires_grad=True)
x = torch.randn(2, 1)
h = torch.randn(3, 1)

# The document does not say how it was seeded: its own draw follows, so that the numbers can be compared.
with torch.no_grad():
    Wh.copy_(torch.tensor([[-0.0382, 0.3588, 0.9098], [0.1079, 0.9366, 0.7766], [1.7196, -0.3527, -0.9506]]))
    Wx.copy_(torch.tensor([[-0.0554, -1.2501], [-0.5647, 0.1148], [-1.9937, -0.6182]]))
    x.copy_(torch.tensor([[-0.8152], [1.6714]]))
    h.copy_(torch.tensor([[0.9817], [0.4191], [-1.7654]]))

print("Wh:\n", Wh)
print("Wx:\n", Wx)
print("x:\n", x)
print("h:\n", h)
# compute i2h and h2h
i2h = Wx.mm(x)
h2h = Wh.mm(h)
print("i2h:\n", i2h)
print("h2h:\n", h2h)
# add i2h and h2h
next_h = i2h + h2h
print("next_h:\n", next_h)
# apply tanh
next_h = next_h.tanh()
print("next_h:\n", next_h)
# sum all items in next_h
out = next_h.sum()
print("out:\n", out)
show(make_dot(out), "lab2b_rnn_cell")

print("--- 3A. The requires_grad attribute")
tensors = {"Wh": Wh, "Wx": Wx, "h": h, "x": x, "i2h": i2h, "h2h": h2h, "next_h": next_h, "out": out}
for name, tensor in tensors.items():
    print(f"{name}: requires_grad =", tensor.requires_grad)

print("--- 3B. Backward pass")
out.backward()
print("gradient of Wx:\n", Wx.grad)
print("\ngradient of Wh:\n", Wh.grad)
# requires_grad set to False
print("gradient of x:", x.grad)
print("gradient of h:", h.grad)
# removed during backpropagation
print("gradient of i2h:", i2h.grad)
print("gradient of h2h:", h2h.grad)
print("gradient of next_h:", next_h.grad)

try:
    out.backward()  # this will generate an error
except RuntimeError as error:
    print("second backward: RuntimeError:", error)

print("--- 3C. Backpropagation accumulates gradients")
# The document's Wx and x do not multiply as printed. What it prints, 1 - tanh(3)**2 = 0.0099, says that i2h was 0.
Wh = torch.ones(3, 3, requires_grad=True)
Wx = torch.ones(3, 2)
x = torch.zeros(2, 1)
h = torch.ones(3, 1)


def forward():
    i2h = Wx.mm(x)
    h2h = Wh.mm(h)
    next_h = i2h + h2h
    next_h = next_h.tanh()
    return next_h.sum()


for i in range(3):
    out = forward()  # forward propagation
    out.backward()  # backpropagation
    print(f"Iter {i}:", Wh.grad.flatten())

print("with zero_():")
for i in range(3):
    Wh.grad.zero_()
    out = forward()
    out.backward()
    print(f"Iter {i}:", Wh.grad.flatten())

print("--- 3D. Explicit assignment creates an additional node")
w1 = torch.tensor(2.0, requires_grad=True)
w2 = torch.tensor(2.0, requires_grad=True)
x = torch.tensor(4.0, requires_grad=True)
y = w1 * x
y = w2 * y
y.retain_grad()
out = y**2
out.backward()
print("dy=", y.grad)

print("--- 3E. In-place operation")
x = torch.tensor([12.0, 5.0])
x.mul_(10)
x -= 10
print("x:", x)

print("--- 3F. The detach method")
x = torch.ones(10, requires_grad=True)
y = x**2
z = x**3
out = (y + z).sum()
show(make_dot(out), "lab2b_y_and_z")

x = torch.ones(10, requires_grad=True)
y = x.detach() ** 2
z = x**3
out = (y + z).sum()
show(make_dot(out), "lab2b_y_detached")

print("--- Exercise: f(x, y, z) = (x**2 + y) * z")
x = torch.tensor(-2.0, requires_grad=True)
y = torch.tensor(2.0, requires_grad=True)
z = torch.tensor(3.0, requires_grad=True)
p = x**2
q = p + y
f = q * z
p.retain_grad()
q.retain_grad()
f.backward()
print("df/dx =", x.grad.item())
print("df/dy =", y.grad.item())
print("df/dz =", z.grad.item())
print("df/dp =", p.grad.item())
print("df/dq =", q.grad.item())
