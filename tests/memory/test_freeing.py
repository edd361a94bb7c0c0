"""What a program made is freed the moment that its last name goes, without the cycle collector; and how deep it may be."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable, Iterator

import pytest

import dynagrad as torch
from dynagrad import memory

DEEP = 1_000_000


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 + x * 0


def chain() -> None:
    x = torch.ones(3, requires_grad=True)
    (x.exp() * x).sum().backward()


def never_run() -> None:
    x = torch.ones(3, requires_grad=True)
    x.exp().softmax(0).log()


def second_order() -> None:
    x = torch.ones(3, requires_grad=True)
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    g.sum().backward()


def create_graph_into_grad() -> None:
    x = torch.ones(3, requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    x.grad = None


def written_in_place() -> None:
    x = torch.ones(4, requires_grad=True)
    y = x * 1
    y[1:3].mul_(2)
    y.view(2, 2)[0].add_(1)
    y.sum().backward()


def kept_graph() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x.tanh().sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)


def custom_function() -> None:
    x = torch.ones(3, requires_grad=True)
    Double.apply(x).sum().backward()
    Double.apply(x).sum()


def hooks_that_refer_to_nothing() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g * 2)
    y.grad_fn.register_hook(lambda inputs, outputs: None)
    x.register_post_accumulate_grad_hook(lambda t: None)
    y.retain_grad()
    y.sum().backward()


def a_failed_backward() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError):
        y.sum().backward()


def several_outputs() -> None:
    x = torch.ones(4, requires_grad=True)
    a, b = x.split(2)
    values, _ = x.sort()
    (a * b + values[:2]).sum().backward()


def attributes_and_pictures_of_nodes() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.note = [1]
    y.grad_fn.metadata["note"] = [2]
    assert y.grad_fn.next_functions[0][0].variable is x


PROGRAMS = [
    chain,
    never_run,
    second_order,
    create_graph_into_grad,
    written_in_place,
    kept_graph,
    custom_function,
    hooks_that_refer_to_nothing,
    a_failed_backward,
    several_outputs,
    attributes_and_pictures_of_nodes,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_leaves_no_memory_and_nothing_to_collect(program: Callable[[], None]) -> None:
    program()  # what is made once for all, such as a module that is imported
    gc.collect()
    before = memory.stats()["live_count"]
    program()
    assert memory.stats()["live_count"] <= before
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        ours = [each for each in gc.garbage if type(each).__module__.startswith("dynagrad")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert not ours


def test_the_last_reference_frees_a_tensor_and_its_memory_at_once():
    before = memory.stats()["live_bytes"]
    x = torch.ones(10_000)
    view = x.data[1:]
    gone = weakref.ref(x)
    del x
    assert gone() is None
    assert memory.stats()["live_bytes"] >= before + 40_000  # the view still shows it
    del view
    assert memory.stats()["live_bytes"] == before


def test_a_graph_holds_what_it_saved_until_backward_and_no_longer():
    x = torch.ones(10_000, requires_grad=True)
    y = x.exp()
    loss = y.sum()
    gone = weakref.ref(y)
    before = memory.stats()["live_bytes"]
    del y
    assert gone() is None  # the node keeps an alias of its result, not the result
    assert memory.stats()["live_bytes"] == before
    loss.backward()
    assert memory.stats()["live_bytes"] <= before  # the gradient of x in place of exp(x)


def test_a_leaf_is_freed_with_the_last_graph_that_needs_it():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    gone = weakref.ref(x)
    del x
    assert gone() is not None
    del y
    assert gone() is None


def test_a_cycle_that_a_user_made_is_collected():
    y = torch.ones(2, requires_grad=True) * 2
    y.register_hook(lambda g, y=y: None)
    y.itself = y
    gone = weakref.ref(y)
    del y
    gc.collect()
    assert gone() is None


PROGRAM = """
    import resource, sys, time
    import dynagrad as torch

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    x = torch.tensor(1.0, requires_grad=True)
    a = torch.tensor(0.001, requires_grad=True)
    before, start = peak(), time.perf_counter()
    y = x
    for _ in range({deep}):
        y = {step}
    live = torch.memory.stats()["live_count"]
    {then}
    print((peak() - before) / {deep}, time.perf_counter() - start, x.grad is not None)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("step", "deep"), [("y * 0.999 + a", DEEP // 2), ("torch.sin(y)", DEEP)])
@pytest.mark.parametrize("then", ["y.backward(); del y", "del y", "torch.autograd.grad(y, x, create_graph=True)"])
def test_a_graph_a_million_deep_is_built_run_and_freed(step, deep, then):
    deep //= 5 if "create_graph" in then else 1
    program = textwrap.dedent(PROGRAM).format(deep=deep, step=step, then=then)
    limit = resource.RLIMIT_STACK, (8 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(*limit),  # no threads here
    )
    assert done.returncode == 0, done.stderr
    bytes_per_step = float(done.stdout.split()[0])
    assert bytes_per_step < 4000
