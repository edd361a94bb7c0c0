"""A network that solves a differential equation: the damped oscillator u'' + 0.4 u' + 4 u = 0, u(0) = 1, u'(0) = 0.

The loss holds second derivatives of the network, and training takes derivatives of those. Then the equation is turned
round: from a few points of the motion, the damping is found. In the full run the solution is off by at most 0.001, and
the damping by less than 0.001.
"""

import math

import torch
from curves import draw, options
from torch import nn

args = options(__doc__)
STEPS, LBFGS_STEPS = (20, 2) if args.quick else (1000, 60)
DAMPING, STIFFNESS = 0.4, 4.0


def exact(t):
    rate, frequency = DAMPING / 2, math.sqrt(STIFFNESS - DAMPING**2 / 4)
    return torch.exp(-rate * t) * (torch.cos(frequency * t) + rate / frequency * torch.sin(frequency * t))


def derivative(y, t):
    return torch.autograd.grad(y.sum(), t, create_graph=True)[0]


def residual(network, t, damping):
    """How far the network is from the equation at times t."""
    u = network(t)
    du = derivative(u, t)
    return derivative(du, t) + damping * du + STIFFNESS * u


def network():
    return nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))


def train(parameters, loss_of):
    """Adam first, then L-BFGS; the losses."""
    losses = []
    optimizer = torch.optim.Adam(parameters, lr=5e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    optimizer = torch.optim.LBFGS(parameters, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    for _ in range(LBFGS_STEPS):
        losses.append(optimizer.step(closure).item())
    return losses


torch.manual_seed(0)
times = torch.linspace(0, 4, 64).unsqueeze(1).requires_grad_()
start = torch.zeros(1, 1, requires_grad=True)
solution = network()


def solve():
    u = solution(start)
    at_start = (u - 1) ** 2 + derivative(u, start) ** 2
    return (residual(solution, times, DAMPING) ** 2).mean() + 20 * at_start.sum()


curves = {"solving": train(list(solution.parameters()), solve)}
with torch.no_grad():
    error = (solution(times) - exact(times)).abs().max().item()
print(f"solved: off by at most {error:.4f} on 0 <= t <= 4")

torch.manual_seed(1)
seen = torch.linspace(0, 4, 12).unsqueeze(1)
motion, damping = network(), torch.zeros(1, requires_grad=True)


def fit():
    misfit = ((motion(seen) - exact(seen)) ** 2).mean()
    return 20 * misfit + (residual(motion, times, damping) ** 2).mean()


curves["fitting"] = train([*motion.parameters(), damping], fit)
print(f"fitted to 12 points: a damping of {damping.item():.3f}, where it is {DAMPING}")
draw(args.out, "physics", curves)
