"""What a library answers to a sample call, as data that can be written to a file and compared.

An answer is ``{"r": [[dtype, shape, elements], …], "g": gradients}`` or ``{"e": "TypeError"}``. The calls come from
``tests/samples.py``; ``tests/record.py`` writes PyTorch's answers down.
"""

from __future__ import annotations

import gzip
import json
import math
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.samples import UNDEFINED, Scene, gradients, plain

RECORDED = Path(__file__).parent / "recorded" / "ops.json.gz"

# relative and absolute; an element of a half type may be one rounding away, a sum in one a few
TOLERANCES = {
    "float64": (1e-7, 1e-9),
    "float32": (2e-5, 2e-6),
    "float16": (4e-3, 4e-3),
    "bfloat16": (3e-2, 3e-2),
}


def answer(
    torch: ModuleType, name: str, op: Callable[..., Any], text: str, dtype: str, **scene_options: Any
) -> dict[str, Any]:
    """One call's result, its gradients in float64, or its kind of error."""
    scene = Scene(torch, dtype, **scene_options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = scene.call(op, text)
        except Exception as error:  # noqa: BLE001  # the kind of error is the answer
            return {"e": type(error).__name__, "m": str(error)}
        found = {"r": _without_values(plain(result)) if name in UNDEFINED else plain(result)}
        if dtype == "float64":
            found["g"] = _gradients(torch, result, scene.inputs)
    return found


def _gradients(torch: ModuleType, result: Any, inputs: list[Any]) -> Any:
    """The gradients as data; the kind of error where backward fails."""
    try:
        back = gradients(torch, result, inputs)
    except Exception as error:  # noqa: BLE001  # the kind of error is the answer
        return f"{type(error).__name__}: {error}"
    return back and [None if g is None else plain(g)[0] for g in back]


def _without_values(parts: list[Any]) -> list[Any]:
    return [[kind, shape, []] for kind, shape, _ in parts]


def difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    """How an answer differs from the expected one; nothing if it does not."""
    if "e" in expected or "e" in found:
        if expected.get("e") in ("unsupported", found.get("e")):
            return ""
        # Of two errors in one call either may come first, if it is caught in the same way.
        if (expected.get("e"), found.get("e")) == ("RuntimeError", "NotImplementedError"):
            return ""
        return f"{_outcome(found)} instead of {_outcome(expected)}"
    if len(expected["r"]) != len(found["r"]):
        return f"{len(found['r'])} parts instead of {len(expected['r'])}"
    narrowest = max((_tolerance(part) for part in expected["r"]), default=(0.0, 0.0))
    parts = [("result", e, f) for e, f in zip(expected["r"], found["r"], strict=True)]
    wanted, given = expected.get("g") or [], found.get("g") or []
    if isinstance(wanted, str) and "is not implemented" in wanted:  # PyTorch notices only at backward
        wanted = given = []
    if isinstance(wanted, str) or isinstance(given, str):
        alike = isinstance(wanted, str) and isinstance(given, str) and wanted.split(":")[0] == given.split(":")[0]
        return "" if alike else f"backward gives {_short(given)}, not {_short(wanted)}"
    if len(wanted) != len(given):
        return f"{len(given)} gradients instead of {len(wanted)}"
    parts += [(f"gradient {k}", e, f) for k, (e, f) in enumerate(zip(wanted, given, strict=True))]
    return "; ".join(f"{part}: {text}" for part, e, f in parts if (text := _part_difference(e, f, narrowest)))


def _outcome(answer: dict[str, Any]) -> str:
    return f"{answer['e']}({answer.get('m', '')[:200]!r})" if "e" in answer else f"a result {str(answer['r'])[:200]}"


def _tolerance(part: Any) -> tuple[float, float]:
    return TOLERANCES.get(part[0].rpartition(".")[2], (1e-7, 1e-9))


def _part_difference(expected: Any, found: Any, narrowest: tuple[float, float]) -> str:
    if expected is None or found is None:
        return "" if expected is found else f"{_short(found)} instead of {_short(expected)}"
    if expected[:2] != found[:2]:
        return f"{found[:2]} instead of {expected[:2]}"
    relative, absolute = max(_tolerance(expected), narrowest)
    for k, (e, f) in enumerate(zip(expected[2], found[2], strict=True)):
        if not _same(e, f, relative, absolute):
            return f"element {k} is {f}, not {e}; {_short(found)} instead of {_short(expected)}"
    return ""


def _short(part: Any) -> str:
    return str(part)[:300]


def _same(expected: Any, found: Any, relative: float, absolute: float) -> bool:
    if not isinstance(expected, float) or not isinstance(found, float):
        return expected == found
    if math.isnan(expected) or math.isinf(expected) or math.isnan(found) or math.isinf(found):
        return expected == found or (math.isnan(expected) and math.isnan(found))
    return abs(expected - found) <= absolute + relative * abs(expected)


def rounded(value: Any) -> Any:
    """Data with its numbers cut to the digits that a comparison can tell apart."""
    if isinstance(value, float) and abs(value) < 1e300:  # the largest number would be rounded to infinity
        return float(f"{value:.10g}")
    if isinstance(value, list):
        return [rounded(part) for part in value]
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return value.item() if isinstance(value, np.generic) else value


@cache
def recorded() -> dict[str, Any]:
    """PyTorch's answers: ``ops``, by the op's name, the sample and the dtype; and ``out``, the ops that have out=."""
    with gzip.open(RECORDED, "rt", encoding="utf-8") as file:
        return json.load(file)
