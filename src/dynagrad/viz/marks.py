"""What each thing looks like in SVG: one function a mark, on a canvas that escapes all text and knows the theme.

Presentation attributes only, no style sheet and no script, so that every reader of SVG shows the same. The page draws
the same marks in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from .palette import THEMES, opaque
from .shapes import (
    ACCUMULATE_HEIGHT,
    ACCUMULATE_WIDTH,
    BOX_HEIGHT,
    FONTS,
    NAME,
    PILL_HEIGHT,
    SIGN,
    SMALL,
    TAG_HEIGHT,
    Tag,
    Unit,
    sign_width,
)

Point = tuple[float, float]


def theme_colours(name: str) -> Mapping[str, str]:
    """The palette called ``name``.

    Raises:
        ValueError: there is none.
    """
    if name not in THEMES:
        raise ValueError(f"unknown theme {name!r}: expected one of {', '.join(THEMES)}")
    return THEMES[name]


class Canvas:
    """Collects SVG elements; colours are named as in the palette."""

    def __init__(self, colours: Mapping[str, str]) -> None:
        self.colours = {name: opaque(colour, colours["canvas"]) for name, colour in colours.items()}
        self.parts: list[str] = []

    def path(self, d: str, fill: str = "none", stroke: str = "none", width: float = 1.4, extra: str = "") -> None:
        """A path; ``extra`` is further attributes, written here and never taken from a program."""
        paint = f'fill="{self.colours.get(fill, "none")}" stroke="{self.colours.get(stroke, "none")}"'
        self.parts.append(f'<path d="{d}" {paint} stroke-width="{width:g}"{extra}/>')

    def rect(self, x: float, y: float, w: float, h: float, radius: float, fill: str, stroke: str) -> None:
        """A rectangle with round corners."""
        self.path(outline("intermediate", x, y, w, h, radius), fill, stroke)

    def text(
        self, x: float, y: float, text: str, size: float, fill: str = "ink", anchor: str = "middle", weight: int = 400
    ) -> None:
        """One line of text, ``y`` its base line."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{self.colours[fill]}" text-anchor="{anchor}"'
            f' font-weight="{weight}" xml:space="preserve">{printable(text)}</text>'
        )

    def document(self, width: float, height: float, margin: float, title: str) -> str:
        """The whole picture, with ``margin`` on every side."""
        w, h = width + 2 * margin, height + 2 * margin
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}"'
            f' viewBox="{-margin:g} {-margin:g} {w:.1f} {h:.1f}" font-family="{FONTS}" role="img">'
            f"<title>{printable(title)}</title>"
            f'<rect x="{-margin:g}" y="{-margin:g}" width="100%" height="100%" fill="{self.colours["canvas"]}"/>'
            f"{''.join(self.parts)}</svg>"
        )


def printable(text: str) -> str:
    """``text`` escaped, with what XML cannot hold shown as the replacement character."""
    legal = (
        c if c in "\t\n\r" or 0x20 <= ord(c) < 0xD800 or 0xE000 <= ord(c) < 0xFFFE or ord(c) > 0xFFFF else "�"
        for c in text
    )
    return escape("".join(legal))


