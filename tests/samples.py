"""Sample calls of every op, as text: ``CALLS["sum"]`` holds ``"x(2, 3), dim=-1"``, the arguments of one call.

A :class:`Scene` evaluates the text with tensors of dynagrad or of PyTorch, so both see the same call on the same
numbers. The texts are in ``tests/ops/calls.txt``; what PyTorch answers, in ``tests/recorded/ops.json.gz``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dynagrad._core.card import CARDS

FLOATS = ("float64", "float32", "float16", "bfloat16")
DTYPES = (*FLOATS, "int64", "int32", "int16", "int8", "uint8", "bool")
SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 1e-30, 1e30, -40.0)
EDGES = (0, 1, 2, 3, 100, -1, -2, -100)
DOMAIN = (-2.0, 2.0)


class Scene:
    """The surroundings of one call: a library, the dtype under test, the numbers drawn.

    Args:
        torch: dynagrad or PyTorch.
        dtype: the dtype of the inputs that ``x``, ``v`` and ``s`` make; the floating ones require grad.
        domain: where ``x`` draws from unless told otherwise.
        layout: how the inputs that do not say lie in memory: "plain", "turned" or "strided".
        seed: other seeds draw other numbers.
    """

    def __init__(
        self,
        torch: ModuleType,
        dtype: str = "float64",
        domain: tuple[float, float] | None = None,
        layout: str = "plain",
        seed: int = 0,
    ) -> None:
        self.torch, self.dtype, self.domain, self.layout, self.seed = torch, dtype, domain or DOMAIN, layout, seed
        self.inputs: list[Any] = []
        self.drawn = 0
        self.smooth = True

    def call(self, op: Callable[..., Any], text: str) -> Any:
        """The op's result for the sample ``text``. Random ops start from the same state."""
        self.torch.manual_seed(5)
        names = {"op": op, "torch": self.torch, "np": np, "nan": math.nan, "inf": math.inf}
        names |= {name: getattr(self, name) for name in "xfdvsib"}
        return eval(f"op({text})", names)  # noqa: S307  # the text is this file's

    def arguments(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.call(lambda *args, **kwargs: (args, kwargs), text)

    def x(
        self,
        *shape: int,
        low: float | None = None,
        high: float | None = None,
        at: str = "",
        seed: int | None = None,
        leaf: bool = True,
    ) -> Any:
        """Numbers of the dtype under test between low and high."""
        low, high = self.domain[0] if low is None else low, self.domain[1] if high is None else high
        return self._input(self._numbers(shape, low, high, seed), at, leaf)

    def f(self, *shape: int, at: str = "") -> Any:
        """Floating numbers whatever the dtype under test, where an integer would be another error or an accident."""
        dtype, self.dtype = self.dtype, self.dtype if self.dtype in FLOATS else "float64"
        made = self.x(*shape, at=at)
        self.dtype = dtype
        return made

    def d(self, *shape: int, at: str = "") -> Any:
        """Numbers of the dtype under test that all differ, for ops that may choose among equal ones."""
        numbers = self._generator(None).permutation(math.prod(shape)).reshape(shape)
        return self._input(numbers * 0.5 if self.dtype in FLOATS else numbers, at, True)

    def v(self, values: Any, leaf: bool = True) -> Any:
        """The given numbers, in the dtype under test. They may sit on ties and kinks."""
        self.smooth = False
        array = np.array(values, dtype=float)
        return self._input(array if self.dtype in FLOATS else np.nan_to_num(array, posinf=9, neginf=-9), "", leaf)

    def s(self, column: bool = False) -> Any:
        """Not-a-number, the infinities, signed zeros, tiny and large numbers; for integers, a few edges."""
        values = np.array(SPECIAL if self.dtype in FLOATS else EDGES)
        self.smooth = False
        return self._input(values.reshape(-1, 1) if column else values, "", True)

    def i(self, below: int, *shape: int, start: int = 0) -> Any:
        """int64 numbers from start to below - 1."""
        return self.torch.tensor(self._generator(None).integers(start, below, shape))

    def b(self, *shape: int) -> Any:
        """A bool mask."""
        return self.torch.tensor(self._generator(None).random(shape) < 0.5)

    def _generator(self, seed: int | None) -> np.random.Generator:
        self.drawn += 1
        return np.random.default_rng([self.seed, 1000 + seed if seed is not None else self.drawn])

    def _numbers(self, shape: tuple[int, ...], low: float, high: float, seed: int | None) -> np.ndarray:
        generator = self._generator(seed)
        if self.dtype == "bool":
            return generator.random(shape) < 0.5
        if self.dtype not in FLOATS:
            return generator.integers(math.ceil(2 * low), math.floor(2 * high) + 1, shape)
        values = generator.uniform(low, high, shape)
        # Numbers that every floating dtype represents exactly, where a narrow one is under test.
        return values if self.dtype == "float64" else np.round(values * 64) / 64

    def _input(self, values: np.ndarray, at: str, leaf: bool) -> Any:
        values = np.abs(values) if self.dtype == "uint8" else np.asarray(values)
        tensor = self._laid_out(values, at or self.layout)
        if leaf and self.dtype in FLOATS:
            tensor.requires_grad_()
            self.inputs.append(tensor)
        return tensor

    def _laid_out(self, values: np.ndarray, at: str) -> Any:
        shape, dtype = values.shape, getattr(self.torch, self.dtype)
        if at == "plain" or not values.ndim:
            return self.torch.tensor(values, dtype=dtype)
        if at == "turned":
            held, strides = values.T, np.cumprod([1, *(max(n, 1) for n in shape[:-1])]).tolist()
        elif at == "strided":
            held, strides = np.repeat(values, 2, -1), [2 * n for n in _strides(shape)]
        else:  # "expanded": the first row, as often as there are rows
            self.smooth = False
            held, strides = values[:1], [0, *_strides(shape)[1:]]
        memory = self.torch.tensor(np.ascontiguousarray(held).reshape(-1), dtype=dtype)
        return memory.as_strided(list(shape), strides).detach()


def _strides(shape: tuple[int, ...]) -> list[int]:
    return [math.prod(max(n, 1) for n in shape[d + 1 :]) for d in range(len(shape))]


def function(torch: ModuleType, name: str, own: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """The function, method or in-place method of this name in the library; an in-place method works on a copy.

    Args:
        own: dynagrad's function, as its card has it.
    """
    if name.endswith("_") and not name.endswith("__"):
        return lambda first, *args, **kwargs: getattr(first.clone(), name)(*args, **kwargs)
    if own is not None:
        return own
    if name.startswith("linalg_"):
        return getattr(torch.linalg, name.removeprefix("linalg_"))
    if name in IN_FUNCTIONAL:
        return getattr(torch.nn.functional, name)
    if name in METHODS:
        return getattr(torch.Tensor, name)
    return getattr(torch, name, None) or getattr(torch.Tensor, name)


def plain(result: Any) -> list[Any]:
    """A result as data: for each tensor or number in it the kind, the shape and the elements in a row."""
    if isinstance(result, np.ndarray):
        return [[f"numpy.{result.dtype}", list(result.shape), result.reshape(-1).tolist()]]
    if hasattr(result, "requires_grad"):
        values = result.detach().clone().tolist()  # a clone, as PyTorch's zero gradients have no memory
        return [[str(result.dtype), list(result.shape), np.array(values, dtype=object).reshape(-1).tolist()]]
    if isinstance(result, (tuple, list)):
        return [["sequence", [len(result)], []], *(leaf for part in result for leaf in plain(part))]
    return [[type(result).__name__, [], [result]]]


def gradients(torch: ModuleType, result: Any, inputs: list[Any]) -> list[Any] | None:
    """The gradients of a fixed weighting of the result; None where nothing requires grad."""
    outputs = [part for part in tensors(result) if part.requires_grad]
    if not outputs or not inputs:
        return None
    weights = [torch.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape)), dtype=y.dtype) for y in outputs]
    return list(torch.autograd.grad(outputs, inputs, weights, allow_unused=True))


