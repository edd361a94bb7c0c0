"""Calls as functions of their inputs: the lines of ``calls.txt``, evaluated with dynagrad or with PyTorch.

A call's inputs are drawn when its text is first evaluated; evaluated again, the text takes other tensors in their places.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

EXAMPLES = 3
CALLS = [
    line
    for line in (Path(__file__).parent / "calls.txt").read_text(encoding="utf-8").partition("----")[2].splitlines()
    if "(" in line
]


def draw(kind: str, sizes: tuple[int, ...], below: int, generator: np.random.Generator) -> np.ndarray:
    """The numbers of one input."""
    if kind == "i":
        return generator.integers(0, below, sizes)
    if kind == "b":
        return generator.random(sizes) < 0.5
    if kind == "u":
        return generator.uniform(0.1, 0.9, sizes)
    if kind == "p":
        return generator.uniform(0.3, 2.0, sizes)
    values = generator.uniform(-2.0, 2.0, sizes)
    if kind == "m":
        return values / 4 + np.eye(sizes[-1])
    if kind == "s":
        return values @ np.swapaxes(values, -1, -2) / 4 + np.eye(sizes[-1])
    return values


class Scene:
    """One call, in one library.

    Args:
        torch: dynagrad or PyTorch.
        text: the call.
    """

    def __init__(self, torch: ModuleType, text: str) -> None:
        self.torch, self.text = torch, text
        self.shapes: list[tuple[str, tuple[int, ...], int]] = []
        self.evaluate(self._noted)

    def _noted(self, kind: str, sizes: tuple[int, ...], below: int) -> Any:
        self.shapes.append((kind, sizes, below))
        drawn = draw(kind, sizes, below, np.random.default_rng(len(self.shapes)))
        return self.torch.tensor(drawn)

    def evaluate(self, source: Callable[[str, tuple[int, ...], int], Any]) -> Any:
        """The call's result on the tensors that ``source`` hands out."""
        names: dict[str, Any] = {
            kind: lambda *sizes, kind=kind: source(kind, sizes, 0) for kind in ("x", "p", "u", "m", "s", "b")
        }
        names["i"] = lambda below, *sizes: source("i", sizes, below)
        names |= {"torch": self.torch, "F": self.torch.nn.functional, "S": self.torch.special, "L": self.torch.linalg}
        return eval(self.text, names)  # noqa: S307  # the text is this folder's

    def __call__(self, *inputs: Any) -> Any:
        given = iter(inputs)
        return self.evaluate(lambda *_: next(given))

    def inputs(self, dims: tuple[int | None, ...]) -> list[Any]:
        """Inputs with a batch of examples along these dimensions, or without one."""
        generator = np.random.default_rng(7)
        made = []
        for (kind, sizes, below), dim in zip(self.shapes, dims, strict=True):
            if dim is None:
                made.append(self.torch.tensor(draw(kind, sizes, below, generator)))
                continue
            examples = [draw(kind, sizes, below, generator) for _ in range(EXAMPLES)]
            made.append(self.torch.tensor(np.stack(examples, dim)))
        return made


def dims_of(scene: Scene) -> Iterator[tuple[int | None, ...]]:
    """Where the batch may be: in all inputs, in front or behind, or in one alone."""
    n = len(scene.shapes)
    yield (0,) * n
    yield (-1,) * n
    if n > 1:
        for k in range(n):
            yield tuple(0 if i == k else None for i in range(n))
        yield tuple(itertools.islice(itertools.cycle((-1, None)), n))


def flat(result: Any) -> list[Any]:
    """The tensors of a result."""
    if isinstance(result, (tuple, list)):
        return [t for each in result for t in flat(each)]
    return [result]


def as_tuple(result: Any) -> Any:
    """A result as ``vmap`` takes it in every version: a tensor, or a plain tuple of them."""
    parts = flat(result)
    return parts[0] if len(parts) == 1 else tuple(parts)
