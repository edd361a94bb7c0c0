"""The ODSC article "Automatic Differentiation in PyTorch": every piece of its code, in order.

Runs on PyTorch, and unmodified through ``dynagrad run``. An argument names the folder for the pictures.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torchviz import make_dot

OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "out"
EPOCHS = 200


def show(dot, name):
    """Stands in for the notebook, which draws a cell's last value."""
    for kind in ("svg", "png"):
        print("picture:", dot.render(OUT / name, format=kind, cleanup=True))


# The article takes its data for granted: y = 1 + 2x with noise, 80 of 100 points for training.
np.random.seed(42)
x = np.random.rand(100, 1)
y = 1 + 2 * x + 0.1 * np.random.randn(100, 1)
idx = np.arange(100)
np.random.shuffle(idx)
x_train, y_train = x[idx[:80]], y[idx[:80]]

print("--- requires_grad")

device = "cuda" if torch.cuda.is_available() else "cpu"
x_train_tensor = torch.from_numpy(x_train).float().to(device)
y_train_tensor = torch.from_numpy(y_train).float().to(device)

# Step 0 - Initializes parameters "b" and "w" randomly
torch.manual_seed(42)
b = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
w = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
print(b, w)

print("--- backward and grad")

# Step 1 - Computes our model's predicted output - forward pass
yhat = b + w * x_train_tensor
# Step 2 - Computes the loss
error = y_train_tensor - yhat
loss = (error**2).mean()
# Step 3 - Computes gradients for both "b" and "w" parameters
loss.backward()
print("requires_grad:", b.requires_grad, w.requires_grad, yhat.requires_grad, error.requires_grad)
print("requires_grad of the data:", x_train_tensor.requires_grad, y_train_tensor.requires_grad)
print("gradients:", b.grad, w.grad)

print("--- updating parameters")

lr = 0.1
# Attempt at Step 4
try:
    b -= lr * b.grad
    w -= lr * w.grad
except RuntimeError as refusal:
    print("RuntimeError:", refusal)

# Step 4, for real
with torch.no_grad():
    b -= lr * b.grad
    w -= lr * w.grad
print("updated:", b, w)

# This code will be placed after Step 4 (updating the parameters)
b.grad.zero_(), w.grad.zero_()
print("zeroed:", b.grad, w.grad)

print("--- the whole loop")

torch.manual_seed(42)
b = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
w = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)

for epoch in range(EPOCHS):
    # Step 1 - Computes our model's predicted output - forward pass
    yhat = b + w * x_train_tensor
    # Step 2 - Computes the loss
    error = y_train_tensor - yhat
    loss = (error**2).mean()
    # Step 3 - Computes gradients for both "b" and "w" parameters
    loss.backward()
    # Step 4, for real
    with torch.no_grad():
        b -= lr * b.grad
        w -= lr * w.grad
    # This code will be placed after Step 4 (updating the parameters)
    b.grad.zero_(), w.grad.zero_()

print("b:", b)
print("w:", w)
print("loss:", loss.item())

print("--- the dynamic computation graph")

b = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
w = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
yhat = b + w * x_train_tensor
show(make_dot(yhat), "odsc_yhat")

# New Step 0
b_nograd = torch.randn(1, requires_grad=False, dtype=torch.float, device=device)
w = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
# New Step 1
yhat = b_nograd + w * x_train_tensor
show(make_dot(yhat), "odsc_b_nograd")

b = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
w = torch.randn(1, requires_grad=True, dtype=torch.float, device=device)
yhat = b + w * x_train_tensor
error = y_train_tensor - yhat
loss = (error**2).mean()
# this makes no sense!!
if loss > 0:
    yhat2 = w * x_train_tensor
    error2 = y_train_tensor - yhat2
    # neither does this :-)
    loss += error2.mean()
show(make_dot(loss), "odsc_if_branch")
