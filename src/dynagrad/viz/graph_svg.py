"""``svg_of_model``: what ``make_dot`` draws, in the page's style and with its layout; needs no Graphviz."""

from __future__ import annotations

from . import marks
from .layered import Arrangement, Item, Link, arrange
from .marks import Canvas, theme_colours
from .model import Arrow, Box, Model
from .shapes import BOX_HEIGHT, PILL_HEIGHT, ROW_GAP, SMALL, box_width, pill_width, shortened, text_width
from .units import shape_text

MARGIN = 24.0
LINE = 14.0
WIDEST_LINE = 48
KINDS = {"leaf": "parameter", "output": "intermediate", "base": "intermediate", "saved": "data"}


def svg_of_model(model: Model, theme: str = "light") -> str:
    """What ``make_dot`` draws, in the page's style, as an SVG document; needs no Graphviz.

    Example:
        >>> import dynagrad as torch
        >>> from dynagrad.viz.make_dot import make_dot
        >>> from dynagrad.viz.graph_svg import svg_of_model
        >>> picture = make_dot(torch.ones(2, requires_grad=True).sum())
        >>> "SumBackward0" in svg_of_model(picture.model)
        True
    """
    canvas = Canvas(theme_colours(theme))
    keys = list(model.boxes)
    place = {key: i for i, key in enumerate(keys)}
    items = [_item(model.boxes[key]) for key in keys]
    links = [Link(*_downwards(arrow, model, place)) for arrow in model.arrows]
    arrangement = arrange(items, links)
    tops = _tops(arrangement)
    for arrow, bends, link in zip(model.arrows, arrangement.bends, links, strict=True):
        _draw_arrow(canvas, arrangement, tops, items, link, bends, dashed=arrow.kind != "flow")
    for key, item, x, row in zip(keys, items, arrangement.x, arrangement.row, strict=True):
        _draw_box(canvas, model.boxes[key], x, tops[row], item)
    height = tops[-1] + arrangement.heights[-1] if tops else 0.0
    return canvas.document(arrangement.width, height, MARGIN, "The graph that a tensor was computed by")


def _downwards(arrow: Arrow, model: Model, place: dict[int, int]) -> tuple[int, int]:
    """Saved tensors stand above the operations that saved them, whichever way the arrow was noted."""
    tail, head = place[arrow.tail], place[arrow.head]
    noted_from_op = arrow.kind == "saved" and model.boxes[arrow.tail].kind == "op"
    return (head, tail) if noted_from_op else (tail, head)


def _tops(arrangement: Arrangement) -> list[float]:
    tops, y = [], 0.0
    for height in arrangement.heights:
        tops.append(y)
        y += height + ROW_GAP
    return tops


def _lines(box: Box) -> list[str]:
    return [shortened(f"{name}: {value}", WIDEST_LINE) for name, value in box.attributes]


def _item(box: Box) -> Item:
    if box.shape is not None:
        width = box_width(shortened(box.name, 40), shape_text(list(box.shape)) or "()", KINDS[box.kind])
        return Item(width / 2, width / 2, BOX_HEIGHT)
    lines = _lines(box)
    width = max([pill_width("", shortened(box.name, 40)), *(text_width(line, SMALL) + 20 for line in lines)])
    return Item(width / 2, width / 2, PILL_HEIGHT + (len(lines) * LINE + 8 if lines else 0.0))


def _draw_box(canvas: Canvas, box: Box, x: float, y: float, item: Item) -> None:
    name = shortened(box.name, 40)
    if box.shape is not None:
        second = shape_text(list(box.shape)) or "()"
        marks.tensor(canvas, x, y, 2 * item.left, KINDS[box.kind], name, second, strong=True)
        return
    lines = _lines(box)
    if lines:
        canvas.rect(
            x - item.left, y + PILL_HEIGHT / 2, 2 * item.left, item.height - PILL_HEIGHT / 2, 6, "panel", "line"
        )
    marks.pill(canvas, x, y, pill_width("", name), "", name)
    for i, line in enumerate(lines):
        canvas.text(x - item.left + 10, y + PILL_HEIGHT + 12 + i * LINE, line, SMALL, "soft", anchor="start")


def _draw_arrow(
    canvas: Canvas,
    arrangement: Arrangement,
    tops: list[float],
    items: list[Item],
    link: Link,
    bends: list[tuple[int, float]],
    dashed: bool,
) -> None:
    row, below = arrangement.row[link.tail], arrangement.row[link.head]
    x, y = arrangement.x[link.tail], tops[row] + items[link.tail].height
    points = [(x, y), (x, max(y, tops[row] + arrangement.heights[row]))]
    for bend, at in bends:
        points += [(at, tops[bend]), (at, tops[bend] + arrangement.heights[bend])]
    marks.edge(canvas, [*points, (arrangement.x[link.head], tops[below])], dashed=dashed, arrow=not dashed)
