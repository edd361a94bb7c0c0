"""Memory that processes share, and tensors on their way between them."""

from __future__ import annotations

import os
import signal

import pytest

import dynagrad as torch
import dynagrad.multiprocessing as mp
from dynagrad.shared import memory_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
fork = mp.get_context("fork")


def in_a_child(work, *args):
    process = fork.Process(target=work, args=args)
    process.start()
    process.join()
    assert process.exitcode == 0


def test_writes_of_a_forked_child_are_seen_in_shared_memory_alone() -> None:
    shared, own = torch.zeros(3).share_memory_(), torch.zeros(3)
    assert (shared.is_shared(), own.is_shared()) == (True, False)
    assert shared.share_memory_() is shared
    in_a_child(lambda: (shared.add_(1), own.add_(1)))
    assert shared.tolist() == [1, 1, 1]
    assert own.tolist() == [0, 0, 0]


def test_views_of_shared_memory_are_shared() -> None:
    x = torch.arange(6.0).share_memory_()
    view = x.reshape(2, 3)[1]
    assert view.is_shared()
    in_a_child(lambda: view.mul_(10))
    assert x.tolist() == [0, 1, 2, 30, 40, 50]


@pytest.mark.parametrize("make", [
    lambda: torch.zeros(0), lambda: torch.tensor(3), lambda: torch.ones(2, 3).t(), lambda: torch.arange(10)[2:8:3],
    lambda: torch.ones(3, dtype=torch.bfloat16), lambda: torch.ones(2, requires_grad=True),
])  # fmt: skip
def test_sharing_changes_nothing_else(make) -> None:
    x = make()
    before = x.detach().clone(), x.stride(), x.storage_offset(), x.requires_grad, x.is_leaf
    if x._base is None and x.untyped_storage().nbytes() == x.numel() * x.element_size():
        x.share_memory_()
    else:
        x = x.contiguous().share_memory_()
        before = before[0], x.stride(), 0, before[3], x.is_leaf
    assert torch.equal(x, before[0])
    assert (x.stride(), x.storage_offset(), x.requires_grad, x.is_leaf) == before[1:]
    assert x.is_shared()


def test_a_tensor_whose_memory_others_show_is_not_moved_behind_their_back() -> None:
    x = torch.zeros(4)
    view = x[1:]
    with pytest.raises(RuntimeError, match=r"share_memory_\(\): other tensors .* would not follow"):
        x.share_memory_()
    del view
    x.share_memory_()
    storage = torch.zeros(3).untyped_storage()
    assert storage.share_memory_().is_shared()
    typed = torch.zeros(3).storage()
    assert typed.share_memory_().is_shared()


def test_descriptors_are_closed_with_the_memory() -> None:
    x = torch.zeros(3).share_memory_()
    file = memory_of(x).file
    os.fstat(file)
    del x
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.fc(x))


def steps(model, seed):
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).pow(2).sum().backward()
        optimizer.step()


def test_hogwild() -> None:
    model = Net()
    assert model.share_memory() is model
    assert all(each.is_shared() for each in (*model.parameters(), *model.buffers()))
    before = model.fc.weight.detach().clone()
    workers = [fork.Process(target=steps, args=(model, seed)) for seed in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert model.norm.num_batches_tracked.item() == 10
    assert not torch.equal(model.fc.weight, before)


def answer(inbox, outbox):
    for given in iter(inbox.get, None):
        given["x"].mul_(2)
        outbox.put((given["x"].sum(), type(given["p"]).__name__, given["p"].requires_grad, given["x"].name))


def test_tensors_travel_through_queues_as_shared_memory() -> None:
    inbox, outbox = fork.Queue(), fork.Queue()
    process = fork.Process(target=answer, args=(inbox, outbox))
    process.start()
    x = torch.arange(4.0)
    x.name = "mine"
    inbox.put({"x": x, "p": torch.nn.Parameter(torch.ones(2), requires_grad=False)})
    total, kind, requires_grad, name = outbox.get()
    inbox.put(None)
    assert (total.item(), kind, requires_grad, name) == (12.0, "Parameter", False, "mine")
    assert x.tolist() == [0, 2, 4, 6]  # the child wrote to the very memory
    process.join()


def test_what_has_a_history_does_not_travel() -> None:
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor which requires_grad"):
        mp.reductions.ForkingPickler.dumps(y)
    bytes(mp.reductions.ForkingPickler.dumps(torch.arange(3)))
    x = torch.arange(3.0)
    view = x[1:]
    bytes(mp.reductions.ForkingPickler.dumps(view))
    assert not x.is_shared()  # a copy went


def test_a_loader_s_batches_still_travel_as_one_file() -> None:
    from dynagrad.utils.data._utils import transport

    payload, buffers = transport.pack([torch.ones(100), torch.ones(50)])
    assert [buffer.nbytes for buffer in buffers] == [400, 200]
    assert len(payload) < 1000


def fail(index, how):
    if index == 1:
        if how == "raise":
            raise ValueError("mine")
        if how == "exit":
            os._exit(7)
        os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("raise", mp.ProcessRaisedException, "Process 1 terminated with the following error:\n(.|\n)*ValueError: mine"),
        ("exit", mp.ProcessExitedException, "process 1 terminated with exit code 7"),
        ("kill", mp.ProcessExitedException, "process 1 terminated with signal SIGKILL"),
    ],
)
def test_a_process_that_fails_ends_the_others(how, kind, message) -> None:
    with pytest.raises(kind, match=message) as error:
        mp.start_processes(fail, (how,), nprocs=2, start_method="fork")
    assert error.value.error_index == 1
    assert not [each for each in mp.active_children() if each.name.startswith("spawn")]


def store(index, results):
    results[index] = index + 1


def test_all_end_well() -> None:
    results = torch.zeros(3).share_memory_()
    assert mp.start_processes(store, (results,), nprocs=3, start_method="fork") is None
    assert results.tolist() == [1, 2, 3]
    context = mp.start_processes(store, (results,), nprocs=2, join=False, start_method="fork")
    assert len(context.pids()) == 2
    while not context.join(timeout=10):
        pass
    assert context.join()


def test_names() -> None:
    import multiprocessing

    assert mp.Queue is not None
    assert mp.cpu_count() == multiprocessing.cpu_count()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="unknown sharing strategy"):
        mp.set_sharing_strategy("telepathy")
    with pytest.raises(NotImplementedError, match="numa_options"):
        mp.start_processes(store, numa_options=object())
    with pytest.raises(AttributeError):
        mp.no_such_name  # noqa: B018
