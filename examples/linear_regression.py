"""Linear regression three ways: the ODSC article's loop by hand, then with a module and an optimiser, then in batches.

All three find y = 1 + 2x; the noise allows for an error of about 0.05.
"""

import torch
from curves import draw, options
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

args = options(__doc__)
EPOCHS = 100 if args.quick else 1000

torch.manual_seed(42)
x = torch.rand(100, 1)
y = 1 + 2 * x + 0.1 * torch.randn(100, 1)
train, test = random_split(TensorDataset(x, y), [80, 20], generator=torch.Generator().manual_seed(0))
x_train, y_train = train[list(range(80))]
curves = {}

# By hand: the gradients are ours to use and to clear.
torch.manual_seed(42)
b = torch.randn(1, requires_grad=True)
w = torch.randn(1, requires_grad=True)
curves["by hand"] = []
for _ in range(EPOCHS):
    error = y_train - (b + w * x_train)
    loss = (error**2).mean()
    loss.backward()
    with torch.no_grad():
        b -= 0.1 * b.grad
        w -= 0.1 * w.grad
    b.grad.zero_()
    w.grad.zero_()
    curves["by hand"].append(loss.item())
print(f"by hand:      y = {b.item():.3f} + {w.item():.3f} x")

# With a module, a loss and an optimiser: the same steps.
torch.manual_seed(42)
model = nn.Linear(1, 1)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
curves["nn and optim"] = []
for _ in range(EPOCHS):
    optimizer.zero_grad()
    loss = criterion(model(x_train), y_train)
    loss.backward()
    optimizer.step()
    curves["nn and optim"].append(loss.item())
print(f"nn and optim: y = {model.bias.item():.3f} + {model.weight.item():.3f} x")

# In batches, with momentum and a rate that falls.
torch.manual_seed(42)
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS // 5)
curves["in batches"] = []
for _ in range(EPOCHS // 5):
    for batch_x, batch_y in DataLoader(train, batch_size=16, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(batch_x), batch_y)
        loss.backward()
        optimizer.step()
        curves["in batches"].append(loss.item())
    scheduler.step()
x_test, y_test = test[list(range(20))]
with torch.no_grad():
    test_loss = criterion(model(x_test), y_test).item()
print(f"in batches:   y = {model.bias.item():.3f} + {model.weight.item():.3f} x, test loss {test_loss:.4f}")
draw(args.out, "linear_regression", curves)
