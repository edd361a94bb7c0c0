"""The size of everything that is drawn: text in a fixed-width font, operations, tensors, tags, groups.

No tensor and no recording is read here; where things go is ``layout``'s business, colours are the renderers'.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

NAME, SMALL, SIGN = 12.0, 10.0, 15.0  # font sizes
ADVANCE = 0.602  # a character's width over its font size, in every font of the list below or less
FONTS = "DejaVu Sans Mono, Menlo, Consolas, Liberation Mono, monospace"
LONGEST_NAME = 30

PILL_HEIGHT = 28.0
STEM = 9.0
BOX_HEIGHT = 38.0
TAG_HEIGHT = 20.0
TAG_GAP = 4.0
TAG_RISE = 8.0  # how far tags may stand out above their operation
TAG_REACH = 14.0  # from a tag to its operation
CHIP = 24.0  # the room right of a box for the mark of its gradient
ACCUMULATE_HEIGHT = 18.0
ACCUMULATE_WIDTH = 94.0
ACCUMULATE_GAP = 3.0
GROUP_PAD = 20.0
GROUP_HEADER = 36.0
CLOSED_HEIGHT = 46.0
ROW_GAP = 42.0
BOX_GAP = 12.0


def text_width(text: str, size: float) -> float:
    """The width of ``text``, with two columns for each wide character and none for a combining one."""
    columns = sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return columns * size * ADVANCE


def shortened(text: str, limit: int = LONGEST_NAME) -> str:
    """``text`` without its middle where it is longer than ``limit``; line breaks and tabs become spaces."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


@dataclass(slots=True)
class Box:
    """A tensor at one version: its kind (a shape of its own), and its place from the unit's axis."""

    tensor: int
    version: int
    kind: str
    width: float
    chip: bool
    dx: float = 0.0
    sink: bool = False  # a gradient arrives at it: an AccumulateGrad hangs below

    def height(self) -> float:
        """From its top to where its edges leave."""
        return BOX_HEIGHT + (ACCUMULATE_GAP + ACCUMULATE_HEIGHT if self.sink else 0.0)

    def half(self) -> float:
        """From its axis to its left end."""
        return max(self.width, ACCUMULATE_WIDTH if self.sink else 0.0) / 2


@dataclass(slots=True)
class Tag:
    """A tensor named at its use, where an edge to its box would be long or one of many."""

    tensor: int
    version: int
    kind: str
    text: str
    width: float


@dataclass(slots=True)
class Unit:
    """What is placed as one: an operation with its results below it, or a tensor that no operation made."""

    id: int
    group: int
    step: int
    sign: str = ""
    name: str = ""
    node: int | None = None
    op: int | None = None
    outs: list[int] | None = None  # the units that show its results, where they are too many to hang below it
    boxes: list[Box] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    top: float = 0.0  # the height of the operation; 0 for a tensor alone
    pill: float = 0.0
    time: float = 0.0  # of its operation, or just before its first use
    reach: float = 0.0  # from the axis to the right ends of the tags
    x: float = 0.0
    y: float = 0.0
    row: int = 0

    def measure(self) -> None:
        """Settles the extents, once boxes and tags are known."""
        x = 0.0
        for box in self.boxes:
            box.dx = x + box.half()
            x = box.dx + _right_of(box) + BOX_GAP
        middle = (self.boxes[-1].dx + self.boxes[-1].half()) / 2 if self.boxes else 0.0
        for box in self.boxes:
            box.dx -= middle
        self.left = middle
        self.right = self.boxes[-1].dx + _right_of(self.boxes[-1]) if self.boxes else 0.0
        self.height = max((box.height() for box in self.boxes), default=0.0)
        if self.sign:
            self._add_operation()

    def _add_operation(self) -> None:
        self.top = PILL_HEIGHT
        self.pill = pill_width(self.sign, self.name)
        self.height += self.top + (STEM if self.boxes else 0.0)
        self.reach = max(self.pill / 2, self.left if len(self.tags) > 1 else 0.0) + TAG_REACH
        if self.tags:
            self.left = max(self.left, self.reach + max(tag.width for tag in self.tags))
            self.height = max(self.height, self.tag_y(len(self.tags)) - TAG_GAP)
        self.left = max(self.left, self.pill / 2)
        self.right = max(self.right, self.pill / 2)

    def out_y(self, box: int) -> float:
        """Where edges leave a result, from the unit's top: its bottom, however far tags and others hang down."""
        return self.top + (STEM if self.sign else 0.0) + self.boxes[box].height()

    def tag_y(self, number: int) -> float:
        """The top of a tag, from the unit's own: one is level with the operation, more hang down beside its results."""
        stacked = len(self.tags) * (TAG_HEIGHT + TAG_GAP) - TAG_GAP
        return max((PILL_HEIGHT - stacked) / 2, -TAG_RISE) + number * (TAG_HEIGHT + TAG_GAP)


def _right_of(box: Box) -> float:
    return max(box.width / 2 + (CHIP if box.chip else 0.0), box.half())


def sign_width(sign: str) -> float:
    """The width of the sign's own field at the left of an operation; without a sign, of the rim there."""
    return max(PILL_HEIGHT, text_width(sign, SIGN) + 16) if sign else 6.0


def pill_width(sign: str, name: str) -> float:
    """The width of an operation: its sign, then its class in small letters."""
    return sign_width(sign) + (text_width(name, SMALL) + 18 if name else 0.0)


def box_width(label: str, second: str, kind: str) -> float:
    """The width of a tensor's box: its longest name, its shape or number, and what its shape takes at the sides."""
    slant = {"data": 22.0, "parameter": 26.0}.get(kind, 18.0)
    return max(52.0, max(text_width(label, NAME), text_width(second, SMALL)) + slant)


def tag_width(text: str, kind: str) -> float:
    """The width of a tag."""
    return text_width(text, SMALL) + (20.0 if kind in {"data", "parameter"} else 14.0)
