"""A variational autoencoder of points near a circle, with kl_divergence against the prior."""

import math

import torch
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

torch.manual_seed(2)
encoder = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 4))
decoder = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=5e-3)
prior = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

for _ in range(60):
    angle = torch.rand(128) * 2 * math.pi
    x = torch.stack([angle.cos(), angle.sin()], -1) + 0.05 * torch.randn(128, 2)
    loc, log_scale = encoder(x).chunk(2, -1)
    posterior = Independent(Normal(loc, log_scale.exp()), 1)
    z = posterior.rsample()
    likelihood = Independent(Normal(decoder(z), 0.1), 1)
    loss = (kl_divergence(posterior, prior) - likelihood.log_prob(x)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.6g}")
