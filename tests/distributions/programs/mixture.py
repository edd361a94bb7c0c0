"""A mixture of three normal distributions fitted to points by maximum likelihood, and a beta and gamma posterior by samples."""

import torch
import torch.distributions as D
from torch import nn

torch.manual_seed(3)
truth = D.MixtureSameFamily(
    D.Categorical(torch.tensor([0.2, 0.5, 0.3])),
    D.Normal(torch.tensor([-3.0, 0.0, 2.5]), torch.tensor([0.5, 0.8, 0.3])),
)
points = truth.sample((500,))
weights, means, scales = (nn.Parameter(t) for t in (torch.zeros(3), torch.randn(3), torch.zeros(3)))
optimizer = torch.optim.Adam([weights, means, scales], lr=0.05)
for _ in range(60):
    model = D.MixtureSameFamily(D.Categorical(logits=weights), D.Normal(means, nn.functional.softplus(scales) + 1e-3))
    loss = -model.log_prob(points).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.6g}")

# The gradient passes through gamma, beta and Dirichlet numbers.
alpha = nn.Parameter(torch.ones(4))
optimizer = torch.optim.Adam([alpha], lr=0.05)
for _ in range(30):
    a = nn.functional.softplus(alpha)
    rate = D.Gamma(a[0] + 0.5, a[1] + 0.5).rsample((64,))
    share = D.Beta(a[2] + 0.5, a[3] + 0.5).rsample((64,))
    parts = D.Dirichlet(a + 0.5).rsample((64,))
    loss = (rate - 2.0).pow(2).mean() + (share - 0.25).pow(2).mean() + (parts - 0.25).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.5g}")
