"""The collector: listens to ops, to backward, to optimisers and to the regions that a program names, and takes times."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from dynagrad._core.engine import watch_backward
from dynagrad._core.graph import AccumulateGrad
from dynagrad._core.intercept import install, uninstall
from dynagrad._core.machine import stats
from dynagrad.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from dynagrad.profiler.flops import flops_of
from dynagrad.tensor import Tensor

__all__ = ["Collector", "Options", "Span", "record_function"]

# Calls that are told and compute nothing, or whose parts are told one by one.
_UNMEASURED = frozenset({
    "backward", "grad", "data", "data=", "grad=", "requires_grad=", "requires_grad_", "retain_grad", "register_hook",
    "register_post_accumulate_grad_hook",
})  # fmt: skip
_PACKAGE = __name__.partition(".")[0]
_MOST_FRAMES = 64


class Options:
    """What is taken down beside times."""

    def __init__(self, *, shapes: bool = False, memory: bool = False, stack: bool = False, flops: bool = False) -> None:
        self.shapes, self.memory, self.stack, self.flops = shapes, memory, stack, flops


class Span:
    """Something that ran: its name, its kind, from when to when (ns), within what, and what else was taken down."""

    __slots__ = (
        "allocated",
        "began",
        "ended",
        "flops",
        "inside",
        "kind",
        "name",
        "parent",
        "shapes",
        "stack",
        "thread",
        "types",
    )

    def __init__(self, name: str, kind: str, thread: int, parent: Span | None) -> None:
        self.name, self.kind, self.thread, self.parent = name, kind, thread, parent
        self.began = self.ended = 0
        self.allocated = self.flops = 0
        self.shapes: list[Any] = []
        self.types: list[str] = []
        self.stack: list[str] = []
        self.inside = 0  # bytes in use when it began


_running: list[Collector] = []


class Collector:
    """Collects between ``start`` and ``stop``, in all threads. RuntimeError where another one does so already."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.spans: list[Span] = []
        self.local = threading.local()
        self.threads: dict[int, int] = {}
        self.began = self.ended = 0

    def start(self) -> None:
        """Begins to listen."""
        if _running:
            raise RuntimeError("Profiler is already enabled on this thread: end the running one first")
        _running.append(self)
        self.watcher = _Backward(self)
        self.watcher.before = watch_backward(self.watcher)
        self.handles = (
            register_optimizer_step_pre_hook(self._step_begins),
            register_optimizer_step_post_hook(self._step_ended),
        )
        install(self._hear, reentrant=True)
        self.began = perf_counter_ns()

    def stop(self) -> None:
        """Ends it; what has not ended ends here."""
        self.ended = perf_counter_ns()
        uninstall(self._hear)
        for handle in self.handles:
            handle.remove()
        watch_backward(self.watcher.before)
        _running.remove(self)
        for span in self.spans:
            span.ended = span.ended or self.ended

    # ---- spans -------------------------------------------------------------------------------------------------------

    def _stack(self) -> list[Span]:
        try:
            return self.local.stack
        except AttributeError:
            self.threads.setdefault(threading.get_ident(), len(self.threads) + 1)
            made: list[Span] = []
            self.local.stack = made
            return made

    def begin(self, name: str, kind: str, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Span:
        """Opens a span within the one that is open in this thread."""
        stack, options = self._stack(), self.options
        span = Span(name, kind, self.threads[threading.get_ident()], stack[-1] if stack else None)
        stack.append(span)
        self.spans.append(span)
        if options.shapes:
            values = (*args, *(kwargs or {}).values())
            span.shapes = [_shape(value) for value in values]
            span.types = [str(value.dtype) if isinstance(value, Tensor) else type(value).__name__ for value in values]
        if options.flops:
            span.flops = flops_of(name, args, kwargs or {})
        if options.stack:
            span.stack = _frames()
        if options.memory:
            span.inside = stats()["live_bytes"]
        span.began = perf_counter_ns()
        return span

    def end(self, span: Span) -> None:
        """Closes a span, and what is still open within it."""
        ended = perf_counter_ns()
        if self.options.memory:
            span.allocated = stats()["live_bytes"] - span.inside
        stack = self._stack()
        if span not in stack:
            return
        while stack:
            last = stack.pop()
            last.ended = last.ended or ended
            if last is span:
                return

    # ---- who tells ---------------------------------------------------------------------------------------------------

    def _hear(self, _function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Any) -> Any:
        name = call.name
        if name in _UNMEASURED:
            return call(*args, **kwargs)
        span = self.begin(args[0].__name__ if name == "apply" else f"aten::{name}", "cpu_op", args, kwargs)
        try:
            return call(*args, **kwargs)
        finally:
            self.end(span)

    def _step_begins(self, optimizer: Any, _args: Any, _kwargs: Any) -> None:
        name = type(optimizer).__name__
        self.begin(f"Optimizer.step#{name}.step", "user_annotation")

    def _step_ended(self, optimizer: Any, _args: Any, _kwargs: Any) -> None:
        name = f"Optimizer.step#{type(optimizer).__name__}.step"
        for span in reversed(self._stack()):
            if span.name == name:
                self.end(span)
                return


class _Backward:
    """Told of everything that a backward does; passes it on to whoever was told before."""

    before: Any = None

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.local = threading.local()

    def _open(self) -> list[Any]:
        if not hasattr(self.local, "open"):
            self.local.open = []
        return self.local.open

    def _begin(self, key: Any, name: str, gradients: tuple[Any, ...]) -> None:
        self._open().append((key, self.collector.begin(name, "cpu_op", gradients)))

    def _end(self, key: Any) -> None:
        opened = self._open()
        while opened:
            last, span = opened.pop()
            if span is not None:
                self.collector.end(span)
            if last == key:
                return

    def backward_begins(self, roots: Any) -> None:
        self._open().append(("backward", None))
        if self.before is not None:
            self.before.backward_begins(roots)

    def backward_ends(self, completed: bool) -> None:
        self._end("backward")
        if self.before is not None:
            self.before.backward_ends(completed)

    def node_runs(self, node: Any, gradients: Any) -> None:
        self._begin(id(node), node.name(), tuple(gradients))
        if self.before is not None:
            self.before.node_runs(node, gradients)

    def node_ran(self, node: Any) -> None:
        self._end(id(node))
        if self.before is not None:
            self.before.node_ran(node)

    def accumulates(self, tensor: Any, node: Any, gradient: Any) -> None:
        if isinstance(node, AccumulateGrad):
            self._begin(id(tensor), "torch::autograd::AccumulateGrad", (gradient,))
        if self.before is not None:
            self.before.accumulates(tensor, node, gradient)

    def accumulated(self, tensor: Any) -> None:
        if self._open() and self._open()[-1][0] == id(tensor):
            self._end(id(tensor))
        if self.before is not None:
            self.before.accumulated(tensor)

    def delivers(self, *about: Any) -> None:
        if self.before is not None:
            self.before.delivers(*about)

    def releases(self, node: Any, nbytes: int) -> None:
        if self.before is not None:
            self.before.releases(node, nbytes)

    def hooked(self, kind: str, owner: Any, hook: Any, replaced: bool) -> None:
        if self.before is not None:
            self.before.hooked(kind, owner, hook, replaced)


def _shape(value: Any) -> list[Any]:
    """The sizes of an argument: of a tensor, of every item of a list of tensors; nothing for what has none."""
    if isinstance(value, Tensor):
        return list(value.shape)
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, Tensor) for each in value):
        return [list(each.shape) for each in value]
    return []


