"""The lines of ``lines.txt``: what PyTorch answered to each of them, or the error and its sentence.

`python tests/create/test_lines.py`, where PyTorch is installed, records the answers anew.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LINES = [
    line
    for line in Path(__file__).with_name("lines.txt").read_text(encoding="utf-8").partition("----\n")[2].splitlines()
    if line and not line.startswith("#")
]
RECORDED = Path(__file__).parents[1] / "recorded" / "lines.json"


def shown(value: Any, lib: Any) -> Any:
    """A value as JSON, with all that can be asked of a tensor."""
    if isinstance(value, lib.Tensor):
        node = None if value.is_inference() or value.grad_fn is None else type(value.grad_fn).__name__
        place = [list(value.shape), list(value.stride()), value.is_inference()]
        return ["Tensor", str(value.tolist()), str(value.dtype), value.requires_grad, node, *place]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *(shown(each, lib) for each in value)]
    return repr(value)


def answer(line: str, lib: Any) -> Any:
    """What the last statement of a line gives, or the type and the first line of its error."""
    names: dict[str, Any] = {"torch": lib, "np": np, "__name__": "lines"}
    *before, last = line.replace("; ", "\n").replace("\\n", "\n").split("\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec("\n".join(before), names)  # noqa: S102 - the lines are ours
            return shown(eval(last, names), lib)  # noqa: S307 - the lines are ours
        except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
            return f"{type(error).__name__}: {error}".split("\n")[0]


@pytest.mark.parametrize("line", LINES)
def test_a_line_gives_what_it_gives_in_pytorch(line: str) -> None:
    import dynagrad

    expected, found = json.loads(RECORDED.read_text(encoding="utf-8"))[line], answer(line, dynagrad)
    if isinstance(expected, str) and isinstance(found, str) and "Error: " in expected:
        assert expected in found
    else:
        assert found == expected


if __name__ == "__main__":
    import torch

    RECORDED.write_text(json.dumps({line: answer(line, torch) for line in LINES}, indent=0) + "\n", encoding="utf-8")
