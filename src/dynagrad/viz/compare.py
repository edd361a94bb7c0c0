"""``compare_rounds``: what two rounds of a dynamic graph have in common, which branches they took, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from .loops import Outline


def compare_rounds(data: Mapping[str, Any], first: int, second: int) -> dict[str, Any]:
    """The differences between rounds ``first`` and ``second``, as plain data.

    Returns a dict:

    - ``common``: pairs of step numbers, the same operation at the same line in both;
    - ``only_first``, ``only_second``: the steps that one round alone has;
    - ``branches``: the conditions on which they parted: ``{"at": [source, line], "text", "first", "second"}``; the
      latter two say whether the round ran the arm of a true condition: True, False, or None where it computed nothing;
    - ``changed``: pairs of common steps whose results differ in shape, or in their numbers where these are known;
    - ``gradients``: for each leaf the norms of what was accumulated, ``{"tensor", "first", "second"}``.

    IndexError if there is no such round.
    """
    rounds = len(data["rounds"])
    for number in (first, second):
        if not 0 <= number < rounds:
            raise IndexError(f"there is no round {number}: the recording has {rounds}")
    a, b = _operations(data, first), _operations(data, second)
    matcher = SequenceMatcher(None, [key for _, key in a], [key for _, key in b], autojunk=False)
    common = [(a[m.a + i][0], b[m.b + i][0]) for m in matcher.get_matching_blocks() for i in range(m.size)]
    in_a, in_b = {x for x, _ in common}, {y for _, y in common}
    only_a, only_b = [x for x, _ in a if x not in in_a], [y for y, _ in b if y not in in_b]
    return {
        "rounds": [first, second],
        "common": [list(pair) for pair in common],
        "only_first": only_a,
        "only_second": only_b,
        "branches": _branches(data, [x for x, _ in a], [y for y, _ in b]),
        "changed": [[x, y] for x, y in common if _result(data, x) != _result(data, y)],
        "gradients": _gradients(data, first, second),
    }


def _operations(data: Mapping[str, Any], number: int) -> list[tuple[int, tuple[Any, ...]]]:
    return [
        (index, (step["name"], *(step["at"] or ())))
        for index, step in enumerate(data["steps"])
        if step["kind"] == "op" and step["round"] == number
    ]


def _result(data: Mapping[str, Any], index: int) -> list[Any]:
    """The shapes and numbers that a step made."""
    step = data["steps"][index]
    made = []
    for output in step["outputs"]:
        value = step["values"].get(str(output), step["values"].get(output))
        kept = data["values"][value] if value is not None else {}
        made.append((data["tensors"][output]["shape"], kept.get("data"), kept.get("stats")))
    return made


def _branches(data: Mapping[str, Any], first: list[int], second: list[int]) -> list[dict[str, Any]]:
    """The conditions whose arms the rounds took differently, judged by the lines where they computed."""
    outlines = [Outline(source["text"]) for source in data["sources"]]
    arms = [_arms(data, steps, outlines) for steps in (first, second)]
    found = []
    for key in sorted(arms[0].keys() | arms[1].keys()):
        one, other = arms[0].get(key), arms[1].get(key)
        if one != other:
            source, line, text = key
            found.append({"at": [source, line], "text": text, "first": _arm(one), "second": _arm(other)})
    return found


def _arms(data: Mapping[str, Any], steps: list[int], outlines: list[Outline]) -> dict[tuple[int, int, str], set[bool]]:
    arms: dict[tuple[int, int, str], set[bool]] = {}
    for index in steps:
        at = data["steps"][index]["at"]
        if at is not None:
            for branch in outlines[at[0]].branches_around(at[1]):
                arms.setdefault((at[0], branch.line, branch.text), set()).add(branch.taken)
    return arms


def _arm(taken: set[bool] | None) -> bool | None:
    return None if not taken else True if taken == {True} else False if taken == {False} else None


def _gradients(data: Mapping[str, Any], first: int, second: int) -> list[dict[str, Any]]:
    norms: dict[int, list[Any]] = {}
    for step in data["steps"]:
        if step["kind"] == "accumulate" and step["round"] in (first, second) and step["added"] is not None:
            row = norms.setdefault(step["tensor"], [None, None])
            norm = (data["values"][step["added"]].get("stats") or {}).get("norm")
            for place, number in enumerate((first, second)):
                if step["round"] == number:
                    row[place] = norm
    return [{"tensor": tensor, "first": row[0], "second": row[1]} for tensor, row in norms.items()]
