"""Ctrl-C while a kernel runs: KeyboardInterrupt as soon as the op ends, with the result of the op whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import pytest

PROGRAM = """
    import signal, sys, time
    import dynagrad as torch
    signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell's background jobs start with it ignored
    torch.set_num_threads({threads})
    {setup}
    print("ready", flush=True)
    rounds = 0
    try:
        while True:
            start = time.perf_counter()
            {op}
            took = time.perf_counter() - start
            rounds += 1
    except KeyboardInterrupt:
        {check}
        x = torch.ones(3, requires_grad=True)
        (x * 2).sum().backward()
        print("interrupted", rounds, x.grad.tolist(), flush=True)
"""

OPS = {
    "elementwise": ("x = torch.ones(8_000_000); y = torch.zeros(8_000_000)", "torch.add(x, 1, out=y)"),
    "in place": ("y = torch.zeros(4_000_000)", "y.add_(1)"),
    "matmul": ("x = torch.ones(700, 700); y = torch.zeros(700, 700)", "torch.mm(x, x, out=y)"),
    "sort": ("x = torch.rand(1_000_000)", "y = x.sort().values"),
    "fill": ("y = torch.zeros(2_000_000)", "y.fill_(7)"),
    "backward": (
        "w = torch.ones(2_000_000, requires_grad=True)",
        "w.grad = None; (w.exp() * w).sum().backward(); y = w.grad",
    ),
    "small ops": ("x = torch.ones(3)", "y = x\n        for _ in range(1000): y = y * 1.0"),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", OPS)
def test_ctrl_c_in_a_kernel(name, threads):
    setup, op = OPS[name]
    check = "assert y.min() == y.max(), 'half written'"
    if name == "sort":
        check = "assert (y[1:] >= y[:-1]).all(), 'half written'"
    program = textwrap.dedent(PROGRAM).format(setup=setup, op=op, check=check, threads=threads)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == "ready\n"
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        start = time.perf_counter()
        try:
            said, errors = running.communicate(timeout=60)
        finally:
            running.kill()
        took = time.perf_counter() - start
    assert said.startswith("interrupted"), errors
    assert said.endswith("[2.0, 2.0, 2.0]\n")
    assert took < 30
