"""Loaders: batches, workers, their seeds, failures of every kind, nothing left behind."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.utils import data
from tests.data.datasets import Failing, Large, Noisy, Stream, WhoAmI, as_list, fail, mark, plain

# The machines of the tests have few processors.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def test_batches_of_a_tensor_dataset() -> None:
    x, y = dg.arange(10.0).reshape(5, 2), dg.arange(5)
    loader = data.DataLoader(data.TensorDataset(x, y), batch_size=2)
    assert len(loader) == 3
    first, *_, last = list(loader)
    assert plain(first) == [[[0, 1], [2, 3]], [0, 1]]
    assert plain(last) == [[[8, 9]], [4]]
    assert len(data.DataLoader(data.TensorDataset(x), batch_size=2, drop_last=True)) == 2


def test_the_same_seed_gives_the_same_order_with_and_without_workers() -> None:
    orders = []
    for workers in (0, 1, 2):
        loader = data.DataLoader(
            range(20), batch_size=3, shuffle=True, num_workers=workers, generator=dg.Generator().manual_seed(5)
        )
        orders.append(plain(list(loader)))
    assert orders[0] == orders[1] == orders[2]
    assert sorted(chain(*orders[0])) == list(range(20))


def test_workers_know_who_they_are_and_have_seeds_of_their_own() -> None:
    samples = plain(
        [sample for batch in data.DataLoader(WhoAmI(), num_workers=2, collate_fn=as_list) for sample in batch]
    )
    assert [sample[0] for sample in samples] == [0, 1, 0, 1]
    assert {sample[1] for sample in samples} == {2}
    assert samples[1][2] == samples[0][2] + 1
    assert len({sample[3] for sample in samples} - {os.getpid()}) == 2
    assert {sample[4] for sample in samples} == {1}
    assert data.get_worker_info() is None


def test_workers_draw_different_numbers_in_every_pass() -> None:
    loader = data.DataLoader(Noisy(), num_workers=2, collate_fn=as_list)
    draws = [plain(sample) for _ in range(2) for batch in loader for sample in batch]
    for column in (1, 2, 3):
        assert len({str(sample[column]) for sample in draws}) == 22


def test_large_samples_travel_as_writable_memory() -> None:
    for batch in data.DataLoader(Large(), batch_size=3, num_workers=2):
        assert batch["x"].shape == (3, 300, 300)
        assert batch["x"][1, 7, 7].item() == batch["y"][1, 7].item()
        batch["x"].add_(1)
        batch["y"].sum().item()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_nothing_stays_open() -> None:
    def use() -> None:
        batches = list(data.DataLoader(Large(), batch_size=2, num_workers=2))
        assert len(batches) == 3
        iterator = iter(data.DataLoader(Large(), num_workers=2))  # left in the middle
        next(iterator)

    use()
    before, shared = open_files(), set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()  # noqa: S108
    use()
    assert open_files() <= before
    assert not shared or set(os.listdir("/dev/shm")) <= shared  # noqa: S108


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.slow
def test_every_way_of_starting_workers(method: str) -> None:
    loader = data.DataLoader(WhoAmI(), batch_size=2, num_workers=1, multiprocessing_context=method)
    assert [plain(batch)[0] for batch in loader] == [[0, 0], [0, 0]]


def test_persistent_workers_stay() -> None:
    loader = data.DataLoader(WhoAmI(), num_workers=2, persistent_workers=True, collate_fn=as_list)
    passes = [{sample[3] for batch in loader for sample in batch} for _ in range(3)]
    assert passes[0] == passes[1] == passes[2]
    iterator = iter(loader)
    next(iterator)
    assert len(list(iter(loader))) == 4  # a pass that was left is begun anew


def test_streams_in_workers_end_one_by_one() -> None:
    loader = data.DataLoader(Stream(), batch_size=2, num_workers=3, persistent_workers=True)
    for _ in range(2):
        values = chain(*plain(list(loader)))
        assert sorted(values) == [0, 1, 2, *range(100, 105), *range(200, 207)]


def test_batches_as_they_come() -> None:
    loader = data.DataLoader(range(20), batch_size=2, num_workers=2, in_order=False)
    assert sorted(chain(*plain(list(loader)))) == list(range(20))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_exception_arrives_with_its_traceback(workers: int) -> None:
    with pytest.raises(ValueError, match="sample five is broken") as caught:
        list(data.DataLoader(Failing("raise"), num_workers=workers))
    if workers:
        assert "in DataLoader worker process" in str(caught.value)
        assert "Traceback" in str(caught.value)
        assert "datasets.py" in str(caught.value)


def test_odd_exceptions_arrive_too() -> None:
    with pytest.raises(KeyError) as caught:
        list(data.DataLoader(Failing("key"), num_workers=1))
    assert "\nOriginal Traceback" in str(caught.value)
    with pytest.raises(RuntimeError, match="Caught Odd in DataLoader worker process 0"):
        list(data.DataLoader(Failing("odd"), num_workers=1))
    with pytest.raises(Exception, match=r"(pickle|local object)"):
        list(data.DataLoader(Failing("unpicklable"), num_workers=1, collate_fn=as_list))
    with pytest.raises(RuntimeError, match="worker 0 will not start"):
        list(data.DataLoader(range(4), num_workers=1, worker_init_fn=fail))


@pytest.mark.parametrize(
    ("how", "why"),
    [("kill", "is killed by signal: Killed."), ("exit", "exited unexpectedly with exit code 3.")],
)
def test_a_worker_that_dies_is_reported_at_once(how: str, why: str) -> None:
    start = time.monotonic()
    message = (
        rf"DataLoader worker \(pid\(s\) (\d+)\) exited unexpectedly: DataLoader worker \(pid \1\) {re.escape(why)}"
    )
    with pytest.raises(RuntimeError, match=message):
        list(data.DataLoader(Failing(how), num_workers=2))
    assert time.monotonic() - start < 4


def test_a_timeout() -> None:
    with pytest.raises(RuntimeError, match=r"timed out after 0\.3 seconds"):
        list(data.DataLoader(Failing("sleep"), num_workers=1, timeout=0.3))


def test_the_first_thing_a_worker_does() -> None:
    class Env(data.Dataset[str]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> str:
            return os.environ["MARKED"]

    assert list(data.DataLoader(Env(), num_workers=2, worker_init_fn=mark)) == [["0"], ["1"]]


@pytest.mark.slow
def test_interrupting_is_clean() -> None:
    program = textwrap.dedent("""
        import os, signal, time
        from dynagrad.utils import data
        signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell's background jobs start with it ignored
        class Slow(data.Dataset):
            def __len__(self): return 1000
            def __getitem__(self, index):
                time.sleep(0.02)
                return index
        print("ready", flush=True)
        try:
            for batch in data.DataLoader(Slow(), num_workers=2): print(batch, flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    while "tensor" not in process.stdout.readline():
        pass
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert out.rstrip().endswith("interrupted")
    assert err == ""
    assert process.returncode == 0


def test_workers_notice_that_the_main_process_died() -> None:
    program = textwrap.dedent("""
        import os, signal
        from dynagrad.utils import data
        pass_ = iter(data.DataLoader(range(9), num_workers=1))
        next(pass_)
        print(pass_._workers[0].pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    worker = int(done.stdout)
    for _ in range(100):
        stat = Path(f"/proc/{worker}/stat")
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived the main process by ten seconds")


BAD: list[tuple[dict[str, Any], str]] = [
    ({"num_workers": -1}, "non-negative"), ({"timeout": -1}, "non-negative"), ({"prefetch_factor": 2}, "prefetch"),
    ({"persistent_workers": True}, "needs num_workers"), ({"batch_size": 0}, "positive integer"),
    ({"sampler": [0], "shuffle": True}, "mutually exclusive"), ({"batch_size": None, "drop_last": True}, "mutually"),
    ({"batch_sampler": [[0]], "batch_size": 2}, "mutually exclusive"),
    ({"multiprocessing_context": "fork"}, "num_workers"),
    ({"num_workers": 1, "multiprocessing_context": "threads"}, "valid start method"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), BAD)
def test_options_that_contradict_one_another(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data.DataLoader(range(3), **options)


def test_what_a_stream_and_an_empty_dataset_refuse() -> None:
    for options in ({"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}):
        with pytest.raises(ValueError, match="IterableDataset: expected unspecified"):
            data.DataLoader(Stream(), **options)
    with pytest.raises(ValueError, match=r"num_samples=0.*empty"):
        data.DataLoader([], shuffle=True)
    assert list(data.DataLoader([])) == []
    loader = data.DataLoader(range(3))
    with pytest.raises(ValueError, match="should not be set after"):
        loader.batch_size = 3
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iter(loader))


def test_a_stream_that_is_longer_than_it_said() -> None:
    class Liar(Stream):
        def __len__(self) -> int:
            return 1

    loader = data.DataLoader(Liar())
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="was reported to be 1"):
        list(loader)


def test_a_length_that_is_asked_for_during_a_pass_promises_nothing() -> None:
    class Liar(data.IterableDataset[int]):
        def __len__(self) -> int:
            return 3

        def __iter__(self) -> Iterator[int]:
            return iter(range(7))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(data.DataLoader(Liar(), 2))) == 4  # list() asks once the pass has begun
    loader = data.DataLoader(Liar(), 2, num_workers=1, persistent_workers=True)
    assert len(loader) == 2
    for _ in range(2):
        with pytest.warns(UserWarning, match="was reported to be 3"):
            assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5], [6]]


def test_collation() -> None:
    pair = data.default_collate([{"a": (1, 2.0), "b": np.float32(3)}, {"a": (4, 5.0), "b": np.float32(6)}])
    assert plain(pair) == {"a": [[1, 4], [2.0, 5.0]], "b": [3.0, 6.0]}
    assert pair["a"][1].dtype is dg.float64
    assert pair["b"].dtype is dg.float32
    assert data.default_collate(["x", "y"]) == ["x", "y"]
    assert data.default_collate([np.zeros(2), np.ones(2)]).tolist() == [[0, 0], [1, 1]]
    with pytest.raises(TypeError, match="batch must contain tensors"):
        data.default_collate([object()])
    with pytest.raises(TypeError, match="batch must contain tensors"):
        data.default_collate([None, None])
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([[1], [1, 2]])
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        data.default_collate([dg.ones(1), dg.ones(2)])


def test_progress_bars_know_the_length() -> None:
    tqdm = pytest.importorskip("tqdm")
    with open(os.devnull, "w") as nowhere:
        bar = tqdm.tqdm(data.DataLoader(range(5), batch_size=2), file=nowhere)
        assert bar.total == 3
        assert len(list(bar)) == 3


def test_names_and_places_are_pytorchs() -> None:
    from importlib import import_module

    for module, names in {
        "dataset": ("Dataset", "TensorDataset", "random_split"),
        "sampler": ("Sampler", "BatchSampler"),
        "dataloader": ("DataLoader", "default_collate"),
        "distributed": ("DistributedSampler",),
        "_utils.collate": ("default_collate", "default_convert", "collate"),
    }.items():
        found = import_module(f"dynagrad.utils.data.{module}")
        assert all(hasattr(found, name) for name in names)
