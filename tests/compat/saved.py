"""The nodes of a result beside PyTorch's: their names, and what they show as ``_saved_*`` and ``_raw_saved_*``.

``python -m tests.compat.saved [operator ...]`` lists the differences, node by node.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch

import dynagrad
from dynagrad._core.card import CARDS
from tests import samples
from tests.compat import compare, operators, translate

# (node, attribute) -> "how it differs | in which call". The attribute is "" where the node has another name.
Found = defaultdict[tuple[str, str], list[str]]

# Memory that nobody wrote to, or a choice that PyTorch leaves open: what is there is not compared.
OPEN = {
    ("CtcLossBackward0", "_saved_result1"): "prefixes that no path has are not written",
    ("LinalgDetBackward0", "_saved_LU"): "PyTorch factors the transpose where that is the order in memory",
    ("LinalgDetBackward0", "_saved_pivots"): "likewise",
    ("LinalgSlogdetBackward0", "_saved_LU"): "likewise",
    ("LinalgSlogdetBackward0", "_saved_pivots"): "likewise",
    ("LinalgSolveExBackward0", "_saved_LU"): "likewise",
    ("LinalgSolveExBackward0", "_saved_pivots"): "likewise",
    ("LinalgEighBackward0", "_saved_eigenvectors"): "an eigenvector has no sign",
    ("LinalgSvdBackward0", "_saved_U"): "nor has a singular vector",
    ("LinalgSvdBackward0", "_saved_Vh"): "nor has a singular vector",
    ("NllLossBackward0", "_saved_total_weight"): "not written without a reduction",
    ("NllLoss2DBackward0", "_saved_total_weight"): "not written without a reduction",
    ("RreluWithNoiseBackward0", "_saved_noise"): "not written outside of training",
    ("RreluWithNoiseBackward1", "_saved_noise"): "not written outside of training",
    ("NanmedianBackward1", "_saved_indices"): "which of several equal ones",
}


def of_database(name: str, info: Any, found: Found, cap: int) -> int:
    """Compares the nodes that an operator of the database records, in at most ``cap`` samples of each form of it.

    Returns:
        How many pairs of nodes were compared.
    """
    compared = 0
    if not info.supports_autograd or torch.float64 not in info.dtypes:
        return 0
    drawn = operators._samples(info, torch.float64, True)  # of this package
    for where, theirs in operators._variants(info):
        try:
            ours = operators._counterpart(info, where)
        except translate.Missing:
            continue
        for sample in operators._spread(drawn, cap):
            if where == "in place" and sample.broadcasts_input:
                continue
            arguments = (sample.input, sample.args, sample.kwargs)
            expected = operators._Call(torch, translate.copies(arguments), lambda result: result)
            given = operators._Call(dynagrad, translate.Translator()(arguments), lambda result: result)
            try:
                expected.run(theirs, where)
                given.run(ours, where)
            except Exception:  # noqa: BLE001, S112  # test_operators compares the errors
                continue
            compared += of_results(f"{name} ({where})", expected.result, given.result, found)
    return compared


def of_card(name: str, found: Found) -> int:
    """Compares the nodes that an op records for the samples of its card; returns how many pairs were compared."""
    card, compared = CARDS[name], 0
    try:
        ours, theirs = samples.function(dynagrad, name, card.op), samples.function(torch, name)
        texts = samples.samples_of(card)
    except (AttributeError, KeyError):
        return 0
    for text in texts:
        scenes = [samples.Scene(library, domain=card.domain) for library in (torch, dynagrad)]
        try:
            expected, given = (scene.call(op, text) for scene, op in zip(scenes, (theirs, ours), strict=True))
        except Exception:  # noqa: BLE001, S112  # tests/ops compares the errors
            continue
        compared += of_results(f"{name}({text})", expected, given, found)
    return compared


def of_results(where: str, expected: Any, given: Any, found: Found) -> int:
    """Walks the two graphs side by side as long as they look alike, and notes how the nodes differ."""
    compared, seen = 0, set()
    pairs = [
        (t.grad_fn, o.grad_fn, True)
        for t, o in zip(operators._tensors(expected), operators._tensors(given), strict=False)
        if t.grad_fn is not None and o.grad_fn is not None
    ]
    while pairs:
        theirs, ours, outermost = pairs.pop()
        if theirs in seen:
            continue
        seen.add(theirs)
        name = theirs.name()
        if name != ours.name():
            if outermost:
                found[name, ""].append(f"is {ours.name()} | {where}")
            continue
        compared += 1
        for attribute, how in differences(theirs, ours):
            found[name, attribute].append(f"{how} | {where}")
        below, held = theirs.next_functions, ours.next_functions
        if len(below) == len(held):
            pairs += [
                (t, o, False) for (t, _), (o, _) in zip(below, held, strict=True) if t is not None and o is not None
            ]
    return compared


def differences(theirs: Any, ours: Any) -> Iterator[tuple[str, str]]:
    """(attribute, how it differs), for all that one of two nodes shows."""
    for prefix in ("_saved_", "_raw_saved_"):
        names, own = ({name for name in dir(node) if name.startswith(prefix)} for node in (theirs, ours))
        yield from ((name, "missing") for name in names - own)
        yield from ((name, "not PyTorch's") for name in own - names)
    for name in sorted(name for name in dir(theirs) if name.startswith("_saved_") and hasattr(ours, name)):
        try:
            expected = getattr(theirs, name)
        except RuntimeError:  # which PyTorch cannot show either
            continue
        given = getattr(ours, name)
        if (theirs.name(), name) in OPEN and expected is not None and given is not None:
            continue
        text = compare.difference(expected, given)
        if (not text and (expected is None) != (given is None)) or text == "another number":
            text = f"{given} instead of {expected}"
        if text:
            yield name, text


def main(names: list[str]) -> None:
    """Prints the differences."""
    found: Found = defaultdict(list)
    compared = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, info in operators.database().items():
            if not names or name in names:
                compared += of_database(name, info, found, 30)
        for name in CARDS:
            if not names or name in names:
                compared += of_card(name, found)
    for (node, attribute), texts in sorted(found.items()):
        kinds: dict[str, list[str]] = defaultdict(list)
        for text in texts:
            kinds[text.split(" | ")[0]].append(text.split(" | ")[1])
        for kind, places in list(kinds.items())[:3]:
            print(f"{node:34} {attribute:26} {kind:50.90} {len(places):4} {places[0]:.60}")  # noqa: T201
    nodes = {node for node, _ in found}
    print(f"{compared} pairs compared; {len(nodes)} nodes differ in {len(found)} ways")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
