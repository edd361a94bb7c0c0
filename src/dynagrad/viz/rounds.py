"""Rounds: which forward and backward belong together, such as the turns of a training loop."""

from __future__ import annotations

from typing import Any

AFTER = frozenset({"error", "note", "names", "limit"})


class Rounds:
    """Gives every step the number of its round.

    A round begins with the first recorded operation after a backward, and with what was made ready for it. Updates
    without recording, and whatever touches gradients, belong to the round whose backward made them.
    """

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self.steps = steps
        self.number = 0
        self.ran = False
        self.ready: int | None = None
        self.ranges: list[dict[str, Any]] = [{"id": 0, "forward": None, "backward": None}]
        self.gradients: set[int] = set()

    def place(self, step: dict[str, Any]) -> None:
        """Sets the round of a step that is about to be added."""
        kind, index = step["kind"], len(self.steps)
        if kind == "backward_begin" or kind in AFTER:
            step["round"] = self.number
            self.ran = self.ran or kind == "backward_begin"
            return
        if kind != "op" or not self.ran:
            step["round"] = self.number
            return
        if step["node"] is not None:
            self._begin(index if self.ready is None else self.ready)
        elif step.get("grad_mode") is False or self.gradients.intersection(_tensors(step)):
            self.gradients.update(_tensors({"inputs": step["outputs"]}) if step.get("grad_mode") is not False else ())
            self.ready = None
        elif self.ready is None:
            self.ready = index
        step["round"] = self.number

    def _begin(self, first: int) -> None:
        self.number += 1
        self.ran, self.ready = False, None
        for step in self.steps[first:]:
            step["round"] = self.number

    def plain(self) -> list[dict[str, Any]]:
        """Every round with the first and last step of its forward and of its backward."""
        made: list[dict[str, Any]] = []
        for index, step in enumerate(self.steps):
            number = step["round"]
            while len(made) <= number:
                made.append({"id": len(made), "forward": None, "backward": None})
            one = made[number]
            kind = step["kind"]
            backward = kind in ("backward_begin", "node", "accumulate", "free", "hook", "backward_end")
            if backward:
                one["backward"] = [one["backward"][0] if one["backward"] else index, index]
            elif one["backward"] is None:
                one["forward"] = [one["forward"][0] if one["forward"] else index, index]
        return made or [{"id": 0, "forward": None, "backward": None}]


def _tensors(step: dict[str, Any]) -> list[int]:
    return [each for each in step["inputs"] if isinstance(each, int)]
