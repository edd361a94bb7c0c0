"""Asks PyTorch the sample calls of every op and writes its answers down: ``python -m tests.record``.

Needs PyTorch and dynagrad, whose cards say which ops there are. The tests read the file in ``tests/ops``.
"""

from __future__ import annotations

import gzip
import json
import warnings
from types import ModuleType
from typing import Any

from tests.answers import RECORDED, answer, rounded
from tests.samples import LEFT_OUT, Scene, dtypes_of, function, samples_of, tensors


def answers_of(torch: ModuleType, card: Any) -> dict[str, dict[str, Any]]:
    """PyTorch's answers to an op's samples."""
    op, found = function(torch, card.name), {}
    for position, text in enumerate(samples_of(card)):
        asked = {
            dtype: answer(torch, card.name, op, text, dtype, domain=card.domain) for dtype in dtypes_of(card, position)
        }
        found[text] = {dtype: _kept(each) for dtype, each in asked.items()}
    return found


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    """A missing kernel is a gap in PyTorch, not a rule: whoever fills it does no wrong."""
    if "e" not in found:
        return rounded(found)
    return {"e": "unsupported" if "not implemented for '" in found["m"] else found["e"]}


# PyTorch takes out= here, but does not say so in its documentation.
UNDOCUMENTED = {"gelu", "logsigmoid", "silu", "slice_scatter", "softplus"}


def takes_out(torch: ModuleType, card: Any) -> bool:
    """Whether the op writes into given tensors, tried with its first sample."""
    if card.name in UNDOCUMENTED:
        return False
    scene = Scene(torch, "float32", card.domain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            args, kwargs = scene.arguments(samples_of(card)[0])
            args = [a.detach() if hasattr(a, "detach") else a for a in args]
            op = function(torch, card.name)
            targets = [torch.empty(0, dtype=part.dtype) for part in tensors(op(*args, **kwargs))]
            op(*args, **kwargs, out=targets[0] if len(targets) == 1 else tuple(targets))
        except (TypeError, RuntimeError, IndexError):
            return False
    return bool(targets)


def main() -> None:
    import torch

    from dynagrad._core.card import CARDS

    cards = [card for name, card in sorted(CARDS.items()) if name not in LEFT_OUT]
    ops = {card.name: answers_of(torch, card) for card in cards}
    out = [card.name for card in cards if takes_out(torch, card)]
    text = json.dumps({"torch": torch.__version__, "out": out, "ops": ops}, separators=(",", ":"))
    with RECORDED.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())
    print(f"{len(ops)} ops, {RECORDED.stat().st_size / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    main()
