"""How transforms stand on the engine: inputs of their own, and products with Jacobians of what was computed from them.

The derivative with respect to an input is taken at an alias of it, made for this transform, so that what else the function
computes from the same tensor is a constant to it, while the outer derivatives go through. Where ``vmap`` is open, the alias
has the batch dimensions of all open levels, so that each example has a gradient of its own. Nothing else is known here of
functions and their arguments, which are taken apart in `transforms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dynagrad
from dynagrad._core.base import grad as engine_grad
from dynagrad._core.graph import AccumulateGrad
from dynagrad._core.intercept import untold
from dynagrad.autograd.function import forward_mode
from dynagrad.autograd.grad_mode import enable_grad, inference_mode, is_grad_enabled
from dynagrad.func.batched import BatchedTensor, Level, levels_of, open_levels, wrap
from dynagrad.tensor import Tensor

__all__ = ["Tape", "plain", "rebatched"]


def plain(x: Tensor, levels: Sequence[Level]) -> Tensor:
    """All examples of a tensor: a plain one, whose first dimensions are those of ``levels``, expanded where it has none."""
    own = levels_of(x)
    value = x
    while type(value) is BatchedTensor:
        value = value.value
    for i, level in enumerate(levels):
        if level not in own:
            value = value.unsqueeze(i).expand(*value.shape[:i], level.size, *value.shape[i:])
    return value


def rebatched(value: Tensor, levels: Sequence[Level]) -> Tensor:
    """The inverse: one example of the innermost level, to the program."""
    for level in levels:
        value = wrap(value, level)
    return value


@contextmanager
def recording() -> Iterator[None]:
    """Within, ops are recorded, whatever the mode outside is."""
    with inference_mode(False), enable_grad():
        yield


class _Mark:
    """On a leaf that a transform made: whether the transform is still under way, so that outer ones differentiate it."""

    __slots__ = ("open",)

    def __init__(self) -> None:
        self.open = True


def _marked(leaf: Tensor, mark: _Mark) -> Tensor:
    """A leaf of a transform. Programs may not mark tensors where ``vmap`` is open; this is not told."""
    untold(leaf.requires_grad_)
    leaf._transform = mark
    return leaf


def _depends_outside(t: Tensor) -> bool:
    """Whether a tensor has a history that somebody outside of the transforms that have ended can ask for."""
    if not t.requires_grad:
        return False
    node = t.grad_fn
    if node is None:
        return _is_outside(t)
    seen, stack = {id(node)}, [node]
    while stack:
        for source, _ in stack.pop().next_functions:
            if source is None or id(source) in seen:
                continue
            seen.add(id(source))
            if not isinstance(source, AccumulateGrad):
                stack.append(source)
            elif _is_outside(source.variable):
                return True
    return False


def _is_outside(leaf: Tensor) -> bool:
    mark = getattr(leaf, "_transform", None)
    return mark is None or mark.open


def released(t: Any) -> Any:
    """A tensor as it leaves a transform: without history where that leads to the transform's own inputs alone."""
    if not isinstance(t, Tensor):
        return t
    levels = levels_of(t)
    value = plain(t, levels)
    if not value.requires_grad or (is_grad_enabled() and _depends_outside(value)):
        return t
    return rebatched(value.detach(), levels)


