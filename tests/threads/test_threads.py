"""Several threads at work on the same tensors: nothing crashes, no count goes wrong, no gradient is lost."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

import dynagrad
from dynagrad import memory

WORKERS = 8
LARGE = 1 << 17  # elements: above this the loops give up the GIL


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], None], workers: int = WORKERS) -> None:
    """Runs ``work(0)``, ``work(1)``, … each in a thread; raises what the first of them raised."""
    start = threading.Barrier(workers)
    errors: list[BaseException] = []

    def body(i: int) -> None:
        try:
            start.wait()
            work(i)
        except BaseException as error:  # noqa: BLE001  # raised again in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("n", [3, LARGE])
def test_backwards_of_several_threads_add_up_in_a_shared_leaf(n):
    w = dynagrad.ones(n, requires_grad=True)
    rounds = 200 if n < 100 else 12

    def work(i):
        for _ in range(rounds):
            (w * 2.0 + w).sum().backward()

    in_threads(work)
    assert w.grad.min().item() == w.grad.max().item() == 3.0 * rounds * WORKERS


def test_one_graph_run_by_several_threads():
    w = dynagrad.ones(LARGE, requires_grad=True)
    shared = (w * w).exp()
    loss = shared.log().sum()

    def work(i):
        for _ in range(5):
            loss.backward(retain_graph=True)

    in_threads(work)
    assert w.grad.allclose(dynagrad.full((LARGE,), 2.0 * 5 * WORKERS), rtol=1e-4)


def test_a_graph_that_is_not_kept_is_an_error_for_all_threads_but_some():
    x = dynagrad.ones(1000, requires_grad=True)
    y = x
    for _ in range(200):
        y = (y * 1.0001).exp().log()
    loss = y.sum()
    failures = []

    def work(i):
        try:
            loss.backward()
        except RuntimeError as error:
            failures.append(str(error))

    in_threads(work)
    assert len(failures) < WORKERS
    assert all("second time" in message for message in failures)


def test_writes_in_place_are_all_counted():
    x = dynagrad.zeros(4)
    view = x[1:]

    def work(i):
        for _ in range(1000):
            (x if i % 2 else view).add_(1)

    in_threads(work)
    assert x._version == view._version == 1000 * WORKERS
    assert x.tolist() == [500.0 * WORKERS, *[1000.0 * WORKERS] * 3]


def test_reading_and_writing_a_large_tensor_at_once():
    x = dynagrad.zeros(LARGE)

    def work(i):
        for _ in range(20):
            if i % 2:
                x.fill_(float(i))
            else:
                assert dynagrad.isfinite(x * 2 + 1).all()

    in_threads(work)
    assert x._version == 20 * (WORKERS // 2)


@pytest.mark.slow
def test_memory_exchanged_under_a_running_loop():
    """``.data`` and ``resize_`` give a tensor other memory while other threads are reading the old one."""
    x = dynagrad.ones(LARGE)

    def work(i):
        for k in range(60):
            if i == 0:
                x.data = dynagrad.full((LARGE,), float(k))
                memory.empty_cache()
            elif i == 1:
                x.data = dynagrad.ones(*(1,) * 9, LARGE)
                memory.empty_cache()
            else:
                assert dynagrad.isfinite(dynagrad.tanh(x)).all()
                assert dynagrad.isfinite(x.sum())

    in_threads(work, 6)


def test_tensors_made_in_one_thread_and_freed_in_another():
    gc.collect()
    before = memory.stats()["live_count"]
    boxes: list[list[dynagrad.Tensor]] = [[] for _ in range(WORKERS)]

    def work(i):
        for k in range(2000):
            x = dynagrad.ones(k % 40, requires_grad=True)
            boxes[(i + 1) % WORKERS].append((x * 2)[k % 3 :])
            mine = boxes[i]
            while len(mine) > 10:
                mine.pop()

    in_threads(work)
    for box in boxes:
        box.clear()
    gc.collect()
    assert memory.stats()["live_count"] <= before


def test_long_graphs_freed_by_several_threads():
    class Note:
        pass

    gone = []

    def work(i):
        for _ in range(5):
            y = dynagrad.ones((), requires_grad=True)
            for _ in range(500):
                y = y * 1.01
                note = Note()
                y.note = note
                gone.append(weakref.ref(note))
                del note
            y.backward()
            del y

    in_threads(work)
    gc.collect()
    assert not [each for each in gone if each() is not None]


def test_modes_belong_to_their_thread():
    def work(i):
        for _ in range(300):
            with dynagrad.set_grad_enabled(i % 2 == 0):
                y = dynagrad.ones(2, requires_grad=True) * 3
                assert y.requires_grad == (i % 2 == 0)
                assert dynagrad.is_grad_enabled() == (i % 2 == 0)
            with dynagrad.inference_mode(i % 3 == 0):
                assert dynagrad.ones(2).is_inference() == (i % 3 == 0)
            assert dynagrad.is_grad_enabled()

    in_threads(work)
    with dynagrad.no_grad():
        in_threads(lambda i: None if dynagrad.is_grad_enabled() else pytest.fail("no_grad() reached another thread"), 2)


def test_hooks_run_by_several_threads():
    w = dynagrad.ones(3, requires_grad=True)
    seen = []
    lock = threading.Lock()

    def count(g):
        with lock:
            seen.append(g.tolist())
        return g * 2

    w.register_hook(count)

    def work(i):
        for _ in range(50):
            handle = w.register_hook(lambda g: g + 0)
            (w * 2).sum().backward()
            handle.remove()

    in_threads(work)
    assert len(seen) == 50 * WORKERS
    assert w.grad.tolist() == [200.0 * WORKERS] * 3


def test_views_and_in_place_writes_recorded_by_several_threads():
    w = dynagrad.ones(6, requires_grad=True)

    def work(i):
        for _ in range(100):
            y = w * 1.0
            y[1:3] *= 2
            y.view(2, 3)[1].add_(1)
            y.sum().backward()

    in_threads(work)
    assert w.grad.tolist() == [100.0 * WORKERS * scale for scale in (1, 2, 2, 1, 1, 1)]


def test_random_numbers_drawn_by_several_threads_are_those_of_one():
    dynagrad.manual_seed(3)
    expected = sorted(tuple(dynagrad.rand(4).tolist()) for _ in range(100 * WORKERS))
    dynagrad.manual_seed(3)
    drawn = []

    def work(i):
        drawn.extend(tuple(dynagrad.rand(4).tolist()) for _ in range(100))

    in_threads(work)
    assert sorted(drawn) == expected
    in_threads(lambda i: [dynagrad.rand(50_000) for _ in range(5)])


def test_products_sorts_and_sums_side_by_side():
    a, b = dynagrad.randn(96, 96), dynagrad.randn(96, 96)
    v = dynagrad.randn(LARGE)
    expected = (a @ b).sum().item(), v.sum().item(), v.sort().values

    def work(i):
        for _ in range(5):
            assert (a @ b).sum().item() == pytest.approx(expected[0], rel=1e-4, abs=1e-2)
            assert v.sum().item() == pytest.approx(expected[1], rel=1e-4, abs=1e-2)
            assert v.sort().values.equal(expected[2])

    in_threads(work)


def test_the_number_of_threads_changed_while_loops_run():
    x = dynagrad.ones(LARGE * 4)
    before = dynagrad.get_num_threads()

    def work(i):
        for k in range(20):
            if i == 0:
                dynagrad.set_num_threads(1 + k % 4)
            assert (x + 1).sum().item() == 8 * LARGE

    in_threads(work, 4)
    dynagrad.set_num_threads(before)


@pytest.mark.parity
@pytest.mark.parametrize("n", [3, LARGE])
def test_pytorch_adds_up_the_same(n):
    torch = pytest.importorskip("torch")
    grads = []
    for library in (dynagrad, torch):
        w = library.ones(n, requires_grad=True)

        def work(i, w=w):
            for _ in range(3):
                (w * (i + 1)).sum().backward()

        in_threads(work)
        grads.append(w.grad[0].item())
    assert grads[0] == grads[1] == 3 * sum(range(1, WORKERS + 1))
