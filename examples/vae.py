"""A variational auto-encoder (Kingma and Welling, 2014) on scikit-learn's digits, with a latent space of four dimensions.

In the full run the negative evidence lower bound falls from 45 to 24 nats per image.
"""

import torch
from curves import draw, options
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

args = options(__doc__)
EPOCHS, LATENT = (3 if args.quick else 100), 4


class VAE(nn.Module):
    """Encodes an image as a normal distribution of a few numbers, draws from it, and decodes."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2 * LATENT))
        self.decoder = nn.Sequential(nn.Linear(LATENT, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(z), mean, log_variance


def negative_bound(model, x):
    """How many nats an image costs: its error when it is decoded, and the information in its code."""
    logits, mean, log_variance = model(x)
    error = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    information = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
    return (error + information) / len(x)


torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
loader = DataLoader(TensorDataset(x), batch_size=64, shuffle=True)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
losses = []
for _ in (bar := tqdm(range(EPOCHS), unit="epoch")):
    for (images,) in loader:
        optimizer.zero_grad()
        loss = negative_bound(model, images)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    bar.set_postfix(bound=f"{losses[-1]:.2f}", refresh=False)

with torch.no_grad():
    print(f"{EPOCHS} epochs: {losses[0]:.1f} nats per image at first, {negative_bound(model, x).item():.1f} at last")
    image = torch.sigmoid(model.decoder(torch.randn(1, LATENT))).view(8, 8)
    print("a digit that never was:")
    for row in image.tolist():
        print("".join(" .:-=+*#%@"[min(9, int(10 * value))] * 2 for value in row))
draw(args.out, "vae", {"negative evidence lower bound": losses}, ylabel="nats per image", log=False)