class Tape:
    """The inputs of one transform, under way until it is closed.

    Args:
        inputs: the tensors to differentiate with respect to.

    Raises:
        RuntimeError: one of them is no floating tensor.
    """

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self.mark = _Mark()
        self.levels = list(open_levels())
        self.outside = is_grad_enabled()
        with recording():
            self.leaves = [self._leaf(plain(x, self.levels)) for x in inputs]
            self.inputs = [rebatched(leaf, self.levels) for leaf in self.leaves]

    def _leaf(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients, but this one is {x.dtype}")
        if self.outside and x.requires_grad:
            return x.view_as(x)
        x = x.clone() if x.is_inference() else x
        return self._own(x.detach())

    def _own(self, x: Tensor) -> Tensor:
        return _marked(x, self.mark)

    def close(self) -> None:
        """Says that the function has returned: its inputs are nobody's variables any more."""
        self.mark.open = False

    def pull(
        self, outputs: Sequence[Tensor], cotangents: Sequence[Tensor], create_graph: bool | None = None
    ) -> list[Tensor]:
        """The gradients of the inputs, given those of the outputs: vᵀJ.

        Args:
            outputs: what was computed from the inputs.
            cotangents: a gradient for each, of its shape.
            create_graph: whether the result is differentiable; where it matters, if None.
        """
        fresh = self._fresh_level(cotangents)
        if fresh is not None:
            rows = [
                self.pull(outputs, [_example(v, fresh, i) for v in cotangents], create_graph) for i in range(fresh.size)
            ]
            return _stacked(rows, fresh, self.inputs)
        ys, vs = [], []
        for y, v in zip(outputs, cotangents, strict=True):
            flat = plain(y, levels_of(y))
            if flat.requires_grad:
                ys.append(flat)
                vs.append(_of_levels(v, levels_of(y)))
        if create_graph is None:
            create_graph = is_grad_enabled() and any(_depends_outside(t) for t in (*ys, *vs))
        found: Sequence[Tensor | None] = [None] * len(self.leaves)
        if ys:
            found = engine_grad(ys, self.leaves, vs, retain_graph=True, create_graph=create_graph, allow_unused=True)
        return [
            rebatched(dynagrad.zeros_like(leaf) if g is None else g, self.levels)
            for g, leaf in zip(found, self.leaves, strict=True)
        ]

    def _fresh_level(self, vectors: Sequence[Tensor]) -> Level | None:
        """A level of the vectors that was opened after the inputs were made, so that what they made knows nothing of it."""
        for v in vectors:
            for level in reversed(levels_of(v)):
                if level not in self.levels:
                    return level
        return None

    def needs_graph(self, outputs: Sequence[Tensor]) -> bool:
        """Whether gradients of the outputs are to be differentiable: somebody outside may ask."""
        return is_grad_enabled() and any(_depends_outside(plain(y, levels_of(y))) for y in outputs)

    def linear(self, outputs: Sequence[Tensor]) -> Linearized:
        """The outputs as linear functions of small changes of the inputs."""
        return Linearized(self, outputs)


class Linearized:
    """J v for any v: the gradient of the pulled-back uᵀJ, which is linear in u, in the direction v."""

    def __init__(self, tape: Tape, outputs: Sequence[Tensor]) -> None:
        self.tape, self.outputs = tape, outputs
        self.levels = [levels_of(y) for y in outputs]
        self.flat = [plain(y, levels) for y, levels in zip(outputs, self.levels, strict=True)]
        self.depends = is_grad_enabled() and any(_depends_outside(y) for y in self.flat)
        tracked = [y for y in self.flat if y.requires_grad]
        mark = _Mark()
        mark.open = False
        self.weights, self.pulled = [], []
        if not tracked:
            return
        with recording(), forward_mode():
            for y in tracked:
                self.weights.append(_marked(dynagrad.zeros(y.shape, dtype=y.dtype), mark))
            found = engine_grad(
                tracked, tape.leaves, self.weights, retain_graph=True, create_graph=True, allow_unused=True
            )
        self.pulled = [(i, g) for i, g in enumerate(found) if g is not None and g.requires_grad]

    def push(self, tangents: Sequence[Tensor]) -> list[Tensor | None]:
        """J v for every output; None where it does not depend on the inputs."""
        fresh = self.tape._fresh_level(tangents)
        if fresh is not None:
            rows = [self.push([_example(v, fresh, i) for v in tangents]) for i in range(fresh.size)]
            return [
                None if column[0] is None else wrap(dynagrad.stack(column), fresh) for column in zip(*rows, strict=True)
            ]
        vs = [plain(v, self.tape.levels) for v in tangents]
        create = is_grad_enabled() and (self.depends or any(_depends_outside(v) for v in vs))
        found: Sequence[Tensor | None] = [None] * len(self.weights)
        if self.pulled:
            found = engine_grad(
                [g for _, g in self.pulled],
                self.weights,
                [vs[i].to(g.dtype) for i, g in self.pulled],
                retain_graph=True,
                create_graph=create,
                allow_unused=True,
            )
        made = iter(found)
        products = [next(made) if y.requires_grad else None for y in self.flat]
        return [None if t is None else rebatched(t, levels) for t, levels in zip(products, self.levels, strict=True)]


def _of_levels(v: Tensor, levels: Sequence[Level]) -> Tensor:
    """The cotangents of an output with batch dimensions of these levels.

    Where v has another one, so have all inputs, and the output does not depend on them: any example does.
    """
    own = levels_of(v)
    every = [level for level in open_levels() if level in levels or level in own]
    value = plain(v, every)
    for i in range(len(every) - 1, -1, -1):
        if every[i] not in levels:
            value = value.select(i, 0)
    return value


def _example(v: Tensor, level: Level, i: int) -> Tensor:
    """Example ``i`` of a level; a tensor without a batch dimension of it is the same for all."""
    own = levels_of(v)
    if level not in own:
        return v
    value = plain(v, own)
    rest = [each for each in own if each is not level]
    return rebatched(value.select(own.index(level), i), rest)


def _stacked(rows: list[list[Tensor]], level: Level, inputs: Sequence[Tensor]) -> list[Tensor]:
    if not rows:
        return [wrap(dynagrad.zeros_like(x).unsqueeze(0)[:0], level) for x in inputs]
    return [wrap(dynagrad.stack(list(column)), level) for column in zip(*rows, strict=True)]
