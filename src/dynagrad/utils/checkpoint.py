"""Checkpointing: a part of the graph keeps its inputs only, and is computed anew when backward comes to it.

Note [Recomputation through saved tensors]
The forward pass runs as ever, but each tensor that a node saves is replaced by an empty slot. When backward unpacks
the first slot, the function runs again and fills the slots in the order in which they were made; the rest of the graph
never notices. A filled slot lives as long as the node that holds it.
"""

from __future__ import annotations

import contextlib
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import dynagrad
from dynagrad._core.engine import current_run
from dynagrad.autograd import Function
from dynagrad.autograd.graph import saved_tensors_hooks
from dynagrad.tensor import Tensor

__all__ = [
    "CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn", "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]  # fmt: skip

_early_stop: bool | None = None
_debug: bool | None = None


class CheckpointError(RuntimeError):
    """The function did something else when it ran again."""


class _AllRecomputedError(BaseException):
    """Ends the second run of a function when nothing more is needed of it; no handler of the user's should catch it."""


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Says, for the time of a ``with``, whether the second run of a function may end as soon as it has done enough."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Turns the option ``debug`` of all checkpoints on or off for the time of a ``with``; None leaves it to each."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose inner values are not kept for backward but computed anew.

    Args:
        function: gives the same result whenever it runs on the same arguments.
        use_reentrant: False, as recommended; True is the older form, which takes no keywords and whose backward runs
            another backward. A warning if not given.
        context_fn: gives two contexts, for the first run and for the second.
        determinism_check: ``"default"`` compares shapes and dtypes of the two runs, ``"none"`` does not.
        debug: an error of that comparison names the lines of both runs.
        early_stop: ends the second run when everything that was missing is there.
        preserve_rng_state: the second run draws the same random numbers as the first.

    CheckpointError, in backward, if the function did something else the second time.

    >>> import dynagrad
    >>> from dynagrad.utils.checkpoint import checkpoint
    >>> x = dynagrad.ones(2, requires_grad=True)
    >>> checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([-2.4783, -2.4783])
    """
    if _is_reentrant(use_reentrant, "checkpoint"):
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return _Reentrant.apply(function, preserve_rng_state, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    forward, again = context_fn()
    debug = debug if _debug is None else _debug
    frame = _Frame(function, args, kwargs, again, determinism_check == "default", debug)
    frame.early_stop = early_stop if _early_stop is None else _early_stop
    frame.random_state = dynagrad.get_rng_state() if preserve_rng_state else None
    with saved_tensors_hooks(frame.pack, frame.unpack), forward:
        return function(*args, **kwargs)


def _is_reentrant(asked: bool | None, name: str) -> bool:
    if asked is not None:
        return asked
    warnings.warn(
        f"torch.utils.checkpoint.{name}: the use_reentrant parameter should be passed explicitly. "
        "use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass "
        "use_reentrant=True.",
        stacklevel=3,
    )
    return True


class _Slot:
    """Stands for a saved tensor until it is needed."""

    __slots__ = ("__weakref__", "index")

    def __init__(self, index: int) -> None:
        self.index = index


class _Frame:
    """One call of a checkpointed function: what it saved, and how to run it again."""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, again: Any, checks: bool, debug: bool
    ) -> None:
        self.function, self.args, self.kwargs, self.again = function, args, kwargs, again
        self.checks, self.debug = checks, debug
        self.early_stop = True
        self.random_state: Any = None
        self.autocast = _autocast_as_it_is()
        tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
        self.versions = [(each, each._version) for each in tensors]
        self.slots: list[weakref.ref[_Slot]] = []
        self.metas: list[Any] = []
        self.lines: list[str] = []
        self.values: weakref.WeakKeyDictionary[_Slot, Tensor] = weakref.WeakKeyDictionary()

    def pack(self, tensor: Tensor) -> _Slot:
        slot = _Slot(len(self.slots))
        self.slots.append(weakref.ref(slot))
        self.metas.append(_meta(tensor))
        if self.debug:
            self.lines.append(_lines())
        return slot

    def unpack(self, slot: _Slot) -> Tensor:
        if slot not in self.values:
            self._recompute()
        if slot not in self.values:
            raise CheckpointError("torch.utils.checkpoint: a saved tensor was not computed again")
        return self.values[slot]

    def _recompute(self) -> None:
        for tensor, version in self.versions:
            if tensor._version != version:
                raise RuntimeError(
                    "one of the inputs of a checkpointed function has been modified by an inplace operation: it is at "
                    f"version {tensor._version}; expected version {version}, since the function runs on it again in "
                    "backward. Write to a clone() instead"
                )
        count = 0

        def fill(tensor: Tensor) -> Tensor:
            nonlocal count
            if count >= len(self.slots):
                count += 1
                return tensor
            self._compare(count, tensor)
            slot = self.slots[count]()
            if slot is not None:
                self.values[slot] = tensor.detach()
            count += 1
            if count == len(self.slots) and self.early_stop:
                raise _AllRecomputedError
            return tensor

        with contextlib.ExitStack() as contexts:
            contexts.enter_context(contextlib.suppress(_AllRecomputedError))
            contexts.enter_context(_random_state(self.random_state))
            contexts.enter_context(saved_tensors_hooks(fill, _as_it_is))
            contexts.enter_context(self.autocast())
            contexts.enter_context(self.again)
            contexts.enter_context(dynagrad.enable_grad())
            self.function(*self.args, **self.kwargs)
        if self.checks and count != len(self.slots):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.slots)}\n"
                f"Number of tensors saved during recomputation: {count}."
            )

    def _compare(self, index: int, tensor: Tensor) -> None:
        if not self.checks or self.metas[index] == _meta(tensor):
            return
        message = (
            "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during "
            f"the forward pass.\ntensor at position {index}:\nsaved metadata: {self.metas[index]}\n"
            f"recomputed metadata: {_meta(tensor)}\n"
        )
        if self.debug:
            message += f"saved at\n{self.lines[index]}recomputed at\n{_lines()}"
        else:
            message += "Tip: pass debug=True to checkpoint() to see the lines of both runs."
        raise CheckpointError(message)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _meta(tensor: Tensor) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


def _lines() -> str:
    return "".join(traceback.format_stack()[-6:-2])


@contextlib.contextmanager
def _random_state(state: Any) -> Iterator[None]:
    """Draws from ``state`` for a while, if one is given, and leaves the generator as it was."""
    if state is None:
        yield
        return
    before = dynagrad.get_rng_state()
    dynagrad.set_rng_state(state)
    try:
        yield
    finally:
        dynagrad.set_rng_state(before)


def _autocast_as_it_is() -> Callable[[], Any]:
    """Makes a context in which the autocast of the CPU is what it is now."""
    enabled, dtype = dynagrad.is_autocast_enabled("cpu"), dynagrad.get_autocast_dtype("cpu")
    caches = dynagrad.is_autocast_cache_enabled()
    return lambda: dynagrad.autocast("cpu", dtype=dtype, enabled=enabled, cache_enabled=caches)


class _Reentrant(Function):
    """The older form: the whole function is one node, whose backward runs the function and its backward."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        if not any(isinstance(each, Tensor) and each.requires_grad for each in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=4)
        ctx.function = function
        ctx.random_state = dynagrad.get_rng_state() if preserve else None
        ctx.autocast = _autocast_as_it_is()
        ctx.places = [i for i, each in enumerate(args) if isinstance(each, Tensor)]
        ctx.others = [None if isinstance(each, Tensor) else each for each in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with dynagrad.no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if current_run(whole=True) < 0:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        args = list(ctx.others)
        for i, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[i] = tensor.detach().requires_grad_(tensor.requires_grad)
        with _random_state(ctx.random_state), ctx.autocast(), dynagrad.enable_grad():
            outputs = ctx.function(*args)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        pairs = [
            (output, gradient)
            for output, gradient in zip(outputs, gradients, strict=True)
            if isinstance(output, Tensor) and output.requires_grad
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        dynagrad.autograd.backward([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        return None, None, *(each.grad if isinstance(each, Tensor) else None for each in args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True
) -> Any:
    """A chain of functions in ``segments`` parts, all but the last one checkpointed.

    Args:
        functions: a ``Sequential``, or a list of functions of one argument.
        segments: how many parts.
        input: of the first function.
        use_reentrant, preserve_rng_state: as `checkpoint`'s.

    >>> import dynagrad
    >>> from dynagrad.utils.checkpoint import checkpoint_sequential
    >>> x = dynagrad.ones(1, requires_grad=True)
    >>> checkpoint_sequential([dynagrad.exp, dynagrad.sin, dynagrad.cos], 2, x, use_reentrant=False)
    tensor([0.9168], grad_fn=<CosBackward0>)
    """
    reentrant = _is_reentrant(use_reentrant, "checkpoint_sequential")
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def chained(part: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
        def forward(value: Any) -> Any:
            for step in part:
                value = step(value)
            return value

        return forward

    size = len(steps) // segments
    last = size * (segments - 1)
    for start in range(0, last, size) if size else ():
        part = chained(steps[start : start + size])
        input = checkpoint(part, input, use_reentrant=reentrant, preserve_rng_state=preserve_rng_state)
    return chained(steps[last:])(input)
