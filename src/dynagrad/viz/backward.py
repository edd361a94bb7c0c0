"""What a backward says while it runs, written down as steps: the watcher that the engine tells."""

from __future__ import annotations

import functools
import sys
import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from dynagrad._core.intercept import untold

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .recorder import Recorder
    from .stack import Stack


class _Run:
    """A backward under way in one thread."""

    __slots__ = ("arrived", "began", "pending", "stack", "step", "thread")

    def __init__(self, stack: Stack, thread: int) -> None:
        self.stack, self.thread = stack, thread
        self.arrived: dict[tuple[int, int], int | None] = {}
        self.step: dict[str, Any] | None = None
        self.pending: dict[str, Any] = {}
        self.began = 0


def _alone(method: Callable[..., None]) -> Callable[..., None]:
    """``method`` while no other thread writes to the recording, and only as long as one is made."""

    @functools.wraps(method)
    def wrapper(self: Backward, *details: Any) -> None:
        if self.recorder.listening:
            with self.recorder.lock:
                try:
                    method(self, *details)
                except Exception as error:  # noqa: BLE001 - whatever it is, the program goes on
                    self.recorder.trouble(error, "backward")

    return wrapper


class Backward:
    """Told by the engine, see `watch_backward`; every gradient that it is shown is copied at once, and none kept."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.ledger = recorder.ledger
        self.keep = recorder.ledger.values.keep
        self.runs: dict[int, list[_Run]] = {}

    def _run(self) -> _Run:
        return self.runs[threading.get_ident()][-1]

    def _node(self, node: Any, run: _Run) -> int:
        return self.ledger.node(node, None, run.stack.inner)

    def backward_begins(self, roots: list[tuple[Any, int, Any]]) -> None:
        frame = sys._getframe(1)
        with self.recorder.lock:
            self._begin(roots, frame)

    def _begin(self, roots: list[tuple[Any, int, Any]], frame: FrameType) -> None:
        stack, thread = untold(self.recorder.look, frame)
        run = _Run(stack, thread)
        self.runs.setdefault(thread, []).append(run)
        named = {(about["node"], 0): about["id"] for about in self.ledger.tensors if about["node"] is not None}
        tensors, nodes, gradients = [], [], []
        for node, nr, gradient in roots:
            at = self._node(node, run)
            nodes.append(at)
            leaf = self.ledger.nodes[at].get("leaf")
            root = leaf if leaf is not None else named.get((at, nr), named.get((at, 0)))
            if root is not None:
                tensors.append(root)
            value = self.keep(gradient)
            gradients.append(value)
            run.arrived[at, nr] = value
        step = {"kind": "backward_begin", "roots": tensors, "nodes": nodes, "gradient": gradients[0]}
        if len(gradients) > 1:
            step["gradients"] = gradients
        self.recorder.add(step, stack, thread)

    @_alone
    def node_runs(self, node: Any, gradients: list[Any]) -> None:
        run = self._run()
        at = self._node(node, run)
        incoming = []
        for nr, gradient in enumerate(gradients):
            value = run.arrived.pop((at, nr), None)
            if value is None and gradient is not None:
                value = self.keep(gradient)
            incoming.append(value)
        run.step = {"kind": "node", "node": at, "incoming": tuple(incoming), "outgoing": ()}
        self.recorder.add(run.step, run.stack, run.thread)
        run.began = perf_counter_ns()

    @_alone
    def node_ran(self, _node: Any) -> None:
        run = self._run()
        if run.step is not None:
            run.step["ns"] = perf_counter_ns() - run.began

    @_alone
    def delivers(self, node: Any, _index: int, target: Any, nr: int, gradient: Any, summed: bool) -> None:
        if node is target:
            return
        run = self._run()
        at = self._node(target, run)
        value = self.keep(gradient)
        run.arrived[at, nr] = None if summed else value
        if run.step is not None:
            run.step["outgoing"] += ((at, nr, value),)
            if summed:
                run.step.setdefault("summed", []).append(at)

    @_alone
    def accumulates(self, tensor: Any, node: Any, gradient: Any) -> None:
        run = self._run()
        grad = tensor.grad
        number = self.ledger.identify(tensor)
        at = self._node(node, run)
        added = run.arrived.pop((at, 0), None) if self.ledger.nodes[at].get("leaf") is not None else None
        before = None if grad is None else self.ledger.value_of(grad)
        run.pending = {
            "kind": "accumulate", "tensor": number, "node": at, "before": before,
            "added": self.keep(gradient) if added is None else added, "after": None,
        }  # fmt: skip

    @_alone
    def accumulated(self, tensor: Any) -> None:
        run = self._run()
        step = run.pending
        grad = tensor.grad
        if grad is not None:
            self.ledger.gradient_of(tensor)
            if step["before"] is None and grad.numel() == tensor.numel():
                self.ledger.share(grad, step["added"])
            step["after"] = self.ledger.value_of(grad)
            gradient = self.ledger.identify(grad)
            step["gradient"] = gradient
            self.recorder.rounds.gradients.add(gradient)
        self.recorder.add(step, run.stack, run.thread)

    @_alone
    def releases(self, node: Any, nbytes: int) -> None:
        run = self._run()
        self.recorder.add({"kind": "free", "node": self._node(node, run), "bytes": nbytes}, run.stack, run.thread)

    @_alone
    def hooked(self, kind: str, owner: Any, hook: Any, replaced: bool) -> None:
        run = self._run()
        step: dict[str, Any] = {"kind": "hook", "hook": kind, "name": getattr(hook, "__name__", type(hook).__name__)}
        if hasattr(owner, "next_functions"):
            step["node"] = self._node(owner, run)
        else:
            step["tensor"] = self.ledger.identify(owner)
        if replaced:
            step["replaced"] = True
            run.arrived.clear()
        self.recorder.add(step, run.stack, run.thread)

    def backward_ends(self, completed: bool) -> None:
        thread = threading.get_ident()
        run = self.runs[thread].pop()
        if completed:
            with self.recorder.lock:
                self.recorder.add({"kind": "backward_end"}, run.stack, run.thread)
