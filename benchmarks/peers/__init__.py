"""The libraries that the workloads run on, by name.

A peer that follows the torch API needs no file; the others write the workloads in theirs, in a file each that is
imported only in the process that measures it. Whether a peer is installed is found out without importing it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.workloads import WORKLOADS, Step, live_chain

Builders = dict[str, Callable[[], Step]]


@dataclass(frozen=True)
class Peer:
    """``module`` is what a program imports, ``distribution`` what it installs."""

    name: str
    module: str
    distribution: str
    load: Callable[[int], Builders]

    @property
    def installed(self) -> bool:
        """Whether this Python could import it."""
        return importlib.util.find_spec(self.module) is not None


def torch_api(module: str) -> Callable[[int], Builders]:
    """The workloads as they are written, on a module that has PyTorch's names."""

    def load(threads: int) -> Builders:
        torch = importlib.import_module(module)
        torch.set_num_threads(threads)
        builders: Builders = {name: partial(workload.build, torch) for name, workload in WORKLOADS.items()}
        return builders | {"live_chain": partial(live_chain, torch)}

    return load


def own_api(file: str) -> Callable[[int], Builders]:
    """The workloads of a peer with an API of its own, from its file in this folder."""

    def load(threads: int) -> Builders:
        builders: Builders = importlib.import_module(f"benchmarks.peers.{file}").builders(threads)
        return builders

    return load


PEERS = {
    peer.name: peer
    for peer in (
        Peer("dynagrad", "dynagrad", "dynagrad", torch_api("dynagrad")),
        Peer("torch", "torch", "torch", torch_api("torch")),
        Peer("torch.compile", "torch", "torch", own_api("torch_compile")),
        Peer("jax", "jax", "jax", own_api("jax_jit")),
        Peer("dynet", "dynet", "dyNET38", own_api("dynet_graph")),
        Peer("autograd", "autograd", "autograd", own_api("hips_autograd")),
        Peer("micrograd", "micrograd", "micrograd", own_api("micrograd_value")),
        Peer("numpy", "numpy", "numpy", own_api("numpy_blas")),
    )
}