def _frames() -> list[str]:
    """Where the program is, innermost first: ``file(line): function``, without dynagrad's own frames."""
    found: list[str] = []
    frame: Any = sys._getframe(1)  # noqa: SLF001 - the way to look at the stack
    while frame is not None and len(found) < _MOST_FRAMES:
        if frame.f_globals.get("__name__", "").partition(".")[0] != _PACKAGE:
            code = frame.f_code
            found.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return found


class record_function:  # noqa: N801  # PyTorch's name
    """A region with a name, as a context manager or a decorator; it appears in a profile that is being taken.

    >>> import dynagrad as torch
    >>> with torch.profiler.profile() as prof:
    ...     with torch.profiler.record_function("doubling"):
    ...         y = torch.ones(2) * 2
    >>> [event.name for event in prof.events()]
    ['doubling', 'aten::ones', 'aten::mul']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self.opened: tuple[Collector, Span] | None = None

    def __enter__(self) -> record_function:  # noqa: PYI034  # PyTorch's is no generic
        self.opened = None
        if _running:
            self.opened = _running[0], _running[0].begin(self.name, "user_annotation")
        return self

    def __exit__(self, *_: object) -> None:
        if self.opened is not None and self.opened[0] in _running:
            self.opened[0].end(self.opened[1])

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorates a function."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return wrapper