def outline(kind: str, x: float, y: float, w: float, h: float, radius: float = 8.0) -> str:
    """The shape of a kind of tensor: data slants, a parameter has six corners, a gradient points back up."""
    if kind == "data":
        s = min(9.0, h / 3)
        return f"M{x + s:.1f} {y:.1f}H{x + w:.1f}L{x + w - s:.1f} {y + h:.1f}H{x:.1f}Z"
    if kind == "parameter":
        s, m = min(11.0, h / 2.4), y + h / 2
        return (
            f"M{x + s:.1f} {y:.1f}H{x + w - s:.1f}L{x + w:.1f} {m:.1f}L{x + w - s:.1f} {y + h:.1f}"
            f"H{x + s:.1f}L{x:.1f} {m:.1f}Z"
        )
    if kind == "gradient":
        s = min(9.0, h / 3)
        return f"M{x:.1f} {y + s:.1f}L{x + w / 2:.1f} {y:.1f}L{x + w:.1f} {y + s:.1f}V{y + h:.1f}H{x:.1f}Z"
    r = min(radius, h / 2)
    return (
        f"M{x + r:.1f} {y:.1f}h{w - 2 * r:.1f}a{r:g} {r:g} 0 0 1 {r:g} {r:g}"
        f"v{h - 2 * r:.1f}a{r:g} {r:g} 0 0 1 -{r:g} {r:g}h-{w - 2 * r:.1f}a{r:g} {r:g} 0 0 1 -{r:g} -{r:g}"
        f"v-{h - 2 * r:.1f}a{r:g} {r:g} 0 0 1 {r:g} -{r:g}Z"
    )


def tensor(canvas: Canvas, x: float, y: float, width: float, kind: str, label: str, second: str, strong: bool) -> None:
    """A tensor's box, centred on ``x``: its name, or what stands for one, over its shape or number."""
    canvas.path(outline(kind, x - width / 2, y, width, BOX_HEIGHT), f"{kind}-fill", f"{kind}-line")
    drop = 3.0 if kind == "gradient" else 0.0
    if label:
        colour, weight = ("ink", 600) if strong else ("soft", 400)
        canvas.text(x, y + 16 + drop, label, NAME, colour, weight=weight)
    canvas.text(x, y + (30 + drop / 2 if label else 23), second, SMALL, "soft")


def operation(canvas: Canvas, x: float, y: float, unit: Unit, recorded: bool, state: str) -> None:
    """An operation: its sign first, then its class; dashed where nothing was recorded, hollow once it was freed."""
    pill(canvas, x, y, unit.pill, unit.sign, unit.name, recorded, state)


def pill(
    canvas: Canvas,
    x: float,
    y: float,
    width: float,
    sign: str,
    name: str,
    recorded: bool = True,
    state: str = "",
) -> None:
    """An operation centred on ``x``. ``state``: ``"ran"`` or ``"freed"`` where backward has been."""
    left, field = x - width / 2, sign_width(sign)
    dash = "" if recorded else ' stroke-dasharray="4 3"'
    canvas.path(
        outline("intermediate", left, y, width, PILL_HEIGHT, PILL_HEIGHT / 2),
        "canvas" if state == "freed" or not recorded else "operation-fill",
        "operation-line",
        extra=dash,
    )
    if sign and recorded and state != "freed":
        canvas.path(outline("intermediate", left, y, field, PILL_HEIGHT, PILL_HEIGHT / 2), "operation-line")
    ink = "operation-ink" if recorded and state != "freed" else "operation-line"
    if sign:
        canvas.text(left + field / 2, y + 19, sign, SIGN, ink, weight=600)
    if name:
        canvas.text(left + field + 6, y + 18, name, SMALL, "ink" if recorded else "soft", anchor="start")


def tag(canvas: Canvas, right: float, y: float, tag: Tag, middle: float, reach: float, flowed: bool = False) -> None:
    """A tensor named at its use: a small box of its kind's shape, whose right end is joined to the operation.

    ``flowed``: a gradient has gone to it from there.
    """
    at = y + TAG_HEIGHT / 2
    stem = f"M{right:.1f} {at:.1f}C{right + 8:.1f} {at:.1f} {right + 5:.1f} {middle:.1f} {reach:.1f} {middle:.1f}"
    canvas.path(stem, stroke="gradient-line" if flowed else "edge", width=2.4 if flowed else 1.4)
    if flowed:
        canvas.path(f"M{right:.1f} {at:.1f}l8 -4.5v9Z", "gradient-line")
    x = right - tag.width
    canvas.path(outline(tag.kind, x, y, tag.width, TAG_HEIGHT, 6), f"{tag.kind}-fill", f"{tag.kind}-line", 1.1)
    canvas.text(x + tag.width / 2, y + 13.5, tag.text, SMALL)


