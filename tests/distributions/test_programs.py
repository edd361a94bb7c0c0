"""Programs written for PyTorch that learn with distributions: the same losses from the same seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAMS = Path(__file__).parent / "programs"
# What PyTorch 2.13 prints last.
LAST = {
    "reinforce": [-0.75459, 8],
    "actor_critic": [0.250832, -0.632743],
    "vae": [2.86666],
    "mixture": [1.2165],
}


def printed(*command: str) -> list[list[float]]:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [[float(number) for number in line.split()] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", LAST)
def test_a_program_learns_what_it_learns_with_pytorch(name: str) -> None:
    losses = printed("-m", "dynagrad", "run", str(PROGRAMS / f"{name}.py"))
    np.testing.assert_allclose(losses[-1], LAST[name], rtol=1e-3)


@pytest.mark.parity
@pytest.mark.parametrize("name", LAST)
def test_every_loss_on_the_way_is_pytorchs(name: str) -> None:
    path = str(PROGRAMS / f"{name}.py")
    ours, theirs = printed("-m", "dynagrad", "run", path), printed(path)
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-3, atol=1e-5)


def test_every_way_to_import_a_distribution(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "import torch.distributions as dist\n"
        "import torch.distributions.transforms as T\n"
        "from torch.distributions import Normal, constraints, kl_divergence\n"
        "from torch.distributions.normal import Normal as Same\n"
        "from torch.distributions.utils import _standard_normal, _sum_rightmost, broadcast_all, lazy_property\n"
        "from torch.distributions.multivariate_normal import _batch_mahalanobis, _batch_mv\n"
        "from torch.distributions.kl import register_kl\n"
        "assert Normal is Same is dist.Normal is torch.distributions.Normal\n"
        "assert torch.distributions.transforms is T and T.ExpTransform is dist.ExpTransform\n"
        "assert torch._standard_gamma(torch.ones(2)).shape == torch.Size([2])\n"
        "print(kl_divergence(Normal(0.0, 1.0), Normal(0.0, 1.0)).item())\n",
        encoding="utf-8",
    )
    assert printed("-m", "dynagrad", "run", str(script)) == [[0.0]]
