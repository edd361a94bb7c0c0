"""Matrix products with NumPy's OpenBLAS, and without any."""

import subprocess
import sys

PROGRAM = """
import dynagrad as torch
from dynagrad._core import openblas
openblas.copies = lambda: iter(())
torch.manual_seed(0)
a = torch.randn(70, 90, dtype=torch.float64)
b = torch.randn(90, 80, dtype=torch.float64)
product = a @ b
assert (product - (a[:, :, None] * b).sum(1)).abs().max() < 1e-12
assert not [line for line in open("/proc/self/maps") if "openblas" in line]
try:
    torch.linalg.inv(a[:, :70])
except RuntimeError as error:
    print(error)
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_products_do_without_openblas_and_factorisations_say_what_to_install() -> None:
    assert "pip install scipy-openblas64" in run(PROGRAM)


def test_the_copy_in_use_is_the_one_that_numpy_loads() -> None:
    program = (
        "import dynagrad as torch, numpy\n"
        "a = torch.ones(100, 100) @ torch.ones(100, 100)\n"
        "print(len({line.split()[-1] for line in open('/proc/self/maps') if 'openblas' in line}))"
    )
    assert int(run(program)) <= 1