def accumulate(canvas: Canvas, x: float, y: float, filled: bool) -> None:
    """The sink of a leaf: where its gradient is added up."""
    shape = outline("intermediate", x - ACCUMULATE_WIDTH / 2, y, ACCUMULATE_WIDTH, ACCUMULATE_HEIGHT, 9)
    canvas.path(shape, "gradient-fill" if filled else "canvas", "gradient-line" if filled else "faint", 1.1)
    canvas.text(x, y + 12.5, "AccumulateGrad", 9, "ink" if filled else "soft")


def chip(canvas: Canvas, x: float, y: float) -> None:
    """The mark of a gradient beside a tensor: a small arrowhead pointing back up."""
    d = f"M{x:.1f} {y:.1f}l7 -7l7 7v8h-14Z"
    canvas.path(d, "gradient-line", "gradient-line", 1.2)


def halo(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    """What the step is about."""
    canvas.path(outline("intermediate", x - 8, y - 8, width + 16, height + 16, 14), "current-fill", "current", 2.0)


def stem(canvas: Canvas, x: float, y: float, to_x: float, to_y: float) -> None:
    """The short line from an operation to a result of it."""
    middle = (y + to_y) / 2
    canvas.path(f"M{x:.1f} {y:.1f}C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}", stroke="edge")


def group_box(canvas: Canvas, x: float, y: float, size: Point, label: str, note: str, opened: bool) -> None:
    """A module, a loop, an iteration or a call, open or closed."""
    width, height = size
    canvas.path(outline("intermediate", x, y, width, height, 12), "group-fill", "group-line", 1.2)
    if opened:
        canvas.text(x + 14, y + 20, f"▾ {label}", NAME, "soft", anchor="start", weight=600)
    else:
        canvas.text(x + width / 2, y + 20, f"▸ {label}", NAME, "ink", weight=600)
        canvas.text(x + width / 2, y + 35, note, SMALL, "soft")


def edge(
    canvas: Canvas,
    points: Sequence[Point],
    cut: bool = False,
    same: bool = False,
    arrow: bool = True,
    dashed: bool = False,
) -> None:
    """A tensor's way to its use; crossed out where ``detach`` cuts it, heavy where the tensor itself is written to."""
    dash = ' stroke-dasharray="5 4"' if cut or dashed else ""
    canvas.path(curve(points), stroke="edge", width=2.6 if same else 1.4, extra=f'{dash} stroke-linecap="round"')
    if arrow:
        x, y = points[-1]
        canvas.path(f"M{x:.1f} {y:.1f}l-3.6 -7h7.2Z", "edge")
    if cut:
        x, y = midpoint(points)
        canvas.path(f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10", stroke="error", width=2.0)


def gradient_edge(canvas: Canvas, points: Sequence[Point], arrow: bool) -> None:
    """The gradient that flowed back along an edge."""
    canvas.path(curve(points), stroke="gradient-line", width=2.4, extra=' stroke-linecap="round"')
    if arrow:
        x, y = points[0]
        canvas.path(f"M{x:.1f} {y:.1f}l-4.5 8h9Z", "gradient-line")


def curve(points: Sequence[Point]) -> str:
    """A path through ``points``: straight down where it can be, else curves that leave and arrive upright."""
    x, y = points[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in points[1:]:
        if abs(to_x - x) < 0.05:
            parts.append(f"V{to_y:.1f}")
        else:
            middle = (y + to_y) / 2
            parts.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return "".join(parts)


def midpoint(points: Sequence[Point]) -> Point:
    """Half way along the longest piece of an edge."""
    pairs = list(pairwise(points))
    (ax, ay), (bx, by) = max(pairs, key=lambda pair: abs(pair[1][1] - pair[0][1]) + abs(pair[1][0] - pair[0][0]))
    return (ax + bx) / 2, (ay + by) / 2
