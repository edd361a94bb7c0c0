"""REINFORCE: a policy of two layers learns to walk to the right end of a corridor."""

import torch
from torch import nn, optim
from torch.distributions import Categorical

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = optim.Adam(policy.parameters(), lr=1e-2)


def episode():
    place, log_probs, rewards = 3, [], []
    for _ in range(20):
        seen = nn.functional.one_hot(torch.tensor(place), 7).float()
        choice = Categorical(logits=policy(seen))
        action = choice.sample()
        log_probs.append(choice.log_prob(action))
        place = min(max(place + action.item() - 1, 0), 6)
        rewards.append(1.0 if place == 6 else -0.1)
        if place == 6:
            break
    return log_probs, rewards


for _ in range(40):
    log_probs, rewards = episode()
    returns, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + 0.9 * total
        returns.insert(0, total)
    weights = torch.tensor(returns)
    weights = weights - weights.mean()
    loss = -(torch.stack(log_probs) * weights).sum() if len(returns) > 1 else torch.stack(log_probs).sum() * 0
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.6g} {len(rewards)}")