def tensors(result: Any) -> list[Any]:
    """The tensors in a result."""
    if isinstance(result, (tuple, list)):
        return [tensor for part in result for tensor in tensors(part)]
    return [result] if hasattr(result, "requires_grad") else []


def read_calls(path: Path) -> dict[str, list[str]]:
    """The calls in a file of samples, by the names of ops and kinds."""
    calls: dict[str, list[str]] = {}
    entries = path.read_text(encoding="utf-8").split("---- kinds\n")[1].replace("\n    ", " ").splitlines()
    for entry in entries:
        if not entry or entry.startswith(("----", "#")):
            continue
        names, _, text = entry.partition(": ")
        found = dict.fromkeys(call for part in text.split(" | ") for call in _expanded(part, calls))
        calls |= {name: list(found) for name in names.split(", ")}
    return calls


def _expanded(call: str, calls: dict[str, list[str]]) -> list[str]:
    if not call.startswith("&"):
        return [call]
    name, comma, more = call[1:].partition(",")
    return [text + comma + more for text in calls[name]]


CALLS = read_calls(Path(__file__).parent / "ops" / "calls.txt")


def samples_of(card: Any) -> list[str]:
    """The sample calls of an op. Raises KeyError for an op that has none."""
    return CALLS[card.name] if card.name in CALLS else CALLS[card.samples]


def dtypes_of(card: Any, position: int) -> tuple[str, ...]:
    """The dtypes in which a sample is tried: all for the first, a floating and an integer one for the others."""
    if card.kind == "create":
        return ("float32",)
    if position:
        return ("float64", "int64")
    # bool has no three numbers that differ, and there is no product of bools
    return DTYPES[:-1] if "d(" in samples_of(card)[0] or card.name == "addr" else DTYPES


# Their results are what memory held, so that only dtypes and shapes can be compared.
UNDEFINED = {"empty", "empty_like", "empty_strided", "new", "new_empty", "new_empty_strided"}

# Ops that are not compared with recorded answers, and why.
LEFT_OUT = {
    "complex": "it only says that there are no complex tensors",
    "to_dlpack": "returns a capsule; tests/create/test_exchange.py",
    "__dlpack__": "returns a capsule; tests/create/test_exchange.py",
    "__dlpack_device__": "its first number is an enumeration; tests/create/test_exchange.py",
} | {
    name: "its samples are those of PyTorch's operator database, tests/compat; what it means, tests/composite"
    for name, card in CARDS.items()
    if card.samples == "database"
}
LEFT_OUT |= {name: "tests/nn compares layers over grids" for name, card in CARDS.items() if card.kind == "layer"}
LEFT_OUT |= dict.fromkeys(
    ("_dirichlet_grad", "_sample_dirichlet", "_standard_gamma", "_standard_gamma_grad", "binomial"),
    "tests/random compares streams and derivatives of what is drawn by rejection",
)

IN_FUNCTIONAL = {"softplus", "logsigmoid", "silu", "gelu"}

# Public functions of PyTorch under these names take other arguments than the methods, or are types.
METHODS = {"bool", "double", "float", "half", "int", "long", "short", "bfloat16", "type", "view", "cpu"}
