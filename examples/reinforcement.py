"""Reinforcement learning: REINFORCE with a baseline balances a pole on a cart (Barto, Sutton and Anderson, 1983).

The cart is simulated here, in plain Python. In the full run the pole stays up for 194 of 200 steps,
on average over the last 50 episodes.
"""

import math
import random

import torch
from curves import draw, options
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

args = options(__doc__)
EPISODES, LONGEST = (10, 50) if args.quick else (500, 200)
GRAVITY, CART, POLE, LENGTH, FORCE, DT = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02


class CartPole:
    """Position and speed of the cart, angle and turning of the pole."""

    def reset(self):
        self.state = [random.uniform(-0.05, 0.05) for _ in range(4)]
        return self.state

    def step(self, action):
        """The next state, and whether the pole fell or the cart left."""
        x, speed, angle, turning = self.state
        sine, cosine = math.sin(angle), math.cos(angle)
        push = ((FORCE if action else -FORCE) + POLE * LENGTH * turning**2 * sine) / (CART + POLE)
        swing = (GRAVITY * sine - cosine * push) / (LENGTH * (4 / 3 - POLE * cosine**2 / (CART + POLE)))
        pull = push - POLE * LENGTH * swing * cosine / (CART + POLE)
        self.state = [x + DT * speed, speed + DT * pull, angle + DT * turning, turning + DT * swing]
        return self.state, abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21


def episode(policy, cart):
    """The states seen, and the actions drawn by the policy."""
    states, actions, state = [], [], cart.reset()
    for _ in range(LONGEST):
        with torch.no_grad():
            right = torch.softmax(policy(torch.tensor(state)), 0)[1].item()
        action = int(random.random() < right)
        states.append(state)
        actions.append(action)
        state, over = cart.step(action)
        if over:
            break
    return torch.tensor(states), torch.tensor(actions)


def returns(length, discount=0.99):
    """What each step was worth: one for every step that the pole still stood, the later ones less."""
    worth, total = [], 0.0
    for _ in range(length):
        total = 1 + discount * total
        worth.append(total)
    return torch.tensor(worth[::-1])


random.seed(0)
torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
baseline = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam([
    {"params": policy.parameters(), "lr": 5e-3}, {"params": baseline.parameters(), "lr": 1e-2},
])
cart, lengths = CartPole(), []
for _ in (bar := tqdm(range(EPISODES), unit="episode")):
    states, actions = episode(policy, cart)
    worth = returns(len(actions))
    expected = baseline(states).squeeze(1)
    advantage = (worth - expected).detach()
    chosen = F.log_softmax(policy(states), dim=1).gather(1, actions.unsqueeze(1)).squeeze(1)
    loss = -(chosen * advantage).mean() + F.smooth_l1_loss(expected, worth)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    lengths.append(len(actions))
    bar.set_postfix(steps=lengths[-1], refresh=False)

last = lengths[-50:]
print(f"{EPISODES} episodes: the pole stood for {lengths[0]} steps at first, {sum(last) / len(last):.0f} of {LONGEST} at last")
draw(args.out, "reinforcement", {"steps that the pole stood": lengths}, ylabel="steps", log=False)
