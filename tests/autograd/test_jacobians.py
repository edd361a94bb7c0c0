"""The Jacobians that old programs take from `torch.autograd.gradcheck`, and that module under its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dynagrad as dg
from dynagrad.autograd.gradcheck import (
    get_analytical_jacobian,
    get_numerical_jacobian,
    get_numerical_jacobian_wrt_specific_input,
)


@pytest.fixture
def x() -> Any:
    return dg.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=dg.float64, requires_grad=True)


def weighted(x: Any) -> Any:
    return (x * dg.tensor([2.0, 5.0], dtype=dg.float64)).sum(1) * x.sum(1)


def test_differences_and_the_graph_agree(x: Any) -> None:
    with pytest.warns(FutureWarning, match="`get_numerical_jacobian` was part of PyTorch's private API"):
        (numerical,) = get_numerical_jacobian(lambda inputs: weighted(inputs[0]), (x,), eps=1e-6)
    with pytest.warns(FutureWarning, match="`get_analytical_jacobian` was part of PyTorch's private API"):
        (analytical,), agree, sizes, dtypes = get_analytical_jacobian((x,), weighted(x))
    assert numerical.shape == (4, 2)
    assert (agree, sizes, dtypes) == (True, True, True)
    assert dg.allclose(numerical, analytical, atol=1e-6)
    assert numerical[2:, 0].abs().max() == 0


def test_only_the_target_moves_and_only_the_first_output_counts(x: Any) -> None:
    other = dg.ones(2, dtype=dg.float64, requires_grad=True)
    with pytest.warns(FutureWarning):
        found = get_numerical_jacobian(
            lambda two: ((two[0] @ two[1]).sum(), two[1]), (x, other), target=other, eps=1e-6
        )
    assert len(found) == 1
    assert dg.allclose(found[0], dg.tensor([[4.0], [1.0]], dtype=dg.float64), atol=1e-6)


def test_one_input_by_its_place(x: Any) -> None:
    found = get_numerical_jacobian_wrt_specific_input(lambda a, b: (a + b, b.sum()), 1, (1.0, x), (), 1e-6)
    assert [tuple(each.shape) for each in found] == [(4, 4), (4, 1)]
    assert dg.allclose(found[0], dg.eye(4, dtype=dg.float64), atol=1e-6)


def test_another_grad_out_is_refused(x: Any) -> None:
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match=r"Expected grad_out to be 1\.0"):
        get_numerical_jacobian(lambda inputs: inputs[0], (x,), grad_out=2.0)


def test_a_function_does_not_hide_the_module_that_it_comes_from(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "from torch.autograd.gradcheck import GradcheckError, get_numerical_jacobian, gradcheck\n"
        "import torch.autograd.gradcheck\n"
        "assert torch.autograd.gradcheck is gradcheck and callable(gradcheck)\n"
        "x = torch.ones(2, dtype=torch.float64, requires_grad=True)\n"
        "print(gradcheck(torch.sin, (x,)), issubclass(GradcheckError, RuntimeError))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "dynagrad", "run", str(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "True"], done.stderr
