"""An actor of squashed normal actions, a critic, and an entropy bonus, for a target that the action has to meet."""

import torch
import torch.distributions as D
from torch import nn

torch.manual_seed(1)
body = nn.Sequential(nn.Linear(2, 32), nn.Tanh())
mean, log_std, value = nn.Linear(32, 2), nn.Parameter(torch.zeros(2)), nn.Linear(32, 1)
parameters = [*body.parameters(), *mean.parameters(), log_std, *value.parameters()]
optimizer = torch.optim.Adam(parameters, lr=3e-3)

for _ in range(40):
    state = torch.rand(64, 2) * 2 - 1
    hidden = body(state)
    normal = D.Normal(mean(hidden), log_std.exp())
    policy = D.Independent(D.TransformedDistribution(normal, [D.TanhTransform(cache_size=1)]), 1)
    action = policy.sample()
    reward = -(action - 0.5 * state).pow(2).sum(-1)
    estimate = value(hidden).squeeze(-1)
    advantage = (reward - estimate).detach()
    entropy = normal.entropy().sum(-1)
    loss = -(policy.log_prob(action) * advantage + 0.01 * entropy).mean() + (reward - estimate).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    print(f"{loss.item():.6g} {reward.mean().item():.6g}")
