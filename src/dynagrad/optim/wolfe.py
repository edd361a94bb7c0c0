"""The line search of L-BFGS: a step that meets the strong Wolfe conditions, by bracketing and cubic interpolation.

Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6, with the safeguards that PyTorch's search has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dynagrad.tensor import Tensor


class _Point(NamedTuple):
    """A step tried: its length, and the loss, the gradient and the slope there."""

    t: Any
    loss: float
    gradient: Tensor
    slope: Tensor


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points with their slopes is least, within the bounds; their middle if nowhere."""
    low, high = bounds if bounds is not None else (a.t, b.t) if a.t <= b.t else (b.t, a.t)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    if a.t <= b.t:
        least = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    else:
        least = a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2))
    return min(max(least, low), high)


def strong_wolfe(
    at: Callable[[Any], tuple[float, Tensor]],
    step: Any,
    direction: Tensor,
    loss: float,
    gradient: Tensor,
    slope: Tensor,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_evaluations: int = 25,
) -> tuple[float, Tensor, Any, int]:
    """The loss, gradient and length of a step along ``direction``, and how often ``at`` was called.

    Args:
        at: gives the loss and the gradient at a step.
        step: the first one tried.
        loss, gradient, slope: at step 0.
        c1, c2: how much the loss must fall, and the slope flatten.
        tolerance_change: ends the search in a bracket that moves no element further.
        max_evaluations: of ``at``, after the first.
    """
    search = _Search(at, direction, _Point(0, loss, gradient.clone(), slope), c1, c2)
    bracket, done = search.bracket(step, max_evaluations)
    if not done:
        search.narrow(bracket, max_evaluations, tolerance_change * 1.0)
    best = bracket[0] if len(bracket) == 1 or bracket[0].loss <= bracket[1].loss else bracket[1]
    best = search.low if search.low is not None else best
    return best.loss, best.gradient, best.t, search.calls


class _Search:
    def __init__(self, at: Callable[[Any], Any], direction: Tensor, start: _Point, c1: float, c2: float) -> None:
        self.at, self.direction, self.start, self.c1, self.c2 = at, direction, start, c1, c2
        self.calls = self.tries = 0
        self.low: _Point | None = None

    def probe(self, t: Any) -> _Point:
        self.calls += 1
        loss, gradient = self.at(t)
        return _Point(t, loss, gradient, gradient.dot(self.direction))

    def too_high(self, point: _Point) -> bool:
        return bool(point.loss > self.start.loss + self.c1 * point.t * self.start.slope)

    def flat(self, point: _Point) -> bool:
        return bool(abs(point.slope) <= -self.c2 * self.start.slope)

    def bracket(self, t: Any, limit: int) -> tuple[list[_Point], bool]:
        """Steps forward until two points enclose a minimum, or one of them meets the conditions."""
        before, here = self.start, self.probe(t)
        while self.tries < limit:
            if self.too_high(here) or (self.tries > 1 and here.loss >= before.loss):
                return [before, here], False
            if self.flat(here):
                return [here], True
            if here.slope >= 0:
                return [before, here], False
            bounds = (here.t + 0.01 * (here.t - before.t), here.t * 10)
            t = _cubic_minimum(before, here, bounds)
            before, here = here, self.probe(t)
            self.tries += 1
        return [self.start, here], False

    def narrow(self, bracket: list[_Point], limit: int, tolerance: float) -> None:
        """Shrinks the bracket in place until its lower end meets the conditions, or it moves nothing any more."""
        size = self.direction.abs().max()
        low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
        stuck = done = False
        while not done and self.tries < limit and not abs(bracket[1].t - bracket[0].t) * size < tolerance:
            t, stuck = self._inside(bracket, stuck)
            here = self.probe(t)
            self.tries += 1
            if self.too_high(here) or here.loss >= bracket[low].loss:
                bracket[high] = here
                low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
                continue
            if self.flat(here):
                done = True
            elif here.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = here
        self.low = bracket[low]

    @staticmethod
    def _inside(bracket: list[_Point], stuck: bool) -> tuple[Any, bool]:
        """Where to look next, kept off the ends if the last look was too near one; and whether this one is."""
        t = _cubic_minimum(bracket[0], bracket[1])
        least, most = min(each.t for each in bracket), max(each.t for each in bracket)
        margin = 0.1 * (most - least)
        if not min(most - t, t - least) < margin:
            return t, False
        if stuck or t >= most or t <= least:
            return (most - margin if abs(t - most) < abs(t - least) else least + margin), False
        return t, True
